/** `tfplugin6.Provider`: Terraform's calls, taken apart into values and put together again. */
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js'
import { serviceDefinition } from '../../goplugin/index.ts'
import type { Service } from '../../goplugin/index.ts'
import type { Logger } from '../../logical/log.ts'
import { tfplugin6 } from '../../proto/tfplugin6.ts'
import { Refusal, diagnosticMessage, fault, pathMessage } from './diagnostic.ts'
import type { Diagnostic } from './diagnostic.ts'
import { ArgumentFault } from './provider.ts'
import type { Provider } from './provider.ts'
import { functionMessage, schemaMessage } from './schema.ts'
import type { Block } from './schema.ts'
import { upgradedState } from './upgrade.ts'
import { decodeValue, encodeValue, isObject, isWhollyKnown, unknown } from './value.ts'
import type { Value, ValueObject } from './value.ts'

interface DynamicValue {
  readonly msgpack: Uint8Array
}
type Sent = DynamicValue | null

/** The members of all requests; each has its own few. */
interface Request {
  readonly type_name: string
  readonly config: Sent
  readonly prior_state: Sent
  readonly proposed_new_state: Sent
  readonly planned_state: Sent
  readonly current_state: Sent
  readonly raw_state: { readonly json: Uint8Array } | null
  /** Absent where an ephemeral resource was opened without. */
  readonly private?: Uint8Array
  readonly prior_private: Uint8Array
  readonly planned_private: Uint8Array
  readonly id: string
  readonly name: string
  readonly arguments: readonly DynamicValue[]
}

type Handler = (provider: Provider, request: Request) => object | Promise<object>

const received = (sent: Sent): Value => decodeValue(sent?.msgpack)
const dynamic = (value: Value): DynamicValue => ({ msgpack: encodeValue(value) })
const messages = (diagnostics: readonly Diagnostic[]): object[] => diagnostics.map(diagnosticMessage)

function config(request: Request): ValueObject {
  const value = received(request.config)
  if (isObject(value)) return value
  throw new Refusal(
    fault(
      'The configuration cannot be read',
      'Terraform sent something other than an object. Please report this with the output of terraform version.',
    ),
  )
}

function named<T>(kind: string, things: Readonly<Record<string, T>>, name: string): T {
  const thing = Object.hasOwn(things, name) ? things[name] : undefined
  if (thing === undefined)
    throw new Refusal(fault(`This provider has no ${kind} ${name}`, `It has ${Object.keys(things).join(', ')}.`))
  return thing
}

const schemas = (things: Readonly<Record<string, { readonly schema: Block }>>): object =>
  Object.fromEntries(Object.entries(things).map(([name, { schema }]) => [name, schemaMessage(schema)]))
const functions = (provider: Provider): object =>
  Object.fromEntries(
    Object.entries(provider.functions).map(([name, { signature }]) => [name, functionMessage(signature)]),
  )
const typeNames = (things: object): object[] => Object.keys(things).map((type_name) => ({ type_name }))

/** Later processes of the same command need not ask for the schemas again. */
const capabilities = { get_provider_schema_optional: true }

const describing: Readonly<Record<string, Handler>> = {
  GetMetadata: (provider) => ({
    server_capabilities: capabilities,
    resources: typeNames(provider.resources),
    data_sources: typeNames(provider.dataSources),
    ephemeral_resources: typeNames(provider.ephemeralTypes),
    functions: Object.keys(provider.functions).map((name) => ({ name })),
  }),
  GetProviderSchema: (provider) => ({
    provider: schemaMessage(provider.schema),
    resource_schemas: schemas(provider.resources),
    data_source_schemas: schemas(provider.dataSources),
    ephemeral_resource_schemas: schemas(provider.ephemeralTypes),
    functions: functions(provider),
    server_capabilities: capabilities,
  }),
  GetFunctions: (provider) => ({ functions: functions(provider) }),
  ValidateProviderConfig: (provider, request) => ({ diagnostics: messages(provider.validate(config(request))) }),
  ValidateResourceConfig: (provider, request) => ({
    diagnostics: messages(named('resource', provider.resources, request.type_name).validate(config(request))),
  }),
  ValidateDataResourceConfig: (provider, request) => ({
    diagnostics: messages(named('data source', provider.dataSources, request.type_name).validate(config(request))),
  }),
  ValidateEphemeralResourceConfig: (provider, request) => ({
    diagnostics: messages(
      named('ephemeral resource', provider.ephemeralTypes, request.type_name).validate(config(request)),
    ),
  }),
  ConfigureProvider: (provider, request) => ({ diagnostics: messages(provider.configure(config(request))) }),
  StopProvider: async (provider) => {
    await provider.stop()
    return { Error: '' }
  },
}

const managed: Readonly<Record<string, Handler>> = {
  UpgradeResourceState: (provider, request) => {
    const { schema } = named('resource', provider.resources, request.type_name)
    return { upgraded_state: dynamic(upgradedState(schema, request.raw_state?.json ?? new Uint8Array())) }
  },
  ReadResource: async (provider, request) => {
    const state = received(request.current_state)
    if (!isObject(state)) return { new_state: request.current_state, private: request.private }
    const read = await named('resource', provider.resources, request.type_name).read(state)
    return { new_state: dynamic(read.state), private: request.private, diagnostics: messages(read.diagnostics) }
  },
  PlanResourceChange: async (provider, request) => {
    // A destroy: there is nothing to decide.
    if (received(request.proposed_new_state) === null)
      return { planned_state: request.proposed_new_state, planned_private: request.prior_private }
    const prior = received(request.prior_state)
    const plan = await named('resource', provider.resources, request.type_name).plan({
      prior: isObject(prior) ? prior : null,
      config: config(request),
    })
    return {
      planned_state: dynamic(plan.planned),
      requires_replace: plan.replace.map(pathMessage),
      planned_private: request.prior_private,
      diagnostics: messages(plan.diagnostics),
    }
  },
  ApplyResourceChange: async (provider, request) => {
    const resource = named('resource', provider.resources, request.type_name)
    const [prior, planned] = [received(request.prior_state), received(request.planned_state)]
    if (!isObject(planned)) {
      if (isObject(prior)) await resource.delete(prior)
      return { new_state: dynamic(null) }
    }
    const { state, diagnostics } = isObject(prior)
      ? await resource.update(prior, planned, config(request))
      : await resource.create(planned, config(request))
    return { new_state: dynamic(state), private: request.planned_private, diagnostics: messages(diagnostics) }
  },
  ImportResourceState: (provider, { type_name, id }) => ({
    imported_resources: [
      { type_name, state: dynamic(named('resource', provider.resources, type_name).importState(id)) },
    ],
  }),
  MoveResourceState: (_provider, request) => {
    throw new Refusal(
      fault(
        'Resources cannot be moved between types',
        `No other resource type can become ${JSON.stringify(request.type_name)}; import it instead.`,
      ),
    )
  },
  ReadDataSource: async (provider, request) => ({
    state: dynamic(await named('data source', provider.dataSources, request.type_name).read(config(request))),
  }),
}

const timestamp = (unixMs: number | undefined): object =>
  unixMs === undefined
    ? {}
    : { renew_at: { seconds: Math.floor(unixMs / 1000), nanos: (Math.floor(unixMs) % 1000) * 1_000_000 } }
const handleOf = ({ private: bytes }: Request): string => Buffer.from(bytes ?? []).toString()

const opened: Readonly<Record<string, Handler>> = {
  OpenEphemeralResource: async (provider, request) => {
    const {
      result,
      handle,
      renewAtMs,
      diagnostics = [],
    } = await named('ephemeral resource', provider.ephemeralTypes, request.type_name).open(config(request))
    return {
      result: dynamic(result),
      ...timestamp(renewAtMs),
      diagnostics: messages(diagnostics),
      ...(handle !== undefined && { private: Buffer.from(handle) }),
    }
  },
  RenewEphemeralResource: async (provider, request) => {
    const { renewAtMs } = await named('ephemeral resource', provider.ephemeralTypes, request.type_name).renew(
      handleOf(request),
    )
    return { ...timestamp(renewAtMs), private: request.private }
  },
  CloseEphemeralResource: async (provider, request) => {
    // Nothing was leased, so nothing is revoked.
    const handle = handleOf(request)
    if (handle !== '') await named('ephemeral resource', provider.ephemeralTypes, request.type_name).close(handle)
    return {}
  },
  CallFunction: (provider, request) => {
    const { call } = named('function', provider.functions, request.name)
    const args = request.arguments.map(({ msgpack }) => decodeValue(msgpack))
    if (!args.every(isWhollyKnown)) return { result: dynamic(unknown) }
    try {
      return { result: dynamic(call(args)) }
    } catch (error) {
      if (!(error instanceof ArgumentFault)) throw error
      return { error: { text: error.message, function_argument: error.argument } }
    }
  },
}

/** What is answered beside the diagnostics of a failure: whatever Terraform had before stays as it was. */
const kept: Readonly<Record<string, (request: Request) => object>> = {
  ReadResource: (request) => ({ new_state: request.current_state, private: request.private }),
  PlanResourceChange: (request) => ({ planned_state: request.prior_state, planned_private: request.prior_private }),
  ApplyResourceChange: (request) => ({ new_state: request.prior_state, private: request.planned_private }),
  RenewEphemeralResource: (request) => ({ private: request.private }),
}

export function providerService(provider: Provider, logger: Logger): Service {
  const handlers = { ...describing, ...managed, ...opened }
  const implementation = Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [
      name,
      async ({ request }: ServerUnaryCall<Request, object>, callback: sendUnaryData<object>) => {
        let reply: object
        try {
          reply = await handler(provider, request)
        } catch (error) {
          reply = { ...kept[name]?.(request), ...failure(name, request, error, logger) }
        }
        callback(null, reply)
      },
    ]),
  )
  return { definition: serviceDefinition(tfplugin6, 'tfplugin6.Provider'), implementation }
}

/** Never a stack: that is for the log. */
function failure(method: string, request: Request, error: unknown, logger: Logger): object {
  const expected = error instanceof Refusal
  if (!expected) logger.error({ method, type_name: request.type_name, error }, 'a call from Terraform failed')
  const diagnostics = expected
    ? error.diagnostics
    : [
        fault(
          `The provider failed in ${method}`,
          `This is a defect of the provider (${error instanceof Error ? error.name : typeof error}). The log has its trace: run again with TF_LOG_PROVIDER=ERROR, and report it.`,
        ),
      ]
  if (method === 'CallFunction')
    return { error: { text: diagnostics.map(({ summary, detail }) => `${summary}. ${detail}`).join('\n') } }
  return method === 'StopProvider' ? { Error: diagnostics[0]?.summary ?? '' } : { diagnostics: messages(diagnostics) }
}
