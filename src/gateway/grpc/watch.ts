/** `Sessions.Watch`: tells as soon as it is known that a session ended, and when what it may do was changed. */
import type { ServerWritableStream, handleServerStreamingCall } from '@grpc/grpc-js'
import { slotOf } from '../knowledge/documents.ts'
import type { WatchingRequest } from '../decision/requests.ts'
import type { NumberedEvent } from '../../document/index.ts'
import type { EndReason } from '../knowledge/session-entry.ts'
import type { SessionWatch } from '../knowledge/watch.ts'
import { toGatewayFailure, unavailable } from '../error.ts'
import type { GatewayFailure } from '../error.ts'
import { decoded } from './definitions.ts'
import type { Undecodable } from './definitions.ts'
import { callerOf, callerRequestIdFor, failureOf, requestIdFor, wrongField } from './exchange.ts'
import type { GrpcDependencies } from './exchange.ts'
import type { SessionEvent, WatchRequest } from './messages.ts'
import { Outbox } from './outbox.ts'
import type { OpenStreams } from './outbox.ts'
import { failureStatus } from './status.ts'

/** No further apart are the times a watcher hears for how long it may go on. */
const LONGEST_SILENCE_MS = 1_000

type WatchCall = ServerWritableStream<WatchRequest | Undecodable, SessionEvent>

export function watchHandler(
  dependencies: GrpcDependencies,
  streams: OpenStreams,
): handleServerStreamingCall<WatchRequest | Undecodable, SessionEvent> {
  const open = new Set<WatchedSession>()
  dependencies.follower.subscribe({
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
    const requestId = requestIdFor(dependencies)
    start(dependencies, call, outbox, open, requestId).catch((thrown: unknown) => {
      outbox.fail(failureStatus(failureOf(dependencies, thrown, requestId), requestId))
    })
  }
}

const documentsIn = (events: readonly NumberedEvent[]): string[] =>
  events.flatMap((event) => (event.type === 'document' ? [slotOf(event.path)] : []))

async function start(
  dependencies: GrpcDependencies,
  call: WatchCall,
  outbox: Outbox<SessionEvent>,
  open: Set<WatchedSession>,
  requestId: string,
): Promise<void> {
  const caller = callerOf(dependencies, call)
  const key = keyOf(decoded(call.request))
  const callerRequestId = callerRequestIdFor(call.metadata)
  const watched = await WatchedSession.begin(dependencies, { key, caller, requestId, callerRequestId }, outbox)
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

function keyOf({ session_id, token }: WatchRequest): WatchingRequest['key'] {
  if ((session_id === '') === (token === ''))
    throw wrongField('give either session_id or token, for example session_id: "sess_01JNKQ8X4F2MVBP7RD3WCZH9GT"')
  return token === '' ? { session_id } : { token }
}

class WatchedSession {
  readonly #dependencies: GrpcDependencies
  readonly #outbox: Outbox<SessionEvent>
  /** What `vouched_ms` counts from: no earlier than the moment the caller sent its request. */
  readonly #askedMs: number
  #toldMs = 0
  #watch!: SessionWatch
  #stopTicking: () => void = () => undefined
  #leave: () => void = () => undefined
  /** Documents that say what the session may do; undefined while that is not known: then every change counts. */
  #paths: ReadonlySet<string> | undefined
  #telling = false
  #owed = false

  private constructor(dependencies: GrpcDependencies, outbox: Outbox<SessionEvent>) {
    this.#dependencies = dependencies
    this.#outbox = outbox
    this.#askedMs = dependencies.clock.monotonic()
  }

  /** Tells that the session is live. Throws what a request with its token would. */
  static async begin(
    dependencies: GrpcDependencies,
    request: WatchingRequest,
    outbox: Outbox<SessionEvent>,
  ): Promise<WatchedSession> {
    const watched = new WatchedSession(dependencies, outbox)
    let ended: EndReason | undefined
    const watch = await dependencies.decisions.watch(request, (reason) => {
      ended = reason
      watched.#end(reason)
    })
    watched.#watch = watch
    try {
      watched.#leave = dependencies.limits.stream(watched.#sessionId)
    } catch (refused) {
      watch.cancel()
      throw refused
    }
    if (ended !== undefined) {
      watched.#end(ended)
      return watched
    }
    void watched.#tell('KIND_LIVE')
    watched.#stopTicking = dependencies.ticker.every(() => {
      watched.#vouch()
    })
    void watched.#learnPaths()
    return watched
  }

  get #sessionId(): string {
    return this.#watch.entry.sessionId
  }

  stop(): void {
    this.#leave()
    this.#stopTicking()
    this.#watch.cancel()
  }

  /** Vault said no: nothing vouches for the session any more, and nothing says that it is over. */
  refuse(reason: GatewayFailure): void {
    this.#outbox.cut(failureStatus(reason, ''))
  }

  documentsChanged(paths: readonly string[] | undefined): void {
    const known = this.#paths
    if (paths && known && !paths.some((path) => known.has(path))) return
    this.#paths = undefined
    this.#tellChanged()
    void this.#learnPaths()
  }

  /** A slow reader gets one event for many changes. */
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
      const { paths } = await this.#dependencies.grants.of(this.#watch.entry)
      this.#paths = paths
    } catch (thrown) {
      // Until they are known, every change is sent.
      this.#dependencies.logger.debug(
        { kind: toGatewayFailure(thrown).kind },
        'the documents of a watched session cannot be read yet',
      )
    }
  }

  #end(reason: EndReason): void {
    // The first word is LIVE, or none: an end before it is reported by the code that begins the watch.
    if ((this.#watch as SessionWatch | undefined) === undefined) return
    void this.#outbox.send({ kind: 'KIND_ENDED', session_id: this.#sessionId, reason })
    this.#outbox.end()
  }

  #tell(kind: SessionEvent['kind']): Promise<void> {
    this.#toldMs = this.#dependencies.clock.monotonic()
    return this.#outbox.send({
      kind,
      session_id: this.#sessionId,
      vouched_ms: Math.floor(this.#toldMs - this.#askedMs + this.#leftMs()),
      ...(kind === 'KIND_VOUCHED' ? {} : this.#dependencies.follower.position),
    })
  }

  #leftMs(): number {
    const { freshness } = this.#dependencies
    return Math.min(freshness.leftMs(undefined), freshness.limitMs(undefined) - this.#watch.staleMs())
  }

  /** An open stream vouches for the session: it may last only while this gateway can. */
  #vouch(): void {
    const { clock, freshness } = this.#dependencies
    if (this.#leftMs() < 0) {
      this.#outbox.cut(
        failureStatus(
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
