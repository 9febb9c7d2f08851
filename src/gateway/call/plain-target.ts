/** Reading, in one pass, a request target in which nothing is encoded or could be understood in two ways. Most are like that. */
import { MAX_PARAMETERS, MAX_TARGET_LENGTH } from './target-text.ts'
import type { QueryParameter, Target } from './target-text.ts'

/** Characters by their code: what may stand as it is in a path, and in a query. */
const IN_PATH = 1
const IN_QUERY = 2
const plain = new Uint8Array(128)
const mark = (characters: string, bits: number) => {
  for (const character of characters) plain[character.charCodeAt(0)]! |= bits
}
mark('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~', IN_PATH | IN_QUERY)
// RFC 3986, 3.3: `pchar`, without `;`, which some servers take for the beginning of path parameters.
mark("!$&'()*+,=:@", IN_PATH)
// What no reader of a query takes for a delimiter before it decodes.
mark('!$()*,:@[]+', IN_QUERY)

const isPlain = (code: number, bit: number): boolean => code < plain.length && (plain[code]! & bit) !== 0

const SLASH = 0x2f
const DOT = 0x2e
const AMPERSAND = 0x26
const EQUALS = 0x3d

const noQuery: readonly QueryParameter[] = []

/** Reads a target whose path begins at `start`. Undefined = it must be read in full, and may have to be refused. */
export function readPlainTarget(raw: string, start: number): Omit<Target, 'upstream'> | undefined {
  if (raw.length > MAX_TARGET_LENGTH) return undefined
  const question = raw.indexOf('?', start)
  const end = question < 0 ? raw.length : question
  const segments = readPlainPath(raw, start, end)
  const query = question < 0 ? noQuery : readPlainQuery(raw, question + 1)
  return segments && query && { segments, spelled: segments, query }
}

function readPlainPath(raw: string, start: number, end: number): readonly string[] | undefined {
  const segments: string[] = []
  // `/u/stripe` is the upstream's root; a target that is all path begins with a slash.
  if (start === end) return start === 0 ? undefined : segments
  if (raw.charCodeAt(start) !== SLASH) return undefined
  let from = start + 1
  for (let at = from; at < end; at++) {
    const code = raw.charCodeAt(at)
    if (isPlain(code, IN_PATH)) continue
    if (code !== SLASH || !isSegment(raw, from, at)) return undefined
    segments.push(raw.slice(from, at))
    from = at + 1
  }
  if (from < end && !isSegment(raw, from, end)) return undefined
  // `/u/stripe/` is the root too; behind a segment, an empty one is a slash at the end.
  if (from < end || segments.length > 0) segments.push(raw.slice(from, end))
  return segments
}

/** Not empty, `.` or `..`. */
function isSegment(raw: string, from: number, to: number): boolean {
  if (raw.charCodeAt(from) !== DOT) return to > from
  return !(to === from + 1 || (to === from + 2 && raw.charCodeAt(from + 1) === DOT))
}

function readPlainQuery(raw: string, start: number): readonly QueryParameter[] | undefined {
  const query: QueryParameter[] = []
  let from = start
  let equals = -1
  for (let at = start; at < raw.length; at++) {
    const code = raw.charCodeAt(at)
    if (code === AMPERSAND) {
      if (!addPair(query, raw, from, equals, at)) return undefined
      from = at + 1
      equals = -1
    } else if (code === EQUALS) {
      if (equals < 0) equals = at
    } else if (!isPlain(code, IN_QUERY)) return undefined
  }
  return addPair(query, raw, from, equals, raw.length) ? query : undefined
}

/** False = it has no name, or is one too many. */
function addPair(query: QueryParameter[], raw: string, from: number, equals: number, to: number): boolean {
  if (from === to) return true
  if (equals === from || query.length === MAX_PARAMETERS) return false
  const name = raw.slice(from, equals < 0 ? to : equals)
  const value = equals < 0 ? '' : raw.slice(equals + 1, to)
  query.push({ name: spaced(name), value: spaced(value), encoded: raw.slice(from, to) })
  return true
}

const spaced = (text: string): string => (text.includes('+') ? text.replaceAll('+', ' ') : text)
