/** Longer ones are not real numbers, and cost more than their length to read. */
const LONGEST_WHOLE = 100
/** No other number this long is one that a double holds. */
const LONGEST = 1100

const whole = /^-?\d+$/

/** Whether a numeral of JSON is whole, and short enough to be kept whatever its digits are. */
export const isWholeNumber = (text: string): boolean => text.length <= LONGEST_WHOLE && whole.test(text)

/**
 * Whether a numeral of JSON comes back as the same value: a whole one with all its digits, any other as a double. Not 1e400. Vault
 * keeps numbers as they are spelled; a value that would come back as another is better refused than changed.
 */
export function isKeptNumber(text: string): boolean {
  if (isWholeNumber(text)) return true
  if (text.length > LONGEST) return false
  const value = Number(text)
  // The usual spelling, and cheap to see. Not "Infinity" and "NaN": those are no JSON.
  if (String(value) === text && Number.isFinite(value)) return true
  // What is not a number at all is for the grammar to refuse.
  if (Number.isNaN(value)) return true
  return Number.isFinite(value) && normalised(text) === normalised(String(value))
}

/** Digits without zeros at either end, and the power of ten of the last: one spelling for each value. */
function normalised(text: string): string {
  const [, whole = '', fraction = '', exponent = '0'] = /^-?(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  const digits = `${whole}${fraction}`.replace(/^0+/, '')
  const kept = digits.replace(/0+$/, '')
  if (kept === '') return '0'
  return `${kept}e${String(Number(exponent) - fraction.length + digits.length - kept.length)}`
}
