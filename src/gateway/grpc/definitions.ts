/**
 * The services of this port, compiled from `proto/` and inlined: nothing is read from disk, so a bundle serves them too.
 */
import { fromJSON } from '@grpc/proto-loader'
import { healthDefinition, serviceDefinition } from '../../grpc/index.ts'
import type { LoadedService } from '../../grpc/index.ts'
import { gatewayV1 } from '../../proto/gateway-v1.ts'
import { healthV1 } from '../../proto/health-v1.ts'
import { reflectionV1 } from '../../proto/reflection-v1.ts'
import { badRequest } from '../../logical/errors.ts'

/** What a request that does not decode is handed to its handler as, so that it is refused in our words and not in the library's. */
export class Undecodable {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}

/** Throws `bad_request` for a request that did not decode. */
export function decoded<Request>(request: Request | Undecodable): Request {
  if (request instanceof Undecodable)
    throw badRequest(
      `the message does not decode as ${request.message}; check that both sides use the same proto/mcp/gateway/v1/gateway.proto`,
    )
  return request
}

/** A service of this port: what does not decode comes to its handler all the same. */
function served(definition: LoadedService): LoadedService {
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => {
      const requestDeserialize = (bytes: Buffer): object => {
        try {
          return method.requestDeserialize(bytes) as object
        } catch {
          return new Undecodable(method.requestType)
        }
      }
      return [name, { ...method, requestDeserialize }]
    }),
  )
}

const load = (contract: object, name: string): LoadedService => served(serviceDefinition(contract, name, 'named'))

/** v1alpha differs in its name alone. */
const reflectionAlpha = {
  nested: {
    grpc: { nested: { reflection: { nested: { v1alpha: reflectionV1.nested.grpc.nested.reflection.nested.v1 } } } },
  },
}

export const services = {
  sessions: load(gatewayV1, 'mcp.gateway.v1.Sessions'),
  tokens: load(gatewayV1, 'mcp.gateway.v1.Tokens'),
  upstreams: load(gatewayV1, 'mcp.gateway.v1.Upstreams'),
  health: served(healthDefinition),
  reflection: load(reflectionV1, 'grpc.reflection.v1.ServerReflection'),
  reflectionAlpha: load(reflectionAlpha, 'grpc.reflection.v1alpha.ServerReflection'),
} as const

/** What reflection tells of. It does not list reflection itself: a client that asks has found it already. */
export const serviceNames = [
  'grpc.health.v1.Health',
  'mcp.gateway.v1.Sessions',
  'mcp.gateway.v1.Tokens',
  'mcp.gateway.v1.Upstreams',
] as const

export interface DescribedFile {
  /** `mcp_gateway_v1.proto`: the compiled form knows packages, not the files they were written in. */
  readonly name: string
  /** A serialized `FileDescriptorProto` without imports. */
  readonly bytes: Buffer
  /** Full names of the services, methods, messages and enums in it. */
  readonly symbols: ReadonlySet<string>
}

/** A namespace, service or message of the compiled contract. */
interface Node {
  readonly methods?: object
  readonly fields?: object
  readonly values?: object
  readonly nested?: Readonly<Record<string, Node>>
}

function* symbolsIn(node: Node, path: string): Generator<string> {
  if (node.methods ?? node.fields ?? node.values) yield path
  for (const method of Object.keys(node.methods ?? {})) yield `${path}.${method}`
  for (const [name, inner] of Object.entries(node.nested ?? {}))
    yield* symbolsIn(inner, path === '' ? name : `${path}.${name}`)
}

function describe(packageName: string, json: Node): DescribedFile {
  // The descriptors are all that this library is for here.
  const [bytes] = Object.values(fromJSON(json)).flatMap((definition) =>
    'fileDescriptorProtos' in definition ? (definition.fileDescriptorProtos as readonly Buffer[]) : [],
  )
  if (!bytes) throw new Error(`the compiled ${packageName} has no file descriptor`)
  return { name: `${packageName.replaceAll('.', '_')}.proto`, bytes, symbols: new Set(symbolsIn(json, '')) }
}

/** What reflection answers with: one file per package. */
export const describedFiles: readonly DescribedFile[] = [
  describe('mcp.gateway.v1', gatewayV1),
  describe('grpc.health.v1', healthV1),
]
