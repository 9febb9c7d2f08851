import { pauseMs } from '../../logical/backoff.ts'
import { delay } from '../../logical/clock.ts'
import type { Clock } from '../../logical/clock.ts'
import type { OperatorLog } from './operator-log.ts'
import type { RefreshRecord } from './refresh-record.ts'
import type { RecordPlace, RefreshStore } from './refresh-store.ts'

export interface ResultWriterConfig {
  readonly store: RefreshStore
  readonly clock: Clock
  readonly log: OperatorLog
}

const RETRIES = { firstMs: 250, longestMs: 5_000 }
const LONGEST_MS = 3_600_000

/** Writes what came of exchanges, and does not let up while Vault is away: this process alone knows the next refresh token. */
export class ResultWriter {
  readonly #config: ResultWriterConfig
  readonly #underWay = new Set<Promise<void>>()

  constructor(config: ResultWriterConfig) {
    this.#config = config
  }

  /** Resolves when nothing is under way any more. */
  async finished(): Promise<void> {
    await Promise.all(this.#underWay)
  }

  /** Keeps `work`, an exchange and the writing of its result, in mind until it is over. */
  track(work: Promise<void>): void {
    this.#underWay.add(work)
    void work.then(() => this.#underWay.delete(work))
  }

  /**
   * Never rejects. `lockVersion` is the version of the lock the record replaces; undefined where it is not known whether there is one,
   * which is then looked for and replaced.
   */
  async write(place: RecordPlace, record: RefreshRecord, lockVersion: number | undefined): Promise<void> {
    const { clock, store } = this.#config
    const startedMs = clock.monotonic()
    let replaced = lockVersion
    for (let failures = 1; ; failures++) {
      try {
        if (replaced !== undefined && (await store.write(place, record, replaced))) return
        replaced = await this.#replaceable(place, record, lockVersion !== undefined)
        if (replaced === undefined) return
      } catch {
        if (lockVersion !== undefined) this.#tell(place, record)
        if (clock.monotonic() - startedMs > LONGEST_MS) return
      }
      await delay(clock, pauseMs(RETRIES, failures))
    }
  }

  /** The version this result may stand in place of; undefined where it is there already, or has come to nothing. */
  async #replaceable(
    place: RecordPlace,
    { renewal, state }: RefreshRecord,
    hadLock: boolean,
  ): Promise<number | undefined> {
    const { version, found } = await this.#config.store.read(place)
    if (found === 'none') return hadLock ? version : undefined
    // The owner has written another seed meanwhile.
    if (found === 'void' || found === 'unreadable' || found.renewal?.id !== renewal!.id) return undefined
    // Another gateway took this one for dead, or the lock is still there.
    return found.state === 'renewing' || (found.state === 'needs_reauthorization' && state === 'ready')
      ? version
      : undefined
  }

  #tell({ upstream, path }: RecordPlace, { state }: RefreshRecord): void {
    if (state !== 'ready') return
    const what = `the next refresh token of upstream ${upstream.name} is not in ${upstream.kv_mount}/${path} yet, because Vault takes no write; this gateway goes on trying, and to stop it meanwhile is to lose the token`
    this.#config.log.tell(upstream, path, 'key_unavailable', what)
  }
}
