import type { Clock } from '../../logical/clock.ts'
import { RequestError } from '../../logical/errors.ts'
import type { Logger } from '../../logical/log.ts'
import { fieldsOf } from '../../scope/index.ts'
import type { CustomMetadata } from '../../scope/index.ts'
import type { VaultResponse, VaultClient } from '../../vault-client/index.ts'
import type { UpstreamDocument } from '../../document/index.ts'
import { GatewayCallError } from '../call/call-error.ts'
import { prepareKey } from '../call/key.ts'
import type { PreparedKey } from '../call/key.ts'
import { placementsOf } from '../call/placements.ts'
import { parseBase } from '../call/upstream.ts'
import { GatewayFailure, unavailable } from '../error.ts'
import { judgeConsent, tellMissingField, tellMissingSecret } from './consent.ts'
import type { ConsentMode } from './consent.ts'
import { Minter } from './minter.ts'
import type { TokenExchange } from './minter.ts'

export interface KeyReaderConfig {
  readonly vault: VaultClient
  readonly clock: Clock
  /** Where the engine is mounted, without slashes. */
  readonly mount: string
  readonly consent: ConsentMode
  /** For the operator: what agents are not told. */
  readonly logger: Logger
  /** Milliseconds for which one read of KV vouches for a key, by the sensitivity of its upstream. */
  readonly limitMs: (sensitivity: string) => number
  /** For keys that are exchanged at a token endpoint; undefined where none are. */
  readonly exchange?: TokenExchange | undefined
}

/** What one read of KV found, and when it was sent, on both clocks: from then on it ages. */
export interface KeyRead {
  readonly key: PreparedKey | undefined
  /** The owner has not listed this upstream, and `consent_upstreams = "warn"` lets it pass. */
  readonly unlistedUpstream: boolean
  readonly sentMs: number
  readonly sentUnixMs: number
}

const TIMEOUT_MS = 5_000
/** One line for the operator about one upstream and one reason in this time, however many calls fail. */
const TOLD_AGAIN_MS = 60_000
const MOST_TOLD = 1_000

/** Reads keys from KV v2. One read carries the secret and its custom metadata, which is its owner's consent. */
export class KeyReader {
  readonly #config: KeyReaderConfig
  readonly #minter: Minter
  readonly #toldMs = new Map<string, number>()

  constructor(config: KeyReaderConfig) {
    this.#config = config
    this.#minter = new Minter(config)
  }

  /** Drops what was exchanged for keys. */
  forget(): void {
    this.#minter.forget()
  }

  /**
   * Throws `key_secret_missing`, `key_field_missing`, `key_consent_missing` or `key_unavailable` (502), and `unavailable` when
   * Vault does not answer. The agent learns only that its operator must act; the log has the path and the command.
   */
  async read(upstream: UpstreamDocument, path: string): Promise<KeyRead> {
    const { clock } = this.#config
    const [sentMs, sentUnixMs] = [clock.monotonic(), clock.now()]
    const secret = await this.#readSecret(upstream, path)
    const fields = secret?.data?.data
    if (!isRecord(fields)) throw this.#refuse(upstream, path, 'key_secret_missing', tellMissingSecret(upstream, path))
    const unlistedUpstream = this.#requireConsent(upstream, path, customMetadataOf(secret))
    const texts = Object.fromEntries(
      Object.entries(fields).filter((field): field is [string, string] => isText(field[1])),
    )
    const missing = fieldsOf(upstream.auth, upstream.kv_field).find((name) => !Object.hasOwn(texts, name))
    if (missing !== undefined)
      throw this.#refuse(upstream, path, 'key_field_missing', tellMissingField(upstream, path, missing))
    return { key: await this.#prepare(upstream, path, texts, textsIn(fields)), unlistedUpstream, sentMs, sentUnixMs }
  }

  async #prepare(
    upstream: UpstreamDocument,
    path: string,
    fields: Readonly<Record<string, string>>,
    others: readonly string[],
  ): Promise<PreparedKey | undefined> {
    try {
      const stored = (await this.#minted(upstream, fields)) ?? fields[upstream.kv_field]
      return prepareKey(upstream, stored, others, fields)
    } catch (error) {
      if (!(error instanceof GatewayCallError) || error.code !== 'key_unavailable') throw error
      this.#tell(upstream, path, 'key_unavailable', error.message)
      // What is wrong with it says nothing about where it lies, and spares the operator a search.
      throw new GatewayFailure('upstream_error', 'key_unavailable', `${error.message}: its operator must act`, {
        cause: error,
      })
    }
  }

  /** What the upstream takes in place of what the secret holds; undefined where it takes that. */
  async #minted(upstream: UpstreamDocument, fields: Readonly<Record<string, string>>): Promise<string | undefined> {
    const minting = placementsOf(upstream).placements[0]?.minting
    return minting && this.#minter.token(upstream, minting, fields, this.#config.limitMs(upstream.sensitivity))
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

  #refuse(upstream: UpstreamDocument, path: string, code: KeyRefusal, what: string, cause?: unknown): GatewayFailure {
    this.#tell(upstream, path, code, what)
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
      throw unavailable('vault_unavailable', "the upstream's key cannot be read from Vault right now; try again", error)
    }
  }
}

type KeyRefusal = 'key_secret_missing' | 'key_field_missing' | 'key_consent_missing' | 'key_unavailable'

/** Vault answered, and its owner has taken the key or the consent away. */
export const isGone = (thrown: unknown): thrown is GatewayFailure =>
  thrown instanceof GatewayFailure &&
  ['key_secret_missing', 'key_field_missing', 'key_consent_missing'].includes(thrown.code)

/** Vault answered, and lets the key not be read: its engine is gone, or the gateway's right. */
export const isRefused = (thrown: unknown): thrown is GatewayFailure =>
  thrown instanceof GatewayFailure && thrown.code === 'key_unavailable'

/** Where the key lies, and what is wrong with it, is not the agent's to know: it cannot fix it. */
const operatorMustAct = ({ name }: UpstreamDocument, code: KeyRefusal, cause?: unknown): GatewayFailure =>
  new GatewayFailure(
    'upstream_error',
    code,
    `upstream ${name} is not ready for use: its operator must act. Ask them to look into the gateway's log`,
    { cause },
  )

function customMetadataOf(secret: VaultResponse | undefined): CustomMetadata {
  const metadata = secret?.data?.metadata
  return isRecord(metadata) && isRecord(metadata.custom_metadata) ? metadata.custom_metadata : {}
}

/** Every text of a secret, at any depth. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
