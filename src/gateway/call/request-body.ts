import { badRequest } from '../../logical/errors.ts'
import { buildMatcher } from './matcher.ts'
import { KEY_REMOVED, Scrubber } from './scrub.ts'

export interface BodyGuard {
  readonly maxBytes: number
  readonly tooLarge: () => Error
  readonly callerToken: string | undefined
  /** Throws when the call may not go on. */
  readonly check: () => void
}

/**
 * The request body on its way up, refused in passing (and so cut off, never completed) when it is too long, when it holds
 * the caller's own token, or when it holds the marker we put in place of an echoed key: writing that back would overwrite
 * the upstream's data with our marker. Nothing of a forbidden text is sent, however the body is cut.
 */
export function guardBody(
  body: Uint8Array | AsyncIterable<Uint8Array>,
  guard: BodyGuard,
): Uint8Array | AsyncIterable<Uint8Array> {
  const forbidden = [KEY_REMOVED, guard.callerToken ?? ''].filter((text) => text !== '')
  const scrubber = new Scrubber(buildMatcher(forbidden.map((text) => Buffer.from(text, 'utf8'))))
  if (!(body instanceof Uint8Array)) return guardStream(body, guard, scrubber)
  scrubber.push(body)
  scrubber.flush()
  refuseMatches(scrubber)
  return body
}

async function* guardStream(
  body: AsyncIterable<Uint8Array>,
  guard: BodyGuard,
  scrubber: Scrubber,
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  const pass = (safe: Uint8Array): Uint8Array => {
    refuseMatches(scrubber)
    guard.check()
    return safe
  }
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > guard.maxBytes) throw guard.tooLarge()
    const safe = pass(scrubber.push(chunk))
    if (safe.length > 0) yield safe
  }
  const rest = pass(scrubber.flush())
  if (rest.length > 0) yield rest
}

function refuseMatches(scrubber: Scrubber): void {
  if (scrubber.matches === 0) return
  throw badRequest(
    `the body holds the session token, or "${KEY_REMOVED}", which the gateway wrote in place of a key; send neither upstream, leave such a field out`,
  )
}
