/** Calls to the server that runs this plugin, over the connection it announced for one mount. */
import { Metadata, status } from '@grpc/grpc-js'
import type { Client, ServiceDefinition, ServiceError } from '@grpc/grpc-js'
import type { Clock } from '../logical/clock.ts'
import { RequestError } from '../logical/errors.ts'

/** A server that answers no more must not hold requests for ever. */
export const REVERSE_CALL_LIMIT_MS = 30_000

/** The server does not know the method: what it is for has to be done another way. */
export class UnimplementedError extends RequestError {
  constructor(cause: unknown) {
    super('unavailable', 'the server does not support a call the engine needs', { cause })
  }
}

export type ReverseCall = <Reply>(method: string, argument: object) => Promise<Reply>

/** Rejects with `unavailable`, of which `UnimplementedError` is one: whatever was asked for may or may not have been done. */
export function reverseCalls(client: Client, service: ServiceDefinition, clock: Clock): ReverseCall {
  const metadata = new Metadata()
  return <Reply>(method: string, argument: object) =>
    new Promise<Reply>((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = service[method]!
      try {
        const call = client.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize as (bytes: Buffer) => Reply,
          argument,
          metadata,
          (error: ServiceError | null, reply?: Reply) => {
            cancelLimit()
            if (error) reject(failure(error))
            else resolve(reply as Reply)
          },
        )
        const cancelLimit = clock.after(REVERSE_CALL_LIMIT_MS, () => {
          call.cancel()
        })
      } catch (error) {
        // So the library refuses calls on a connection that is closed: the mount was cleaned up meanwhile.
        reject(failure(error))
      }
    })
}

function failure(error: unknown): RequestError {
  if ((error as Partial<ServiceError>).code === status.UNIMPLEMENTED) return new UnimplementedError(error)
  return new RequestError('unavailable', 'the server does not respond to the plugin', { cause: error })
}
