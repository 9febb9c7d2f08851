/** What every path of the engine works with: storage, feed, clock and the mount's own settings. */
import type { BackendConfig, SystemView } from '../logical/backend.ts'
import { forwardClock } from '../logical/clock.ts'
import type { Clock } from '../logical/clock.ts'
import type { Logger } from '../logical/log.ts'
import { Feed } from './feed.ts'
import { Pollers } from './pollers.ts'
import { Records } from './records.ts'
import { Removal } from './removal.ts'
import type { EngineSettings, StoredSettings } from './settings.ts'
import { settingsInForce } from './ttl-ceiling.ts'

export interface CheckKey {
  /** Base64, 32 bytes. */
  readonly key: string
  /** Tokens are minted under it from then on, in Unix seconds. */
  readonly mint_from_unix: number
  /** No token minted under it lives longer; null = it is the one in use, or will be. */
  readonly valid_until_unix: number | null
}

/** Part of `cfg`. */
export interface StoredCheck {
  /** One or two, oldest first. */
  readonly keys: readonly CheckKey[]
  /** Tokens minted before there was a key are over by then, in Unix seconds: from then on a mismatch is final. */
  readonly enforced_from_unix: number
}

export interface StoredConfig {
  /** Only what was written; the rest are defaults. */
  readonly settings: StoredSettings
  /** Seconds; absent = the default. Not one of the settings, because only sudo may change it. */
  readonly ttl_ceiling?: number
  /** Sessions opened under a smaller one are over. */
  readonly mount_generation: number
  /** Absent until the first start of an engine that checks tokens by key. */
  readonly check?: StoredCheck
}

export class Engine {
  readonly records: Records
  readonly feed: Feed
  readonly removal: Removal
  readonly pollers: Pollers
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
  readonly system: SystemView
  readonly logger: Logger
  #lastVersion = 0

  constructor(config: BackendConfig) {
    this.clock = forwardClock(config.clock)
    this.random = config.random
    this.system = config.system
    this.logger = config.logger
    this.feed = new Feed(this.clock, config.random)
    this.pollers = new Pollers(this.clock)
    this.records = new Records(config.storage, this.feed)
    this.removal = new Removal({
      system: this.system,
      clock: this.clock,
      feed: this.feed,
      endMount: () => this.endMount(),
    })
  }

  /** Unix seconds, fractions cut: the engine's clock, on which expiry is judged. */
  nowUnix(): number {
    return Math.floor(this.clock.now() / 1000)
  }

  async storedConfig(): Promise<StoredConfig> {
    return (await this.records.get<StoredConfig>('cfg')) ?? { settings: {}, mount_generation: 0 }
  }

  async settings(): Promise<EngineSettings> {
    return settingsInForce(await this.storedConfig())
  }

  /** A document's next version: grows across delete and re-create too, because it never falls behind the clock. */
  nextVersion(previous: number | undefined): number {
    this.#lastVersion = Math.max((previous ?? 0) + 1, this.#lastVersion + 1, Math.floor(this.clock.now()))
    return this.#lastVersion
  }

  /** Ends every session of the mount with one write. */
  async endMount(): Promise<number> {
    return this.records.exclusive('cfg', async () => {
      const stored = await this.storedConfig()
      const mount_generation = stored.mount_generation + 1
      await this.records.put('cfg', { ...stored, mount_generation }, [
        { type: 'mount_generation', generation: mount_generation },
      ])
      return mount_generation
    })
  }
}
