/** The value the writing child stores under `key`: recognisable, and of sizes from a few bytes to some kilobytes. */
export function valueOf(key: string): Uint8Array {
  const size = [...key].reduce((sum, character) => sum + character.charCodeAt(0), 0) % 40
  return new TextEncoder().encode(`${key}:`.repeat(1 + size * 8))
}
