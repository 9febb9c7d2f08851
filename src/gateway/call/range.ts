/** Parts of a response (RFC 9110, 14): only such as cannot cut a repeated key into pieces too short to be recognised. */
import { RefusedRequest } from './call-error.ts'

export const SMALLEST_RANGE = 65_536

/** Byte ranges, well-formed or not, may be ignored and the whole sent; other units (pages, items) may not. */
export const isByteRange = (value: string): boolean => /^\s*bytes\s*=/i.test(value)

/** Throws `range_not_allowed` for all but one range that is long or goes to the end. */
export function requirePassableRange(value: string): void {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(value.trim()) ?? []
  const wellFormed = first !== undefined && last !== undefined && first + last !== ''
  const toEnd = first === '' || last === ''
  if (wellFormed && (toEnd || Number(last) - Number(first) + 1 >= SMALLEST_RANGE)) return
  throw new RefusedRequest(
    'range_not_allowed',
    `header range must ask for one range of at least ${String(SMALLEST_RANGE)} bytes, or one to the end, for example bytes=0-${String(SMALLEST_RANGE - 1)} or bytes=1000-`,
  )
}
