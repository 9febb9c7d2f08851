import type { RequestError } from '../../logical/errors.ts'
import { stringifyJsonExactly } from '../../logical/json.ts'
import type { Data } from '../../logical/data.ts'
import type { Auth } from '../../logical/secret.ts'
import { isNothing } from '../base/call.ts'
import type { ApiOutcome } from '../base/call.ts'
import type { HostResponse } from './call.ts'

// Exactly this media type: with a charset behind it hvac does not read `errors`.
const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }

const bodiless = (status: number): HostResponse => ({ status, headers, body: '' })
export const jsonResponse = (status: number, body: object): HostResponse => ({
  status,
  headers,
  body: `${stringifyJsonExactly(body)}\n`,
})

export function errorResponse({ row, message, allow, retryAfterSeconds }: RequestError): HostResponse {
  const response = jsonResponse(row.http, { errors: [message] })
  return {
    ...response,
    headers: {
      ...response.headers,
      ...(allow && { allow: allow.join(', ') }),
      ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
    },
  }
}

/** Their data is repeated at the top level of the response, where old clients look for it. */
const injected = [
  'sys/mounts',
  'sys/auth',
  'sys/audit',
  'sys/policy',
  'sys/remount',
  'sys/capabilities',
  'sys/key-status',
  'sys/capabilities-self',
  'sys/capabilities-accessor',
]

/** Their data is the whole response. */
const bare = new Set(['sys/internal/specs/openapi'])

/** What the core answered, in Vault's envelope and with Vault's status codes. */
export function outcomeResponse(outcome: ApiOutcome, requestId: string): HostResponse {
  const { data, status, stream } = outcome.response ?? {}
  // As Vault does, without a media type.
  if (stream) return { status: 200, headers: { 'cache-control': 'no-store' }, body: '', stream }
  if (outcome.operation === 'help') return jsonResponse(200, { help: '', see_also: null, ...data })
  if (data && bare.has(outcome.path)) return jsonResponse(200, data)
  if (isNothing(outcome)) return jsonResponse(404, isWarned(outcome) ? envelope(outcome, requestId) : { errors: [] })
  return isEmpty(outcome) ? bodiless(status ?? 204) : jsonResponse(status ?? 200, envelope(outcome, requestId))
}

const isWarned = ({ response }: ApiOutcome): boolean => (response?.warnings ?? []).length > 0

const isEmpty = (outcome: ApiOutcome): boolean =>
  !isWarned(outcome) &&
  (outcome.response?.data ?? outcome.response?.wrap_info ?? outcome.lease ?? outcome.auth) === undefined

function envelope(outcome: ApiOutcome, requestId: string): Data {
  const { lease = { lease_id: '', ttl: 0, renewable: false }, auth, path } = outcome
  const { data = null, warnings = [], wrap_info = null } = outcome.response ?? {}
  const inject = injected.some((prefix) => path === prefix || path.startsWith(`${prefix}/`))
  return {
    ...(inject && data),
    request_id: requestId,
    lease_id: lease.lease_id,
    renewable: lease.renewable,
    lease_duration: lease.ttl,
    data,
    wrap_info,
    warnings: warnings.length > 0 ? warnings : null,
    auth: auth ? authPart(auth) : null,
    mount_type: outcome.mount_type,
  }
}

function authPart(auth: Auth): Data {
  return {
    client_token: auth.client_token ?? '',
    accessor: auth.accessor ?? '',
    policies: [...new Set([...auth.policies, ...(auth.identity_policies ?? [])])].sort(),
    token_policies: auth.policies,
    ...(auth.identity_policies && { identity_policies: auth.identity_policies }),
    metadata: Object.keys(auth.metadata).length > 0 ? auth.metadata : null,
    lease_duration: auth.lease_options.ttl,
    renewable: auth.lease_options.renewable,
    entity_id: auth.entity_id,
    token_type: auth.token_type,
    orphan: auth.orphan,
    mfa_requirement: null,
    num_uses: auth.num_uses,
  }
}
