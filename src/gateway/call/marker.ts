/**
 * What stands in place of a key begins with this, so that a write-back of it can be recognised whatever its length: 8 bytes, as
 * the shortest key has, and nobody's data. Letters, `.`, `-` and `_` only: no writer of JSON, HTML, forms or URLs escapes them,
 * and header names may hold them.
 */
export const KEY_REMOVED = '-_.KEY._'

const text = Buffer.from(`${KEY_REMOVED}removed_by_gateway`, 'latin1')
const FILLER = 0x5f

/** Writes the part of a marker that begins at its byte `from` over `bytes`. */
export function writeMarker(bytes: Uint8Array, from: number): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = text[from + i] ?? FILLER
}

/** The marker of a length in bytes: whatever a key is replaced by is as long as what was there. */
export function markerOf(length: number): string {
  const bytes = Buffer.alloc(length)
  writeMarker(bytes, 0)
  return bytes.toString('latin1')
}
