/**
 * The one way a gRPC service is loaded, for servers and clients: from the compiled contracts in `src/proto`. Nothing is read from
 * disk, so that a bundle of one file can serve them.
 */
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js'
// Not through proto-loader, which describes every message for reflection as well: an eighth of the time a plugin takes to start.
import protobuf from 'protobufjs'

/**
 * How a decoded message looks in memory. In both, `bytes` are Buffers, and what was not sent has its default, a message null. In a
 * message to be encoded, both accept either spelling: a number or a decimal string, a value of an enum or its name.
 */
const representations = {
  /**
   * 64-bit integers as numbers, enums by name, each oneof named by what it holds: for our own contracts, whose integers are times
   * and durations (below 2^53). An enum value of a newer peer arrives as its number. The types in `src/proto/gateway-v1.ts` are these.
   */
  named: { longs: Number, enums: String, defaults: true, oneofs: true },
  /**
   * 64-bit integers as decimal strings, enums as numbers: for contracts that others write (Vault's, Terraform's, go-plugin's). Their
   * integers use the whole range (a TTL is in nanoseconds, of which 2^53 are 104 days), where a number would be off without a word.
   */
  exact: { longs: String, defaults: true },
} as const satisfies Record<string, protobuf.IConversionOptions>

export type Representation = keyof typeof representations

/** The methods of a service, for grpc-js; `requestType` is the short name of the message a request is. */
export type LoadedService = Readonly<Record<string, ServiceDefinition[string] & { readonly requestType: string }>>

const loaded = new WeakMap<object, protobuf.Namespace>()

function load(contract: object): protobuf.Namespace {
  const known = loaded.get(contract)
  if (known) return known
  const root = protobuf.Root.fromJSON(contract).resolveAll()
  loaded.set(contract, root)
  return root
}

/**
 * The methods of the service `name` (`plugin.GRPCBroker`) of a contract out of `src/proto`, for a server or a client.
 * Throws where the contract has no such service.
 */
export function serviceDefinition(
  contract: object,
  name: string,
  representation: Representation = 'exact',
): LoadedService {
  const service = load(contract).lookup(name, [protobuf.Service])
  // `Echo` alone would be found wherever it is.
  if (!(service instanceof protobuf.Service) || service.fullName !== `.${name}`)
    throw new Error(`the contract has no service ${name}`)
  return Object.fromEntries(
    service.methodsArray.map((method) => [method.name, definition(name, method, representation)]),
  )
}

function definition(service: string, method: protobuf.Method, representation: Representation) {
  const { name, resolvedRequestType: request, resolvedResponseType: response } = method
  if (!request || !response) throw new Error(`the contract has no messages for ${name}`)
  const loadedMethod: MethodDefinition<object, object> = {
    path: `/${service}/${name}`,
    requestStream: method.requestStream ?? false,
    responseStream: method.responseStream ?? false,
    requestSerialize: writer(request),
    requestDeserialize: reader(request, representation),
    responseSerialize: writer(response),
    responseDeserialize: reader(response, representation),
  }
  return { ...loadedMethod, requestType: request.name }
}

// What it writes is a Buffer in Node, whatever the type says.
const writer =
  (type: protobuf.Type) =>
  (message: object): Buffer =>
    type.encode(type.fromObject(message)).finish() as Buffer
const reader =
  (type: protobuf.Type, representation: Representation) =>
  (bytes: Buffer): object =>
    type.toObject(type.decode(bytes), representations[representation])
