/** How a failure is reported to the server, so that its status and its text reach the caller and a lease is retried or given up as it should. */
import { errorTable, fromUnknown } from '../logical/errors.ts'
import type { ErrorKind, RequestError } from '../logical/errors.ts'
import type { HandleRequestReply, ProtoError } from '../proto/vault-backend.ts'
import { errorResponse } from './to-proto.ts'

const GENERIC = 0
const USER = 1

/** Kinds that travel as a number: the server puts its own text in the place of ours, but for a response's. */
const numbered: ReadonlySet<ErrorKind> = new Set([
  'invalid_request',
  'permission_denied',
  'unsupported_path',
  'unsupported_operation',
])

/**
 * The failure of a request. A bad request is a response with the text and nothing else, as everywhere in Vault: an error beside it, or in its
 * place, would be wrapped in the server's own words.
 */
export function failedRequest(thrown: unknown, operation: string | undefined): HandleRequestReply {
  const error = fromUnknown(thrown)
  if (error.kind === 'bad_request') return { response: errorResponse(error.message), err: null }
  if (!numbered.has(error.kind)) return { response: null, err: protoError(error) }
  // The server gives a lease up at once where its revocation fails by one of these numbers. Only `unrecoverable` means that.
  if (operation === 'revoke')
    return {
      response: null,
      err: { err_type: GENERIC, err_msg: `the lease could not be revoked: ${error.message}`, err_code: 0 },
    }
  return { response: error.message === error.row.text ? null : errorResponse(error.message), err: protoError(error) }
}

/** The failure of an existence check: there is no place for a response beside the error, and 400 has another number. */
export function failedCheck(thrown: unknown): ProtoError {
  const error = fromUnknown(thrown)
  if (error.kind === 'bad_request' || error.kind === 'invalid_request')
    return { err_type: USER, err_msg: error.message, err_code: 0 }
  return protoError(error)
}

export function protoError({ kind, message, row }: RequestError): ProtoError {
  // The request is forwarded to the active node where the server reads exactly this text.
  if (kind === 'readonly') return { err_type: row.pb, err_msg: errorTable.readonly.text, err_code: 0 }
  if (kind === 'internal') return { err_type: row.pb, err_msg: errorTable.internal.text, err_code: 0 }
  return { err_type: row.pb, err_msg: message, err_code: row.pb === errorTable.unavailable.pb ? row.http : 0 }
}
