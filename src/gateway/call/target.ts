/**
 * The way one upstream call is made: `target` reads what was asked, `credentials` takes the caller's token out of it,
 * `outgoing` builds the request that is sent instead, `egress` opens the connection, `response`, `project` and `scrub`
 * decide what comes back, and `../proxy` joins them.
 */
import { badRequest } from '../../logical/errors.ts'
import { isName } from '../../scope/index.ts'
import { readPlainTarget } from './plain-target.ts'
import { Unfit, readTarget } from './target-text.ts'
import type { Target } from './target-text.ts'

export { MAX_TARGET_LENGTH, encodeStrict } from './target-text.ts'
export type { QueryParameter, Target } from './target-text.ts'

/**
 * Reads the raw request target, exactly as it stood in the request line. It is never normalised: what two readers could
 * understand differently is refused (400), so that the path judged here is the path the upstream sees.
 * With `listener`, the whole path belongs to that upstream and no `/u/<upstream>` prefix is expected. `field` is what the
 * caller knows the target by.
 */
export function parseTarget(raw: string, listener?: string, field = 'request target'): Target {
  const upstream = listener ?? upstreamOf(raw)
  if (upstream !== undefined) {
    const plain = readPlainTarget(raw, listener === undefined ? 3 + upstream.length : 0)
    if (plain) return { upstream, ...plain }
  }
  try {
    return readTarget(raw, listener)
  } catch (thrown) {
    if (!(thrown instanceof Unfit)) throw thrown
    throw badRequest(
      `${field}: ${thrown.message}; example: ${listener === undefined ? '/u/stripe' : ''}/v1/invoices?limit=3`,
    )
  }
}

/** `stripe` of `/u/stripe/v1`. */
function upstreamOf(raw: string): string | undefined {
  if (!raw.startsWith('/u/')) return undefined
  const end = raw.indexOf('/', 3)
  const upstream = raw.slice(3, end < 0 ? raw.length : end)
  return isName(upstream) ? upstream : undefined
}

/** Refuses an encoded slash at an upstream that has not said what it takes one for. Throws `bad_request`. */
export function refuseEncodedSlash(segments: readonly string[], upstream: string): void {
  if (!segments.some((segment) => segment.includes('/'))) return
  throw badRequest(
    `request target: it holds an encoded slash (%2f) in the path, which upstream ${upstream} does not take there; its operator can allow it with encoded_slash=data`,
  )
}
