/** Removes records nobody can need: sessions past their life and the reuse window, their tokens and end markers. */
import type { Engine } from './engine.ts'
import type { EndMarker, SessionRecord } from './session.ts'

export interface TidyStatus {
  readonly state: 'idle' | 'running'
  readonly last_started: number | null
  readonly last_finished: number | null
  readonly sessions_removed: number
  readonly tokens_removed: number
  readonly markers_removed: number
}

interface Sweep { readonly folder: 's/' | 't/' | 'x/'; readonly counter: 'sessions_removed' | 'tokens_removed' | 'markers_removed' }

const sweeps: readonly Sweep[] = [
  { folder: 's/', counter: 'sessions_removed' },
  { folder: 't/', counter: 'tokens_removed' },
  // Last: a session must never outlive its end marker.
  { folder: 'x/', counter: 'markers_removed' },
]

export class Tidy {
  readonly #engine: Engine
  #status: TidyStatus = { state: 'idle', last_started: null, last_finished: null, sessions_removed: 0, tokens_removed: 0, markers_removed: 0 }
  /** Where a run that spent its budget goes on: sweep and last key. */
  #cursor = { sweep: 0, after: '' }

  constructor(engine: Engine) { this.#engine = engine }

  get status(): TidyStatus { return this.#status }

  /** Works for about `budgetMs`; true = the whole storage was swept, false = the next run goes on from here. */
  async run(budgetMs: number): Promise<boolean> {
    if (this.#status.state === 'running') return false
    const deadline = this.#engine.clock.monotonic() + budgetMs
    this.#status = { ...this.#status, state: 'running', last_started: this.#engine.nowUnix() }
    try {
      for (; this.#cursor.sweep < sweeps.length; this.#cursor = { sweep: this.#cursor.sweep + 1, after: '' }) {
        if (!(await this.#sweep(sweeps[this.#cursor.sweep]!, deadline))) return false
      }
      this.#cursor = { sweep: 0, after: '' }
      this.#status = { ...this.#status, last_finished: this.#engine.nowUnix() }
      return true
    } finally {
      this.#status = { ...this.#status, state: 'idle' }
    }
  }

  async #sweep(sweep: Sweep, deadline: number): Promise<boolean> {
    const { records } = this.#engine
    for (const name of await records.storage.list(sweep.folder)) {
      const folder = name.endsWith('/') ? `${sweep.folder}${name}` : sweep.folder
      const keys = name.endsWith('/') ? (await records.storage.list(folder)).map((key) => folder + key) : [sweep.folder + name]
      for (const key of keys) {
        if (key <= this.#cursor.after) continue
        if (this.#engine.clock.monotonic() > deadline) return false
        if (await this.#removable(key)) {
          await records.delete(key)
          this.#status = { ...this.#status, [sweep.counter]: this.#status[sweep.counter] + 1 }
        }
        this.#cursor.after = key
      }
    }
    return true
  }

  async #removable(key: string): Promise<boolean> {
    const { reuse_window } = await this.#engine.settings()
    const record = await this.#engine.records.get<Partial<SessionRecord & EndMarker> & { expires_at_unix?: number }>(key)
    if (!record) return false
    // A session's record and marker outlive its whole life: a delegated session is judged by them to the end.
    const until = record.keep_until_unix ?? (record.life_ends_unix ?? record.expires_at_unix ?? 0) + reuse_window
    return until <= this.#engine.nowUnix()
  }
}
