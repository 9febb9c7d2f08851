import { hash } from 'node:crypto'
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
import { GatewayFailure, toGatewayFailure, unavailable } from '../error.ts'
import { judgeConsent, tellMissingField, tellMissingSecret } from './consent.ts'
import type { ConsentMode } from './consent.ts'
import type { KeyName } from './key-name.ts'
import { Minter } from './minter.ts'
import type { MintedCredential, MintingDependencies } from './minter.ts'
import { OperatorLog } from './operator-log.ts'
import { recordPath } from './refresh-store.ts'

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
  readonly minting?: MintingDependencies | undefined
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

/** Reads keys from KV v2. One read carries the secret and its custom metadata, which is its owner's consent. */
export class KeyReader {
  readonly #config: KeyReaderConfig
  readonly #minter: Minter
  readonly #log: OperatorLog
  readonly #prepared = new WeakMap<UpstreamDocument, { readonly digest: string; readonly key: WeakRef<PreparedKey> }>()

  constructor(config: KeyReaderConfig) {
    this.#config = config
    this.#log = new OperatorLog(config)
    this.#minter = new Minter({ ...config, log: this.#log })
  }

  /** Resolves when nothing that was exchanged waits to be stored any more. */
  finished(): Promise<void> {
    return this.#minter.finished()
  }

  /** Drops what was exchanged for keys. */
  forget(): void {
    this.#minter.forget()
  }

  /**
   * Throws `key_secret_missing`, `key_field_missing`, `key_consent_missing`, `key_unavailable` or `needs_reauthorization` (502), what
   * keeps a token endpoint from answering, and `unavailable` when Vault does not answer. The agent learns only that its operator must act; the log has the path and the command.
   */
  async read(named: KeyName): Promise<KeyRead> {
    const { upstream, path } = named
    const { clock } = this.#config
    const [sentMs, sentUnixMs] = [clock.monotonic(), clock.now()]
    const secret = await this.#readSecret(upstream, path)
    const fields = secret?.data?.data
    if (!isRecord(fields))
      throw this.#log.refuse(upstream, path, 'key_secret_missing', tellMissingSecret(upstream, path))
    const unlistedUpstream = this.#requireConsent(upstream, path, customMetadataOf(secret))
    const texts = Object.fromEntries(
      Object.entries(fields).filter((field): field is [string, string] => isText(field[1])),
    )
    const missing = fieldsOf(upstream.auth, upstream.kv_field).find((name) => !Object.hasOwn(texts, name))
    if (missing !== undefined)
      throw this.#log.refuse(upstream, path, 'key_field_missing', tellMissingField(upstream, path, missing))
    const stored = { fields: texts, others: textsIn(fields), ...versionOf(secret) }
    return { key: await this.#prepare(named, stored), unlistedUpstream, sentMs, sentUnixMs }
  }

  async #prepare(named: KeyName, secret: StoredSecret): Promise<PreparedKey | undefined> {
    const { upstream, path } = named
    try {
      const minted = await this.#minted(named, secret)
      const key = minted?.token ?? secret.fields[upstream.kv_field]
      return this.#prepareOnce(upstream, key, [...secret.others, ...(minted?.others ?? [])], secret.fields)
    } catch (error) {
      if (!(error instanceof GatewayCallError) || error.code !== 'key_unavailable') throw error
      this.#log.tell(upstream, path, 'key_unavailable', error.message)
      // What is wrong with it says nothing about where it lies, and spares the operator a search.
      throw new GatewayFailure('upstream_error', 'key_unavailable', `${error.message}: its operator must act`, {
        cause: error,
      })
    }
  }

  /** A key that is read again unchanged stays the one it was, while somebody holds that: to build the search for a JWT takes milliseconds. */
  #prepareOnce(upstream: UpstreamDocument, ...secret: KeyTexts): PreparedKey | undefined {
    const digest = hash('sha256', JSON.stringify(secret))
    const known = this.#prepared.get(upstream)
    const kept = known?.digest === digest ? known.key.deref() : undefined
    const key = kept ?? prepareKey(upstream, ...secret)
    if (key && !kept) this.#prepared.set(upstream, { digest, key: new WeakRef(key) })
    return key
  }

  /** What the upstream takes in place of what the secret holds; undefined where it takes that. */
  async #minted(
    { upstream, path, environment }: KeyName,
    { fields, version, createdTime }: StoredSecret,
  ): Promise<MintedCredential | undefined> {
    const { minting, text: placement } = placementsOf(upstream).placements[0]!
    if (minting === undefined) return undefined
    const secret = { path, version, createdTime }
    const record = recordPath(this.#config.mount, upstream.name, environment)
    const use = { upstream, minting, placement, fields, secret, recordPath: record }
    return this.#minter.token(use, this.#config.limitMs(upstream.sensitivity))
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
    if (refused !== undefined) throw this.#log.refuse(upstream, path, 'key_consent_missing', `${refused} ${command}`)
    if (warned !== undefined) this.#log.tell(upstream, path, 'key_consent_missing', `${warned} ${command}`)
    return warned !== undefined
  }

  async #readSecret(upstream: UpstreamDocument, path: string): Promise<VaultResponse | undefined> {
    try {
      return await this.#config.vault.read(`${upstream.kv_mount}/data/${path}`, { timeoutMs: TIMEOUT_MS })
    } catch (error) {
      const kind = error instanceof RequestError ? error.kind : 'internal'
      if (kind === 'not_found') return undefined
      if (kind === 'permission_denied' || kind === 'bad_request' || kind === 'unsupported_path') {
        const what = `the gateway may not read ${upstream.kv_mount}/data/${path}, or no KV engine of version 2 is at ${upstream.kv_mount}/; its policy needs "read" there (vault-config/policies/mcp-gateway.hcl)`
        throw this.#log.refuse(upstream, path, 'key_unavailable', what, error)
      }
      throw unavailable('vault_unavailable', "the upstream's key cannot be read from Vault right now; try again", error)
    }
  }
}

/** The key, other texts, and fields by name, as `prepareKey` takes them. */
type KeyTexts = [key: string | undefined, others: readonly string[], fields: Readonly<Record<string, string>>]

interface StoredSecret {
  /** Its texts by name. */
  readonly fields: Readonly<Record<string, string>>
  /** All of its texts. */
  readonly others: readonly string[]
  readonly version: number
  readonly createdTime: string
}

/** Vault answered, and its owner has taken the key or the consent away. */
export const isGone = (thrown: unknown): thrown is GatewayFailure =>
  thrown instanceof GatewayFailure &&
  ['key_secret_missing', 'key_field_missing', 'key_consent_missing'].includes(thrown.code)

/** Vault answered, and lets the key not be read: its engine is gone, or the gateway's right. */
export const isRefused = (thrown: unknown): thrown is GatewayFailure =>
  thrown instanceof GatewayFailure && thrown.code === 'key_unavailable'

/** Vault, or the endpoint that exchanges the key, is away or has no time: that says nothing about what was read before. */
export function isOutage(thrown: unknown): boolean {
  const { type, code } = toGatewayFailure(thrown)
  return type === 'unavailable' || code === 'token_endpoint_unavailable' || code === 'upstream_unreachable'
}

/** Which version of the secret was read, as KV says it. */
function versionOf(secret: VaultResponse | undefined): Pick<StoredSecret, 'version' | 'createdTime'> {
  const metadata = secret?.data?.metadata
  const { version, created_time: createdTime }: Record<string, unknown> = isRecord(metadata) ? metadata : {}
  return {
    version: typeof version === 'number' ? version : 0,
    createdTime: typeof createdTime === 'string' ? createdTime : '',
  }
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

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
