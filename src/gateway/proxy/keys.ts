import type { Clock } from '../../logical/clock.ts'
import { RequestError } from '../../logical/errors.ts'
import type { VaultAnswer, VaultClient } from '../../vault-client/index.ts'
import { GatewayError, unavailable } from '../error.ts'
import { prepareKey } from '../call/key.ts'
import type { PreparedKey } from '../call/key.ts'
import { parseBase } from '../call/upstream.ts'
import { checkConsent } from './consent.ts'
import type { UpstreamDocument } from '../knowledge/document-shapes.ts'

export interface KeysConfig {
  readonly vault: VaultClient
  readonly clock: Clock
  /** False only by the gateway's own start configuration: keys are then used for whatever origin an upstream names. */
  readonly requireConsent: boolean
}

/** A key ready for its upstream; `key` undefined for auth `none`. */
export interface UsableKey {
  readonly key: PreparedKey | undefined
  /** Asked in the instant before use: is the KV read that vouches for it recent enough? */
  readonly stillVouched: () => boolean
}

/** The longest a key is used after the KV read that vouches for it was sent. */
const VOUCHED_MS = 30_000
/** Read again earlier than that, so that connecting does not outlast it. */
const REUSED_MS = 20_000
const CLOCK_AGREEMENT_MS = 1_000
const TIMEOUT_MS = 5_000

interface Held {
  readonly key: PreparedKey | undefined
  readonly sentMs: number
  readonly sentUnixMs: number
}

/**
 * The upstreams' keys, out of KV v2 and never anywhere else: kept in memory for as long as one read vouches for them. A secret
 * is used only for origins its owner lists in `custom_metadata.mcp_origins`; writing upstream documents gives nobody a key.
 */
export class Keys {
  readonly #config: KeysConfig
  readonly #held = new Map<string, Held>()
  readonly #reading = new Map<string, Promise<Held>>()

  constructor(config: KeysConfig) {
    this.#config = config
  }

  /** Throws `key_consent_missing` or `key_unavailable` (502), and `unavailable` when Vault does not answer. */
  async get(upstream: UpstreamDocument, environment: string): Promise<UsableKey> {
    if (upstream.auth === 'none') return { key: undefined, stillVouched: () => true }
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
    return { key: held.key, stillVouched: () => this.#isWithin(held, VOUCHED_MS) }
  }

  #readOnce(name: string, upstream: UpstreamDocument, path: string): Promise<Held> {
    const under = this.#reading.get(name)
    if (under) return under
    const read = this.#read(upstream, path)
      .then((held) => {
        this.#held.set(name, held)
        this.#config.clock.after(VOUCHED_MS, () => {
          if (this.#held.get(name) === held) this.#held.delete(name)
        })
        return held
      })
      .finally(() => {
        this.#reading.delete(name)
      })
    this.#reading.set(name, read)
    return read
  }

  async #read(upstream: UpstreamDocument, path: string): Promise<Held> {
    const { clock, requireConsent } = this.#config
    const [sentMs, sentUnixMs] = [clock.monotonic(), clock.now()]
    const [metadata, secret] = await Promise.all([
      requireConsent ? this.#ask(upstream, `${upstream.kv_mount}/metadata/${path}`) : undefined,
      this.#ask(upstream, `${upstream.kv_mount}/data/${path}`),
    ])
    const custom = metadata?.data?.custom_metadata
    if (requireConsent) checkConsent(upstream, isRecord(custom) ? custom : {})
    const fields = secret?.data?.data
    const value = isRecord(fields) ? fields[upstream.kv_field] : undefined
    const key = prepareKey(upstream, typeof value === 'string' ? value : undefined, textsIn(fields))
    return { key, sentMs, sentUnixMs }
  }

  async #ask(upstream: UpstreamDocument, path: string): Promise<VaultAnswer | undefined> {
    try {
      return await this.#config.vault.read(path, { timeoutMs: TIMEOUT_MS })
    } catch (error) {
      const kind = error instanceof RequestError ? error.kind : 'internal'
      const refused =
        kind === 'permission_denied' || kind === 'bad_request' || kind === 'unsupported_path' || kind === 'not_found'
      // Where the key lies is not the caller's to know.
      if (refused)
        throw new GatewayError(
          'upstream_error',
          'key_unavailable',
          `the key of upstream ${upstream.name} cannot be read by the gateway`,
          { cause: error },
        )
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
    return elapsedMs <= limitMs && Math.abs(elapsedMs - elapsedWallMs) <= CLOCK_AGREEMENT_MS
  }
}

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

/** Every text of a secret, at any depth. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
