/** What servers may take a path's segments for: in any case, Unicode form, encoding and punctuation. */

/**
 * A text as the most forgiving server compares it: percent-decoded once more, without a difference of case or Unicode form, and without
 * characters that show nothing. Decomposed, so that what a parameter begins with cannot become one character with the text before it.
 */
export function foldText(text: string): string {
  if (isPlain(text)) return text
  return decodeAgain(text)
    .normalize('NFKD')
    .toUpperCase()
    .toLowerCase()
    .normalize('NFKD')
    .replaceAll('ς', 'σ')
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
}

/** Windows servers drop dots and spaces at the end of a name. */
export const withoutEnd = (folded: string): string => (/[\s.]$/.test(folded) ? folded.replace(/[\s.]+$/, '') : folded)

/** Letters, digits, `_` and `-`, nothing of which folds. */
export function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    const isWord = (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x5f || code === 0x2d
    if (!isWord) return false
  }
  return true
}

/** Servers behind each other decode two or three times; what is encoded more often is meant for none of them, and costs a round each time. */
const MOST_DECODINGS = 8

/** Whether something is left to decode. */
export const isPercentEncoded = (text: string): boolean => /%[0-9A-Fa-f]{2}/.test(text)

/** Percent-decodes what a server would that decodes again, until nothing is left to decode, or too often. */
export function decodeAgain(text: string): string {
  let decoded = text
  for (let round = 0; round < MOST_DECODINGS && isPercentEncoded(decoded); round++) {
    const next = decoded.replace(/(?:%[0-9A-Fa-f]{2})+/g, decodeRun)
    if (next === decoded) break
    decoded = next
  }
  return decoded
}

function decodeRun(run: string): string {
  try {
    return decodeURIComponent(run)
  } catch {
    // Not UTF-8: what is ASCII in it is decoded all the same.
    return run.replace(/%([0-7][0-9A-Fa-f])/g, (_whole, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  }
}

/**
 * Every form of one segment, folded: whole, without dots and spaces at its end, and without what stands behind a `;`, which Java
 * servers take for parameters, or a `?` or `#`. The empty text among them: some server sees no segment here.
 */
export function formsOf(segment: string): readonly string[] {
  if (isPlain(segment)) return [segment]
  const whole = foldText(segment)
  const forms = new Set([whole, withoutEnd(whole)])
  // Where a proxy writes the path anew, an encoded `?` or `#` may end it.
  const end = whole.search(/[;?#]/)
  if (end >= 0) {
    const cut = whole.slice(0, end)
    forms.add(cut).add(withoutEnd(cut))
  }
  return [...forms]
}

/** One way to read a path: the form of each of its segments, or forms where there are several. */
export interface PathReading {
  readonly segments: readonly (string | readonly string[])[]
  /** It ends in a slash. */
  readonly slashAtEnd: boolean
}

/** All ways to read a path: encoded slashes as characters and as separators, segments that show nothing kept and left out. */
export function readingsOf(segments: readonly string[]): readonly PathReading[] {
  const slashAtEnd = segments.length > 0 && segments[segments.length - 1] === ''
  const given = slashAtEnd ? segments.slice(0, -1) : segments
  const simple = simpleForms(given)
  if (simple) return [{ segments: simple, slashAtEnd }]
  const split = given.flatMap((segment) => decodeAgain(segment).split('/'))
  const ways = split.length > given.length ? [given, split] : [given]
  return ways.flatMap((way) => {
    const forms = way.map(formsOf)
    const shown = forms.filter((form) => !form.includes(''))
    const reading = { segments: shown, slashAtEnd: slashAtEnd || way.at(-1) === '' }
    return shown.length === forms.length ? [reading] : [reading, { ...reading, segments: forms }]
  })
}

/** Undefined where some segment has more than one form. */
function simpleForms(segments: readonly string[]): readonly string[] | undefined {
  let folded: string[] | undefined
  for (let at = 0; at < segments.length; at++) {
    const segment = segments[at]!
    const simple = simplicity(segment)
    if (simple === 0) return undefined
    if (simple === 1) (folded ??= segments.slice())[at] = segment.toLowerCase()
  }
  return folded ?? segments
}

/** `#`, `%`, `/`, `;` and `?`: behind or within them a segment may be read otherwise. */
const MAY_END = Uint8Array.from({ length: 128 }, (_, code) => ('#%/;?'.includes(String.fromCharCode(code)) ? 1 : 0))

/** 2 = the segment is its only form; 1 = in lower case it is; 0 = there may be others. */
function simplicity(segment: string): 0 | 1 | 2 {
  let hasCapitals = false
  let last = 0
  for (let at = 0; at < segment.length; at++) {
    last = segment.charCodeAt(at)
    if (last <= 0x20 || last >= 0x7f || MAY_END[last] === 1) return 0
    if (last >= 0x41 && last <= 0x5a) hasCapitals = true
  }
  if (last === 0 || last === 0x2e) return 0
  return hasCapitals ? 1 : 2
}
