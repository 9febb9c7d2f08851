/**
 * An HTTP/1.1 server on sockets (RFC 9110, RFC 9112): requests are read strictly, one after another on each connection; heads, bodies read
 * ahead, connections and the time a client may take have bounds. It knows nothing of what it serves. What two servers could read
 * differently gets no further than here.
 */
export { Http1Server } from './server.ts'
export type { Http1ServerOptions, ServerClock, TlsMaterial } from './server.ts'
export type { ConnectionLimits, ServerTimeouts } from './open-connections.ts'
export type { Unreadable } from './unreadable.ts'
export { ServerRequest } from './request.ts'
export { ServerResponse } from './response.ts'
