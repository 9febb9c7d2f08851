/** What the server asks, in the engine's own nouns. */
import { RequestError } from '../logical/errors.ts'
import type { Data, Operation, Request } from '../logical/request.ts'
import type { Secret } from '../logical/secret.ts'
import type { Storage } from '../logical/storage.ts'
import { secondsOf } from './duration.ts'
import type { PbRequest, PbSecret, PbTimestamp } from './wire.ts'

const operations: ReadonlySet<string> = new Set<Operation>(['create', 'read', 'update', 'patch', 'delete', 'list', 'help', 'renew', 'revoke', 'rollback'])

/** Throws `unsupported_operation` for what engines do not know (OpenBao's scan, HEAD) and `bad_request` for data that is no object. */
export function requestFromProto(asked: PbRequest, context: { readonly storage: Storage; readonly signal: AbortSignal }): Request {
  if (!operations.has(asked.operation)) throw new RequestError('unsupported_operation')
  return {
    id: asked.id,
    operation: asked.operation as Operation,
    path: asked.path,
    data: objectOf(asked.data),
    storage: context.storage,
    ...(asked.secret && { secret: secretFromProto(asked.secret) }),
    client_token: asked.client_token,
    client_token_accessor: asked.client_token_accessor,
    display_name: asked.display_name,
    entity_id: asked.entity_id,
    mount_point: asked.mount_point,
    remote_addr: asked.connection?.remote_addr ?? '',
    ...(asked.wrap_info && { wrap: { ttl: secondsOf(asked.wrap_info.TTL) } }),
    signal: context.signal,
  }
}

function secretFromProto({ lease_options, internal_data, lease_id }: PbSecret): Secret {
  return {
    internal_data: objectOf(internal_data),
    lease_id,
    lease_options: {
      ttl: secondsOf(lease_options?.TTL ?? '0'),
      max_ttl: secondsOf(lease_options?.MaxTTL ?? '0'),
      renewable: lease_options?.renewable ?? false,
      increment: secondsOf(lease_options?.increment ?? '0'),
      issue_time: issueTime(lease_options?.issue_time ?? null),
    },
  }
}

/** Unix milliseconds. Go's zero time, in the year 1, is what a lease has that the server never registered: null. */
function issueTime(time: PbTimestamp | null): number | null {
  const seconds = Number(time?.seconds ?? 0)
  return time === null || seconds <= 0 ? null : seconds * 1000 + Math.floor(time.nanos / 1_000_000)
}

/** Requests without data come as `null`. */
function objectOf(json: string): Data {
  if (json === '' || json === 'null') return {}
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    throw new RequestError('bad_request', 'the request\'s data is not JSON; send an object, for example {"purpose":"audit"}.')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new RequestError('bad_request', 'the request\'s data must be an object, for example {"purpose":"audit"}.')
  return value as Data
}
