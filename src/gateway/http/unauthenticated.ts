import type { Clock } from '../../logical/clock.ts'
import type { DecisionRecords } from '../decision/records.ts'
import { limited } from '../error.ts'
import type { GatewayFailure } from '../error.ts'
import type { Limits } from '../limits/index.ts'
import { sendError } from './response.ts'
import type { Exchange } from './response.ts'

export interface UnauthenticatedRefusalsConfig {
  readonly limits: Limits
  readonly records: DecisionRecords
  readonly clock: Clock
}

/** What a caller is refused with who brings nothing this gateway knows, where a session's token is all it brings. */
const onUpstreamFace: readonly string[] = ['missing', 'malformed', 'unknown', 'lookups_limit']
/** And where callers have credentials of their own. */
const onRestFace: readonly string[] = ['caller_missing', 'caller_unknown', 'caller_phantom_token']

const HOLD_MS = 1_000
const MOST_HELD = 1_024

/**
 * Refuses callers that did not authenticate. So many a second from one address are told why. Those beyond are 429 and wait for it:
 * who sends the next request when the last was refused must not take the time that others need.
 */
export class UnauthenticatedRefusals {
  readonly #config: UnauthenticatedRefusalsConfig
  #held = 0

  constructor(config: UnauthenticatedRefusalsConfig) {
    this.#config = config
  }

  covers({ code }: GatewayFailure, face: 'upstream' | 'rest'): boolean {
    return (face === 'upstream' ? onUpstreamFace : onRestFace).includes(code)
  }

  send(exchange: Exchange, error: GatewayFailure): void {
    const { limits, records, clock } = this.#config
    const { request, response } = exchange
    if (limits.recordRefusal(`address ${request.socket.remoteAddress ?? ''}`)) {
      sendError(exchange, error)
      return
    }
    records.limitedUnauthenticated()
    if (this.#held >= MOST_HELD) {
      request.socket.destroy()
      return
    }
    this.#held++
    const cancel = clock.after(HOLD_MS, () => {
      sendError(
        exchange,
        limited(
          'refusals_limit',
          'too many requests from this address were refused in this second; look at what they are refused for (refusals_per_second)',
        ),
      )
    })
    response.once('close', () => {
      cancel()
      this.#held--
    })
  }
}
