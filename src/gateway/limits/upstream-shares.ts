import { UnderWay } from './under-way.ts'

/** What each session may have in any case, as long as there is a connection at all. */
const LEAST = 8

interface Upstream {
  readonly sessions: UnderWay
  total: number
}

/**
 * Shares of an upstream's connections: a session may take no more than are left free. So the first may take half of them, and
 * however many are greedy, there is a free one for who comes next (Choudhury and Hahne, "Dynamic queue length thresholds",
 * IEEE/ACM ToN 6(2), 1998, with a factor of one).
 */
export class UpstreamShares {
  readonly #connections: number
  readonly #upstreams = new Map<string, Upstream>()

  constructor(connections: number) {
    this.#connections = connections
  }

  /** One connection more for this session; what comes back gives it up, once. `undefined` = it has its share. */
  enter(name: string, sessionId: string): (() => void) | undefined {
    const upstream = this.#upstreams.get(name) ?? { sessions: new UnderWay(), total: 0 }
    const free = this.#connections - upstream.total
    const share = Math.max(free, Math.min(LEAST, upstream.sessions.count(sessionId) + free))
    const leave = free > 0 ? upstream.sessions.enter(sessionId, share) : undefined
    if (!leave) return undefined
    this.#upstreams.set(name, upstream)
    upstream.total++
    let over = false
    return () => {
      if (over) return
      over = true
      leave()
      if (--upstream.total === 0) this.#upstreams.delete(name)
    }
  }
}
