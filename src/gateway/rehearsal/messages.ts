import type { Socket } from 'node:net'

const HEAD_END = '\r\n\r\n'
/** No body that is rehearsed holds it. */
const LAST_CHUNK = '\r\n0\r\n\r\n'
/** Of a message; both ends are ours, and none of their messages comes near it. */
const LONGEST = 64 * 1024

/** Calls `take` with each HTTP/1.1 message that comes in, head and body, by its `Content-Length` or its last chunk. */
export function onMessages(socket: Socket, take: (message: Buffer) => void): void {
  let held: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    for (let length = lengthOf(held); length <= held.length; length = lengthOf(held)) {
      const message = held.subarray(0, length)
      held = held.subarray(length)
      take(message)
    }
    if (held.length > LONGEST) socket.destroy()
  })
}

/** Bytes of the message at the beginning of these; Infinity while it has not come whole. */
function lengthOf(bytes: Buffer): number {
  const headEnd = bytes.indexOf(HEAD_END)
  if (headEnd < 0) return Infinity
  const bodyAt = headEnd + HEAD_END.length
  const head = bytes.toString('latin1', 0, headEnd)
  if (!/\r\ntransfer-encoding: *chunked/i.test(head))
    return bodyAt + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
  const last = bytes.indexOf(LAST_CHUNK, bodyAt)
  return last < 0 ? Infinity : last + LAST_CHUNK.length
}

/** A message of such lines. */
export const messageOf = (lines: readonly string[], body = ''): Buffer =>
  Buffer.from(lines.join('\r\n') + HEAD_END + body)
