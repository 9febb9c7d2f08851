/** Payment card numbers: 13 to 19 digits, perhaps in groups, of a range that issuers use, with a right check digit. */

// A run of digits in which single spaces, no-break spaces or hyphens may stand; behind a plus it is a telephone number.
const run = /(?<![A-Za-z0-9_+])(?<!\d[.,])\d(?:[ \u00a0-]?\d){12,}(?![A-Za-z0-9_])/g

/** Prefix and length go together. Unix times in ms, us and ns begin with 1 and so never fit. */
const ranges =
  /^(?:4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11,16}|35\d{14,17}|6\d{15,18}|5[0678]\d{11,17})$/

/** How cards are printed: 4-4-4-4(-3), 4-4-4-1, 4-6-5 and 4-6-4. Otherwise a count beside a Unix time might pass for one. */
const groupings: readonly string[] = ['4444', '44443', '4441', '465', '464']

function luhn(digits: string): boolean {
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48
    sum += i % 2 === 0 ? digit : digit < 5 ? digit * 2 : digit * 2 - 9
  }
  return sum % 10 === 0
}

const isCard = (digits: string): boolean => ranges.test(digits) && luhn(digits)

/** A run may hold more than the card, such as an amount before it: every stretch of whole groups is tried, longest first. */
function replaceIn(text: string, placeholder: string): string {
  const parts = text.split(/([ \u00a0-])/)
  let result = ''
  for (let from = 0; from < parts.length; from += 2) {
    let found: number | undefined
    let digits = ''
    let grouping = ''
    for (let to = from; to < parts.length && digits.length + parts[to]!.length <= 19; to += 2) {
      digits += parts[to]!
      grouping += String(parts[to]!.length)
      if ((to === from || groupings.includes(grouping)) && isCard(digits)) found = to
    }
    if (found === undefined) result += parts[from]! + (parts[from + 1] ?? '')
    else {
      result += placeholder + (parts[found + 1] ?? '')
      from = found
    }
  }
  return result
}

/** `text` with every card number replaced. Linear: each group is looked at from at most 19 starts. */
export function replaceCards(text: string, placeholder: string): string {
  return text.replace(run, (found) => replaceIn(found, placeholder))
}
