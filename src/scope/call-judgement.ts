import { semicolonPairs } from './call-parameters.ts'
import type { CallParameters } from './call-parameters.ts'
import { deniedParameter } from './denied-parameters.ts'
import { judgeTool } from './grant.ts'
import type { GrantFinding, GrantLink, GrantReason, ToolJudgement } from './grant.ts'
import { scopeText } from './grammar.ts'
import { takesBody } from './method.ts'
import type { ToolMatch } from './operation-match.ts'
import { toolPath } from './tool.ts'

export interface CallJudgement {
  readonly allowed: boolean
  /**
   * `no_tool`: no operation fits. `needs_body`: read the body and ask again. `parameter_refused`: granted, but not with
   * these parameters, by the operation's `parameters` or by a policy. All but `allowed` and `needs_body` are final.
   */
  readonly reason: 'no_tool' | GrantReason
  /** A sentence for the caller. Holds parameter names, never values. */
  readonly message: string
  /** The granted matches, in the order given; empty unless allowed. The first one renders the outgoing path. */
  readonly tools: readonly ToolMatch[]
  /** What may pass of the response: the union of the granted tools' fields; null = all, when one of them lists none. */
  readonly fields: readonly string[] | null
  /** Scopes any one of which would have sufficed; empty unless `insufficient_scope`. */
  readonly needed: readonly string[]
}

const refusedCall = { allowed: false, tools: [], fields: [], needed: [] } as const

/**
 * Judges a call by all operations it can be. Each match is judged alone, one granted match suffices, and an explicit deny
 * of any matching tool denies, whatever its operation's `parameters` say; also of one that only fits by another reading of
 * the path (`matchReadings`).
 */
export function judgeCall(
  chain: readonly GrantLink[],
  matches: readonly ToolMatch[],
  call: CallParameters,
  readings: readonly ToolMatch[] = [],
): CallJudgement {
  if (matches.length === 0) return { ...refusedCall, reason: 'no_tool', message: 'no tool covers this call.' }
  for (const { tool, operation } of readings) {
    const { denied, message } = judgeTool(chain, toolPath(tool), operation.capability)
    if (denied) return { ...refusedCall, reason: 'denied', message }
  }
  const findings = matches.map((match) => judgeMatch(chain, match, call))
  const first = (reason: GrantReason) => findings.find((finding) => finding.reason === reason)
  // A match that waits for the body could widen the projection, so it is settled before any grant is acted on.
  const stop = first('denied') ?? first('needs_body')
  if (stop) return { ...refusedCall, reason: stop.reason, message: stop.message }
  const tools = passing(matches, findings, call)
  if (tools.length > 0)
    return { allowed: true, reason: 'allowed', message: 'granted.', tools, fields: unitedFields(tools), needed: [] }
  const refused = first('parameter_refused')
  if (refused) return { ...refusedCall, reason: 'parameter_refused', message: refused.message }
  const needed = [...new Set(matches.map(({ tool, operation }) => scopeText(operation.capability, toolPath(tool))))]
  return { ...refusedCall, reason: 'insufficient_scope', message: `needs ${needed.join(' or ')}`, needed }
}

/** Of what is granted, what takes a call with a body; where none does, that is said when it is made. */
function passing(
  matches: readonly ToolMatch[],
  findings: readonly { readonly reason: GrantReason }[],
  { body }: CallParameters,
): readonly ToolMatch[] {
  const granted = matches.filter((_, at) => findings[at]!.reason === 'allowed')
  const taking = body.kind === 'none' ? granted : granted.filter(({ operation }) => takesBody(operation))
  return taking.length > 0 ? taking : granted
}

function judgeMatch(
  chain: readonly GrantLink[],
  match: ToolMatch,
  call: CallParameters,
): { reason: GrantReason; message: string } {
  const judgement = judgeGranted(chain, match, call)
  if (judgement.reason !== 'allowed' && judgement.reason !== 'needs_body') return judgement
  const stray = strayParameter(match, call)
  if (stray !== undefined) return stray
  return deniedParameter(match.operation, call) ?? judgement
}

/** A query parameter that the operation does not list. */
function strayParameter({ tool, operation }: ToolMatch, call: CallParameters): GrantFinding | undefined {
  const passing = operation.parameters ?? (tool.fields ? pagingParameters : undefined)
  if (passing === undefined || call.query.length === 0) return undefined
  const stray = [...call.query, ...hiddenPairs(call)].find(([name]) => !passing.includes(name))
  if (stray === undefined) return undefined
  return {
    reason: 'parameter_refused',
    message: `query parameter ${JSON.stringify(stray[0].slice(0, 120))} is not one that ${operation.method} ${operation.path} of ${tool.upstream}/${tool.name} passes on.`,
  }
}

/** Judged once per operation and chain where the parameters of the call do not count, which is so for nearly all. */
function judgeGranted(chain: readonly GrantLink[], match: ToolMatch, call: CallParameters): ToolJudgement {
  let known = unconditional.get(chain)
  if (known === undefined) unconditional.set(chain, (known = new WeakMap<ToolMatch, ToolJudgement>()))
  const before = known.get(match)
  if (before !== undefined) return before
  const judgement = judgeTool(chain, toolPath(match.tool), match.operation.capability, call)
  if (judgement.unconditional) known.set(match, judgement)
  return judgement
}

const unconditional = new WeakMap<readonly GrantLink[], WeakMap<ToolMatch, ToolJudgement>>()

/** What stands behind a `;` in a value and has a value of its own; a word there is taken for part of the text. */
const hiddenPairs = ({ query }: CallParameters): readonly (readonly [string, string])[] =>
  semicolonPairs(query).filter(([, value]) => value !== '')

/** All that passes to a tool with `fields` and no `parameters`: any filter would be an oracle over the fields it hides. */
const pagingParameters: readonly string[] = [
  'limit',
  'page',
  'per_page',
  'offset',
  'cursor',
  'after',
  'before',
  'starting_after',
  'ending_before',
  'page_token',
]

function unitedFields(matches: readonly ToolMatch[]): readonly string[] | null {
  if (matches.length === 1) return matches[0]!.tool.fields ?? null
  const lists = matches.map(({ tool }) => tool.fields ?? null)
  const listed = lists.filter((fields) => fields !== null)
  return listed.length < lists.length ? null : [...new Set(listed.flat())]
}
