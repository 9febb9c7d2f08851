import { limited } from '../error.ts'
import type { GatewayFailure } from '../error.ts'

/** Memory of one call. */
export interface Hold {
  /**
   * Asked before that many more bytes are held; fewer than 0 gives as many back. Throws 429 where they are not to be had, and
   * after the call was picked to give way or gave all back.
   */
  take(bytes: number): void
  /** Gives all of it back, for good. */
  release(): void
}

interface Entry {
  readonly owner: string
  bytes: number
  refused: GatewayFailure | undefined
  released: boolean
  readonly giveWay: (reason: GatewayFailure) => void
}

/** What several calls of one owner may hold together, of the whole; one call by itself may hold more. */
const OWNER_SHARE = 0.25

const refusal = (): GatewayFailure =>
  limited(
    'buffer_limit',
    'this session has too many bytes of bodies waiting here; ask for less at a time (buffered_bytes)',
  )

/**
 * Bytes that all calls together may hold. When they are used up, the owner that holds most gives way: who asks for little is
 * served whatever others do.
 */
export class ByteBudget {
  readonly #limit: number
  #used = 0
  readonly #entries = new Set<Entry>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get used(): number {
    return this.#used
  }

  /** `giveWay` is called when this call must end to make room; what it held counts as free from then. */
  hold(owner: string, giveWay: (reason: GatewayFailure) => void): Hold {
    const entry: Entry = { owner, bytes: 0, refused: undefined, released: false, giveWay }
    return {
      take: (bytes) => {
        // What is still under way for a call that is over must not take what nobody would give back.
        if (entry.refused !== undefined || entry.released) throw entry.refused ?? refusal()
        this.#makeRoom(entry, bytes)
        this.#entries.add(entry)
        entry.bytes += bytes
        this.#used += bytes
      },
      release: () => {
        entry.released = true
        this.#drop(entry)
      },
    }
  }

  #makeRoom(requesting: Entry, bytes: number): void {
    if (bytes > 0) this.#requireShare(requesting, bytes)
    while (this.#used + bytes > this.#limit) {
      const owners = new Map<string, number>([[requesting.owner, bytes]])
      for (const { owner, bytes: held } of this.#entries) owners.set(owner, (owners.get(owner) ?? 0) + held)
      const [most] = [...owners].reduce((a, b) => (b[1] > a[1] ? b : a))
      if (most === requesting.owner) throw refusal()
      const largest = [...this.#entries]
        .filter(({ owner }) => owner === most)
        .reduce((a, b) => (b.bytes > a.bytes ? b : a))
      largest.refused = refusal()
      this.#drop(largest)
      largest.giveWay(largest.refused)
    }
  }

  #requireShare(requesting: Entry, bytes: number): void {
    let others = 0
    for (const entry of this.#entries)
      if (entry !== requesting && entry.owner === requesting.owner) others += entry.bytes
    if (others > 0 && others + requesting.bytes + bytes > this.#limit * OWNER_SHARE) throw refusal()
  }

  #drop(entry: Entry): void {
    this.#used -= entry.bytes
    entry.bytes = 0
    this.#entries.delete(entry)
  }
}
