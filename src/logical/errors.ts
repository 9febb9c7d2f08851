/**
 * The one error table: what a failure is called, and how each wire says it. Engines, the embedded host, the plugin and
 * the gateway throw and read `RequestError`; nobody matches on message text.
 */

export type ErrorKind =
  | 'bad_request'
  | 'invalid_request'
  | 'permission_denied'
  | 'unauthenticated'
  | 'unsupported_path'
  | 'not_found'
  | 'unsupported_operation'
  | 'request_timeout'
  | 'precondition_failed'
  | 'too_large'
  | 'unsupported_media_type'
  | 'rate_limited'
  | 'upstream_error'
  | 'unavailable'
  | 'sealed'
  | 'readonly'
  | 'unrecoverable'
  | 'internal'

export interface ErrorRow {
  /** HTTP status of the Vault API (and of the gateway, which words its body differently). */
  readonly http: number
  /** `ProtoError.err_type` of Vault's plugin protocol; 3 carries `http` as its code. */
  readonly pb: number
  /** gRPC status code. */
  readonly grpc: number
  /** Text used when the thrower gives none; fixed texts are the ones Vault's own clients know. */
  readonly text: string
}

/**
 * pb numbers: Vault `sdk/plugin/pb`; gRPC numbers: the gRPC status code list. Where kinds share a number, the first is what
 * the number alone is read as.
 */
export const errorTable: Readonly<Record<ErrorKind, ErrorRow>> = {
  bad_request: { http: 400, pb: 4, grpc: 3, text: 'bad request' },
  invalid_request: { http: 400, pb: 7, grpc: 3, text: 'invalid request' },
  unauthenticated: { http: 401, pb: 3, grpc: 16, text: 'unauthenticated' },
  permission_denied: { http: 403, pb: 8, grpc: 7, text: 'permission denied' },
  not_found: { http: 404, pb: 3, grpc: 5, text: 'not found' },
  unsupported_path: { http: 404, pb: 6, grpc: 12, text: 'unsupported path' },
  unsupported_operation: { http: 405, pb: 5, grpc: 12, text: 'unsupported operation' },
  request_timeout: { http: 408, pb: 3, grpc: 4, text: 'the request did not arrive in time' },
  precondition_failed: { http: 412, pb: 3, grpc: 9, text: 'precondition failed' },
  too_large: { http: 413, pb: 3, grpc: 8, text: 'request body too large' },
  unsupported_media_type: { http: 415, pb: 3, grpc: 3, text: 'unsupported media type' },
  rate_limited: { http: 429, pb: 3, grpc: 8, text: 'rate limit quota exceeded' },
  unavailable: { http: 503, pb: 3, grpc: 14, text: 'unavailable' },
  // Not 14: gRPC clients send a call that was UNAVAILABLE again by themselves, and the upstream may already have acted on it.
  upstream_error: { http: 502, pb: 3, grpc: 9, text: 'upstream error' },
  sealed: { http: 503, pb: 3, grpc: 14, text: 'Vault is sealed' },
  internal: { http: 500, pb: 2, grpc: 13, text: 'internal error' },
  // The host forwards the request to the active node when it reads exactly this text.
  readonly: { http: 500, pb: 0, grpc: 9, text: 'cannot write to readonly storage' },
  unrecoverable: { http: 500, pb: 10, grpc: 13, text: 'unrecoverable error' },
}

/** A failure with a kind of the table. `message` may be shown to the caller; `cause` is for the log and is never sent. */
export class RequestError extends Error {
  readonly kind: ErrorKind
  /** Of an `unsupported_operation`: the HTTP methods that are served there, where the thrower knows them. */
  readonly allow: readonly string[] | undefined
  /** Of a `rate_limited`: whole seconds after which it is worth trying again (RFC 9110, `Retry-After`), where the thrower knows. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    kind: ErrorKind,
    message?: string,
    options?: { cause?: unknown; allow?: readonly string[]; retryAfterSeconds?: number },
  ) {
    super(message ?? errorTable[kind].text, options)
    this.name = 'RequestError'
    this.kind = kind
    this.allow = options?.allow
    this.retryAfterSeconds = options?.retryAfterSeconds
  }

  get row(): ErrorRow {
    return errorTable[this.kind]
  }
}

/** The caller's input is wrong (400). Name the field, what is wrong and an example. */
export const badRequest = (message: string): RequestError => new RequestError('bad_request', message)
export const permissionDenied = (): RequestError => new RequestError('permission_denied')

/** Normalises anything thrown. What is not a `RequestError` becomes `internal` with a text that tells the caller nothing. */
export function fromUnknown(thrown: unknown): RequestError {
  if (thrown instanceof RequestError) return thrown
  for (let cause = thrown; cause instanceof Error; cause = cause.cause) if (cause instanceof RequestError) return cause
  return new RequestError('internal', undefined, { cause: thrown })
}

const kinds = Object.keys(errorTable) as ErrorKind[]

/** The kind an HTTP status of a Vault-compatible server stands for; unlisted ones by their class. */
export function kindFromHttp(status: number): ErrorKind {
  const exact = kinds.find((kind) => errorTable[kind].http === status)
  if (exact) return exact
  if (status === 472 || status === 473) return 'unavailable'
  return status >= 500 ? 'unavailable' : 'bad_request'
}

/** The kind a plugin's `ProtoError` stands for; `http` is its `err_code`, read when `pb` is 3. */
export function kindFromPb(pb: number, http: number, text: string): ErrorKind {
  if (text === errorTable.readonly.text) return 'readonly'
  if (pb === 3)
    return kinds.find((kind) => errorTable[kind].pb === 3 && errorTable[kind].http === http) ?? kindFromHttp(http)
  if (pb === 1) return 'bad_request'
  return kinds.find((kind) => errorTable[kind].pb === pb && kind !== 'readonly') ?? 'internal'
}

/** The kind a gRPC status code stands for. */
export function kindFromGrpc(code: number): ErrorKind {
  return kinds.find((kind) => errorTable[kind].grpc === code) ?? 'internal'
}
