/** gRPC between an MCP server and a gateway: the real messages and handlers over simulated connections. */
import { EventEmitter } from 'node:events'
import { Metadata, status } from '@grpc/grpc-js'
import type { ServiceError } from '@grpc/grpc-js'
import { fromGrpc } from '../../src/client/error.ts'
import type { Channel } from '../../src/client/channel.ts'
import { methods } from '../../src/client/wire.ts'
import type { Method } from '../../src/client/wire.ts'
import { SERVICE_TOKEN } from './gateway.ts'
import type { GatewayNode } from './gateway.ts'
import type { Process } from './machine.ts'
import type { Connection, Network } from './network.ts'

interface Reply {
  readonly code: number
  readonly details: string
  readonly metadata: Metadata
}
type Frame = { readonly data: Buffer } | { readonly end: Reply | undefined }
type UnaryHandler = (call: object, callback: (error: Reply | null, response?: unknown) => void) => void

const DEADLINE_MS = 5_000

export function simulatedChannel(process: Process, network: Network, gateway: GatewayNode): Channel {
  return {
    request: (method, request, options = {}) =>
      unary(process, network, gateway, method as unknown as Method<object, object>, {
        ...request,
        ...(options.requestId === undefined ? {} : { request_id: options.requestId }),
      }) as Promise<never>,
    watch: (request) => watch(process, network, gateway, request) as never,
    stream: () => {
      throw new Error('no tool of the simulation calls an upstream through the SDK')
    },
    close: () => undefined,
  }
}

function unary(
  process: Process,
  network: Network,
  gateway: GatewayNode,
  method: Method<object, object>,
  request: object,
): Promise<unknown> {
  const [from, to] = [process.machine, gateway.process.machine]
  return new Promise((resolve, reject) => {
    const fail = (reply: Reply) => {
      reject(fromGrpc(errorOf(reply), ''))
    }
    const cancelTimer = process.clock.after(DEADLINE_MS, () => {
      fail(plain(status.DEADLINE_EXCEEDED))
    })
    const respond = (settle: () => void) => {
      network.send(to, from, () => {
        process.deliver(() => {
          cancelTimer()
          settle()
        })
      })
    }
    const bytes = method.requestSerialize(request)
    network.send(from, to, () => {
      gateway.process.deliver(() => {
        const call = { request: method.requestDeserialize(bytes), metadata: credential(), getPeer: peer }
        const handler = gateway.grpc.tokens[method.path.split('/').at(-1)!] as unknown as UnaryHandler
        handler(call, (error, response) => {
          respond(() => {
            if (error) fail(error)
            else resolve(method.responseDeserialize(method.responseSerialize(response as object)))
          })
        })
      })
    })
  })
}

function watch(process: Process, network: Network, gateway: GatewayNode, request: object): EventEmitter {
  const method = methods.watch as unknown as Method<object, object>
  const [near, far] = network.connect(process, gateway.process)
  const stream = new EventEmitter()
  far.onMessage = (message) => {
    const call = new ServerCall(far, method, method.requestDeserialize((message as { data: Buffer }).data))
    const handler = gateway.grpc.watch as unknown as (call: object) => void
    handler(call)
  }
  near.onMessage = (message) => {
    const frame = message as Frame
    if ('data' in frame) stream.emit('data', method.responseDeserialize(frame.data))
    else if (frame.end) stream.emit('error', errorOf(frame.end))
    else stream.emit('end')
  }
  near.onBreak = () => {
    stream.emit('error', errorOf(plain(status.UNAVAILABLE)))
  }
  near.send({ data: method.requestSerialize(request) })
  return Object.assign(stream, {
    cancel: () => {
      near.close()
    },
  })
}

/** What grpc-js hands to a streaming handler, as far as the product uses it. */
class ServerCall extends EventEmitter {
  readonly request: object
  readonly metadata = credential()
  readonly call: { readonly stream: EventEmitter & { destroyed: boolean; close(): void; destroy(): void } }
  readonly #connection: Connection
  readonly #method: Method<object, object>

  constructor(connection: Connection, method: Method<object, object>, request: object) {
    super()
    this.#connection = connection
    this.#method = method
    this.request = request
    const stream = Object.assign(new EventEmitter(), {
      destroyed: false,
      close: () => {
        connection.close()
      },
      destroy: () => {
        this.#over()
      },
    })
    this.call = { stream }
    connection.onBreak = () => {
      this.emit('cancelled')
      this.#over()
    }
    this.on('error', (reply: Reply) => {
      this.#connection.send({ end: reply })
      this.#over()
    })
  }

  getPeer(): string {
    return peer()
  }

  write(message: object, done: () => void): void {
    this.#connection.send({ data: this.#method.responseSerialize(message) })
    this.#connection.owner.clock.after(0, done)
  }

  end(): void {
    this.#connection.send({ end: undefined })
    this.#over()
  }

  #over(): void {
    const { stream } = this.call
    if (stream.destroyed) return
    stream.destroyed = true
    this.#connection.owner.clock.after(0, () => {
      stream.emit('close')
    })
  }
}

const peer = (): string => '127.0.0.1:40000'

function credential(): Metadata {
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${SERVICE_TOKEN}`)
  return metadata
}

const plain = (code: number): Reply => ({ code, details: '', metadata: new Metadata() })
const errorOf = (reply: Reply): ServiceError => Object.assign(new Error(reply.details), reply)
