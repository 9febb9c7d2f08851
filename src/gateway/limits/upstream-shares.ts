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

  /** One connection more for this session, which must be given up once. False = it has its share. */
  take(name: string, sessionId: string): boolean {
    const upstream = this.#upstreams.get(name) ?? { sessions: new UnderWay(), total: 0 }
    const free = this.#connections - upstream.total
    const share = Math.max(free, Math.min(LEAST, upstream.sessions.count(sessionId) + free))
    if (free <= 0 || !upstream.sessions.add(sessionId, share)) return false
    if (upstream.total++ === 0) this.#upstreams.set(name, upstream)
    return true
  }

  giveUp(name: string, sessionId: string): void {
    const upstream = this.#upstreams.get(name)
    if (!upstream) return
    upstream.sessions.remove(sessionId)
    if (--upstream.total === 0) this.#upstreams.delete(name)
  }
}
