/** Services from the compiled contracts in `src/proto`: nothing is read from disk, so that a bundle of one file can serve them. */
import type { ServiceDefinition } from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import type { Options, PackageDefinition } from '@grpc/proto-loader'

/** 64-bit integers as decimal strings, enums as numbers, `bytes` as Buffer; what was not sent has its default. */
const defaults: Options = { keepCase: true, longs: String, defaults: true }

const loaded = new WeakMap<object, PackageDefinition>()

function load(contract: object, options: Options | undefined): PackageDefinition {
  const known = options ? undefined : loaded.get(contract)
  if (known) return known
  const definitions = fromJSON(contract as Parameters<typeof fromJSON>[0], { ...defaults, ...options })
  if (!options) loaded.set(contract, definitions)
  return definitions
}

/**
 * The methods of the service `name` (`plugin.GRPCBroker`) of a contract out of `src/proto`, for a server or a client.
 * Throws where the contract has no such service.
 */
export function serviceDefinition(contract: object, name: string, options?: Options): ServiceDefinition {
  const definitions = load(contract, options)
  const definition = Object.hasOwn(definitions, name) ? definitions[name] : undefined
  // Messages and enums are in the same table and have a `format`.
  if (definition === undefined || 'format' in definition) throw new Error(`the contract has no service ${name}`)
  return definition as ServiceDefinition
}
