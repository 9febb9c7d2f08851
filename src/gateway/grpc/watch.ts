/** `Sessions.Watch`: tells as soon as it is known that a session ended, and when what it may do was changed. */
import type { ServerWritableStream, handleServerStreamingCall } from '@grpc/grpc-js'
import { slotOf } from '../knowledge/documents.ts'
import type { WatchAsk } from '../decision/requests.ts'
import type { FeedEvent } from '../knowledge/feed-event.ts'
import type { EndReason } from '../knowledge/session-entry.ts'
import type { SessionWatch } from '../knowledge/watch.ts'
import { toGatewayError, unavailable } from '../error.ts'
import type { GatewayError } from '../error.ts'
import { decoded } from './definitions.ts'
import type { Undecodable } from './definitions.ts'
import { callerOf, callerRequestIdFor, failureOf, requestIdFor, wrongField } from './exchange.ts'
import type { GrpcParts } from './exchange.ts'
import type { SessionEvent, WatchRequest } from './messages.ts'
import { Outbox } from './outbox.ts'
import type { OpenStreams } from './outbox.ts'
import { replyOf } from './status.ts'

/** No further apart are the times a watcher hears for how long it may go on. */
const LONGEST_SILENCE_MS = 1_000

type WatchCall = ServerWritableStream<WatchRequest | Undecodable, SessionEvent>

export function watchHandler(
  parts: GrpcParts,
  streams: OpenStreams,
): handleServerStreamingCall<WatchRequest | Undecodable, SessionEvent> {
  const open = new Set<WatchedSession>()
  parts.follower.subscribe({
    changed: (events) => {
      const paths = documentsIn(events)
      if (paths.length > 0) for (const watched of open) watched.documentsChanged(paths)
    },
    reset: () => {
      for (const watched of open) watched.documentsChanged(undefined)
    },
    refused: (reason) => {
      for (const watched of [...open]) watched.refuse(reason)
    },
  })
  return (call: WatchCall) => {
    const outbox = new Outbox<SessionEvent>(call)
    streams.add(outbox)
    const requestId = requestIdFor(parts)
    start(parts, call, outbox, open, requestId).catch((thrown: unknown) => {
      outbox.fail(replyOf(failureOf(parts, thrown, requestId), requestId))
    })
  }
}

const documentsIn = (events: readonly FeedEvent[]): string[] =>
  events.flatMap((event) => (event.type === 'document' ? [slotOf(event.path)] : []))

async function start(
  parts: GrpcParts,
  call: WatchCall,
  outbox: Outbox<SessionEvent>,
  open: Set<WatchedSession>,
  requestId: string,
): Promise<void> {
  const caller = callerOf(parts, call)
  const key = keyOf(decoded(call.request))
  const callerRequestId = callerRequestIdFor(call.metadata)
  const watched = await WatchedSession.begin(parts, { key, caller, requestId, callerRequestId }, outbox)
  if (outbox.over) {
    watched.stop()
    return
  }
  open.add(watched)
  outbox.gone.addEventListener(
    'abort',
    () => {
      open.delete(watched)
      watched.stop()
    },
    { once: true },
  )
}

function keyOf({ session_id, token }: WatchRequest): WatchAsk['key'] {
  if ((session_id === '') === (token === ''))
    throw wrongField('give either session_id or token, for example session_id: "sess_01JNKQ8X4F2MVBP7RD3WCZH9GT"')
  return token === '' ? { session_id } : { token }
}

class WatchedSession {
  readonly #parts: GrpcParts
  readonly #outbox: Outbox<SessionEvent>
  /** What `vouched_ms` counts from: no earlier than the moment the caller sent its request. */
  readonly #askedMs: number
  #toldMs = 0
  #watch!: SessionWatch
  #stopPulse: () => void = () => undefined
  #leave: () => void = () => undefined
  /** Documents that say what the session may do; undefined while that is not known: then every change counts. */
  #paths: ReadonlySet<string> | undefined
  #telling = false
  #owed = false

  private constructor(parts: GrpcParts, outbox: Outbox<SessionEvent>) {
    this.#parts = parts
    this.#outbox = outbox
    this.#askedMs = parts.clock.monotonic()
  }

  /** Tells that the session is live. Throws what a request with its token would. */
  static async begin(parts: GrpcParts, ask: WatchAsk, outbox: Outbox<SessionEvent>): Promise<WatchedSession> {
    const watched = new WatchedSession(parts, outbox)
    let ended: EndReason | undefined
    const watch = await parts.decisions.watch(ask, (reason) => {
      ended = reason
      watched.#end(reason)
    })
    watched.#watch = watch
    try {
      watched.#leave = parts.limits.stream(watched.#sessionId)
    } catch (refused) {
      watch.cancel()
      throw refused
    }
    if (ended !== undefined) {
      watched.#end(ended)
      return watched
    }
    void watched.#tell('KIND_LIVE')
    watched.#stopPulse = parts.pulse.every(() => {
      watched.#vouch()
    })
    void watched.#learnPaths()
    return watched
  }

  get #sessionId(): string {
    return this.#watch.entry.facts.session_id
  }

  stop(): void {
    this.#leave()
    this.#stopPulse()
    this.#watch.cancel()
  }

  /** Vault said no: nothing vouches for the session any more, and nothing says that it is over. */
  refuse(reason: GatewayError): void {
    this.#outbox.cut(replyOf(reason, ''))
  }

  documentsChanged(paths: readonly string[] | undefined): void {
    const known = this.#paths
    if (paths && known && !paths.some((path) => known.has(path))) return
    this.#paths = undefined
    this.#tellChanged()
    void this.#learnPaths()
  }

  /** A reader that is slow is told once of many changes. */
  #tellChanged(): void {
    if (this.#telling) {
      this.#owed = true
      return
    }
    this.#telling = true
    void this.#tell('KIND_CHANGED').then(() => {
      this.#telling = false
      if (!this.#owed) return
      this.#owed = false
      this.#tellChanged()
    })
  }

  async #learnPaths(): Promise<void> {
    try {
      const { paths } = await this.#parts.grants.of(this.#watch.entry)
      this.#paths = paths
    } catch (thrown) {
      // Until they are known every change is told.
      this.#parts.logger.debug(
        { kind: toGatewayError(thrown).kind },
        'what a watched session rests on cannot be read yet',
      )
    }
  }

  #end(reason: EndReason): void {
    // The first word is LIVE, or none: an end before it is told by whoever is beginning.
    if ((this.#watch as SessionWatch | undefined) === undefined) return
    void this.#outbox.send({ kind: 'KIND_ENDED', session_id: this.#sessionId, reason })
    this.#outbox.end()
  }

  #tell(kind: SessionEvent['kind']): Promise<void> {
    this.#toldMs = this.#parts.clock.monotonic()
    return this.#outbox.send({
      kind,
      session_id: this.#sessionId,
      vouched_ms: Math.floor(this.#toldMs - this.#askedMs + this.#leftMs()),
    })
  }

  #leftMs(): number {
    const { freshness } = this.#parts
    return Math.min(freshness.leftMs(undefined), freshness.limitMs(undefined) - this.#watch.adriftMs())
  }

  /** An open stream vouches for the session: it may last only while this gateway can. */
  #vouch(): void {
    const { clock, freshness } = this.#parts
    if (this.#leftMs() < 0) {
      this.#outbox.cut(
        replyOf(
          unavailable('stale', 'this gateway can no longer vouch for the session; keep the token and try again'),
          '',
        ),
      )
      return
    }
    const silenceMs = Math.min(LONGEST_SILENCE_MS, freshness.limitMs(undefined) / 5)
    if (this.#outbox.idle && clock.monotonic() - this.#toldMs >= silenceMs) void this.#tell('KIND_VOUCHED')
  }
}
