import { Backoff } from '../logical/backoff.ts'
import { later, leftUntil, momentOf } from '../logical/clock.ts'
import type { Moment } from '../logical/clock.ts'
import type { Channel } from './channel.ts'
import type { IntervalClock } from './clock.ts'
import { GatewayError, fromGrpc, received, typeForAgent } from './error.ts'
import { HeldWork, type JudgedPosition, type Vouching } from './held-work.ts'
import type { SessionEvent } from './wire.ts'

/** How long a session is watched after its last call: the next one then finds the stream open. */
const LINGER_MS = 5_000
const RETRY = { firstMs: 100, longestMs: 1_000 }

/** No timer runs while a machine sleeps: so soon after it woke, work that nobody vouches for any more is cut. */
const LONGEST_UNCHECKED_MS = 250

/** A hold on the life of one token while a tool works under it. */
export interface Watch {
  /** Aborts, with a `GatewayError` as reason, when the session ends or nothing has vouched for it for too long. */
  readonly cut: AbortSignal
  /** Resolves when the gateway has told whether the session lives, or could not be asked. */
  readonly settled: Promise<void>
  /** Cuts, before it returns, what nobody vouches for at this instant. */
  check(): void
  release(): void
}

export interface Watcher {
  /**
   * Work was allowed. `recheck` runs when what the session may do was, or may have been, changed since; when it rejects, that is the
   * cut.
   */
  hold(token: string, allowed: Vouching, recheck: () => Promise<Vouching>): Watch
  close(): void
}

/**
 * Follows `Sessions.Watch`, one stream per token however many calls hold it. Tells `invalid_token` only on the gateway's word. Work
 * goes on until the time the gateway last vouched for, and no patience is added here: what it says counts from the moment it was
 * asked, so a message that was long on its way vouches for less, not for more.
 *
 * What a stream says keeps only work alive that was allowed by no less than its gateway knows. A change may have come between the
 * answer that allowed the work and the stream, or the two may be from different gateways: then the work is checked again.
 */
export function createWatcher(channel: Channel, clock: IntervalClock): Watcher {
  const followed = new Map<string, FollowedToken>()

  function hold(token: string, allowed: Vouching, recheck: () => Promise<Vouching>): Watch {
    const entry =
      followed.get(token) ??
      new FollowedToken(channel, clock, token, () => {
        followed.delete(token)
      })
    followed.set(token, entry)
    const cut = new AbortController()
    const holder = new HeldWork(allowed, cut, recheck)
    entry.join(holder)
    return {
      cut: cut.signal,
      settled: entry.settled,
      check: () => {
        entry.check()
      },
      release: () => {
        entry.leave(holder)
      },
    }
  }

  return {
    hold,
    close: () => {
      for (const entry of [...followed.values()]) entry.stop()
    },
  }
}

class FollowedToken {
  readonly settled: Promise<void>
  readonly #channel: Channel
  readonly #clock: IntervalClock
  readonly #token: string
  readonly #forget: () => void
  readonly #holders = new Set<HeldWork>()
  #settle: () => void = nothing
  #disconnect: () => void = nothing
  /** Until when the gateway has vouched for the session on any stream. */
  #vouchedUntil: Moment | undefined
  /** How far the gateway of the stream had followed changes when it last told of one, or began. */
  #changedAt: JudgedPosition | undefined
  /** The stream is open and has told that the session lives. */
  #isWatched = false
  #cause: GatewayError | undefined
  #cancelEnd: () => void = nothing
  #cancelRetry: () => void = nothing
  #cancelLinger: () => void = nothing
  readonly #backoff = new Backoff(RETRY)
  #isStarted = false

  constructor(channel: Channel, clock: IntervalClock, token: string, forget: () => void) {
    this.#channel = channel
    this.#clock = clock
    this.#token = token
    this.#forget = forget
    this.settled = new Promise<void>((resolve) => {
      this.#settle = resolve
    })
  }

  join(holder: HeldWork): void {
    this.#cancelLinger()
    this.#holders.add(holder)
    this.#recheck((held) => !this.#covers(held))
    this.#schedule()
    if (this.#isStarted) return
    this.#isStarted = true
    this.#connect()
  }

  leave(holder: HeldWork): void {
    if (!this.#holders.delete(holder)) return
    this.#schedule()
    if (this.#holders.size > 0) return
    if (this.#isWatched)
      this.#cancelLinger = this.#clock.after(LINGER_MS, () => {
        this.stop()
      })
    else this.stop()
  }

  stop(): void {
    this.#cancelEnd()
    this.#cancelRetry()
    this.#cancelLinger()
    this.#disconnect()
    this.#settle()
    this.#forget()
  }

  #connect(): void {
    const requestedAt = momentOf(this.#clock)
    this.#disconnect = listen(
      this.#channel,
      this.#token,
      (event) => {
        this.#apply(event, requestedAt)
      },
      (error) => {
        if (typeForAgent(error) === 'invalid_token' || !error.retryable) this.#end(error)
        else this.#lose(error)
      },
    )
  }

  #apply(event: SessionEvent, requestedAt: Moment): void {
    const { kind, reason, vouched_ms } = event
    if (kind === 'KIND_ENDED') {
      this.#end(endedError(reason))
      return
    }
    const tellsPosition = kind === 'KIND_LIVE' || kind === 'KIND_CHANGED'
    if (tellsPosition) this.#keepWhatStands()
    const until = later(requestedAt, vouched_ms)
    if (!this.#vouchedUntil || leftUntil(this.#clock, until) > leftUntil(this.#clock, this.#vouchedUntil))
      this.#vouchedUntil = until
    if (tellsPosition) this.#changedAt = event.feed_epoch === '' ? undefined : event
    this.check()
    // A gateway of 0.1.0 tells no position: its word that something changed counts for all.
    this.#recheck(kind === 'KIND_CHANGED' && event.feed_epoch === '' ? () => true : (held) => !this.#covers(held))
    if (kind === 'KIND_LIVE') {
      this.#isWatched = true
      this.#backoff.reset()
      this.#settle()
    }
  }

  /** A change is about to be heard of: what was vouched for before it stands for as long, while the change is asked about. */
  #keepWhatStands(): void {
    for (const held of this.#holders) if (this.#covers(held)) held.keptUntil = this.#vouchedUntil
  }

  /** Again at each word of the stream, about once a second, while another gateway that judges has not caught up with this one. */
  #recheck(isDue: (held: HeldWork) => boolean): void {
    for (const held of this.#holders)
      if (isDue(held))
        held.recheck(() => {
          this.#schedule()
        })
  }

  #covers(holder: HeldWork): boolean {
    return this.#changedAt === undefined || holder.covers(this.#changedAt)
  }

  /** Milliseconds for which it is still vouched for; negative = not any more. */
  #leftOf(holder: HeldWork): number {
    const { vouchedUntil, keptUntil = vouchedUntil } = holder
    const left = Math.max(leftUntil(this.#clock, vouchedUntil), leftUntil(this.#clock, keptUntil))
    if (!this.#vouchedUntil || !this.#covers(holder)) return left
    return Math.max(left, leftUntil(this.#clock, this.#vouchedUntil))
  }

  /** Sets the timer for the first work that nobody will vouch for any more, unless the gateway is heard before. */
  #schedule(): void {
    this.#cancelEnd()
    if (this.#holders.size === 0) return
    const first = Math.min(...[...this.#holders].map((holder) => this.#leftOf(holder)))
    this.#cancelEnd = this.#clock.after(Math.min(Math.max(first, 0), LONGEST_UNCHECKED_MS), () => {
      this.check()
    })
  }

  check(): void {
    const unvouched = [...this.#holders].filter((holder) => this.#leftOf(holder) <= 0)
    const reason = new GatewayError('unavailable', 'unwatched', 'the gateway cannot vouch for the session right now', {
      cause: this.#cause,
    })
    for (const holder of unvouched) {
      this.#holders.delete(holder)
      holder.end(reason)
    }
    if (unvouched.length > 0 && this.#holders.size === 0) this.stop()
    else this.#schedule()
  }

  #lose(cause: GatewayError): void {
    this.#isWatched = false
    this.#cause = cause
    // The next call starts afresh.
    if (this.#holders.size === 0) {
      this.stop()
      return
    }
    this.check()
    // All of it was cut, and this stopped: a stream opened now would be nobody's, and nothing would end it.
    if (this.#holders.size === 0) return
    this.#settle()
    this.#cancelRetry = this.#clock.after(this.#backoff.next(), () => {
      this.#connect()
    })
  }

  #end(reason: GatewayError): void {
    const ended = [...this.#holders]
    this.#holders.clear()
    this.stop()
    for (const holder of ended) holder.end(reason)
  }
}

const nothing = (): void => undefined

/** One attempt. `over` is called at most once, never after the returned function. */
function listen(
  channel: Channel,
  token: string,
  apply: (event: SessionEvent) => void,
  over: (error: GatewayError) => void,
): () => void {
  let isOver = false
  const finish = (error: GatewayError) => {
    if (isOver) return
    isOver = true
    over(error)
  }
  let stream
  try {
    stream = channel.watch({ token })
  } catch (thrown) {
    // The server's own credential is missing at the moment.
    finish(
      new GatewayError(
        'unavailable',
        'caller_unauthenticated',
        'this server has no credential for the gateway at the moment',
        { cause: thrown },
      ),
    )
    return nothing
  }
  stream.on('data', (event: SessionEvent) => {
    if (!isOver) apply(event)
  })
  stream.on('error', (error) => {
    finish(fromGrpc(error as Parameters<typeof fromGrpc>[0], ''))
  })
  stream.on('end', () => {
    finish(new GatewayError('unavailable', 'cut', 'the gateway stopped watching the session'))
  })
  return () => {
    isOver = true
    stream.cancel()
  }
}

/** The error that work under an ended session gets. */
export const endedError = (reason: string): GatewayError =>
  reason === ''
    ? new GatewayError('invalid_token', 'ended', 'the session is over; open a new one')
    : received('invalid_token', reason, `the session is over (${reason}); open a new one`)
