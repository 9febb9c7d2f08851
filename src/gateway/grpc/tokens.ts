/** `mcp.gateway.v1.Tokens`: is this token alive, and may it do this? */
import type { ServerDuplexStream, UntypedServiceImplementation } from '@grpc/grpc-js'
import { isoSeconds } from '../../logical/clock.ts'
import { originOf } from '../decision/callers.ts'
import type { Caller } from '../decision/callers.ts'
import type { TokenValidation } from '../decision/requests.ts'
import type { RequestIds } from '../decision/records.ts'
import { toGatewayFailure } from '../error.ts'
import { callerRequestIdOf } from '../request-id.ts'
import { decoded } from './definitions.ts'
import type { Undecodable } from './definitions.ts'
import { callerOf, failureOf, requestIdFor, requireToken } from './exchange.ts'
import type { GrpcDependencies } from './exchange.ts'
import { Inbox } from './inbox.ts'
import type { IntrospectRequest, IntrospectResponse, ValidateRequest, ValidateResponse } from './messages.ts'
import { Outbox } from './outbox.ts'
import type { OpenStreams } from './outbox.ts'
import { failureStatus } from './status.ts'
import { toldUnary, unary } from './unary.ts'
import type { Told } from './unary.ts'

/** Requests of one stream that are answered at the same time; further ones wait unread. */
const AT_ONCE = 64

export function tokensService(dependencies: GrpcDependencies, streams: OpenStreams): UntypedServiceImplementation {
  return {
    Validate: toldUnary(dependencies, (request: ValidateRequest, exchange, told: Told<ValidateResponse>) => {
      validate(dependencies, request, exchange.caller, exchange, told)
    }),
    Introspect: unary(dependencies, (request: IntrospectRequest, exchange) =>
      introspect(dependencies, request, exchange.caller, exchange),
    ),
    ValidateStream: (call: ServerDuplexStream<ValidateRequest | Undecodable, ValidateResponse>) => {
      const outbox = new Outbox(call)
      streams.add(outbox)
      validateStream(dependencies, call, outbox).catch((thrown: unknown) => {
        const requestId = requestIdFor(dependencies)
        outbox.fail(failureStatus(failureOf(dependencies, thrown, requestId), requestId))
      })
    },
  }
}

function validate(
  { decisions, clock }: GrpcDependencies,
  request: ValidateRequest,
  caller: Caller,
  { requestId, callerRequestId }: RequestIds,
  told: Told<ValidateResponse>,
): void {
  const askedMs = clock.monotonic()
  const requiredScope = request.required_scope === '' ? undefined : request.required_scope
  const token = requireToken(request.token)
  decisions.validateFor(
    { token, requiredScope, requestId, callerRequestId, caller },
    {
      valid: (validation) => {
        const vouchedMs = Math.floor(clock.monotonic() - askedMs + validation.vouched_ms)
        told.respond(worded(validation, responseId(request, requestId), vouchedMs))
      },
      refused: told.refuse,
    },
  )
}

/** The request's own id, where it gave one: it tells the responses of a stream apart. The records have both. */
const responseId = (request: ValidateRequest, requestId: string): string =>
  callerRequestIdOf(request.request_id) ?? requestId

function worded(validation: TokenValidation, requestId: string, vouched_ms: number): ValidateResponse {
  const { active, scope_match, required_scope, session_id, agent_id, token_id, scopes, environment, expires_at_unix } =
    validation
  return {
    active,
    scope_match,
    required_scope: required_scope ?? '',
    session_id,
    agent_id,
    token_id: token_id ?? '',
    scopes,
    environment,
    expires_at: isoSeconds(expires_at_unix * 1000),
    expires_at_unix,
    request_id: requestId,
    vouched_ms,
    feed_epoch: validation.position.feed_epoch,
    feed_sequence: validation.position.feed_sequence,
  }
}

/** Ends when the caller has ended its side and every request is answered. A refusal is a response here. */
async function validateStream(
  dependencies: GrpcDependencies,
  call: ServerDuplexStream<ValidateRequest | Undecodable, ValidateResponse>,
  outbox: Outbox<ValidateResponse>,
): Promise<void> {
  const caller = callerOf(dependencies, call)
  const leave = dependencies.limits.validateStream(originOf(caller))
  outbox.gone.addEventListener('abort', leave, { once: true })
  if (outbox.over) leave()
  const inbox = new Inbox<ValidateRequest | Undecodable>(call)
  const open = new Set<Promise<void>>()
  for (let message = await inbox.next(); message !== undefined && !outbox.over; message = await inbox.next()) {
    // A slot is free again once its response has left: a caller that does not read its responses is not read either.
    const respondedTo = validateOne(dependencies, message, caller)
      .then((response) => outbox.send(response))
      .finally(() => {
        open.delete(respondedTo)
      })
    open.add(respondedTo)
    if (open.size >= AT_ONCE) await Promise.race(open)
  }
  await Promise.all(open)
  outbox.end()
}

async function validateOne(
  dependencies: GrpcDependencies,
  message: ValidateRequest | Undecodable,
  caller: Caller,
): Promise<ValidateResponse> {
  // The metadata's id is the whole stream's: it would not tell the responses apart.
  const requestId = requestIdFor(dependencies)
  let request_id = requestId
  try {
    const request = decoded(message)
    request_id = responseId(request, requestId)
    const ids = { requestId, callerRequestId: callerRequestIdOf(request.request_id) }
    return await new Promise<ValidateResponse>((respond, refuse) => {
      validate(dependencies, request, caller, ids, { respond, refuse })
    })
  } catch (thrown) {
    const { type, code, message: error_message } = failureOf(dependencies, thrown, requestId)
    return { active: false, request_id, error_type: type, error_code: code, error_message }
  }
}

/** Codes that speak of the token asked about; any other `invalid_token` speaks of the caller. */
const aboutToken = new Set([
  'missing',
  'malformed',
  'unknown',
  'expired',
  'revoked',
  'reuse_after_expiry',
  'reuse_after_revocation',
])

async function introspect(
  { decisions }: GrpcDependencies,
  { token }: IntrospectRequest,
  caller: Caller,
  { requestId, callerRequestId }: RequestIds,
): Promise<IntrospectResponse> {
  try {
    const { session_id, agent_id, token_id, scopes, environment, expires_at_unix, issued_at_unix } =
      await decisions.validate({ token, requiredScope: undefined, requestId, callerRequestId, caller })
    return {
      active: true,
      scope: scopes.join(' '),
      client_id: agent_id,
      sub: session_id,
      exp: expires_at_unix,
      iat: issued_at_unix ?? 0,
      jti: token_id ?? '',
      token_type: 'phantom',
      environment,
      request_id: requestId,
    }
  } catch (thrown) {
    const error = toGatewayFailure(thrown)
    // RFC 7662, 2.2: nothing else is disclosed about a token that is not active.
    if (error.type === 'invalid_token' && aboutToken.has(error.code)) return { active: false, request_id: requestId }
    throw error
  }
}
