/** Redirects away from an upstream: refused, or followed without the key where the upstream's document says so. */
import { GatewayCallError } from './call-error.ts'
import type { Matcher } from './matcher.ts'
import { ownReference } from './reference.ts'
import type { ReferenceOptions } from './reference.ts'
import { scrubHeader } from './scrub.ts'

export const MOST_HOPS = 3

export interface RedirectOptions extends ReferenceOptions {
  readonly method: string
  readonly hasBody: boolean
  /** Only fields of the response may pass: nobody could say which ones of another origin's. */
  readonly projected: boolean
  readonly matcher: Matcher | undefined
  /** Redirects followed before this one, in this call. */
  readonly hops: number
}

/** RFC 9110, 15.4: the statuses clients follow. */
export const isRedirect = (status: number): boolean =>
  status === 301 || status === 302 || status === 303 || status === 307 || status === 308

/**
 * Where a redirect is to be followed to; undefined = it is handed on, because it stays at the upstream, or leads nowhere. Throws
 * `redirect_refused` for any other: handed on without its target it would look like an empty success.
 */
export function redirectTarget(location: string | undefined, options: RedirectOptions): URL | undefined {
  const { requestUrl, upstream, matcher, hops } = options
  if (location === undefined) return undefined
  if (hops === 0 && ownReference(location, options) !== undefined) return undefined
  const name = upstream.name
  // RFC 9110, 10.2.2: relative to what was asked.
  const url = URL.canParse(location, requestUrl) ? new URL(location, requestUrl) : undefined
  if (url === undefined) throw refused(name, 'to something that is no URL; ask the people who run it')
  // A key that is repeated here would be sent on, and must not stand in a message.
  if (
    matcher !== undefined &&
    [location, location.replace(/[\t\r\n]/g, ''), url.href].some((text) => holdsKey(matcher, text))
  )
    throw refused(name, 'to a URL that holds its key; ask the people who run it')
  if (hops === 0 && url.origin === new URL(requestUrl).origin)
    throw refused(
      name,
      "to a place outside its base URL; an operator can write the upstream's url so that it covers both",
    )
  const reason = whyNotFollowed(url, options)
  if (reason !== undefined) throw refused(name, `to ${url.host.slice(0, 253)}, ${reason}`)
  return url
}

/** URL parsers drop tabs and line breaks, and what is around them becomes one. */
const holdsKey = (matcher: Matcher, text: string): boolean => scrubHeader(matcher, text).matches > 0

function whyNotFollowed(url: URL, { method, hasBody, projected, upstream, hops }: RedirectOptions): string | undefined {
  if (!upstream.follow_redirects.includes(url.hostname))
    return "where its key must not go; an operator can list the host in the upstream's follow_redirects, or make an upstream of it"
  if (url.protocol !== 'https:' || url.port !== '' || url.username !== '' || url.password !== '')
    return 'which is followed over https only, at the usual port and without a user'
  if ((method !== 'GET' && method !== 'HEAD') || hasBody)
    return 'which is followed for GET and HEAD without a body only'
  if (projected) return 'which is not followed where only fields of a response may pass'
  return hops >= MOST_HOPS ? `after ${String(MOST_HOPS)} redirects, and no more are followed` : undefined
}

const refused = (upstream: string, what: string): GatewayCallError =>
  new GatewayCallError('redirect_refused', `upstream ${upstream} redirects ${what}`)
