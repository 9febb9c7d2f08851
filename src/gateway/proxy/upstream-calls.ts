import { AwaitedResponse } from './awaited-response.ts'
import { RunningCall } from './running-call.ts'
import type { RunningCallDependencies } from './running-call.ts'
import type { CallSink } from './upstream-call.ts'
import type { AwaitedCallRequest, UpstreamCallRequest, UpstreamCallResponse } from './upstream-request.ts'

/** Calls to upstreams: judged, recorded, made with the real key, and followed to their last byte. */
export class UpstreamCalls {
  readonly #dependencies: RunningCallDependencies

  constructor(dependencies: RunningCallDependencies) {
    this.#dependencies = dependencies
  }

  /** Makes one call. All that comes of it goes to the sink: its failure, always a `GatewayFailure`, too. */
  begin(request: UpstreamCallRequest, sink: CallSink): RunningCall {
    const call = new RunningCall(this.#dependencies, request, sink)
    void call.run()
    return call
  }

  /** The same for those who wait for the response. Throws `GatewayFailure` when there is none. */
  perform({ signal, delivered, ...request }: AwaitedCallRequest): Promise<UpstreamCallResponse> {
    const awaited = new AwaitedResponse()
    const call = new RunningCall(this.#dependencies, { ...request, tellsDelivery: delivered !== undefined }, awaited)
    awaited.belongsTo(call)
    const leave = () => {
      call.abandon()
    }
    signal.addEventListener('abort', leave, { once: true })
    if (signal.aborted) leave()
    void delivered?.then(() => {
      signal.removeEventListener('abort', leave)
      call.delivered()
    })
    void call.run()
    return awaited.response
  }
}
