/** Path templates of operations: how they are written, what segment fits which part, and how a path is built from one. */
import { quote, ScopeError } from './error.ts'

/** One segment of a template. */
export type TemplatePart =
  | { readonly kind: 'literal'; readonly text: string; readonly encoded: string }
  /** `{name}`: one segment. */
  | { readonly kind: 'parameter' }
  /** `{name...}`: one segment or more. */
  | { readonly kind: 'rest' }
  /** `{a}...{b}`: what stands before, between and behind its parameters; each parameter is at least one character. */
  | { readonly kind: 'mixed'; readonly texts: readonly string[] }

const example = 'write for example "GET /v1/invoices/{id}"'
const maxPathLength = 1024
const parameter = /\{([A-Za-z_][A-Za-z0-9_-]*)(\.\.\.)?\}/g

/** Takes a template apart; `/` has no parts, and one that ends in a slash has an empty literal at its end. Throws `ScopeError`. */
export function parseTemplate(path: string): readonly TemplatePart[] {
  const fault = (problem: string) => new ScopeError(`operation path ${quote(path)} ${problem}; ${example}.`)
  if (path.length > maxPathLength) throw fault(`is longer than ${maxPathLength} characters`)
  if (!path.startsWith('/')) throw fault('does not begin with a slash')
  if (/[?#]/.test(path)) throw fault('holds a query or fragment; query parameters go into parameters')
  const segments = path === '/' ? [] : path.slice(1).split('/')
  const names = new Set<string>()
  const parts = segments.map((segment, at) => {
    const isLast = at === segments.length - 1
    if (!isSafeSegment(segment, isLast))
      throw fault('has an empty, "." or ".." segment, a backslash or a control character')
    for (const [, name = ''] of segment.matchAll(parameter)) {
      if (names.has(name)) throw fault(`names {${name}} twice`)
      names.add(name)
    }
    return parsePart(segment, fault)
  })
  if (parts.filter(({ kind }) => kind === 'rest').length > 1)
    throw fault('has more than one {name...}; where one ends and the next begins could not be told')
  return parts
}

function parsePart(segment: string, fault: (problem: string) => ScopeError): TemplatePart {
  const found = [...segment.matchAll(parameter)]
  const texts = textsAround(segment, found)
  if (texts.some((text) => /[{}]/.test(text)))
    throw fault(
      'has braces that hold no name; {name} stands for one segment or a part of one, {name...} for one segment or more',
    )
  if (segment.includes('*'))
    throw fault('has a "*"; {name} stands for one whole segment, {name...} for one segment or more')
  if (segment.includes('%')) throw fault('is percent-encoded; write it decoded')
  if (found.length === 0) return { kind: 'literal', text: segment, encoded: encodeSegment(segment) }
  const isWhole = found.length === 1 && texts.every((text) => text === '')
  if (found.some(([, , dots]) => dots !== undefined)) {
    if (!isWhole) throw fault('has text beside a {name...}; it stands for whole segments')
    return { kind: 'rest' }
  }
  if (isWhole) return { kind: 'parameter' }
  if (texts.slice(1, -1).includes(''))
    throw fault('has two parameters with nothing between them; where one ends could not be told')
  return { kind: 'mixed', texts }
}

function textsAround(segment: string, found: readonly RegExpExecArray[]): string[] {
  let from = 0
  const texts = found.map((match) => {
    const text = segment.slice(from, match.index)
    from = match.index + match[0].length
    return text
  })
  return [...texts, segment.slice(from)]
}

/**
 * Whether a decoded segment can stand in a path without changing the path's shape, in any server's reading. A slash in it is an encoded
 * one, and is judged by what the upstream takes it for. Only the last one may be empty: the path then ends in a slash.
 */
export function isSafeSegment(segment: string, isLast = false): boolean {
  const { length } = segment
  if (length === 0) return isLast
  for (let at = 0; at < length; at++) {
    const code = segment.charCodeAt(at)
    if (code < 0x20 || code === 0x5c || code === 0x7f) return false
    if (code >= 0xd800 && code <= 0xdfff && isLoneSurrogate(segment, at)) return false
  }
  return segment !== '.' && segment !== '..'
}

function isLoneSurrogate(text: string, at: number): boolean {
  const isHigh = text.charCodeAt(at) <= 0xdbff
  const other = text.charCodeAt(isHigh ? at + 1 : at - 1)
  return isHigh ? !(other >= 0xdc00 && other <= 0xdfff) : !(other >= 0xd800 && other <= 0xdbff)
}

/** Whether a segment is these texts with at least `least` characters for each parameter between them. */
export function fitsTexts(texts: readonly string[], segment: string, least = 1): boolean {
  const prefix = texts[0]!
  const suffix = texts[texts.length - 1]!
  let at = prefix.length
  const end = segment.length - suffix.length
  if (end < at || !segment.startsWith(prefix) || !segment.endsWith(suffix)) return false
  // The leftmost place of each text leaves most to what follows, so one pass finds a split where there is one.
  for (let index = 1; index < texts.length - 1; index++) {
    const found = segment.indexOf(texts[index]!, at + least)
    if (found < 0) return false
    at = found + texts[index]!.length
  }
  return end - at >= least
}

/** Percent-encodes a segment as RFC 3986's `pchar`: `:` `@` and sub-delims stand as they are. Throws `URIError` for half a surrogate pair. */
export const encodeSegment = (text: string): string =>
  encodeURIComponent(text).replace(/%(?:3A|40|24|26|2B|2C|3B|3D)/g, decodeURIComponent)

/** Whether a segment is a word of the API rather than data: by its looks, and so that no id, name or address is one. */
export const isPathWord = (segment: string): boolean => /^(?:v\d{1,3}|[a-z][a-z_-]{0,31})$/.test(segment)
