import { definePath } from '../framework/path.ts'
import type { Fields } from '../framework/field.ts'
import { badRequest } from '../logical/errors.ts'
import { publishedCheck } from './check-key.ts'
import type { Engine } from './engine.ts'

/** A waiting request holds locks in Vault, so that a reload or step-down must never stand behind it for long. */
const LONGEST_WAIT_SECONDS = 2

const fields = {
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
} as const satisfies Fields

export function pathFeed(engine: Engine) {
  return definePath({
    pattern: 'feed',
    fields,
    active_node_only: true,
    synopsis: 'The ordered stream of changes that gateways follow.',
    description:
      'Responds at once when there are events after the given sequence, else when one happens or the wait is over. reset: the position is unknown, drop everything cached. removed: the mount is being disabled or moved, everything has ended. What a follower knows is as fresh as its request plus held_ms.',
    operations: {
      async read({ request, fields: given }) {
        const after = given.get('after') ?? 0
        if (after < 0) throw badRequest('after must not be negative, for example after=0.')
        const waitMs = Math.min(given.get('wait_ms') ?? (given.get('wait') ?? 1) * 1000, LONGEST_WAIT_SECONDS * 1000)
        const gateway = given.get('gateway') ?? ''
        if (!/^[A-Za-z0-9_-]{0,64}$/.test(gateway))
          throw badRequest(
            'gateway must be at most 64 letters, digits, _ and -, for example gateway=gw_3f9c2b71d0a84e65.',
          )
        engine.pollers.polled(gateway)
        const follower = { epoch: given.get('epoch') ?? '', after }
        const response = await engine.removal.during(() => engine.feed.poll(follower, waitMs, request.signal))
        const check = response.reset ? await publishedCheck(engine) : undefined
        return { data: { ...response, pollers: engine.pollers.count, ...check } }
      },
    },
  })
}
