import { elapsedSince } from '../../logical/clock.ts'
import type { Clock, Moment } from '../../logical/clock.ts'
import { Deadlines } from '../../logical/deadlines.ts'
import type { WithDeadline } from '../../logical/deadlines.ts'
import { Slots } from '../../logical/slots.ts'
import type { FeedFollower } from './feed-follower.ts'
import { textOf } from './introspection.ts'
import type { EndReason, SessionEntry } from './session-entry.ts'

interface WatchDependencies {
  readonly clock: Clock
  readonly follower: Pick<FeedFollower, 'asOf' | 'engineClock'>
}

/** Who watches a session: told at most once, at the moment it is learnt that its calls are over. */
export interface SessionWatcher {
  sessionEnded(reason: EndReason): void
}

/** Eyes on one session for as long as something of it is under way: a call, a stream, a listener. Ends at most once. */
export class SessionWatch implements WithDeadline {
  readonly #dependencies: WatchDependencies
  readonly #watches: SessionWatches
  readonly #watcher: SessionWatcher
  #entry: SessionEntry
  #over = false
  #staleSince: Moment | undefined
  /** The session's hard expiry. */
  deadlineMs = Infinity
  deadlineSlot = -1
  /** Among those that watch the same entry; kept by `SessionWatches`. */
  entrySlot = -1

  constructor(entry: SessionEntry, watcher: SessionWatcher, dependencies: WatchDependencies, watches: SessionWatches) {
    this.#entry = entry
    this.#watcher = watcher
    this.#dependencies = dependencies
    this.#watches = watches
  }

  get entry(): SessionEntry {
    return this.#entry
  }
  get stale(): boolean {
    return this.#staleSince !== undefined && !this.#over
  }

  /** Age of what was known of this session when it was dropped, in milliseconds; 0 while it is known. */
  staleMs(): number {
    return this.#staleSince === undefined ? 0 : elapsedSince(this.#dependencies.clock, this.#staleSince)
  }

  /** Ends if the session has, and looks again when its time has come. */
  review(): void {
    if (this.#over) return
    const { clock, follower } = this.#dependencies
    const nowUnixMs = follower.engineClock.nowUnixMs()
    // Without knowledge of the engine's clock nothing can be judged; the limits on staleness bound how long that may last.
    if (nowUnixMs === Infinity) return
    const reason = this.#entry.endOfCalls(nowUnixMs)
    if (reason) {
      this.end(reason)
      return
    }
    this.deadlineMs = clock.monotonic() + this.#entry.callsEndAtUnixMs - nowUnixMs
    this.#watches.advanced(this)
  }

  due(): void {
    this.deadlineMs = Infinity
    this.review()
  }

  end(reason: EndReason): void {
    if (this.#over) return
    this.cancel()
    this.#watcher.sessionEnded(reason)
  }

  cancel(): void {
    if (this.#over) return
    this.#over = true
    this.#watches.delete(this)
  }

  /** What was known of the session holds no more, until `attach` brings a fresh entry. */
  markStale(): void {
    this.#staleSince ??= this.#dependencies.follower.asOf
  }

  attach(entry: SessionEntry): void {
    this.#watches.delete(this)
    this.#entry = entry
    this.#staleSince = undefined
    this.#watches.add(this)
    this.review()
  }
}

/** Everything that is watched at the moment. */
export class SessionWatches {
  readonly #byEntry = new Map<SessionEntry, Slots<SessionWatch>>()
  readonly #deadlines: Deadlines<SessionWatch>

  constructor(clock: Clock) {
    this.#deadlines = new Deadlines(clock)
  }

  /** Sessions of which something is under way. */
  get sessions(): number {
    return this.#byEntry.size
  }

  add(watch: SessionWatch): void {
    let watches = this.#byEntry.get(watch.entry)
    if (!watches) this.#byEntry.set(watch.entry, (watches = new Slots()))
    watch.entrySlot = watches.add(watch)
    this.#deadlines.add(watch)
  }

  delete(watch: SessionWatch): void {
    const watches = this.#byEntry.get(watch.entry)
    if (watches?.delete(watch.entrySlot, watch) && watches.size === 0) this.#byEntry.delete(watch.entry)
    this.#deadlines.delete(watch)
  }

  /**
   * The engine has said that this token or session is revoked, perhaps before the feed does: what it said to one, another call must not
   * contradict. `key`: see `textOf`.
   */
  revoked(key: string): void {
    for (const watch of this.all())
      if (watch.entry.key === key || textOf({ session_id: watch.entry.sessionId }) === key) watch.end('revoked')
  }

  advanced(watch: SessionWatch): void {
    this.#deadlines.advanced(watch)
  }

  has(entry: SessionEntry): boolean {
    return this.#byEntry.has(entry)
  }

  /** As they are now: what is done with them may change the set. */
  of(entry: SessionEntry): readonly SessionWatch[] {
    return this.#byEntry.get(entry)?.all() ?? []
  }

  all(): readonly SessionWatch[] {
    return this.#deadlines.all()
  }
}
