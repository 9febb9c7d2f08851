/**
 * Terraform's side of protocol 6, as Terraform behaves: it fills configurations up to the schema, proposes, plans and applies, and
 * holds the provider to its word as Terraform does. The provider's own services run behind a real socket.
 */
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Server, ServerCredentials, credentials } from '@grpc/grpc-js'
import { expect } from 'vitest'
import { guarded } from '../../../src/goplugin/guard.ts'
import { serviceDefinition } from '../../../src/goplugin/index.ts'
import type { GoPlugin } from '../../../src/goplugin/index.ts'
import type { Clock } from '../../../src/logical/clock.ts'
import { systemClock } from '../../../src/logical/clock.ts'
import { tfplugin6 } from '../../../src/proto/tfplugin6.ts'
import { terraformProvider } from '../../../src/terraform/index.ts'
import {
  decodeValue,
  encodeValue,
  isEqual,
  isObject,
  isUnknown,
  isWhollyKnown,
} from '../../../src/terraform/protocol/value.ts'
import type { Value, ValueObject } from '../../../src/terraform/protocol/value.ts'
import { unaryCall } from '../../fakes/unary-call.ts'

const provider = serviceDefinition(tfplugin6, 'tfplugin6.Provider')

export interface Diagnosed {
  readonly severity: 'error' | 'warning'
  readonly summary: string
  readonly detail: string
  /** `scopes[0]`, `headers["a"]`; empty where it points at nothing in particular. */
  readonly at: string
}

interface Step {
  readonly attribute_name?: string
  readonly element_key_string?: string
  readonly element_key_int?: string
}
interface AttributeMessage {
  readonly name: string
  readonly computed: boolean
  readonly optional: boolean
  readonly write_only: boolean
  readonly sensitive: boolean
  readonly nested_type: { readonly attributes: readonly AttributeMessage[] } | null
}
interface BlockMessage {
  readonly attributes: readonly AttributeMessage[]
  readonly block_types: readonly { readonly type_name: string; readonly block: BlockMessage }[]
}
interface SchemaMessage {
  readonly block: BlockMessage
}
export interface Schemas {
  readonly provider: SchemaMessage
  readonly resource_schemas: Readonly<Record<string, SchemaMessage>>
  readonly data_source_schemas: Readonly<Record<string, SchemaMessage>>
  readonly ephemeral_resource_schemas: Readonly<Record<string, SchemaMessage>>
  readonly functions: Readonly<Record<string, object>>
}

/** The members of all replies. */
interface Reply {
  readonly diagnostics?: readonly {
    readonly severity: number
    readonly summary: string
    readonly detail: string
    readonly attribute: { readonly steps: readonly Step[] } | null
  }[]
  readonly planned_state?: { readonly msgpack: Buffer } | null
  readonly new_state?: { readonly msgpack: Buffer } | null
  readonly upgraded_state?: { readonly msgpack: Buffer } | null
  readonly state?: { readonly msgpack: Buffer } | null
  readonly result?: { readonly msgpack: Buffer } | null
  readonly requires_replace?: readonly { readonly steps: readonly Step[] }[]
  readonly imported_resources?: readonly { readonly state: { readonly msgpack: Buffer } }[]
  readonly private?: Buffer
  readonly renew_at?: { readonly seconds: string; readonly nanos: number } | null
  readonly error?: { readonly text: string; readonly function_argument?: string } | null
  readonly Error?: string
}

export interface LogLine {
  readonly level: string
  readonly fields: object
  readonly message: string
}
export interface Planned {
  readonly state: ValueObject
  readonly replace: readonly string[]
  readonly diagnostics: readonly Diagnosed[]
}
export interface Applied {
  readonly state: ValueObject | null
  readonly diagnostics: readonly Diagnosed[]
}

const dynamic = (value: Value): object => ({ msgpack: encodeValue(value) })
const received = (sent: { readonly msgpack: Buffer } | null | undefined): Value => decodeValue(sent?.msgpack)

function pathOf(steps: readonly Step[]): string {
  return steps
    .map((step, index) => {
      if (step.attribute_name) return index === 0 ? step.attribute_name : `.${step.attribute_name}`
      return step.element_key_string
        ? `[${JSON.stringify(step.element_key_string)}]`
        : `[${String(step.element_key_int)}]`
    })
    .join('')
}

function diagnosed({ diagnostics = [] }: Reply): Diagnosed[] {
  return diagnostics.map(({ severity, summary, detail, attribute }) => ({
    severity: severity === 2 ? 'warning' : 'error',
    summary,
    detail,
    at: pathOf(attribute?.steps ?? []),
  }))
}

export class TerraformCore {
  readonly logs: LogLine[] = []
  readonly plugin: GoPlugin
  schemas!: Schemas
  readonly #server = new Server()
  readonly #path = join(tmpdir(), `mcp-tf-test-${randomBytes(6).toString('hex')}`)
  #client!: Client

  private constructor(env: Readonly<Record<string, string>>, clock: Clock) {
    this.plugin = terraformProvider({ version: '0.1.0', clock, environment: { env, tokenFile: () => undefined } })
  }

  static async start(env: Readonly<Record<string, string>> = {}, clock: Clock = systemClock): Promise<TerraformCore> {
    const core = new TerraformCore(env, clock)
    const log = (level: string) => (fields: object, message: string) => {
      core.logs.push({ level, fields, message })
    }
    const logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') }
    for (const service of core.plugin.services({
      version: 6,
      logger,
      dial: () => Promise.reject(new Error('there is nothing to dial')),
    })) {
      const { definition, implementation } = guarded(service, logger)
      core.#server.addService(definition, implementation)
    }
    await new Promise<void>((resolve, reject) => {
      core.#server.bindAsync(`unix:${core.#path}`, ServerCredentials.createInsecure(), (error) => {
        if (error) reject(error)
        else resolve()
      })
    })
    core.#client = new Client(`unix:${core.#path}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    })
    core.schemas = (await core.call('GetProviderSchema', {})) as unknown as Schemas
    return core
  }

  /** The provider ends as when Terraform asks it to. */
  async close(): Promise<void> {
    await this.plugin.close?.()
    this.#client.close()
    this.#server.forceShutdown()
    rmSync(this.#path, { force: true })
  }

  call(method: string, request: object): Promise<Reply> {
    return unaryCall<Reply>(this.#client, provider, method, request)
  }

  async configure(config: ValueObject = {}): Promise<Diagnosed[]> {
    const sent = dynamic(filled(this.schemas.provider, config))
    const checked = diagnosed(await this.call('ValidateProviderConfig', { config: sent }))
    return checked.length > 0
      ? checked
      : diagnosed(await this.call('ConfigureProvider', { terraform_version: '1.11.4', config: sent }))
  }

  async validate(type: string, config: ValueObject): Promise<Diagnosed[]> {
    return diagnosed(
      await this.call('ValidateResourceConfig', {
        type_name: type,
        config: dynamic(filled(this.#resource(type), config)),
      }),
    )
  }

  async plan(type: string, prior: ValueObject | null, config: ValueObject): Promise<Planned> {
    const schema = this.#resource(type)
    const full = filled(schema, config)
    const proposed = Object.fromEntries(
      schema.block.attributes.map(({ name, computed, write_only: writeOnly }) => [
        name,
        writeOnly ? null : full[name] === null && computed ? (prior?.[name] ?? null) : full[name]!,
      ]),
    )
    const reply = await this.call('PlanResourceChange', {
      type_name: type,
      prior_state: dynamic(prior),
      proposed_new_state: dynamic(proposed),
      config: dynamic(full),
    })
    const diagnostics = diagnosed(reply)
    const state = received(reply.planned_state)
    if (diagnostics.some(({ severity }) => severity === 'error'))
      return { state: isObject(state) ? state : {}, replace: [], diagnostics }
    expect(isObject(state)).toBe(true)
    checkPlan(schema, full, prior, state as ValueObject)
    return {
      state: state as ValueObject,
      replace: (reply.requires_replace ?? []).map(({ steps }) => pathOf(steps)),
      diagnostics,
    }
  }

  /** Plans and applies; a replacement is a destruction and a creation. */
  async apply(type: string, prior: ValueObject | null, config: ValueObject): Promise<Applied> {
    const planned = await this.plan(type, prior, config)
    if (planned.diagnostics.some(({ severity }) => severity === 'error'))
      return { state: prior, diagnostics: planned.diagnostics }
    if (prior !== null && planned.replace.length > 0) {
      const destroyed = await this.destroy(type, prior)
      return destroyed.state === null ? this.apply(type, null, config) : destroyed
    }
    const reply = await this.call('ApplyResourceChange', {
      type_name: type,
      prior_state: dynamic(prior),
      planned_state: dynamic(planned.state),
      config: dynamic(filled(this.#resource(type), config)),
    })
    const diagnostics = [...planned.diagnostics, ...diagnosed(reply)]
    const state = received(reply.new_state)
    if (diagnostics.some(({ severity }) => severity === 'error'))
      return { state: isObject(state) ? state : null, diagnostics }
    expect(isWhollyKnown(state)).toBe(true)
    for (const [name, value] of Object.entries(planned.state))
      if (isWhollyKnown(value)) expect({ [name]: (state as ValueObject)[name] }).toEqual({ [name]: value })
    return { state: state as ValueObject, diagnostics }
  }

  async destroy(type: string, prior: ValueObject): Promise<Applied> {
    const reply = await this.call('ApplyResourceChange', {
      type_name: type,
      prior_state: dynamic(prior),
      planned_state: dynamic(null),
      config: dynamic(null),
    })
    const state = received(reply.new_state)
    return { state: isObject(state) ? state : null, diagnostics: diagnosed(reply) }
  }

  async refresh(type: string, state: ValueObject): Promise<Applied> {
    const upgraded = await this.call('UpgradeResourceState', {
      type_name: type,
      version: 0,
      raw_state: { json: Buffer.from(JSON.stringify(state)) },
    })
    expect(received(upgraded.upgraded_state)).toEqual(state)
    const reply = await this.call('ReadResource', { type_name: type, current_state: upgraded.upgraded_state })
    const read = received(reply.new_state)
    return { state: isObject(read) ? read : null, diagnostics: diagnosed(reply) }
  }

  async importState(type: string, id: string): Promise<Applied> {
    const reply = await this.call('ImportResourceState', { type_name: type, id })
    const [imported] = reply.imported_resources ?? []
    if (!imported) return { state: null, diagnostics: diagnosed(reply) }
    const read = await this.call('ReadResource', { type_name: type, current_state: imported.state })
    const state = received(read.new_state)
    return { state: isObject(state) ? state : null, diagnostics: diagnosed(read) }
  }

  /** Nothing would change: what an empty plan is. */
  async isSettled(type: string, state: ValueObject, config: ValueObject): Promise<boolean> {
    const { state: read } = await this.refresh(type, state)
    return read !== null && isEqual((await this.plan(type, read, config)).state, read)
  }

  async validateData(type: string, config: ValueObject): Promise<Diagnosed[]> {
    return diagnosed(
      await this.call('ValidateDataResourceConfig', {
        type_name: type,
        config: dynamic(filled(this.schemas.data_source_schemas[type]!, config)),
      }),
    )
  }

  async data(type: string, config: ValueObject): Promise<Applied> {
    const checked = await this.validateData(type, config)
    if (checked.length > 0) return { state: null, diagnostics: checked }
    const reply = await this.call('ReadDataSource', {
      type_name: type,
      config: dynamic(filled(this.schemas.data_source_schemas[type]!, config)),
    })
    const state = received(reply.state)
    return { state: isObject(state) ? state : null, diagnostics: diagnosed(reply) }
  }

  async open(
    config: ValueObject,
  ): Promise<Applied & { readonly private: Buffer | undefined; readonly renewAt: number | undefined }> {
    const sent = dynamic(filled(this.schemas.ephemeral_resource_schemas.mcp_creds!, config))
    const checked = diagnosed(
      await this.call('ValidateEphemeralResourceConfig', { type_name: 'mcp_creds', config: sent }),
    )
    if (checked.length > 0) return { state: null, diagnostics: checked, private: undefined, renewAt: undefined }
    const reply = await this.call('OpenEphemeralResource', { type_name: 'mcp_creds', config: sent })
    const result = received(reply.result)
    return {
      state: isObject(result) ? result : null,
      diagnostics: diagnosed(reply),
      private: reply.private,
      renewAt: reply.renew_at ? Number(reply.renew_at.seconds) : undefined,
    }
  }

  async lentCall(
    method: 'RenewEphemeralResource' | 'CloseEphemeralResource',
    kept: Buffer | undefined,
  ): Promise<Diagnosed[]> {
    return diagnosed(await this.call(method, { type_name: 'mcp_creds', ...(kept && { private: kept }) }))
  }

  async fn(
    name: string,
    ...args: Value[]
  ): Promise<{ readonly result: Value; readonly error: string | undefined; readonly argument: number | undefined }> {
    const reply = await this.call('CallFunction', { name, arguments: args.map(dynamic) })
    return {
      result: received(reply.result),
      error: reply.error?.text,
      argument: reply.error?.function_argument === undefined ? undefined : Number(reply.error.function_argument),
    }
  }

  #resource(type: string): SchemaMessage {
    return this.schemas.resource_schemas[type]!
  }
}

/** Every attribute and block is there, null where it is not given, in nested objects too. */
export function filled({ block }: SchemaMessage, config: ValueObject): ValueObject {
  const blocks = block.block_types.map(({ type_name: name, block: inner }) => {
    const given = config[name]
    return [name, isObject(given) ? filled({ block: inner }, given) : (given ?? null)] as const
  })
  return { ...filledAttributes(block.attributes, config), ...Object.fromEntries(blocks) }
}

function filledAttributes(attributes: readonly AttributeMessage[], config: ValueObject): ValueObject {
  const strange = Object.keys(config).filter(
    (name) => !attributes.some((attribute) => attribute.name === name) && name !== 'auth_login',
  )
  expect(strange).toEqual([])
  return Object.fromEntries(
    attributes.map(({ name, nested_type: nested }) => {
      const given = config[name] ?? null
      if (nested === null || !Array.isArray(given)) return [name, given]
      return [
        name,
        (given as readonly Value[]).map((item) => (isObject(item) ? filledAttributes(nested.attributes, item) : item)),
      ]
    }),
  )
}

/** Terraform's rules: what is configured is planned, what is not is null unless computed, and write-only values are never there. */
function checkPlan(
  { block }: SchemaMessage,
  config: ValueObject,
  prior: ValueObject | null,
  planned: ValueObject,
): void {
  expect(Object.keys(planned).sort()).toEqual(block.attributes.map(({ name }) => name).sort())
  for (const attribute of block.attributes)
    checkAttribute(attribute, config[attribute.name]!, prior?.[attribute.name], planned[attribute.name]!)
}

function checkAttribute(
  { name, computed, write_only: writeOnly, nested_type: nested }: AttributeMessage,
  config: Value,
  prior: Value | undefined,
  planned: Value,
): void {
  if (writeOnly) expect({ [name]: planned }).toEqual({ [name]: null })
  else if (nested !== null && Array.isArray(config)) {
    for (const [index, item] of (config as readonly Value[]).entries()) {
      const plannedItem = (planned as readonly Value[])[index]!
      if (isObject(item) && isObject(plannedItem))
        for (const inner of nested.attributes)
          checkAttribute(inner, item[inner.name] ?? null, undefined, plannedItem[inner.name]!)
      else expect(plannedItem).toEqual(item)
    }
  } else if (config !== null || !computed) expect({ [name]: planned }).toEqual({ [name]: config })
  else expect(isUnknown(planned) || prior === undefined || planned === null || isWhollyKnown(planned)).toBe(true)
}
