import type { KeyObject } from 'node:crypto'
import { auditHash, auditHashValues } from '../../audit/index.ts'
import type { RequestError } from '../../logical/errors.ts'
import type { Operation } from '../../logical/request.ts'
import type { Data } from '../../logical/data.ts'
import type { WrapInfo } from '../../logical/response.ts'
import type { Auth } from '../../logical/secret.ts'
import type { ApiCall, ApiOutcome } from '../base/call.ts'
import type { AuthenticatedCaller } from '../auth/caller.ts'
import type { Mount } from '../base/mount.ts'

export interface LineFacts {
  readonly call: ApiCall
  readonly caller: AuthenticatedCaller | undefined
  readonly mount: Mount | undefined
  readonly operation: Operation
  readonly error: RequestError | undefined
  /** Unix milliseconds. */
  readonly now: number
  readonly salt: KeyObject
}

/** A login has a handful of values; who has no token yet is not worth more work than that. */
const MOST_HASHES_WITHOUT_TOKEN = 64

const mostHashes = ({ caller }: LineFacts): { most?: number } => (caller ? {} : { most: MOST_HASHES_WITHOUT_TOKEN })

/** A request as Vault's audit devices write it: every text of the body hashed, unless the mount is tuned to show its field. */
export function requestLine(facts: LineFacts): object {
  return {
    time: new Date(facts.now).toISOString(),
    type: 'request',
    ...fields(facts),
    ...(facts.error && { error: facts.error.message.trim() }),
  }
}

export function responseLine(facts: LineFacts, outcome: ApiOutcome | undefined): object {
  const { error } = facts
  const response = outcome && responsePart(facts, outcome)
  return {
    time: new Date(facts.now).toISOString(),
    type: 'response',
    ...fields(facts),
    ...(response && { response }),
    ...(error && { error: error.message.trim() }),
  }
}

function responsePart(facts: LineFacts, outcome: ApiOutcome): object {
  const { data, warnings, wrap_info } = outcome.response ?? {}
  const { mount, salt } = facts
  const most = mostHashes(facts)
  const shown = new Set(mount?.entry.config.audit_non_hmac_response_keys)
  return {
    ...(mount && { mount_point: mount.entry.path, mount_type: mount.entry.type, mount_accessor: mount.entry.accessor }),
    ...(data && auditHashValues(salt, dataOf(outcome, data), { plain: shown, ...most })),
    ...(outcome.lease && { secret: { lease_id: outcome.lease.lease_id } }),
    ...(outcome.auth && { auth: authPart(outcome.auth, salt) }),
    ...(wrap_info && { wrap_info: wrapPart(wrap_info, salt) }),
    ...(warnings && { warnings }),
  }
}

/** What describes the API is hashed as one text: its parts by the thousand would fill the log with nobody's data. */
function dataOf({ operation, path }: ApiOutcome, data: Data): Data {
  return operation === 'help' || path === 'sys/internal/specs/openapi' ? { http_raw_body: JSON.stringify(data) } : data
}

function fields(facts: LineFacts): object {
  const { call, caller, mount, operation, salt } = facts
  const record = caller?.record
  const token = call.token === '' ? {} : { client_token: auditHash(salt, call.token) }
  return {
    ...(record && {
      auth: {
        ...token,
        accessor: auditHash(salt, record.accessor),
        display_name: record.display_name,
        policies: record.policies,
        token_policies: record.policies,
        ...(record.meta && { metadata: record.meta }),
        entity_id: record.entity_id,
        token_type: record.type ?? 'service',
        token_ttl: record.creation_ttl,
        token_issue_time: new Date(record.creation_time).toISOString(),
      },
    }),
    request: {
      id: call.id,
      operation,
      ...token,
      ...(record && { client_token_accessor: auditHash(salt, record.accessor) }),
      ...(mount && {
        mount_point: mount.entry.path,
        mount_type: mount.entry.type,
        mount_accessor: mount.entry.accessor,
      }),
      namespace: { id: 'root' },
      path: call.path,
      ...(Object.keys(call.data).length > 0 &&
        auditHashValues(salt, call.data, {
          plain: new Set(mount?.entry.config.audit_non_hmac_request_keys),
          ...mostHashes(facts),
        })),
      ...(call.unread !== undefined && { unread_bytes: call.unread }),
      remote_address: call.remote_addr,
    },
  }
}

function wrapPart({ token, accessor, wrapped_accessor, ...rest }: WrapInfo, salt: KeyObject): object {
  return {
    ...rest,
    token: auditHash(salt, token),
    accessor: auditHash(salt, accessor),
    ...(wrapped_accessor !== undefined && { wrapped_accessor: auditHash(salt, wrapped_accessor) }),
  }
}

function authPart(auth: Auth, salt: KeyObject): object {
  return {
    ...(auth.client_token !== undefined &&
      auth.client_token !== '' && { client_token: auditHash(salt, auth.client_token) }),
    ...(auth.accessor !== undefined && { accessor: auditHash(salt, auth.accessor) }),
    display_name: auth.display_name,
    policies: auth.policies,
    token_policies: auth.policies,
    metadata: auth.metadata,
    token_type: auth.token_type,
  }
}
