import type { Clock } from '../../logical/clock.ts'
import { RequestError } from '../../logical/errors.ts'
import type { VaultResponse, VaultClient } from '../../vault-client/index.ts'
import { GatewayError, unavailable } from '../error.ts'
import { GatewayCallError } from '../call/call-error.ts'
import { prepareKey } from '../call/key.ts'
import type { PreparedKey } from '../call/key.ts'
import { parseBase } from '../call/upstream.ts'
import type { Logger } from '../../logical/log.ts'
import type { CustomMetadata } from '../../scope/index.ts'
import { judgeConsent, tellOperator } from './consent.ts'
import type { ConsentMode } from './consent.ts'
import type { UpstreamDocument } from '../../document/documents.ts'
import type { FeedListener } from '../knowledge/listeners.ts'

export interface KeysConfig {
  readonly vault: VaultClient
  readonly clock: Clock
  /** Where the engine is mounted, without slashes. */
  readonly mount: string
  readonly consent: ConsentMode
  /** For the operator: what agents are not told. */
  readonly logger: Logger
}

/** A key ready for its upstream; `key` undefined for auth `none`. */
export interface UsableKey {
  readonly key: PreparedKey | undefined
  /** Asked in the instant before use: is the KV read that vouches for it recent enough? */
  readonly stillVouched: () => boolean
  /** The owner has not listed this upstream, and `consent_upstreams = "warn"` lets it pass: stands in the record of the call. */
  readonly unlistedUpstream: boolean
}

/** The longest a key is used after the KV read that vouches for it was sent. */
const VOUCHED_MS = 30_000
/** Read again earlier than that, so that connecting does not outlast it. */
const REUSED_MS = 20_000
const CLOCK_AGREEMENT_MS = 1_000
const TIMEOUT_MS = 5_000

/** One line for the operator about one upstream and one reason in this time, however many calls fail. */
const TOLD_AGAIN_MS = 60_000
const MOST_TOLD = 1_000

interface Held {
  readonly key: PreparedKey | undefined
  readonly unlistedUpstream: boolean
  readonly sentMs: number
  readonly sentUnixMs: number
}

/**
 * The upstreams' keys, out of KV v2 and never anywhere else: kept in memory for as long as one read vouches for them. One read
 * carries the secret and its custom metadata, which is its owner's consent; writing upstream documents gives nobody a key.
 */
export class Keys implements FeedListener {
  readonly #config: KeysConfig
  readonly #held = new Map<string, Held>()
  readonly #reading = new Map<string, Promise<Held>>()
  readonly #toldMs = new Map<string, number>()

  constructor(config: KeysConfig) {
    this.#config = config
  }

  /**
   * Throws `key_secret_missing`, `key_field_missing`, `key_consent_missing` or `key_unavailable` (502), and `unavailable` when
   * Vault does not answer. The agent is told only that its operator must act; the log has the path and the command.
   */
  async get(upstream: UpstreamDocument, environment: string): Promise<UsableKey> {
    if (upstream.auth === 'none') return { key: undefined, stillVouched: () => true, unlistedUpstream: false }
    const path = keyPath(upstream, environment)
    const name = JSON.stringify([
      upstream.name,
      upstream.kv_mount,
      path,
      upstream.kv_field,
      upstream.auth,
      parseBase(upstream).origin,
    ])
    const kept = this.#held.get(name)
    const held = kept && this.#isWithin(kept, REUSED_MS) ? kept : await this.#readOnce(name, upstream, path)
    return {
      key: held.key,
      stillVouched: () => this.#isWithin(held, VOUCHED_MS),
      unlistedUpstream: held.unlistedUpstream,
    }
  }

  /** What vouches for a key is its read from KV, not the feed. */
  changed(): void {
    return undefined
  }
  reset(): void {
    return undefined
  }

  /** Vault said no: drops every key, also those being read at the moment. */
  refused(): void {
    this.#held.clear()
    this.#reading.clear()
  }

  #readOnce(name: string, upstream: UpstreamDocument, path: string): Promise<Held> {
    const under = this.#reading.get(name)
    if (under) return under
    const read = this.#read(upstream, path)
      .then((held) => {
        if (this.#reading.get(name) !== read) return held
        this.#held.set(name, held)
        this.#config.clock.after(VOUCHED_MS, () => {
          if (this.#held.get(name) === held) this.#held.delete(name)
        })
        return held
      })
      .finally(() => {
        if (this.#reading.get(name) === read) this.#reading.delete(name)
      })
    this.#reading.set(name, read)
    return read
  }

  async #read(upstream: UpstreamDocument, path: string): Promise<Held> {
    const { clock } = this.#config
    const [sentMs, sentUnixMs] = [clock.monotonic(), clock.now()]
    const secret = await this.#readSecret(upstream, path)
    const fields = secret?.data?.data
    if (!isRecord(fields)) throw this.#refuse(upstream, path, 'key_secret_missing')
    const unlistedUpstream = this.#requireConsent(upstream, path, customMetadataOf(secret))
    const value = Object.hasOwn(fields, upstream.kv_field) ? fields[upstream.kv_field] : undefined
    if (typeof value !== 'string' || value === '') throw this.#refuse(upstream, path, 'key_field_missing')
    return { key: this.#prepare(upstream, path, value, fields), unlistedUpstream, sentMs, sentUnixMs }
  }

  #prepare(
    upstream: UpstreamDocument,
    path: string,
    value: string,
    fields: Record<string, unknown>,
  ): PreparedKey | undefined {
    try {
      return prepareKey(upstream, value, textsIn(fields))
    } catch (error) {
      if (!(error instanceof GatewayCallError) || error.code !== 'key_unavailable') throw error
      throw this.#refuse(upstream, path, 'key_unavailable', error.message, error)
    }
  }

  /** True when the owner has not listed the upstream and that is only warned of. */
  #requireConsent(upstream: UpstreamDocument, path: string, custom: CustomMetadata): boolean {
    const { consent, mount } = this.#config
    const use = {
      mount,
      upstream: upstream.name,
      origin: parseBase(upstream).origin,
      auth: upstream.auth,
      kv_path: path,
      kv_field: upstream.kv_field,
    }
    const { refused, warned, command } = judgeConsent(consent, use, upstream.kv_mount, custom)
    if (refused !== undefined) throw this.#refuse(upstream, path, 'key_consent_missing', `${refused} ${command}`)
    if (warned !== undefined) this.#tell(upstream, path, 'key_consent_missing', `${warned} ${command}`)
    return warned !== undefined
  }

  #refuse(upstream: UpstreamDocument, path: string, code: KeyRefusal, what?: string, cause?: unknown): GatewayError {
    this.#tell(upstream, path, code, what ?? tellOperator(code, upstream, path))
    return operatorMustAct(upstream, code, cause)
  }

  #tell(upstream: UpstreamDocument, path: string, code: KeyRefusal, message: string): void {
    const { clock, logger } = this.#config
    const name = JSON.stringify([upstream.name, path, code, message])
    const nowMs = clock.monotonic()
    if (nowMs - (this.#toldMs.get(name) ?? -Infinity) < TOLD_AGAIN_MS) return
    if (this.#toldMs.size >= MOST_TOLD) this.#toldMs.clear()
    this.#toldMs.set(name, nowMs)
    logger.warn({ code, upstream: upstream.name, kv_mount: upstream.kv_mount, kv_path: path }, message)
  }

  async #readSecret(upstream: UpstreamDocument, path: string): Promise<VaultResponse | undefined> {
    try {
      return await this.#config.vault.read(`${upstream.kv_mount}/data/${path}`, { timeoutMs: TIMEOUT_MS })
    } catch (error) {
      const kind = error instanceof RequestError ? error.kind : 'internal'
      if (kind === 'not_found') return undefined
      if (kind === 'permission_denied' || kind === 'bad_request' || kind === 'unsupported_path') {
        const what = `the gateway may not read ${upstream.kv_mount}/data/${path}, or no KV engine of version 2 is at ${upstream.kv_mount}/; its policy needs "read" there (vault-config/policies/mcp-gateway.hcl)`
        throw this.#refuse(upstream, path, 'key_unavailable', what, error)
      }
      throw unavailable(
        'vault_unavailable',
        "Vault cannot be asked for the upstream's key at the moment; try again",
        error,
      )
    }
  }

  #isWithin(held: Held, limitMs: number): boolean {
    const elapsedMs = this.#config.clock.monotonic() - held.sentMs
    const elapsedWallMs = this.#config.clock.now() - held.sentUnixMs
    // In a sleep too short to be noticed the monotonic clock stands still, so the longer of the two counts.
    return Math.max(elapsedMs, elapsedWallMs) <= limitMs && Math.abs(elapsedMs - elapsedWallMs) <= CLOCK_AGREEMENT_MS
  }
}

export type KeyRefusal = 'key_secret_missing' | 'key_field_missing' | 'key_consent_missing' | 'key_unavailable'

/** Where the key lies, and what is wrong with it, is not the agent's to know: it cannot mend it. */
const operatorMustAct = ({ name }: UpstreamDocument, code: KeyRefusal, cause?: unknown): GatewayError =>
  new GatewayError(
    'upstream_error',
    code,
    `upstream ${name} is not ready for use: its operator must act. Ask them to look into the gateway's log`,
    { cause },
  )

/** The secret's path in its mount, `{{environment}}` filled in. Segments are checked again when the path is asked for. */
function keyPath(upstream: UpstreamDocument, environment: string): string {
  const path = upstream.kv_path.replaceAll('{{environment}}', environment)
  const safe = path
    .split('/')
    .every((segment) => segment !== '' && segment !== '.' && segment !== '..' && !/[{}\\]/.test(segment))
  if (!safe || !/^[a-z0-9][a-z0-9_-]{0,63}$/.test(environment))
    throw new GatewayError(
      'upstream_error',
      'key_unavailable',
      `upstream ${upstream.name}: its kv_path does not name a secret`,
    )
  return path
}

function customMetadataOf(secret: VaultResponse | undefined): CustomMetadata {
  const metadata = secret?.data?.metadata
  return isRecord(metadata) && isRecord(metadata.custom_metadata) ? metadata.custom_metadata : {}
}

/** Every text of a secret, at any depth. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
