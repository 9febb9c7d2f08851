/** The engine's documents as the gateway uses them, read from the wire. A document that does not read is never guessed at. */
import { z } from 'zod'
import { parsePolicy } from '../policy/index.ts'
import type { PolicyDocument } from '../policy/index.ts'
import { parseOperation } from '../scope/index.ts'
import type { Tool } from '../scope/index.ts'
import type { UpstreamValues } from './upstream.ts'

const version = z.number().int()
const names = z.array(z.string()).nullable()

const agent = z.object({
  agent_id: z.string(),
  owner: z.string(),
  environment: z.string(),
  policies: names,
  disabled: z.boolean(),
  version,
})
const agentScopes = z.object({ scopes: names, version })
const policy = z.object({ policy: z.string(), version })
const upstream = z.object({
  name: z.string(),
  url: z.string(),
  kv_mount: z.string(),
  kv_path: z.string(),
  kv_field: z.string(),
  auth: z.string(),
  headers: z.record(z.string(), z.string()).nullable(),
  sensitivity: z.string(),
  allow_private_addresses: z.boolean(),
  connect_timeout: z.number().int(),
  timeout: z.number().int(),
  idle_timeout: z.number().int(),
  max_request_bytes: z.number().int(),
  max_response_bytes: z.number().int(),
  version,
} satisfies Record<keyof UpstreamValues | 'version', z.ZodType>)
const tool = z.object({
  operations: z.array(z.unknown()),
  fields: names,
  mcp_tools: names.optional(),
  risk: z.string().nullish(),
  version,
})
const toolListing = z.object({ key_info: z.record(z.string(), tool) })

export type AgentDocument = z.infer<typeof agent>
export type AgentScopes = z.infer<typeof agentScopes>
export type Sensitivity = 'high' | 'standard' | 'low'

/** An upstream, with where its key lies. `kv_path` may hold `{{environment}}`. Times in seconds. */
export interface UpstreamDocument {
  readonly name: string
  readonly url: string
  /** `bearer`, `basic`, `header:<Name>`, `query:<name>` or `none`. */
  readonly auth: string
  readonly headers: Readonly<Record<string, string>> | null
  readonly allow_private_addresses: boolean
  readonly connect_timeout: number
  readonly timeout: number
  readonly idle_timeout: number
  readonly max_request_bytes: number
  readonly max_response_bytes: number
  readonly version: number
  readonly kv_mount: string
  readonly kv_path: string
  readonly kv_field: string
  readonly sensitivity: string
}

/** A value and the versions it rests on, by document path. */
export interface Reading<T> {
  readonly value: T
  readonly versions: ReadonlyMap<string, number>
}

const single =
  <T extends { version: number }, V>(schema: z.ZodType<T>, convert: (document: T) => V) =>
  (path: string, data: unknown): Reading<V> => {
    const document = schema.parse(data)
    return { value: convert(document), versions: new Map([[path, document.version]]) }
  }

export const readAgent = single(agent, (document): AgentDocument => document)
export const readScopes = single(agentScopes, (document): AgentScopes => document)
export const readPolicy = single(policy, (document): PolicyDocument => parsePolicy(document.policy))
export const readUpstream = single(upstream, (document): UpstreamDocument => document)

/** All tools of an upstream, from `LIST mcp/tools/<upstream>`; `path` is `tools/<upstream>`. */
export function readTools(path: string, data: unknown): Reading<readonly Tool[]> {
  const name = path.slice('tools/'.length)
  const listed = Object.entries(toolListing.parse(data).key_info)
  return {
    value: listed.map(([key, { operations, fields, risk }]) => ({
      upstream: name,
      name: key,
      operations: operations.map(parseOperation),
      fields,
      risk: risk ?? null,
    })),
    versions: new Map(listed.map(([key, document]) => [`${path}/${key}`, document.version])),
  }
}
