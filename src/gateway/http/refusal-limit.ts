import type { Clock } from '../../logical/clock.ts'
import type { DecisionRecords } from '../decision/records.ts'
import { limited } from '../error.ts'
import type { GatewayFailure } from '../error.ts'
import type { Limits } from '../limits/index.ts'
import { sendError } from './response.ts'
import type { Exchange } from './response.ts'

export interface RefusalLimitConfig {
  readonly limits: Limits
  readonly records: DecisionRecords
  readonly clock: Clock
}

/** What a caller is refused with who brings nothing this gateway knows, where a session's token is all it brings. */
const onUpstreamCall: readonly string[] = ['missing', 'malformed', 'unknown', 'lookups_limit']
/** And where callers have credentials of their own. */
const onRestCall: readonly string[] = ['caller_missing', 'caller_unknown', 'caller_phantom_token']

const HOLD_MS = 1_000
const MOST_HELD = 1_024

/**
 * Refuses callers that did not authenticate: so many a second from one address are told why, those beyond are 429. What is past a
 * limit of refusals waits for its response: who sends the next request when the last was refused must not take the time that others need.
 */
export class RefusalLimit {
  readonly #config: RefusalLimitConfig
  #held = 0

  constructor(config: RefusalLimitConfig) {
    this.#config = config
  }

  covers({ code }: GatewayFailure, api: 'upstream' | 'rest'): boolean {
    return (api === 'upstream' ? onUpstreamCall : onRestCall).includes(code)
  }

  send(exchange: Exchange, error: GatewayFailure): void {
    const { limits, records } = this.#config
    if (limits.recordRefusal(`address ${exchange.request.socket.remoteAddress ?? ''}`)) {
      sendError(exchange, error)
      return
    }
    records.limitedUnauthenticated()
    this.hold(
      exchange,
      limited(
        'refusals_limit',
        'too many requests from this address were refused in this second; look at what they are refused for (refusals_per_second)',
      ),
    )
  }

  /** Sends the refusal when the second is over, unless the caller has gone. */
  hold(exchange: Exchange, error: GatewayFailure): void {
    // Its response has closed already: nothing would ever tell that this place is free again.
    if (exchange.response.destroyed) return
    if (this.#held >= MOST_HELD) {
      exchange.request.socket.destroy()
      return
    }
    this.#held++
    const cancel = this.#config.clock.after(HOLD_MS, () => {
      sendError(exchange, error)
    })
    exchange.response.once('close', () => {
      cancel()
      this.#held--
    })
  }
}
