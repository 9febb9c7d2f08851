/** What the server asks, in the engine's own nouns. */
import { RequestError } from '../logical/errors.ts'
import type { Operation, Request } from '../logical/request.ts'
import type { LeaseOptions, Secret } from '../logical/secret.ts'
import type { Storage } from '../logical/storage.ts'
import type {
  LeaseOptions as PbLeaseOptions,
  Request as PbRequest,
  Secret as PbSecret,
} from '../proto/vault-backend.ts'
import { secondsOf } from './duration.ts'
import { keptData, requestData } from './json.ts'

const operations: ReadonlySet<string> = new Set<Operation>([
  'create',
  'read',
  'update',
  'patch',
  'delete',
  'list',
  'help',
  'renew',
  'revoke',
  'rollback',
])

/** Throws `unsupported_operation` for what engines do not know (OpenBao's scan, HEAD) and `bad_request` for data that is not an object. */
export function requestFromProto(
  request: PbRequest,
  context: { readonly storage: Storage; readonly signal: () => AbortSignal },
): Request {
  if (!operations.has(request.operation)) throw new RequestError('unsupported_operation')
  return {
    id: request.id,
    operation: request.operation as Operation,
    path: request.path,
    data: requestData(request.data),
    storage: context.storage,
    ...(request.secret && { secret: secretFromProto(request.secret) }),
    client_token: request.client_token,
    client_token_accessor: request.client_token_accessor,
    display_name: request.display_name,
    entity_id: request.entity_id,
    mount_point: request.mount_point,
    remote_addr: request.connection?.remote_addr ?? '',
    ...(request.wrap_info && { wrap: { ttl: secondsOf(request.wrap_info.TTL) } }),
    get signal() {
      return context.signal()
    },
  }
}

const noOptions: LeaseOptions = { ttl: 0, max_ttl: 0, renewable: false }

function secretFromProto({ lease_options, internal_data, lease_id }: PbSecret): Secret {
  return {
    internal_data: keptData(internal_data),
    lease_id,
    lease_options: lease_options ? leaseFromProto(lease_options) : noOptions,
  }
}

function leaseFromProto({ TTL, MaxTTL, renewable, increment, issue_time }: PbLeaseOptions): LeaseOptions {
  return {
    ttl: secondsOf(TTL),
    max_ttl: secondsOf(MaxTTL),
    renewable,
    increment: secondsOf(increment),
    // Go's zero time is in the year 1: a lease the server never registered.
    ...(issue_time && {
      issue_time:
        Number(issue_time.seconds) <= 0
          ? null
          : Number(issue_time.seconds) * 1000 + Math.floor(issue_time.nanos / 1_000_000),
    }),
  }
}
