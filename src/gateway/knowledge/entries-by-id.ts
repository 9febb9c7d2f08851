import type { SessionEntry } from './session-entry.ts'

/** Entries by session id. Most ids have one, which then stands there by itself: a list of its own takes more than the entry's fields. */
export class EntriesById {
  readonly #entries = new Map<string, SessionEntry | Set<SessionEntry>>()

  /** As they are now: what is done with them may change what is kept. */
  get(id: string): readonly SessionEntry[] {
    const known = this.#entries.get(id)
    if (known === undefined) return []
    return known instanceof Set ? [...known] : [known]
  }

  add(id: string, entry: SessionEntry): void {
    const known = this.#entries.get(id)
    if (known === undefined) this.#entries.set(id, entry)
    else if (known instanceof Set) known.add(entry)
    else if (known !== entry) this.#entries.set(id, new Set([known, entry]))
  }

  delete(id: string, entry: SessionEntry): void {
    const known = this.#entries.get(id)
    if (known instanceof Set) {
      known.delete(entry)
      if (known.size === 0) this.#entries.delete(id)
    } else if (known === entry) this.#entries.delete(id)
  }

  clear(): void {
    this.#entries.clear()
  }
}
