import { refused } from './errors.ts'

const LONGEST_PATH = 4096
// C0, DEL and C1: none occurs in a Vault path, and some end a line for whatever reads the request on its way.
const control = /[\u0000-\u001f\u007f-\u009f]/
const example = 'for example secret/data/mcp/stripe'

function problemOf(segment: string): string | undefined {
  if (segment === '') return 'is empty'
  if (segment === '.' || segment === '..') return 'is a dot segment, which would leave the path'
  if (segment.includes('\\')) return 'holds a backslash'
  if (control.test(segment)) return 'holds a control character'
  // Encoding the sign once is not enough: a proxy on the way that decodes once more would read the escape.
  if (/%[0-9a-f]{2}/i.test(segment)) return 'holds a percent escape; write the character itself'
  if (/\p{Surrogate}/u.test(segment)) return 'holds half a surrogate pair'
  return undefined
}

/**
 * Percent-encodes a Vault path segment by segment. `path` is decoded text relative to `/v1/`, without a leading slash;
 * one trailing slash is allowed when `listing`. Throws `bad_request` for what a server or proxy could read as another
 * path. The message names the segment by number only: some paths hold a lease id.
 */
export function encodePath(path: string, listing = false): string {
  const text = listing && path.endsWith('/') ? path.slice(0, -1) : path
  if (text === '') throw refused(`path: is empty; name the path to request, ${example}`)
  if (text.length > LONGEST_PATH) throw refused(`path: is longer than ${String(LONGEST_PATH)} characters`)
  const segments = text.split('/')
  segments.forEach((segment, index) => {
    const problem = problemOf(segment)
    if (problem)
      throw refused(`path: segment ${String(index + 1)} of ${String(segments.length)} ${problem}, ${example}`)
  })
  return segments.map(encodeURIComponent).join('/')
}

/** `?a=1&b=2`, or nothing when there is nothing to say. */
export function encodeQuery(query: Readonly<Record<string, string | number | boolean>>): string {
  const text = new URLSearchParams(
    Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString()
  return text === '' ? '' : `?${text}`
}
