import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/**
 * Ends a connection at once, whatever waits on it, so that its peer sees a response that broke and never a short one that looks
 * whole: by a reset, or under TLS, which Node cannot reset, by an end without the alert that ends TLS (RFC 8446, 6.1).
 */
export function breakOff(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy()
  else socket.resetAndDestroy()
}
