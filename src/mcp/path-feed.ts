import { INTROSPECTION_BATCH, feedRequestFields, feedResponseFields } from '../document/index.ts'
import type { SentFeedResponse } from '../document/index.ts'
import { definePath } from '../framework/path.ts'
import type { Fields } from '../framework/field.ts'
import { badRequest } from '../logical/errors.ts'
import { publishedCheck } from './check-key.ts'
import type { Engine } from './engine.ts'

/** A waiting request holds locks in Vault, so that a reload or step-down must never stand behind it for long. */
const LONGEST_WAIT_SECONDS = 2

const fields = { ...feedRequestFields, ...feedResponseFields } as const satisfies Fields

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
        const data = {
          ...response,
          pollers: engine.pollers.count,
          introspection_batch: INTROSPECTION_BATCH,
          ...check,
        } satisfies SentFeedResponse
        return { data }
      },
    },
  })
}
