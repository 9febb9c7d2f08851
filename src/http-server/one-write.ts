import type { Socket } from 'node:net'

/** Up to here bytes are copied, so that one buffer carries all there is. */
const SMALL = 16 * 1024
const nothing = new Uint8Array(0)

/**
 * Writes a head or a chunk's frame (Latin-1), data and what frames it from behind, in one write to the system. False: they wait in this
 * process. `sent` is called when they have left it.
 */
export function writeAtOnce(
  socket: Socket,
  text: string,
  data: Uint8Array = nothing,
  behind: Uint8Array = nothing,
  sent?: () => void,
): boolean {
  if (text === '' && behind.length === 0) return socket.write(data, sent)
  if (data.length > SMALL) return writeParts(socket, text, data, behind, sent)
  const bytes = Buffer.allocUnsafe(text.length + data.length + behind.length)
  bytes.write(text, 0, 'latin1')
  bytes.set(data, text.length)
  bytes.set(behind, text.length + data.length)
  return socket.write(bytes, sent)
}

/** What is large goes out as it is. */
function writeParts(
  socket: Socket,
  text: string,
  data: Uint8Array,
  behind: Uint8Array,
  sent: (() => void) | undefined,
): boolean {
  const isLast = behind.length === 0
  socket.cork()
  if (text !== '') socket.write(text, 'latin1')
  let takesMore = socket.write(data, isLast ? sent : undefined)
  if (!isLast) takesMore = socket.write(behind, sent)
  socket.uncork()
  return takesMore
}
