import type { RequestError } from '../../logical/errors.ts'
import type { Data } from '../../logical/data.ts'
import type { Auth } from '../../logical/secret.ts'
import type { ApiOutcome } from '../base/call.ts'
import type { HostAnswer } from './call.ts'

// Exactly this media type: with a charset behind it hvac does not read `errors`.
const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }

const bodiless = (status: number): HostAnswer => ({ status, headers, body: '' })
export const jsonAnswer = (status: number, body: object): HostAnswer => ({
  status,
  headers,
  body: `${JSON.stringify(body)}\n`,
})

export function errorAnswer({ row, message, allow, retryAfterSeconds }: RequestError): HostAnswer {
  const answer = jsonAnswer(row.http, { errors: [message] })
  return {
    ...answer,
    headers: {
      ...answer.headers,
      ...(allow && { allow: allow.join(', ') }),
      ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
    },
  }
}

/** Their data is repeated at the top level of the answer, where old clients look for it. */
const injected = [
  'sys/mounts',
  'sys/auth',
  'sys/audit',
  'sys/policy',
  'sys/remount',
  'sys/capabilities',
  'sys/capabilities-self',
  'sys/capabilities-accessor',
]

/** Their data is the whole answer. */
const bare = new Set(['sys/internal/specs/openapi'])

/** What the core answered, in Vault's envelope and with Vault's status codes. */
export function outcomeAnswer(outcome: ApiOutcome, requestId: string): HostAnswer {
  const { response, operation, lease, auth } = outcome
  if (operation === 'help') return jsonAnswer(200, { help: '', see_also: null, ...response?.data })
  const data = response?.data
  const warnings = response?.warnings ?? []
  if (data && bare.has(outcome.path)) return jsonAnswer(200, data)
  if (nothingThere(outcome))
    return warnings.length > 0 ? jsonAnswer(404, envelope(outcome, requestId)) : jsonAnswer(404, { errors: [] })
  const empty = data === undefined && warnings.length === 0 && !lease && !auth
  if (empty) return bodiless(response?.status ?? 204)
  return jsonAnswer(response?.status ?? 200, envelope(outcome, requestId))
}

function nothingThere({ operation, response }: ApiOutcome): boolean {
  if (operation === 'list') {
    const keys = response?.data?.keys
    return !Array.isArray(keys) || keys.length === 0
  }
  return operation === 'read' && response?.data === undefined && response?.status === undefined
}

function envelope(outcome: ApiOutcome, requestId: string): Data {
  const { response, lease, auth, path } = outcome
  const data = response?.data ?? null
  const inject = injected.some((prefix) => path === prefix || path.startsWith(`${prefix}/`))
  return {
    ...(inject && data),
    request_id: requestId,
    lease_id: lease?.lease_id ?? '',
    renewable: lease?.renewable ?? false,
    lease_duration: lease?.ttl ?? 0,
    data,
    wrap_info: null,
    warnings: response?.warnings && response.warnings.length > 0 ? response.warnings : null,
    auth: auth ? authPart(auth) : null,
    mount_type: outcome.mount_type,
  }
}

function authPart(auth: Auth): Data {
  return {
    client_token: auth.client_token ?? '',
    accessor: auth.accessor ?? '',
    policies: auth.policies,
    token_policies: auth.policies,
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
