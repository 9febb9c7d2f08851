import { badRequest } from '../../logical/errors.ts'
import { LiteralSearch } from './literal-search.ts'
import { KEY_REMOVED } from './marker.ts'

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
  const search = new LiteralSearch([KEY_REMOVED, guard.callerToken ?? ''].filter((text) => text !== ''))
  if (!(body instanceof Uint8Array)) return guardStream(body, guard, search)
  unlessFound(search.push(body))
  return body
}

async function* guardStream(
  body: AsyncIterable<Uint8Array>,
  guard: BodyGuard,
  search: LiteralSearch,
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > guard.maxBytes) throw guard.tooLarge()
    const safe = unlessFound(search.push(chunk))
    guard.check()
    if (safe.length > 0) yield safe
  }
  const rest = search.flush()
  guard.check()
  if (rest.length > 0) yield rest
}

function unlessFound(safe: Uint8Array | undefined): Uint8Array {
  if (safe) return safe
  throw badRequest(
    `the body holds the session token, or "${KEY_REMOVED}", with which the gateway marks the place of a key it removed; send neither upstream, leave such a field out`,
  )
}
