/** One unary call as a host makes it: by the method's name, with a deadline. */
import { Metadata } from '@grpc/grpc-js'
import type { Client, MethodDefinition, ServiceDefinition } from '@grpc/grpc-js'
import { systemClock } from '../../src/logical/clock.ts'

export interface CallOptions {
  readonly metadata?: Metadata
  /** Milliseconds; twenty seconds unless told. */
  readonly timeoutMs?: number
  /** Aborted: the call is cancelled. */
  readonly signal?: AbortSignal
}

/** Rejects with grpc-js's ServiceError. Throws where the service has no such method. */
export function unaryCall<Reply>(
  client: Client,
  service: ServiceDefinition,
  method: string,
  request: object,
  { metadata = new Metadata(), timeoutMs = 20_000, signal }: CallOptions = {},
): Promise<Reply> {
  const { path, requestSerialize, responseDeserialize } = methodOf<object, Reply>(service, method)
  return new Promise((resolve, reject) => {
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      { deadline: systemClock.now() + timeoutMs },
      (error, reply) => {
        if (error) reject(error)
        else resolve(reply as Reply)
      },
    )
    signal?.addEventListener(
      'abort',
      () => {
        call.cancel()
      },
      { once: true },
    )
  })
}

/** Throws where the service has no such method. */
export function methodOf<Request, Reply>(service: ServiceDefinition, name: string): MethodDefinition<Request, Reply> {
  const method = service[name]
  if (!method) throw new Error(`the service has no method ${name}`)
  return method as MethodDefinition<Request, Reply>
}
