/** Reading, in one pass, a request target in which nothing is encoded or could be understood in two ways. Most are like that. */
import { IN_PATH, IN_QUERY, isPlainCharacter } from './target-characters.ts'
import { MAX_PARAMETERS, MAX_TARGET_LENGTH } from './target-text.ts'
import type { QueryParameter, Target } from './target-text.ts'

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
    if (isPlainCharacter(code, IN_PATH)) continue
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
    } else if (!isPlainCharacter(code, IN_QUERY)) return undefined
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
