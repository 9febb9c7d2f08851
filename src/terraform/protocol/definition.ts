/** The provider's service out of its compiled contract, straight from protobufjs. */
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js'
import protobuf from 'protobufjs'
import { tfplugin6 } from '../../proto/tfplugin6.ts'

const NAME = 'tfplugin6.Provider'
const asObject = { longs: String, defaults: true } as const

/**
 * Messages are in memory as `serviceDefinition` of src/goplugin has them. That goes through proto-loader, which describes every message
 * for reflection as well: an eighth of the time a provider takes to start, several times in every command of Terraform's.
 */
export function providerDefinition(): ServiceDefinition {
  const service = protobuf.Root.fromJSON(tfplugin6 as protobuf.INamespace).resolveAll().lookupService(NAME)
  return Object.fromEntries(service.methodsArray.map((method) => [method.name, definition(method)]))
}

function definition({ name, resolvedRequestType: request, resolvedResponseType: response }: protobuf.Method): MethodDefinition<object, object> {
  if (!request || !response) throw new Error(`the contract has no messages for ${name}`)
  return {
    path: `/${NAME}/${name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: writer(request),
    requestDeserialize: reader(request),
    responseSerialize: writer(response),
    responseDeserialize: reader(response),
  }
}

const writer = (type: protobuf.Type) => (message: object): Buffer => Buffer.from(type.encode(type.fromObject(message)).finish())
const reader = (type: protobuf.Type) => (bytes: Buffer): object => type.toObject(type.decode(bytes), asObject)
