/** The records of refresh tokens in KV v2: read, and written by check-and-set only. */
import { isoSeconds } from '../../logical/clock.ts'
import { RequestError } from '../../logical/errors.ts'
import type { VaultClient } from '../../vault-client/index.ts'
import type { UpstreamDocument } from '../../document/index.ts'
import { unavailable } from '../error.ts'
import type { OperatorLog } from './operator-log.ts'
import { NONCE_BYTES, openRecord, sealRecord } from './refresh-record.ts'
import type { OpenedRecord, RefreshRecord, Seed } from './refresh-record.ts'

export interface RefreshStoreConfig {
  readonly vault: VaultClient
  readonly log: OperatorLog
  /** Random name of this process. */
  readonly gatewayId: string
  readonly random: (bytes: number) => Uint8Array
  /** The engine's clock, Unix milliseconds. */
  readonly unixMs: () => number
}

/** Where one record lies, and the seed it is of. */
export interface RecordPlace {
  readonly upstream: UpstreamDocument
  /** In the upstream's KV mount: `mcp-minted/mcp/hubspot`. */
  readonly path: string
  readonly seed: Seed
}

export interface StoredRecord {
  /** What a write that replaces it has to name; 0 = there has never been one. */
  readonly version: number
  readonly found: OpenedRecord | 'none'
}

const TIMEOUT_MS = 5_000

/** Below this, in the mount of the seed, gateways may write. */
export const recordPath = (mount: string, upstream: string, environment: string | undefined): string =>
  ['mcp-minted', mount, upstream, ...(environment === undefined ? [] : [environment])].join('/')

export class RefreshStore {
  readonly #config: RefreshStoreConfig

  constructor(config: RefreshStoreConfig) {
    this.#config = config
  }

  /** Throws `key_unavailable` where the gateway may not, and `vault_unavailable`. */
  async read(place: RecordPlace): Promise<StoredRecord> {
    const { vault } = this.#config
    try {
      const response = await vault.read(dataPath(place), { timeoutMs: TIMEOUT_MS })
      const { data, metadata } = (response?.data ?? {}) as { data?: unknown; metadata?: { version?: unknown } }
      const version = typeof metadata?.version === 'number' ? metadata.version : 0
      // Deleted: the next version comes after it all the same.
      if (data === undefined || data === null) return { version, found: 'none' }
      return { version, found: openRecord(data, { ...place, path: dataPath(place), version }) }
    } catch (error) {
      throw this.#failure(place, error)
    }
  }

  /** False where another was faster. Throws as `read` does; the record may have been written nevertheless. */
  async write(place: RecordPlace, record: RefreshRecord, replaced: number): Promise<boolean> {
    const { vault, gatewayId, unixMs, random } = this.#config
    const context = { ...place, path: dataPath(place), version: replaced + 1 }
    const changed = { by: gatewayId, at: isoSeconds(unixMs()), nonce: random(NONCE_BYTES) }
    const data = sealRecord(record, context, changed)
    try {
      await vault.write(dataPath(place), { data, options: { cas: replaced } }, { timeoutMs: TIMEOUT_MS })
      return true
    } catch (error) {
      if (isMismatch(error)) return false
      throw this.#failure(place, error)
    }
  }

  #failure(place: RecordPlace, error: unknown): Error {
    const { log } = this.#config
    const kind = error instanceof RequestError ? error.kind : 'internal'
    if (kind !== 'permission_denied' && kind !== 'bad_request' && kind !== 'unsupported_path')
      return unavailable(
        'vault_unavailable',
        "the upstream's access token cannot be read from Vault right now; try again",
        error,
      )
    const what = `the gateway may not read and write ${dataPath(place)}, where it keeps the refresh token that the issuer replaces; its policy needs "create", "read" and "update" there (vault-config/policies/mcp-gateway.hcl)`
    return log.refuse(place.upstream, place.path, 'key_unavailable', what, error)
  }
}

const dataPath = ({ upstream, path }: RecordPlace): string => `${upstream.kv_mount}/data/${path}`

/** Vault's and OpenBao's own words for it, of which there is no status. */
const isMismatch = (error: unknown): boolean =>
  error instanceof RequestError &&
  error.kind === 'bad_request' &&
  error.message.includes('check-and-set parameter did not match')
