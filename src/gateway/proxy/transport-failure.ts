/** What went wrong on the way to an upstream, in the gateway's words. */
import { HttpClientError } from '../../http-client/index.ts'
import { RequestError } from '../../logical/errors.ts'
import { GatewayCallError, plainCause } from '../call/call-error.ts'
import type { CallableUpstream } from '../call/upstream.ts'

/** `hasBegun`: the response's head had come. */
export function explainedFailure({ name }: CallableUpstream, error: Error, hasBegun: boolean): RequestError {
  if (error instanceof RequestError) return error
  const code = error instanceof HttpClientError ? error.code : 'unexpected'
  const cause = plainCause(error)
  if (hasBegun || code === 'broke_off' || code === 'invalid_response' || code === 'head_too_large')
    return new GatewayCallError(
      'upstream_invalid_response',
      `upstream ${name} broke off its response or violated HTTP`,
      { cause },
    )
  if (code === 'invalid_request') return unbuildable({ name }, error)
  const what =
    code === 'queue_full' ? 'has too many calls waiting for a connection' : 'closed the connection without a response'
  return new GatewayCallError('upstream_unreachable', `upstream ${name} ${what}`, { cause })
}

export const unbuildable = ({ name }: Pick<CallableUpstream, 'name'>, error: unknown): GatewayCallError =>
  new GatewayCallError('upstream_misconfigured', `the request to upstream ${name} could not be built`, {
    cause: plainCause(error),
  })
