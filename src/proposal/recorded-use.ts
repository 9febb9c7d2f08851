/**
 * What a gateway's decision records say an agent used. They hold no paths of calls that were allowed, but the template of the operation
 * and the names of the tools that let it through; of refused ones that no tool covers, a path in which what looks like data is `{}`.
 */
import { z } from 'zod'
import { ScopeError, parseScope } from '../scope/index.ts'
import { patternOf } from './narrowed.ts'
import type { RecordedCall } from './recorded-call.ts'

/** What one agent used in one environment. */
export interface AgentUse {
  readonly agent_id: string
  readonly environment: string
  readonly calls: readonly RecordedCall[]
  /** Scopes that MCP servers asked about, in the colon spelling. */
  readonly scopes: readonly string[]
}

export interface UseFilter {
  readonly session?: string | undefined
  readonly agent?: string | undefined
  readonly sinceUnixMs?: number | undefined
  /** Calls that were refused for want of a tool or a scope, too. */
  readonly refused: boolean
}

/** The records cannot be used. A whole sentence. */
export class RecordsError extends Error {}

const decision = z.looseObject({
  type: z.literal('decision'),
  time: z.string(),
  decision: z.enum(['allow', 'deny', 'error']),
  reason: z.string(),
  session_id: z.string().nullable(),
  agent_id: z.string().nullable(),
  environment: z.string().nullable(),
  required_scope: z.string().optional(),
  upstream: z.string().optional(),
  method: z.string().optional(),
  endpoint: z.string().optional(),
  tools: z.array(z.string()).optional(),
  path: z.string().optional(),
})
type DecisionRecord = z.output<typeof decision>

/** Nobody could read a proposal of more. */
const MOST_CALLS = 10_000
const wanting = ['no_tool', 'insufficient_scope']

interface Gathered {
  readonly calls: Map<string, RecordedCall>
  readonly scopes: Set<string>
}

/** Takes lines of audit files one by one, and keeps what differs. */
export class RecordedUse {
  /** Records that count. */
  used = 0
  /** Lines that are no records: cut off by a crash, or of another file. */
  unreadable = 0
  /** Refusals of the kind that `refused` would count. */
  refused = 0
  readonly #filter: UseFilter
  readonly #agents = new Map<string, Map<string, Gathered>>()
  /** Calls and scopes that differ. */
  #different = 0

  constructor(filter: UseFilter) {
    this.#filter = filter
  }

  /** `undefined` = a line too long to be one of ours. */
  add(line: string | undefined): void {
    if (line === '') return
    const value = line === undefined ? undefined : parsed(line)
    if (value === undefined) this.unreadable++
    else {
      const { success, data } = decision.safeParse(value)
      if (success && this.#isMeant(data)) this.#take(data)
    }
  }

  /** By agent and environment. */
  uses(): readonly AgentUse[] {
    return [...this.#agents].flatMap(([agent_id, environments]) =>
      [...environments].map(([environment, { calls, scopes }]) => ({
        agent_id,
        environment,
        calls: [...calls.values()],
        scopes: [...scopes].sort(),
      })),
    )
  }

  #isMeant({ session_id, agent_id, time }: DecisionRecord): boolean {
    const { session, agent, sinceUnixMs } = this.#filter
    return (
      (session === undefined || session === session_id) &&
      (agent === undefined || agent === agent_id) &&
      (sinceUnixMs === undefined || Date.parse(time) >= sinceUnixMs)
    )
  }

  #take(record: DecisionRecord): void {
    const { agent_id, environment, reason } = record
    if (agent_id === null || environment === null) return
    const isRefused = record.decision === 'deny' && wanting.includes(reason)
    if (isRefused) this.refused++
    if (record.decision !== 'allow' && !(isRefused && this.#filter.refused)) return
    const environments = this.#agents.get(agent_id) ?? new Map<string, Gathered>()
    this.#agents.set(agent_id, environments)
    const gathered = environments.get(environment) ?? { calls: new Map(), scopes: new Set() }
    environments.set(environment, gathered)
    if (record.required_scope !== undefined) this.#takeScope(gathered, record.required_scope)
    else if (record.upstream !== undefined) this.#takeCall(gathered, record, isRefused)
  }

  #takeScope({ scopes }: Gathered, text: string): void {
    try {
      const { canonical, capabilities } = parseScope(text)
      if (capabilities.includes('deny')) return
      if (!scopes.has(canonical)) this.#countNew()
      scopes.add(canonical)
      this.used++
    } catch (error) {
      if (!(error instanceof ScopeError)) throw error
    }
  }

  #countNew(): void {
    if (++this.#different > MOST_CALLS)
      throw new RecordsError(
        `The records hold more than ${String(MOST_CALLS)} different calls; look at less of them, for example with -since=24h or -session`,
      )
  }

  #takeCall({ calls }: Gathered, record: DecisionRecord, refused: boolean): void {
    const { upstream, method, endpoint, tools = [] } = record
    if (upstream === undefined || method === undefined || endpoint === undefined) return
    this.used++
    const segments = record.path === undefined ? undefined : segmentsOf(record.path)
    const pattern = segments && patternOf(segments)
    const key = JSON.stringify([upstream, method, endpoint, tools, refused, pattern])
    const known = calls.get(key)
    if (known) known.count++
    else {
      this.#countNew()
      calls.set(key, { upstream, method, endpoint, tools, refused, ...(segments && { segments }), count: 1 })
    }
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown
  } catch {
    return undefined
  }
}

/** Undefined where it is no path any more: redaction may have taken more than one segment of it. */
function segmentsOf(path: string): readonly string[] | undefined {
  if (!path.startsWith('/')) return undefined
  try {
    return path === '/' ? [] : path.slice(1).split('/').map(decodeURIComponent)
  } catch {
    return undefined
  }
}
