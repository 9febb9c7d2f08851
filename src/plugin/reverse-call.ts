/** Calls to the server that runs this plugin, over the connection it announced for one mount. */
import { Metadata, status } from '@grpc/grpc-js'
import type { Client, ServiceDefinition, ServiceError } from '@grpc/grpc-js'
import type { Clock } from '../logical/clock.ts'
import { RequestError } from '../logical/errors.ts'

/** A server that answers no more must not hold requests for ever. */
const DEADLINE_MS = 30_000

/** The server does not know the method: what it is for has to be done another way. */
export class UnimplementedError extends Error {}

export type ReverseCall = <Reply>(method: string, argument: object) => Promise<Reply>

/** Rejects with `UnimplementedError`, else with `unavailable`: whatever was asked for may or may not have been done. */
export function reverseCalls(client: Client, service: ServiceDefinition, clock: Clock): ReverseCall {
  const metadata = new Metadata()
  return <Reply>(method: string, argument: object) => new Promise<Reply>((resolve, reject) => {
    const definition = service[method]!
    client.makeUnaryRequest(
      definition.path, definition.requestSerialize, definition.responseDeserialize as (bytes: Buffer) => Reply,
      argument, metadata, { deadline: clock.now() + DEADLINE_MS },
      (error: ServiceError | null, reply?: Reply) => {
        if (error) reject(failure(error))
        else resolve(reply as Reply)
      },
    )
  })
}

function failure(error: ServiceError): Error {
  if (error.code === status.UNIMPLEMENTED) return new UnimplementedError()
  return new RequestError('unavailable', 'the server does not answer the plugin', { cause: error })
}
