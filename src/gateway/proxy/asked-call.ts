import type { CallBody } from '../../scope/index.ts'
import type { UpstreamDocument } from '../../document/index.ts'
import type { HeaderPairs } from '../call/credentials.ts'
import type { Caller } from '../decision/callers.ts'
import type { OpenCall } from '../decision/open-call.ts'
import type { AuthorizationRequest } from '../decision/requests.ts'
import type { CallerBody } from './caller-body.ts'
import type { UpstreamCallRequest } from './upstream-request.ts'

const noPairs: readonly (readonly [string, string])[] = []

/** A call as it is put to those who judge it. */
export class AskedCall implements AuthorizationRequest {
  readonly token: string
  readonly tokenSha256: string | undefined
  readonly upstream: string
  readonly method: string
  readonly segments: readonly string[]
  readonly query: readonly (readonly [string, string])[]
  readonly headers: HeaderPairs
  readonly hasBody: boolean
  readonly contentLength: number | undefined
  readonly requestId: string
  readonly callerRequestId: string | undefined
  readonly caller: Caller
  readonly #body: CallerBody
  readonly #listener: { opened(call: OpenCall): void }

  constructor(request: UpstreamCallRequest, body: CallerBody, listener: { opened(call: OpenCall): void }) {
    this.token = request.token
    this.tokenSha256 = request.tokenSha256
    this.upstream = request.upstream
    this.method = request.method
    this.segments = request.segments
    this.query = request.query.length === 0 ? noPairs : request.query.map(({ name, value }) => [name, value] as const)
    this.headers = request.headers
    this.hasBody = request.body !== undefined
    this.contentLength = request.contentLength
    this.requestId = request.requestId
    this.callerRequestId = request.callerRequestId
    this.caller = request.caller
    this.#body = body
    this.#listener = listener
  }

  readBody(upstream: UpstreamDocument): Promise<CallBody> {
    return this.#body.parameters(upstream)
  }
  checkBody(upstream: UpstreamDocument): Promise<void> {
    return this.#body.refuseOverride(upstream)
  }
  opened(call: OpenCall): void {
    this.#listener.opened(call)
  }
}
