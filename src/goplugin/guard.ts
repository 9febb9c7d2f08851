/** Keeps the faults of a handler to its own call: a rejection nobody takes would end the process, and every other user of it. */
import { status } from '@grpc/grpc-js'
import type { ServerWritableStream, UntypedServiceImplementation, sendUnaryData } from '@grpc/grpc-js'
import type { Logger } from '../logical/log.ts'
import type { Service } from './plugin.ts'

type Handler = (call: object, callback?: sendUnaryData<unknown>) => unknown

/** What the caller reads; the fault itself is for the log. */
const fault = { code: status.INTERNAL, details: 'internal error' }

/** The same service with handlers that answer INTERNAL where the given ones throw or reject, and answer once. */
export function guarded({ definition, implementation }: Service, logger: Logger): Service {
  const handlers: UntypedServiceImplementation = {}
  for (const [name, method] of Object.entries(definition)) {
    const handler = (implementation[name] ?? implementation[method.originalName ?? name]) as Handler | undefined
    if (!handler) continue
    const report = (error: unknown) => {
      logger.error({ method: method.path, error }, 'a handler failed')
    }
    const bound = handler.bind(implementation)
    handlers[name] = (
      method.responseStream ? streaming(bound, report) : withResponse(bound, report)
    ) as UntypedServiceImplementation[string]
  }
  return { definition, implementation: handlers }
}

function withResponse(handler: Handler, report: (error: unknown) => void): Handler {
  return (call, callback) => {
    let responded = false
    const respond: sendUnaryData<unknown> = (...reply) => {
      if (responded) return
      responded = true
      callback?.(...reply)
    }
    run(
      () => handler(call, respond),
      (error) => {
        report(error)
        respond(fault)
      },
    )
  }
}

function streaming(handler: Handler, report: (error: unknown) => void): Handler {
  return (call) => {
    run(
      () => handler(call),
      (error) => {
        report(error)
        ;(call as ServerWritableStream<unknown, unknown>).emit('error', fault)
      },
    )
  }
}

function run(handle: () => unknown, failed: (error: unknown) => void): void {
  try {
    Promise.resolve(handle()).catch(failed)
  } catch (error) {
    failed(error)
  }
}
