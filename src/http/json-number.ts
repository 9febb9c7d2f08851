import { isKeptNumber } from '../logical/json-number.ts'

/** `isKeptNumber` of a numeral within a body, which is mostly told without making a text of it. */
export function isKeptNumeral(bytes: Buffer, start: number, end: number): boolean {
  // Fifteen digits always fit.
  if (end - start <= 15 && !hasExponent(bytes, start, end)) return true
  return isKeptNumber(bytes.toString('latin1', start, end))
}

function hasExponent(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === 0x65 || bytes[at] === 0x45) return true
  return false
}
