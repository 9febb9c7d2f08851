/** Judging one call by the documents as they are: what it asks for, and whether the session's grant covers it. */
import { toolFields } from '../../document/index.ts'
import type { UpstreamDocument } from '../../document/index.ts'
import { encodeSegment, judgeCall, matchOperations, matchReadings, mayDeny } from '../../scope/index.ts'
import type { CallBody, Tool, ToolMatch, ToolOperation } from '../../scope/index.ts'
import { requestHeaderPlan } from '../call/request-headers.ts'
import { refuseEncodedSlash } from '../call/target.ts'
import { GatewayFailure, unavailable } from '../error.ts'
import type { Documents } from '../knowledge/documents.ts'
import type { SessionEntry } from '../knowledge/session-entry.ts'
import type { Grants, LiveGrant } from './grants.ts'
import type { AllowedCall } from './allowed-call.ts'
import { normalisePath } from './records.ts'
import type { RequestedAccess } from './records.ts'
import { notGranted } from './refusals.ts'
import type { AuthorizationRequest, Context } from './requests.ts'

const ATTEMPTS = 8

interface JudgeDependencies {
  readonly documents: Documents
  readonly grants: Grants
}

/** The judge of one call, to be asked again when documents change. The body is read once, and only where a rule needs it. */
export class CallJudge {
  readonly #dependencies: JudgeDependencies
  readonly #entry: SessionEntry
  readonly #request: AuthorizationRequest
  readonly #context: Context
  #body: CallBody

  constructor(dependencies: JudgeDependencies, entry: SessionEntry, request: AuthorizationRequest, context: Context) {
    this.#dependencies = dependencies
    this.#entry = entry
    this.#request = request
    this.#context = context
    this.#body = request.hasBody ? { kind: 'unread' } : { kind: 'none' }
  }

  /** The judgement where everything it needs is at hand; `undefined` = `judge` has to ask. Throws the refusal. */
  judgeNow(): AllowedCall | undefined {
    const { documents, grants } = this.#dependencies
    const kept = documents.kept(this.#request.upstream)
    const grant = kept && grants.known(this.#entry)
    return grant && this.#judge(kept.upstream, kept.tools, grant)
  }

  /** Throws the refusal. */
  async judge(): Promise<AllowedCall> {
    const { documents, grants } = this.#dependencies
    const request = this.#request
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { revision } = documents
      const upstream = await documents.upstream(request.upstream)
      if (!upstream)
        throw new GatewayFailure('insufficient_scope', 'no_tool', `there is no upstream ${request.upstream}`)
      const tools = await documents.tools(request.upstream)
      const grant = await grants.of(this.#entry)
      // Only documents that all stood at the same time make a judgement.
      if (revision !== documents.revision) continue
      const allowed = this.#judge(upstream, tools, grant)
      if (allowed) return allowed
      this.#body = await request.readBody(upstream)
    }
    throw unavailable('vault_behind', 'tools and policies are changing faster than they can be judged; try again')
  }

  /** `undefined` = the body has to be read. */
  #judge(upstream: UpstreamDocument, tools: readonly Tool[], grant: LiveGrant): AllowedCall | undefined {
    const { method, segments, query, headers } = this.#request
    const slashIsData = upstream.encoded_slash === 'data'
    const matches = matchOperations(tools, method, segments, slashIsData)
    this.#context.matches = matches
    if (matches.length === 0 && !slashIsData) refuseEncodedSlash(segments, upstream.name)
    const sent = requestHeaderPlan(upstream).apply(headers, { range: false })
    const call = { query, headers: sent.listed, body: this.#body }
    const readings = mayDeny(grant.chain) ? matchReadings(tools, method, segments) : []
    const judgement = judgeCall(grant.chain, matches, call, readings)
    if (judgement.reason === 'needs_body') return undefined
    if (!judgement.allowed) throw notGranted(judgement, upstream.name, method, segments)
    this.#context.matches = judgement.tools
    return { upstream, judgement, grant, sent }
  }
}

/**
 * What a call asks for, in names that may go into records. One object for all calls of one operation of one tool, unless each is to say
 * its path.
 */
export function requestedAccess(
  request: AuthorizationRequest,
  matches: readonly ToolMatch[],
  withPath: boolean,
): RequestedAccess {
  const [only] = matches
  if (withPath) return { ...describeAccess(request, matches), path: recordedPath(request.segments) }
  if (only === undefined || matches.length > 1) return describeAccess(request, matches)
  const known = described.get(only.operation)
  if (known) return known
  const access = describeAccess(request, matches)
  described.set(only.operation, access)
  return access
}

/** A longer one is left out: a record holds it whole or not at all. */
const LONGEST_PATH = 2048

function recordedPath(segments: readonly string[]): string | undefined {
  const path = `/${segments.map(encodeSegment).join('/')}`
  return path.length > LONGEST_PATH ? undefined : path
}

/** An operation belongs to one version of one tool. */
const described = new WeakMap<ToolOperation, RequestedAccess>()

function describeAccess(
  { upstream, method, segments }: AuthorizationRequest,
  matches: readonly ToolMatch[],
): RequestedAccess {
  const endpoint = matches[0]?.operation.path ?? normalisePath(segments)
  const risk = toolFields.risk.allowed.findLast((level) => matches.some(({ tool }) => tool.risk === level)) ?? null
  return { upstream, method, endpoint, risk, tools: matches.map(({ tool }) => `${tool.upstream}/${tool.name}`) }
}
