/** The three places that judge a document: the engine that stores it, the gateway that uses it, the plan of the provider. */
import { DocumentError, readAgent, readPolicy, readScopes, readTools, readUpstream } from '../../src/document/index.ts'
import { GatewayCallError } from '../../src/gateway/call/call-error.ts'
import { prepareKey } from '../../src/gateway/call/key.ts'
import { buildOutgoing } from '../../src/gateway/call/outgoing.ts'
import type { Data } from '../../src/logical/data.ts'
import { RequestError } from '../../src/logical/errors.ts'
import {
  compileProjection,
  environmentLabel,
  fieldsOf,
  mintToken,
  parseOperation,
  tokenShape,
} from '../../src/scope/index.ts'
import { agentScopesSpec } from '../../src/terraform/resource/agent-scopes.ts'
import { agentSpec } from '../../src/terraform/resource/agent.ts'
import { configSpec } from '../../src/terraform/resource/config.ts'
import { DocumentResource } from '../../src/terraform/resource/document.ts'
import type { ResourceSpec } from '../../src/terraform/resource/document-spec.ts'
import { policySpec } from '../../src/terraform/resource/policy.ts'
import { toolSpec } from '../../src/terraform/resource/tool.ts'
import { upstreamSpec } from '../../src/terraform/resource/upstream.ts'
import type { Value, ValueObject } from '../../src/terraform/protocol/value.ts'
import type { Server } from '../../src/terraform/server.ts'
import { TestEngine } from '../mcp/engine.ts'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }
/** By the engine's names of the fields, its own names included. */
export type Document = Readonly<Record<string, Json>>

export interface Kind {
  readonly spec: ResourceSpec
  /** Below the mount. */
  path(names: Document): string
  /** Reads what the engine responded and makes the use of it that a call would; throws where it cannot. */
  use(path: string, stored: Document): void
}

const name = (value: Json | undefined): string => (typeof value === 'string' ? value : '')

export const kinds = {
  upstream: {
    spec: upstreamSpec,
    path: (document) => `upstreams/${name(document.name)}`,
    use(path, stored) {
      const { value: upstream } = readUpstream(path, { ...stored, kv_path: stored.kv_path ?? 'mcp/a' })
      const key = 'sk_live_abcdefgh'
      const fields = Object.fromEntries(fieldsOf(upstream.auth, 'api_key').map((field) => [field, key]))
      const prepared = prepareKey(upstream, key, [], fields)
      const match = { operation: parseOperation('GET /') }
      buildOutgoing({ upstream, match, segments: [], spelled: [], query: [], headers: [], key: prepared })
    },
  },
  tool: {
    spec: toolSpec,
    path: (document) => `tools/${name(document.upstream)}/${name(document.name)}`,
    use(path, stored) {
      const [, upstream = ''] = path.split('/')
      const listing = { key_info: { [name(stored.name)]: stored } }
      for (const { fields } of readTools(`tools/${upstream}`, listing).value) compileProjection(fields ?? [])
    },
  },
  policy: {
    spec: policySpec,
    path: (document) => `policies/${name(document.name)}`,
    use: (path, stored) => void readPolicy(path, stored),
  },
  agent: {
    spec: agentSpec,
    path: (document) => `agents/${name(document.agent_id)}`,
    use: (path, stored) => void readAgent(path, stored),
  },
  scopes: {
    spec: agentScopesSpec,
    path: ({ agent_id, environment }) =>
      `agents/${name(agent_id)}/scopes${typeof environment === 'string' ? `/${environment}` : ''}`,
    use: (path, stored) => void readScopes(path, stored),
  },
  config: {
    spec: configSpec,
    path: () => 'config',
    /** No gateway reads it: it knows the tokens that are minted by it. */
    use(_path, { token_prefix, environment_labels }) {
      const label = environmentLabel('production', environment_labels as Record<string, string>)
      const token = mintToken({ prefix: name(token_prefix), label, random: (bytes) => new Uint8Array(bytes) })
      if (tokenShape(token) === undefined) throw new Error('the gateway knows no such token')
    },
  },
} as const satisfies Record<string, Kind>

/** What is written: everything, as Terraform does, so that no default is left to the mount. */
function whole({ spec }: Kind, document: Document): Document {
  const defaults = Object.entries(spec.document.fields).flatMap(([field, { default: value, computed }]) =>
    computed === true || value === undefined ? [] : [[field, value as Json]],
  )
  return { ...(Object.fromEntries(defaults) as Document), ...document }
}

/** A mount of the engine with settings of its own, empty but for the agent that a document of scopes is about. */
export class Sides {
  readonly #engine: TestEngine
  readonly #config: Data

  private constructor(engine: TestEngine, config: Data) {
    this.#engine = engine
    this.#config = config
  }

  static async start(config: Data, ttlCeiling: number): Promise<Sides> {
    const engine = await TestEngine.start()
    await engine.write('config/ttl-ceiling', { ttl_ceiling: ttlCeiling })
    await engine.write('config', config)
    return new Sides(engine, config)
  }

  /** Undefined where the engine stores the document, and what it then responds is read by the gateway; else its refusal. */
  async engineRefuses(kind: Kind, document: Document): Promise<string | undefined> {
    const path = kind.path(document)
    const { agent_id } = document
    if (kind.spec === agentScopesSpec && /^[a-z0-9][a-z0-9_-]{0,63}$/.test(name(agent_id)))
      await this.#engine.write(`agents/${name(agent_id)}`, { owner: 'o', environment: 'production' })
    try {
      const names = Object.keys(document).filter((field) => kind.spec.document.pattern.includes(`:${field}`))
      const body = Object.entries(whole(kind, document)).filter(([field]) => !names.includes(field))
      await this.#engine.write(path, Object.fromEntries(body))
    } catch (thrown) {
      if (thrown instanceof RequestError && refusals.has(thrown.kind)) return thrown.message
      throw thrown
    }
    const stored = await this.#engine.read(path)
    kind.use(path, stored!.data as Document)
    await this.#engine.delete(path)
    if (kind.spec === configSpec) await this.#engine.write('config', this.#config)
    return undefined
  }

  /** Undefined where the plan is clean. */
  async planRefuses({ spec }: Kind, document: Document): Promise<string | undefined> {
    const server: Server = {
      wildcardsPlanned: false,
      mount: () => 'mcp',
      knownMount: () => 'mcp',
      request: () => Promise.reject(new Error('a plan only reads')),
      read: async (path) => {
        const response = await this.#engine.read(path.slice('mcp/'.length))
        return response && ({ status: 200, ...response } as never)
      },
    }
    const resource = new DocumentResource(spec, () => server)
    const config = configured(resource, spec, document)
    const [found] = resource.validate(config).filter(({ severity }) => severity === 'error')
    if (found) return found.summary
    const { diagnostics } = await resource.plan({ prior: null, config })
    return diagnostics.find(({ severity }) => severity === 'error')?.summary
  }
}

const refusals = new Set(['bad_request', 'not_found', 'unsupported_path', 'unsupported_operation'])

/** The document as a configuration: the attributes' names, and every attribute of an item. */
function configured(resource: DocumentResource, spec: ResourceSpec, document: Document): ValueObject {
  const nothing = Object.keys(resource.schema.attributes).map((attribute) => [attribute, null] as const)
  const operation = { method: null, path: null, capability: null, parameters: null }
  const given = Object.entries(document).map(([field, value]) => [
    spec.rename?.[field] ?? field,
    field === 'operations' ? (value as readonly ValueObject[]).map((item) => ({ ...operation, ...item })) : value,
  ])
  return { ...Object.fromEntries(nothing), ...(Object.fromEntries(given) as Record<string, Value>) }
}

/** Undefined where the gateway can use the document, had an engine stored it as it is. */
export function gatewayRefuses(kind: Kind, document: Document): string | undefined {
  try {
    kind.use(kind.path(document), { ...whole(kind, document), version: 1 })
    return undefined
  } catch (thrown) {
    if (thrown instanceof DocumentError) return thrown.message
    if (thrown instanceof GatewayCallError && thrown.code === 'upstream_misconfigured') return thrown.message
    if (kind.spec === configSpec && thrown instanceof Error) return thrown.message
    throw thrown
  }
}
