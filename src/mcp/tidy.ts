/** Removes records nobody can need: sessions past their life and the reuse window, their tokens and end markers. */
import type { Engine } from './engine.ts'

export interface TidyStatus {
  readonly state: 'idle' | 'running'
  /** Unix seconds; null = never. */
  readonly last_started: number | null
  readonly last_finished: number | null
  readonly sessions_removed: number
  readonly tokens_removed: number
  readonly markers_removed: number
}

/** Storage folders in the order they are swept. Markers come last: a session must never outlive its end marker. */
const sweeps = [
  { folder: 's/', counter: 'sessions_removed' },
  { folder: 't/', counter: 'tokens_removed' },
  { folder: 'x/', counter: 'markers_removed' },
] as const

export class Tidy {
  readonly #engine: Engine
  #status: TidyStatus = { state: 'idle', last_started: null, last_finished: null, sessions_removed: 0, tokens_removed: 0, markers_removed: 0 }
  /** What was looked at last: a run that spent its budget is continued after it. */
  #cursor = { sweep: 0, shard: '', name: '' }

  constructor(engine: Engine) { this.#engine = engine }

  get status(): TidyStatus { return this.#status }

  /** Works for about `budgetMs`, at least on one record; true = the whole storage was swept, false = the next run goes on from here. */
  async run(budgetMs: number): Promise<boolean> {
    if (this.#status.state === 'running') return false
    const deadline = this.#engine.clock.monotonic() + budgetMs
    this.#status = { ...this.#status, state: 'running', last_started: this.#engine.nowUnix() }
    try {
      for (const [index, sweep] of sweeps.entries()) {
        if (index < this.#cursor.sweep) continue
        if (index > this.#cursor.sweep) this.#cursor = { sweep: index, shard: '', name: '' }
        if (!(await this.#sweep(sweep, deadline))) return false
      }
      this.#cursor = { sweep: 0, shard: '', name: '' }
      this.#status = { ...this.#status, last_finished: this.#engine.nowUnix() }
      return true
    } finally {
      this.#status = { ...this.#status, state: 'idle' }
    }
  }

  async #sweep({ folder, counter }: (typeof sweeps)[number], deadline: number): Promise<boolean> {
    const { records } = this.#engine
    const shards = folder === 'x/' ? [''] : await records.storage.list(folder)
    for (const shard of shards) {
      if (shard < this.#cursor.shard) continue
      if (shard > this.#cursor.shard) this.#cursor = { ...this.#cursor, shard, name: '' }
      for (const name of await records.storage.list(folder + shard, { after: this.#cursor.name })) {
        if (await this.#isDead(folder + shard + name)) {
          await records.delete(folder + shard + name)
          this.#status = { ...this.#status, [counter]: this.#status[counter] + 1 }
        }
        this.#cursor = { ...this.#cursor, name }
        if (this.#engine.clock.monotonic() > deadline) return false
      }
    }
    return true
  }

  /** Records of a session are kept for its whole life and longer: sessions delegated from it are judged by them to their end. */
  async #isDead(key: string): Promise<boolean> {
    const record = await this.#engine.records.peek<{ life_ends_unix: number }>(key)
    const { reuse_window } = await this.#engine.settings()
    return record !== undefined && record.life_ends_unix + reuse_window <= this.#engine.nowUnix()
  }
}
