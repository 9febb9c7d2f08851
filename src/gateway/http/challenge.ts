/** `WWW-Authenticate`: how a caller that was refused may say who it is. */
import { placementsOf } from '../call/placements.ts'
import { GatewayFailure } from '../error.ts'
import type { AuthScheme } from '../error.ts'
import type { Documents } from '../knowledge/documents.ts'

/** RFC 6750, section 3, and RFC 7617, section 2. Without a token there is no error to name. */
export function challengeOf({ type, code, message, scope, schemes }: GatewayFailure): string {
  const parameters = ['realm="mcp"']
  if (code !== 'missing' && code !== 'caller_missing')
    parameters.push(`error="${type}"`, `error_description="${quotable(message)}"`)
  if (scope !== undefined && scope !== '') parameters.push(`scope="${quotable(scope)}"`)
  const challenges = { Bearer: `Bearer ${parameters.join(', ')}`, Basic: 'Basic realm="mcp", charset="UTF-8"' }
  return schemes.map((scheme) => challenges[scheme]).join(', ')
}

/** The characters RFC 6750 allows in a description. */
const quotable = (text: string): string => text.replaceAll('"', "'").replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?')

/**
 * A 401 of an upstream's calls asks for the scheme its clients know: git, for one, sends no password that nobody asked for. Callers who
 * did not authenticate make this gateway read nothing, so of an upstream it has not read yet it asks for either.
 */
export function withSchemes(
  error: GatewayFailure,
  documents: Documents,
  target: string,
  listener?: string,
): GatewayFailure {
  if (error.status !== 401) return error
  return error.askingFor(schemesOf(documents, calledUpstream(target, listener)))
}

/** The upstream a request is for, as far as its target says; empty where it does not. */
export const calledUpstream = (target: string, listener: string | undefined): string =>
  listener ?? /^\/u\/([^/?]{1,64})/.exec(target)?.[1] ?? ''

function schemesOf(documents: Documents, upstream: string): readonly AuthScheme[] {
  const known = documents.knownUpstream(upstream)
  if (!known) return ['Bearer', 'Basic']
  try {
    return placementsOf(known).challenges
  } catch {
    // It cannot be called at all, which its callers are told once they have said who they are.
    return ['Bearer']
  }
}
