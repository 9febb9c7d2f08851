/** Services from the compiled contracts in `src/proto`: nothing is read from disk, so that a bundle of one file can serve them. */
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js'
// Not through proto-loader, which describes every message for reflection as well: an eighth of the time a plugin takes to start.
import protobuf from 'protobufjs'

/** 64-bit integers as decimal strings, enums as numbers, `bytes` as Buffer; what was not sent has its default, a message null. */
const asObject = { longs: String, defaults: true } as const

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
export function serviceDefinition(contract: object, name: string): ServiceDefinition {
  const service = load(contract).lookup(name, [protobuf.Service])
  // `Echo` alone would be found wherever it is.
  if (!(service instanceof protobuf.Service) || service.fullName !== `.${name}`)
    throw new Error(`the contract has no service ${name}`)
  return Object.fromEntries(service.methodsArray.map((method) => [method.name, definition(name, method)]))
}

function definition(service: string, method: protobuf.Method): MethodDefinition<object, object> {
  const { name, resolvedRequestType: request, resolvedResponseType: response } = method
  if (!request || !response) throw new Error(`the contract has no messages for ${name}`)
  return {
    path: `/${service}/${name}`,
    requestStream: method.requestStream ?? false,
    responseStream: method.responseStream ?? false,
    requestSerialize: writer(request),
    requestDeserialize: reader(request),
    responseSerialize: writer(response),
    responseDeserialize: reader(response),
  }
}

// What it writes is a Buffer in Node, whatever the type says.
const writer =
  (type: protobuf.Type) =>
  (message: object): Buffer =>
    type.encode(type.fromObject(message)).finish() as Buffer
const reader =
  (type: protobuf.Type) =>
  (bytes: Buffer): object =>
    type.toObject(type.decode(bytes), asObject)
