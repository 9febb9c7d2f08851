/** What the engine answers, as the server reads it. */
import { errorTable, fromUnknown } from '../logical/errors.ts'
import type { ErrorKind, RequestError } from '../logical/errors.ts'
import type { Response } from '../logical/response.ts'
import type { Secret } from '../logical/secret.ts'
import { nanosecondsOf } from './duration.ts'
import type { HandleRequestReply, PbError, PbResponse, PbSecret, PbTimestamp } from './wire.ts'

/** Go's zero time. The server demands a time and sets its own. */
const zeroTime: PbTimestamp = { seconds: '-62135596800', nanos: 0 }

/** No answer stays none: 404 for read and list, 204 for writes. */
export function responseToProto(response: Response | undefined): PbResponse | null {
  if (!response) return null
  return {
    secret: response.secret ? secretToProto(response.secret) : null,
    data: JSON.stringify(response.data ?? {}),
    warnings: response.warnings ?? [],
  }
}

function secretToProto({ lease_options, internal_data }: Secret): PbSecret {
  return {
    internal_data: JSON.stringify(internal_data),
    lease_id: '',
    lease_options: {
      TTL: nanosecondsOf(lease_options.ttl),
      MaxTTL: nanosecondsOf(lease_options.max_ttl),
      renewable: lease_options.renewable,
      increment: '0',
      issue_time: zeroTime,
    },
  }
}

/** An answer whose text reaches the caller as it is; alone it is status 400. */
const errorResponse = (message: string): PbResponse => ({ secret: null, data: JSON.stringify({ error: message }), warnings: [] })

/** Kinds whose status goes with the number alone: the server puts its own text in the place of ours, but for an answer's. */
const numbered: ReadonlySet<ErrorKind> = new Set(['permission_denied', 'unsupported_path', 'unsupported_operation'])

/** How a failed request is answered. */
export function failureToProto(thrown: unknown): HandleRequestReply {
  const error = fromUnknown(thrown)
  if (error.kind === 'bad_request' || error.kind === 'invalid_request') return { response: errorResponse(error.message), err: null }
  const response = numbered.has(error.kind) && error.message !== error.row.text ? errorResponse(error.message) : null
  return { response, err: errorToProto(error) }
}

/** How a failed existence check or initialisation is answered: there is no place for an answer beside the error. */
export function errorToProto(error: RequestError): PbError {
  const { pb, http, text } = error.row
  if (error.kind === 'bad_request' || error.kind === 'invalid_request') return { err_type: 4, err_msg: error.message, err_code: '400' }
  // Forwarded to the active node where it reads exactly so.
  if (error.kind === 'readonly') return { err_type: errorTable.readonly.pb, err_msg: text, err_code: '0' }
  return { err_type: pb, err_msg: error.message, err_code: pb === 3 ? String(http) : '0' }
}
