/** The narrowest tools and scopes for what one agent used. */
import { toolProblems, summaryOf } from '../document/index.ts'
import type { PolicyDocument } from '../policy/index.ts'
import {
  compileScopes,
  isName,
  judgeCall,
  matchOperations,
  matchReadings,
  parseScope,
  scopeCovered,
  scopeText,
  toolPath,
} from '../scope/index.ts'
import type { Tool, ToolOperation } from '../scope/index.ts'
import { isInForce, letsThrough, scopesOfGrant, showsAll } from './coverage.ts'
import type { ProposedGrant, UsedCall } from './coverage.ts'
import { shapeOf } from './imported-operation.ts'
import type { RecordedCall } from './recorded-call.ts'
import type { AgentUse } from './recorded-use.ts'
import { firstWord, highestRisk, plainName, riskOf } from './tool-draft.ts'
import { reduced } from './reduced.ts'
import { narrowOperations } from './narrowed.ts'
import { hasSame, isSame } from './same-tool.ts'
import { findCalls } from './used-calls.ts'

/** What stands. */
export interface AgentStanding {
  /** Of every upstream in the records. */
  readonly tools: readonly Tool[]
  /** The agent's in this environment; null = not set. */
  readonly declared: readonly string[] | null
  /** The agent's policies; null = not set. */
  readonly policies: readonly PolicyDocument[] | null
  readonly own_environment: boolean
}

export interface Suggestion extends ProposedGrant {
  readonly agent_id: string
  readonly environment: string
  /** Scopes that grant, each of them needed. */
  readonly scopes: readonly string[]
  /** Scopes that stand and stay: those that deny, and those that keep a denying pattern from a tool it does not deny now. */
  readonly kept: readonly string[]
  readonly calls: number
  /** Calls the proposal does not cover, with the reason. */
  readonly left_out: readonly { readonly call: RecordedCall; readonly reason: string }[]
  /** Whole sentences. */
  readonly notes: readonly string[]
}

/**
 * First the scopes that MCP servers asked about, which must stay as they are; for calls that these do not cover, the scope of a tool
 * all of whose operations were used, else a new tool with those that were; in the end every scope and operation goes without which
 * all recorded calls still pass.
 */
export function suggest(use: AgentUse, standing: AgentStanding): Suggestion {
  const { used, leftOut } = findCalls(use.calls, standing.tools, standing.declared)
  const denies = deniesOf(standing.declared)
  const { grant, shields, notes } = settled(use, used, standing, denies)
  const kept = [...denies, ...shields]
  const refused = used.flatMap((one) => {
    const reason = refusalOf(one, grant, standing, kept)
    return reason === undefined ? [] : [{ call: one.call, reason }]
  })
  const proposed = {
    scopes: grant.scopes.filter((scope) => !shields.includes(scope)),
    tools: grant.tools.filter((tool) => !standing.tools.some((one) => isSame(one, tool))),
    kept,
  }
  const wider = isInForce(proposed, standing.declared) ? [] : widerNotes(use, used, standing)
  return {
    agent_id: use.agent_id,
    environment: use.environment,
    ...proposed,
    calls: use.calls.reduce((sum, { count }) => sum + count, 0),
    left_out: [...leftOut, ...refused],
    notes: [...notes, ...(used.every(({ exact }) => exact) ? [] : [openNote]), ...wider],
  }
}

/** What has to be kept for the sake of denying scopes grants something, too: built again with it, less may do. */
function settled(use: AgentUse, used: readonly UsedCall[], standing: AgentStanding, denies: readonly string[]) {
  let shields: readonly string[] = []
  for (;;) {
    const asked = [...use.scopes, ...shields]
    const builder = new Builder({ ...use, scopes: asked }, standing, denies)
    const grant = reduced(builder.build(used), asked, used)
    const more = shieldsOf(grant.scopes, denies, standing)
    if (more.length === 0) return { grant, shields, notes: builder.notes }
    shields = [...shields, ...more]
  }
}

const deniesOf = (declared: readonly string[] | null): readonly string[] =>
  (declared ?? []).filter((scope) => parseScope(scope, { allowWildcards: true }).capabilities.includes('deny'))

const isDenied = (scopes: readonly string[], tool: Tool): boolean =>
  compileScopes(scopes).match(toolPath(tool))?.capabilities.has('deny') === true

/** A scope on a tool outranks a denying pattern; without it, calls that fit the tool too would be denied. */
function shieldsOf(
  scopes: readonly string[],
  denies: readonly string[],
  { declared, tools }: AgentStanding,
): readonly string[] {
  const kept: string[] = []
  if (denies.length === 0 || declared === null) return kept
  for (const tool of tools) {
    const now = [...scopes, ...denies, ...kept]
    if (isDenied(declared, tool) || !isDenied(now, tool)) continue
    const shield = declared.find((scope) => !denies.includes(scope) && !isDenied([...now, scope], tool))
    if (shield !== undefined) kept.push(shield)
  }
  return kept
}

class Builder {
  readonly notes: string[] = []
  readonly #use: AgentUse
  readonly #standing: AgentStanding
  readonly #denies: readonly string[]
  readonly #scopes: Set<string>
  readonly #tools: Tool[] = []

  constructor(use: AgentUse, standing: AgentStanding, denies: readonly string[]) {
    this.#use = use
    this.#standing = standing
    this.#denies = denies
    this.#scopes = new Set(use.scopes)
    if (standing.policies !== null && use.calls.length > 0)
      this.notes.push(
        `Agent ${use.agent_id} has policies, and their rules name tools: no new tools are proposed, only the scopes of those that stand.`,
      )
  }

  build(used: readonly UsedCall[]): ProposedGrant {
    const asked = { scopes: [...this.#scopes], tools: [] }
    const open = used.filter((one) => !letsThrough(asked, one))
    const bySource = new Map<string, UsedCall[]>()
    for (const one of open) {
      const [source] = one.granted
      const key = source ? toolPath(source.tool) : `no tool ${one.call.upstream} ${wordOf(one.operation)}`
      bySource.set(key, [...(bySource.get(key) ?? []), one])
    }
    for (const calls of bySource.values()) this.#cover(calls, used)
    return { scopes: [...this.#scopes], tools: this.#tools }
  }

  /** Calls of one tool, or of none. */
  #cover(calls: readonly UsedCall[], used: readonly UsedCall[]): void {
    const source = calls[0]!.granted[0]?.tool
    const parts = calls.filter((one) => source === undefined || !this.#isBestWhole(one, source, used))
    // A tool that is narrowed where it stands must keep all that is used of it.
    const isInPlace =
      parts.length > 0 && source !== undefined && isOwn(source, this.#use.agent_id) && !isBeside(source, used)
    const moved = isInPlace ? used.filter((one) => one.granted[0]?.tool === source) : parts
    for (const one of calls) if (!parts.includes(one)) this.#useStanding(one)
    if (moved.length > 0 && !this.#addTool(moved, source, isInPlace)) for (const one of moved) this.#useStanding(one)
  }

  #useStanding({ granted }: UsedCall): void {
    for (const scope of granted.flatMap(scopesOfGrant)) this.#scopes.add(scope)
  }

  /** Whether the tool's own scope grants no more than was used, or a tool of its own would show other fields. */
  #isBestWhole({ operation, granted, fields }: UsedCall, source: Tool, used: readonly UsedCall[]): boolean {
    if (this.#standing.policies !== null || isDenied(this.#denies, source)) return true
    if (granted.length > 1 && JSON.stringify(fields) !== JSON.stringify(source.fields ?? null)) return true
    const seen = new Set(
      used
        .filter(
          ({ call, fields: shown }) => call.upstream === source.upstream && showsAll(shown, source.fields ?? null),
        )
        .map((one) => shapeOf(one.operation)),
    )
    if (!narrowOperations(used.filter((one) => one.operation === operation)).includes(operation)) return false
    return source.operations.every((one) => one.capability !== operation.capability || seen.has(shapeOf(one)))
  }

  /** False where it cannot be named, written or granted. */
  #addTool(calls: readonly UsedCall[], source: Tool | undefined, isInPlace: boolean): boolean {
    const { upstream } = calls[0]!.call
    const operations = narrowOperations(calls)
    const name = this.#nameFor(upstream, source, operations, isInPlace)
    if (name === undefined) return this.#cannot(calls, 'its name would be too long')
    const risk = source?.risk ?? highestRisk(operations.map(riskOf))
    const tool: Tool = { upstream, name, operations, risk, ...(source?.fields && { fields: source.fields }) }
    const [problem] = toolProblems(tool)
    if (problem) return this.#cannot(calls, summaryOf(problem))
    const scopes = [...new Set(operations.map(({ capability }) => scopeText(capability, toolPath(tool))))]
    if (isDenied(this.#denies, tool)) return this.#cannot(calls, `${this.#denies.join(' ')} would deny it`)
    this.#tools.push(tool)
    for (const scope of scopes) this.#scopes.add(scope)
    return true
  }

  #cannot(calls: readonly UsedCall[], why: string): false {
    const [source] = calls[0]!.granted
    if (source)
      this.notes.push(`No narrower tool than ${source.tool.upstream}/${source.tool.name} is proposed: ${why}.`)
    return false
  }

  /** `<resource>/<agent>`, `<resource>/<qualifier>-<agent>`; a tool that is the agent's own is narrowed where it stands. */
  #nameFor(
    upstream: string,
    source: Tool | undefined,
    operations: readonly ToolOperation[],
    isInPlace: boolean,
  ): string | undefined {
    const agent = this.#use.agent_id
    const [resource = '', qualifier] = (source?.name ?? wordOf(operations[0]!)).split('/')
    const own =
      qualifier === undefined || qualifier === agent
        ? agent
        : `${qualifier.replace(new RegExp(`-${agent}$`), '')}-${agent}`
    if (source && isInPlace) return source.name
    const wanted = { operations, fields: source?.fields ?? null }
    const taken = new Set(
      [...this.#standing.tools, ...this.#tools]
        .filter((tool) => tool.upstream === upstream && !hasSame(tool, wanted))
        .map((tool) => tool.name),
    )
    const names = Array.from({ length: 9 }, (_, at) => `${resource}/${own}${at === 0 ? '' : `-${String(at + 1)}`}`)
    return names.find((name) => !taken.has(name) && name.split('/').every(isName))
  }
}

/** Whether an earlier proposal for the agent made the tool, by its name. */
function isOwn({ name }: Tool, agent: string): boolean {
  const qualifier = name.split('/')[1]?.replace(/-\d$/, '')
  return qualifier === agent || qualifier?.endsWith(`-${agent}`) === true
}

/** Whether it let a call through that is another tool's first. */
const isBeside = (tool: Tool, used: readonly UsedCall[]): boolean =>
  used.some(({ granted }) => granted.slice(1).some((one) => one.tool === tool))

/** The resource of a tool for operations that have none yet. */
const wordOf = (operation: ToolOperation): string => plainName(firstWord(operation) ?? '') || 'root'

/** Why a call is not covered after all; undefined = it is. */
function refusalOf(
  used: UsedCall,
  grant: ProposedGrant,
  { tools: all, own_environment }: AgentStanding,
  kept: readonly string[],
): string | undefined {
  const { call, operation } = used
  if (!letsThrough(grant, used)) return 'no tool or scope could be proposed for it'
  // What was allowed fits no denied tool; of what no tool covered, nobody looked.
  if (!call.refused) return undefined
  const tools = [...all.filter((tool) => !isReplaced(tool, grant)), ...grant.tools]
  const path = call.segments ?? (operation.path === '/' ? [] : operation.path.slice(1).split('/').map(filledIn))
  const link = {
    agent_id: '',
    granted: null,
    declared_scopes: [...grant.scopes, ...kept],
    policies: null,
    own_environment,
  }
  const ofUpstream = tools.filter(({ upstream }) => upstream === call.upstream)
  const [matches, readings] = [matchOperations, matchReadings].map((find) => find(ofUpstream, operation.method, path))
  const nothing = { query: [], headers: [], body: { kind: 'none' } } as const
  const { reason, message } = judgeCall([link], matches ?? [], nothing, readings)
  return reason === 'denied' ? message : undefined
}

const isReplaced = (tool: Tool, { tools }: ProposedGrant): boolean =>
  tools.some((one) => toolPath(one) === toolPath(tool))

const filledIn = (segment: string): string => segment.replaceAll(/\{[^{}]+\}/g, 'x7')

const openNote =
  'Some calls fit several operations of a tool, and the records do not tell which: a line of this may be more than they need.'

/** What an old record may bring back. */
function widerNotes(
  { agent_id, scopes }: AgentUse,
  used: readonly UsedCall[],
  { declared }: AgentStanding,
): readonly string[] {
  if (declared === null) return []
  const acl = compileScopes(declared)
  const sources = used.flatMap(({ granted: [source] }) => (source ? scopesOfGrant(source) : []))
  const wider = [...new Set([...scopes, ...sources])].filter((scope) => !scopeCovered(acl, scope))
  if (wider.length === 0) return []
  return [`Agent ${agent_id} does not have now what the records show by ${wider.sort().join(', ')}, and would get it.`]
}
