/**
 * An HTTP/1.1 client for one origin (RFC 9110, RFC 9112): a pool of connections, one request at a time on each, answered by callbacks. It knows
 * nothing of upstreams, keys or time limits: where a connection may lead is decided by the `connect` it is given, how long a call
 * may take by its caller. Responses are read strictly: what two readers could understand differently is an error.
 */
export { ClientPool } from './pool.ts'
export type { ClientPoolOptions, ClientPoolStats, Connect, ConnectTarget } from './pool.ts'
export type { ClientExchange, RequestHead, ResponseHandler } from './handler.ts'
export { HttpClientError } from './client-error.ts'
export type { HttpClientErrorCode } from './client-error.ts'
