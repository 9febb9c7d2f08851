/** A number this long cannot be exact, whatever its digits are. */
const longest = 1100

/**
 * Whether a JSON number survives being read as a double and written again: not 9007199254740993, not 1e400. Vault keeps numbers as
 * they are spelled; a value that would come back as another is better refused than changed.
 */
export function isExactNumber(bytes: Buffer, start: number, end: number): boolean {
  const length = end - start
  // Fifteen digits always fit.
  if (length <= 15 && !hasExponent(bytes, start, end)) return true
  if (length > longest) return false
  const text = bytes.toString('latin1', start, end)
  const value = Number(text)
  // The usual spelling, and cheap to see. Not "Infinity" and "NaN": those are no JSON.
  if (String(value) === text && Number.isFinite(value)) return true
  // What is no number at all is for the grammar to refuse.
  if (Number.isNaN(value)) return true
  return Number.isFinite(value) && normalised(text) === normalised(String(value))
}

function hasExponent(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === 0x65 || bytes[at] === 0x45) return true
  return false
}

/** Digits without zeros at either end, and the power of ten of the last: one spelling for each value. */
function normalised(text: string): string {
  const [, whole = '', fraction = '', exponent = '0'] = /^-?(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  const digits = `${whole}${fraction}`.replace(/^0+/, '')
  const kept = digits.replace(/0+$/, '')
  if (kept === '') return '0'
  return `${kept}e${String(Number(exponent) - fraction.length + digits.length - kept.length)}`
}
