import type { IncomingHttpHeaders } from 'node:http'
import type { HeaderPairs } from './credentials.ts'
import type { Matcher } from './matcher.ts'
import { scrubHeader } from './scrub.ts'
import { parseTarget } from './target.ts'
import type { CompiledPlacements } from './placements.ts'
import { parseBase, type CallableUpstream } from './upstream.ts'

/** Response headers that say nothing about the body's fields: passed even when the body is projected. */
const always = new Set([
  'cache-control',
  'content-language',
  'date',
  'deprecation',
  'etag',
  'expires',
  'idempotency-key',
  'idempotent-replayed',
  'last-modified',
  'preference-applied',
  'retry-after',
  'sunset',
  'vary',
  'x-github-media-type',
  'x-request-id',
  'request-id',
  'x-correlation-id',
  'x-github-request-id',
  'stripe-version',
  'x-github-api-version-selected',
  'stripe-should-retry',
  'x-should-retry',
  'mcp-session-id',
  'mcp-protocol-version',
])
/** Passed with a whole body only. */
const withBody = new Set(['content-disposition', 'content-type', 'link', 'location'])

const isRateLimit = (name: string): boolean =>
  /^(?:x-)?ratelimit(?:-|$)/.test(name) || /^anthropic-ratelimit-/.test(name)

export interface ResponseHeaderOptions {
  readonly upstream: CallableUpstream
  /** Where the key was put, which the upstream may repeat. */
  readonly places: CompiledPlacements
  /** The key's own path before that of the request; empty where there is none. */
  readonly keyPath?: string | undefined
  readonly headers: IncomingHttpHeaders
  /** The answered request's URL, without the key. */
  readonly requestUrl: URL
  /** What stands for the upstream's base URL before this caller: `/u/stripe`, `https://gateway/u/stripe` or a listener's origin. */
  readonly callerBase: string
  readonly projected: boolean
  /** The body goes out byte for byte as it came (or there is none): its length may be told. */
  readonly untouched: boolean
  readonly matcher: Matcher | undefined
}

/**
 * The headers that are handed on, by list, with the key removed from their values. Never Set-Cookie, challenges, framing or
 * trailers. `location` and `link` are rewritten to the caller's view of the same upstream, and dropped when they lead
 * anywhere else: a client that followed them would carry its token there.
 */
export function responseHeaders(options: ResponseHeaderOptions): { headers: HeaderPairs; matches: number } {
  const pairs: [string, string][] = []
  let matches = 0
  for (const [name, raw] of Object.entries(options.headers)) {
    if (raw === undefined || !isPassed(name, options)) continue
    for (const value of typeof raw === 'string' ? [raw] : raw) {
      const own = ownView(name, value, options)
      // Bytes no header may hold cannot be handed on; HTTP parsers let some through.
      if (own === undefined || /[^\t\x20-\x7e\x80-\xff]/.test(own)) continue
      const scrubbed = options.matcher ? scrubHeader(options.matcher, own) : { value: own, matches: 0 }
      matches += scrubbed.matches
      pairs.push([name, scrubbed.value])
    }
  }
  return { headers: pairs, matches }
}

const isPassed = (name: string, { projected, untouched }: ResponseHeaderOptions): boolean =>
  always.has(name) ||
  isRateLimit(name) ||
  (!projected && withBody.has(name)) ||
  (name === 'content-length' && untouched)

/** The value as the caller is to see it; undefined where it leads anywhere else. */
function ownView(name: string, value: string, options: ResponseHeaderOptions): string | undefined {
  if (name === 'location') return rewriteReference(value, options)
  return name === 'link' ? rewriteLinks(value, options) : value
}

/** A URL of the same upstream as the caller would ask for it; undefined when it is not one or our own parser would refuse it. */
function rewriteReference(reference: string, options: ResponseHeaderOptions): string | undefined {
  const { upstream, places, requestUrl, callerBase } = options
  if (!URL.canParse(reference, requestUrl.href)) return undefined
  const url = new URL(reference, requestUrl)
  const base = parseBase(upstream)
  const prefix = base.pathname.replace(/\/+$/, '')
  const below = url.pathname === prefix || url.pathname.startsWith(`${prefix}/`)
  if (url.origin !== base.origin || url.username !== '' || url.password !== '' || !below) return undefined
  const target = withoutKeyPath(url.pathname.slice(prefix.length), options.keyPath ?? '') + url.search
  try {
    const { query } = parseTarget(target, upstream.name)
    // The upstream may repeat the parameter our key went in.
    const kept = query.filter(({ name }) => !places.query.has(name.toLowerCase()))
    const search = kept.map(({ encoded }) => encoded).join('&')
    return callerBase.replace(/\/+$/, '') + target.split('?', 1)[0]! + (search === '' ? '' : `?${search}`) + url.hash
  } catch {
    return undefined
  }
}

const withoutKeyPath = (path: string, keyPath: string): string =>
  (path === keyPath || path.startsWith(`${keyPath}/`) ? path.slice(keyPath.length) : path) || '/'

/** RFC 8288 link values whose target is of the same upstream; undefined when none is left. */
function rewriteLinks(value: string, options: ResponseHeaderOptions): string | undefined {
  const kept: string[] = []
  for (const [, target, parameters] of value.matchAll(
    /<([^<>]*)>((?:\s*;\s*[^\s=;,<>"]+(?:\s*=\s*(?:"[^"]*"|[^\s;,<>"]+))?)*)/g,
  )) {
    const own = rewriteReference(target!, options)
    if (own !== undefined) kept.push(`<${own}>${parameters!}`)
  }
  return kept.length > 0 ? kept.join(', ') : undefined
}
