import type { IncomingHttpHeaders } from 'node:http'

interface Head {
  readonly rawHeaders: readonly string[]
}

/** The values of a header, `name` in lower case. */
export function headerValues({ rawHeaders }: Head, name: string): string[] {
  const values: string[] = []
  for (let at = 0; at < rawHeaders.length; at += 2) if (isNamed(rawHeaders[at]!, name)) values.push(rawHeaders[at + 1]!)
  return values
}

/** The value of a header, `name` in lower case, where it is given once; undefined where it is not. */
export function singleHeader({ rawHeaders }: Head, name: string): string | undefined {
  let value: string | undefined
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (!isNamed(rawHeaders[at]!, name)) continue
    if (value !== undefined) return undefined
    value = rawHeaders[at + 1]
  }
  return value
}

/** `name` is in lower case. */
export const isNamed = (given: string, name: string): boolean =>
  given.length === name.length && (given === name || given.toLowerCase() === name)

/** Of several of these the first counts; the values of others are one list (RFC 9110, 5.3), those of Cookie with another comma. */
const single: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'content-length',
  'content-type',
  'expires',
  'from',
  'host',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'retry-after',
  'server',
  'user-agent',
])

/** By name, in lower case. */
export function headersOf(rawHeaders: readonly string[]): IncomingHttpHeaders {
  const headers: Record<string, string> = Object.create(null) as Record<string, string>
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase()
    const value = rawHeaders[at + 1]!
    const known = headers[name]
    if (known === undefined) headers[name] = value
    else if (!single.has(name)) headers[name] = `${known}${name === 'cookie' ? '; ' : ', '}${value}`
  }
  return headers
}

/** Bytes, as declared; undefined when they are not. */
export function contentLength(head: Head): number | undefined {
  const text = singleHeader(head, 'content-length')
  return text === undefined ? undefined : Number(text)
}

export const hasBody = (head: Head): boolean =>
  (contentLength(head) ?? 0) > 0 || headerValues(head, 'transfer-encoding').length > 0

/** Whether a header is given more than once: one reader keeps the first of several credentials, another the last. */
export const isRepeated = (head: Head, name: string): boolean => headerValues(head, name).length > 1

/** The request line's target, parted: the path as sent, and the query without its `?`. */
export function originForm(target: string): { path: string; query: string } {
  const mark = target.indexOf('?')
  return mark < 0 ? { path: target, query: '' } : { path: target.slice(0, mark), query: target.slice(mark + 1) }
}
