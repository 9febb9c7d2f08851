/** Judging one call by the documents as they are: what it asks for, and whether the session's grant covers it. */
import { toolFields } from '../../document/index.ts'
import { judgeCall, matchOperations, matchReadings } from '../../scope/index.ts'
import type { CallBody, ToolMatch } from '../../scope/index.ts'
import { GatewayFailure, unavailable } from '../error.ts'
import type { Documents } from '../knowledge/documents.ts'
import type { SessionEntry } from '../knowledge/session-entry.ts'
import type { Grants } from './grants.ts'
import type { AllowedCall } from './open-call.ts'
import { normalisePath } from './records.ts'
import type { RequestedAccess } from './records.ts'
import { notGranted } from './refusals.ts'
import type { AuthorizationRequest, Context } from './requests.ts'

const ATTEMPTS = 8

/** The judge of one call, to be asked again when documents change. The body is read once, and only where a rule needs it. */
export function judgeOf(
  { documents, grants }: { readonly documents: Documents; readonly grants: Grants },
  entry: SessionEntry,
  request: AuthorizationRequest,
  context: Context,
): () => Promise<AllowedCall> {
  let body: CallBody = request.hasBody ? { kind: 'unread' } : { kind: 'none' }
  return async () => {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { revision } = documents
      const upstream = await documents.upstream(request.upstream)
      if (!upstream)
        throw new GatewayFailure('insufficient_scope', 'no_tool', `there is no upstream ${request.upstream}`)
      const tools = await documents.tools(request.upstream)
      const matches = matchOperations(tools, request.method, request.segments)
      const grant = await grants.of(entry)
      // Only documents that all stood at the same time make a judgement.
      if (revision !== documents.revision) continue
      context.requested = requestedAccess(request, matches)
      const judgement = judgeCall(
        grant.chain,
        matches,
        { query: request.query, body },
        matchReadings(tools, request.method, request.segments),
      )
      if (judgement.reason === 'needs_body') {
        body = await request.readBody(upstream)
        continue
      }
      if (!judgement.allowed) throw notGranted(judgement, request.upstream, request.method, request.segments)
      context.requested = requestedAccess(request, judgement.tools)
      return {
        upstream,
        judgement,
        paths: new Set([...grant.paths, `upstreams/${request.upstream}`, `tools/${request.upstream}`]),
      }
    }
    throw unavailable('vault_behind', 'tools and policies are changing faster than they can be judged; try again')
  }
}

/** What a call asks for, in names that may go into records. */
export function requestedAccess(request: AuthorizationRequest, matches: readonly ToolMatch[]): RequestedAccess {
  const endpoint = matches[0]?.operation.path ?? normalisePath(request.segments)
  const risk = toolFields.risk.allowed.findLast((level) => matches.some(({ tool }) => tool.risk === level)) ?? null
  return {
    upstream: request.upstream,
    method: request.method,
    endpoint,
    risk,
    tools: matches.map(({ tool }) => `${tool.upstream}/${tool.name}`),
  }
}
