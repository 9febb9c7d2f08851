import { badRequest } from '../../logical/errors.ts'
import { getJson, putJson } from '../../logical/storage.ts'
import type { Storage } from '../../logical/storage.ts'
import { openKeySource, unreachable } from './key-source.ts'
import type { KeySource, KeySourceConfig } from './key-source.ts'

export interface JwtConfig extends KeySourceConfig {
  /** Empty: any issuer. */
  readonly bound_issuer: string
  readonly default_role: string
  /** Of browser logins, which this server has not; kept because clients compare it. */
  readonly namespace_in_state: boolean
}

/** The configuration of one mount, and the keys it leads to. */
export class JwtConfigStore {
  readonly #storage: Storage
  #source: { readonly of: string; readonly keys: Promise<KeySource> } | undefined

  constructor(storage: Storage) {
    this.#storage = storage
  }

  read(): Promise<JwtConfig | undefined> {
    return getJson<JwtConfig>(this.#storage, 'config')
  }

  async require(): Promise<JwtConfig> {
    const config = await this.read()
    if (!config) throw badRequest('could not load configuration')
    return config
  }

  /** Replaces the whole configuration. Throws, with nothing changed, when its keys cannot be read. */
  async write(config: JwtConfig): Promise<void> {
    const keys = await openKeySource(config)
    await putJson(this.#storage, 'config', config)
    this.#source = { of: JSON.stringify(config), keys: Promise.resolve(keys) }
  }

  /** Opened once; a failure is tried again by the next that asks. What is stored could be read before: a failure is an outage. */
  keys(config: JwtConfig): Promise<KeySource> {
    const of = JSON.stringify(config)
    if (this.#source?.of !== of) {
      const keys = openKeySource(config).catch(() => {
        throw unreachable()
      })
      const source = { of, keys }
      this.#source = source
      keys.catch(() => {
        if (this.#source === source) this.#source = undefined
      })
    }
    return this.#source.keys
  }
}
