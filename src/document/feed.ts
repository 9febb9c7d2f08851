/** What the engine's feed says: request, response and events. Names and units are the wire's. */
import { DocumentError } from './problem.ts'
import { always, isObject, readPresent } from './shape.ts'
import type { PresentValues, SentValues } from './shape.ts'

export const feedRequestFields = {
  epoch: {
    type: 'string',
    echoed: true,
    description: 'Epoch of the last response; empty at first.',
    example: 'a3f1c04be2d9775810aa93cf',
    default: '',
  },
  after: { type: 'int', description: 'Sequence of the last response.', example: 41, default: 0 },
  wait: { type: 'duration', description: 'Seconds to wait for an event, at most 2.', example: 1, default: 1 },
  wait_ms: {
    type: 'int',
    description: 'Milliseconds to wait instead of wait.',
    example: 150,
  },
  gateway: {
    type: 'string',
    description: 'Random name of the gateway that polls, for counting: up to 64 letters, digits, _ and -.',
    example: 'gw_3f9c2b71d0a84e65',
    default: '',
  },
} as const

/** What responses hold beside the epoch. Defaults stand for what older engines do not tell. */
export const feedResponseFields = {
  sequence: {
    type: 'int',
    computed: true,
    description: 'Where this response ends: the next value of after.',
    example: 42,
  },
  server_time_unix_ms: {
    type: 'int',
    computed: true,
    description: "The engine's clock, on which expiry is judged, in Unix milliseconds.",
    example: 1773590400000,
  },
  held_ms: { type: 'int', computed: true, description: 'How long the request was held.', example: 312 },
  events: {
    type: 'objects',
    computed: true,
    description:
      'Ascending by sequence. type is session_ended, token_ended, generation, mount_generation, expiry or document.',
    example: [{ sequence: 42, type: 'session_ended', session_id: 'sess_01JNKQ8X4F2MVBP7RD3WCZH9GT', reason: 'closed' }],
  },
  reset: {
    type: 'bool',
    computed: true,
    description: 'The requested position is unknown: drop everything cached.',
    example: false,
  },
  more: {
    type: 'bool',
    computed: true,
    description: 'Later events are waiting: poll again at once.',
    example: false,
  },
  removed: {
    type: 'bool',
    computed: true,
    description: 'The mount is being disabled or moved: everything under it has ended, and no further poll is held.',
    example: false,
  },
  check_keys: {
    type: 'list',
    computed: true,
    description: 'With reset only: keys, in base64, by one of which every token of this mount is checked.',
    example: ['…'],
  },
  check_enforced_from_unix: {
    type: 'int',
    computed: true,
    description: 'With reset only: from when a token that fails the check cannot exist, in Unix seconds.',
    example: 1773590400,
  },
  pollers: {
    type: 'int',
    computed: true,
    description:
      'Gateways that polled in the last 10 s, this one included if it gave its name: what a limit meant for all of them together is divided by.',
    example: 2,
  },
  introspection_batch: {
    type: 'int',
    computed: true,
    description: 'How many tokens mcp/introspect takes in one batch_input.',
    example: 64,
  },
} as const

const responseShape = {
  epoch: { type: 'string', required: true },
  sequence: { ...always(feedResponseFields.sequence), least: 0 },
  server_time_unix_ms: always(feedResponseFields.server_time_unix_ms),
  held_ms: { ...always(feedResponseFields.held_ms), least: 0 },
  events: always(feedResponseFields.events),
  reset: always(feedResponseFields.reset),
  more: always(feedResponseFields.more),
  check_keys: feedResponseFields.check_keys,
  check_enforced_from_unix: feedResponseFields.check_enforced_from_unix,
  // An engine of 0.1.0 does not tell.
  removed: { ...feedResponseFields.removed, default: false },
  pollers: { ...feedResponseFields.pollers, default: 0, least: 0 },
  // An engine that does not tell takes one at a time.
  introspection_batch: { ...feedResponseFields.introspection_batch, default: 1, least: 1 },
} as const

const text = { type: 'string', always: true } as const
const whole = { type: 'int', always: true } as const
const flag = { type: 'bool', always: true } as const

/** What each type of event tells. */
const eventShapes = {
  session_ended: { session_id: text, reason: text },
  token_ended: { session_id: text, token_id: text, reason: text },
  generation: { agent_id: text, generation: whole },
  mount_generation: { generation: whole },
  expiry: {
    session_id: text,
    token_id: text,
    expires_at_unix: whole,
    /** Whether it is the last of its session's tokens to run out. */
    newest: flag,
    /** When the last one does. Absent from an engine of 0.1.0, for which the newest token is the one that counts. */
    tokens_end_unix: { type: 'int' },
  },
  /** `version` grows with every write. */
  document: { path: text, version: whole, deleted: flag },
} as const

type EventType = keyof typeof eventShapes

export type FeedEvent = {
  [T in EventType]: { readonly type: T } & PresentValues<(typeof eventShapes)[T]>
}[EventType]

/** An event with its place in the feed. */
export type NumberedEvent = FeedEvent & { readonly sequence: number }

/** Where a follower stands. */
export interface FeedPosition {
  readonly epoch: string
  readonly sequence: number
}

/** What the engine sends. */
export type SentFeedResponse = Omit<SentValues<typeof responseShape>, 'events'> & {
  readonly events: readonly NumberedEvent[]
}

/**
 * `held_ms`: how long the request was held: the response is as fresh as the request plus this. `reset`: the follower's position means
 * nothing there: drop every cached thing. `more`: later events wait, so that this response makes nothing fresh. `removed`: the mount
 * is being disabled or moved, and everything under it has ended. `pollers`: 0 where the engine does not tell. `introspection_batch`: 1 where it takes one token at a time.
 */
export type FeedResponse = Omit<PresentValues<typeof responseShape>, 'events'> & {
  readonly events: readonly NumberedEvent[]
}

/**
 * Reads a response of `mcp/feed`. Throws `DocumentError`. An event that is not understood makes it a reset: something changed, and
 * dropping everything is the one reaction that is never wrong.
 */
export function readFeedResponse(data: unknown): FeedResponse {
  const response = readPresent('feed', responseShape, data)
  try {
    return { ...response, events: response.events.map(readEvent) }
  } catch (error) {
    if (error instanceof DocumentError) return { ...response, events: [], reset: true }
    throw error
  }
}

function readEvent(data: unknown): NumberedEvent {
  const { type } = isObject(data) ? data : {}
  if (typeof type !== 'string' || !Object.hasOwn(eventShapes, type))
    throw new DocumentError('feed event', { field: 'type', problem: 'is not known', example: 'session_ended' })
  const shape = { ...eventShapes[type as EventType], sequence: responseShape.sequence }
  return { type, ...readPresent('feed event', shape, data) } as NumberedEvent
}
