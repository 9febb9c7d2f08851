/** The engine's documents as the gateway uses them, read from the wire. A document that does not read is never guessed at. */
import type { PolicyDocument } from '../policy/index.ts'
import { parseOperation } from '../scope/index.ts'
import type { Tool } from '../scope/index.ts'
import { agentScopesFields, agentScopesProblems } from './agent-scopes.ts'
import { agentFields, agentProblems } from './agent.ts'
import { policyFields, policyProblems, readPolicyText } from './policy.ts'
import { DocumentError } from './problem.ts'
import type { DocumentProblem } from './problem.ts'
import { readShape } from './shape.ts'
import type { ReadValues, Shape } from './shape.ts'
import { toolFields, toolProblems } from './tool.ts'
import { upstreamFields } from './upstream.ts'

const version = { version: { type: 'int', always: true } } as const
const upstreamShape = {
  ...upstreamFields,
  name: { ...upstreamFields.name, always: true },
  // The engine fills it in.
  kv_path: { ...upstreamFields.kv_path, always: true },
  ...version,
} as const
const agentShape = { ...agentFields, agent_id: { ...agentFields.agent_id, always: true }, ...version } as const
const scopesShape = { ...agentScopesFields, ...version } as const
const policyShape = { ...policyFields, ...version } as const
const toolShape = { ...toolFields, ...version } as const
const toolListing = { key_info: { type: 'object', always: true } } as const

export type AgentDocument = ReadValues<typeof agentShape>
export type AgentScopes = ReadValues<typeof scopesShape>
export type Sensitivity = (typeof upstreamFields.sensitivity.allowed)[number]

/** An upstream, with where its key lies. `kv_path` may hold `{{environment}}`. Times in seconds. */
export type UpstreamDocument = Omit<ReadValues<typeof upstreamShape>, 'headers'> & {
  readonly headers: Readonly<Record<string, string>>
}

/** A value and the versions it rests on, by document path. */
export interface Reading<T> {
  readonly value: T
  readonly versions: ReadonlyMap<string, number>
}

type Versioned = Shape & typeof version

/** What the engine responded for one document, held to the rules it was written by. Throws `DocumentError`. */
function readDocument<F extends Versioned>(
  path: string,
  shape: F,
  problemsOf: (values: ReadValues<F>) => readonly DocumentProblem[],
  data: unknown,
): ReadValues<F> {
  const document = readShape(path, shape, data)
  const [problem] = problemsOf(document)
  if (problem) throw new DocumentError(path, problem)
  return document
}

const reading = <T>(path: string, document: { readonly version: unknown }, value: T): Reading<T> => ({
  value,
  versions: new Map([[path, Number(document.version)]]),
})

export function readAgent(path: string, data: unknown): Reading<AgentDocument> {
  const document = readDocument(path, agentShape, agentProblems, data)
  return reading(path, document, document)
}

export function readScopes(path: string, data: unknown): Reading<AgentScopes> {
  const document = readDocument(path, scopesShape, agentScopesProblems, data)
  return reading(path, document, document)
}

/** The text is parsed once: it may be long. */
export function readPolicy(path: string, data: unknown): Reading<PolicyDocument> {
  const document = readDocument(path, policyShape, ({ name }) => policyProblems({ name }), data)
  const { rules, problems } = readPolicyText(document.policy)
  const [problem] = problems
  if (problem) throw new DocumentError(path, problem)
  return reading(path, document, rules!)
}

/** Its rules are judged by each call, which says what is wrong with the upstream it is for. */
export function readUpstream(path: string, data: unknown): Reading<UpstreamDocument> {
  const document = readShape(path, upstreamShape, data)
  return reading(path, document, document as UpstreamDocument)
}

/** All tools of an upstream, from `LIST mcp/tools/<upstream>`; `path` is `tools/<upstream>`. */
export function readTools(path: string, data: unknown): Reading<readonly Tool[]> {
  const upstream = path.slice('tools/'.length)
  const listed = Object.entries(readShape(path, toolListing, data).key_info).map(
    ([name, info]) => [name, readDocument(`${path}/${name}`, toolShape, toolProblems, info)] as const,
  )
  return {
    value: listed.map(([name, { operations, fields, risk }]) => ({
      upstream,
      name,
      operations: operations.map(parseOperation),
      fields,
      risk,
    })),
    versions: new Map(listed.map(([name, document]) => [`${path}/${name}`, document.version])),
  }
}
