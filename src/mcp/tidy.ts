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

/** Records worked on at once: nearly all of a record's time is a wait for storage, and what waits together is committed together. */
const MOST_AT_ONCE = 16
/** Between the slices of a tick that finds something to remove: a quarter of the time is for tidying, the rest for requests. */
const PAUSE_MS = 750

/** Storage folders in the order they are swept. Markers come last: a session must never outlive its end marker. */
const sweeps = [
  { folder: 's/', counter: 'sessions_removed' },
  { folder: 't/', counter: 'tokens_removed' },
  { folder: 'x/', counter: 'markers_removed' },
] as const

export class Tidy {
  readonly #engine: Engine
  #status: TidyStatus = {
    state: 'idle',
    last_started: null,
    last_finished: null,
    sessions_removed: 0,
    tokens_removed: 0,
    markers_removed: 0,
  }
  /** What was looked at last: a run that spent its budget is continued after it. */
  #cursor = { sweep: 0, shard: '', name: '' }
  #removed = 0
  #cancelNext: (() => void) | undefined
  #closed = false

  constructor(engine: Engine) {
    this.#engine = engine
  }

  get status(): TidyStatus {
    return this.#status
  }

  /**
   * The host's tick: a run of `budgetMs`, and after it further ones for as long as they find something to remove, since ticks are rare
   * and sessions are not. Those are no part of the host's request, which it may have to wait for when it seals or steps down.
   */
  async tick(budgetMs: number): Promise<void> {
    const before = this.#removed
    const swept = await this.run(budgetMs)
    if (swept || this.#removed === before || this.#closed || this.#cancelNext) return
    this.#cancelNext = this.#engine.clock.after(PAUSE_MS, () => {
      this.#cancelNext = undefined
      // What fails is left to the next tick, which reports it.
      this.tick(budgetMs).catch(() => undefined)
    })
  }

  /** Ends what is under way after the records at hand; no further run begins by itself. */
  close(): void {
    this.#closed = true
    this.#cancelNext?.()
  }

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
    // One alone at first, so that the smallest budget is not overdrawn by many.
    let atOnce = 1
    for (const shard of shards) {
      if (shard < this.#cursor.shard) continue
      if (shard > this.#cursor.shard) this.#cursor = { ...this.#cursor, shard, name: '' }
      const names = await records.storage.list(folder + shard, { after: this.#cursor.name })
      for (let next = 0; next < names.length; atOnce = Math.min(2 * atOnce, MOST_AT_ONCE)) {
        const batch = names.slice(next, next + atOnce)
        next += batch.length
        await Promise.all(batch.map((name) => this.#removeIfDead(folder + shard + name, counter)))
        this.#cursor = { ...this.#cursor, name: batch[batch.length - 1]! }
        if (this.#engine.clock.monotonic() > deadline || this.#closed) return false
      }
    }
    return true
  }

  async #removeIfDead(key: string, counter: (typeof sweeps)[number]['counter']): Promise<void> {
    if (!(await this.#isDead(key))) return
    await this.#engine.records.delete(key)
    this.#removed++
    this.#status = { ...this.#status, [counter]: this.#status[counter] + 1 }
  }

  /** Records of a session are kept for its whole life and longer: sessions delegated from it are judged by them to their end. */
  async #isDead(key: string): Promise<boolean> {
    const record = await this.#engine.records.peek<{ life_ends_unix: number }>(key)
    const { reuse_window } = await this.#engine.settings()
    return record !== undefined && record.life_ends_unix + reuse_window <= this.#engine.nowUnix()
  }
}
