import type { Clock } from '../../logical/clock.ts'
import type { Deadlines, WithDeadline } from '../../logical/deadlines.ts'
import { GatewayCallError } from '../call/call-error.ts'
import type { CallableUpstream } from '../call/upstream.ts'

const BYTES_PER_SECOND = 1024

export interface PatienceConfig {
  readonly upstream: CallableUpstream
  readonly clock: Clock
  readonly deadlines: Deadlines<WithDeadline>
  /** It was waited for long enough. */
  readonly onLate: (error: GatewayCallError) => void
}

/**
 * How long one call waits for its upstream: `timeout` without progress until the response's headers, `idle_timeout` for the next bytes of
 * its body, and in all both together and a second for every KiB that moves in either direction. A limit for each wait alone is not a
 * bound: an upstream that moves a byte in time for each would hold the call without end.
 */
export class Patience implements WithDeadline {
  readonly #config: PatienceConfig
  readonly #fixedMs: number
  #waitedMs = 0
  #movedBytes = 0
  #waitingSinceMs: number | undefined
  #lifted = false
  #waitsFor: 'head' | 'bytes' | 'all' = 'head'
  deadlineMs = Infinity
  deadlineSlot = -1

  constructor(config: PatienceConfig) {
    this.#config = config
    const { timeout, idle_timeout } = config.upstream
    // Both together, so that one long wait of either kind is judged by its own limit alone.
    this.#fixedMs = (timeout + idle_timeout) * 1000
    config.deadlines.add(this)
  }

  waitForHead(): void {
    this.#wait('head', this.#config.upstream.timeout * 1000)
  }
  waitForBytes(): void {
    this.#wait('bytes', this.#config.upstream.idle_timeout * 1000)
  }

  /** The wait is over. Does nothing where none has begun: time in which the caller is waited for is not the upstream's. */
  stop(): void {
    if (this.#waitingSinceMs === undefined) return
    this.deadlineMs = Infinity
    this.#waitedMs += this.#config.clock.monotonic() - this.#waitingSinceMs
    this.#waitingSinceMs = undefined
  }

  moved(bytes: number): void {
    this.#movedBytes += bytes
  }

  /** For a response that is slow by nature. */
  lift(): void {
    this.#lifted = true
  }

  /** Nothing is waited for any more. */
  end(): void {
    this.deadlineMs = Infinity
    this.#config.deadlines.delete(this)
  }

  due(): void {
    const { upstream, onLate } = this.#config
    this.deadlineMs = Infinity
    onLate(lateError(upstream, this.#waitsFor))
  }

  #wait(what: 'head' | 'bytes', ms: number): void {
    const { clock, deadlines } = this.#config
    const nowMs = clock.monotonic()
    if (this.#waitingSinceMs !== undefined) this.#waitedMs += nowMs - this.#waitingSinceMs
    this.#waitingSinceMs = nowMs
    const allowedMs = this.#fixedMs + (this.#movedBytes / BYTES_PER_SECOND) * 1000
    const leftMs = this.#lifted ? Infinity : Math.max(allowedMs - this.#waitedMs, 0)
    this.#waitsFor = leftMs < ms ? 'all' : what
    this.deadlineMs = nowMs + Math.min(ms, leftMs)
    deadlines.advanced(this)
  }
}

function lateError(
  { name, timeout, idle_timeout }: CallableUpstream,
  what: 'head' | 'bytes' | 'all',
): GatewayCallError {
  if (what === 'head') return new GatewayCallError('upstream_timeout', `upstream ${name} did not respond in time`)
  if (what === 'bytes')
    return new GatewayCallError('upstream_timeout', `upstream ${name} stopped in the middle of its response`)
  return new GatewayCallError(
    'upstream_too_slow',
    `upstream ${name} was waited for longer than ${String(timeout + idle_timeout)} s (timeout and idle_timeout together) and 1 s per KiB that moved`,
  )
}
