/** URLs in responses, as the caller would ask this gateway for them. */
import type { CompiledPlacements } from './placements.ts'
import { parseTarget } from './target.ts'
import { parseBase, type CallableUpstream } from './upstream.ts'

export interface ReferenceOptions {
  readonly upstream: CallableUpstream
  /** Where the key was put, which the upstream may repeat. */
  readonly places: CompiledPlacements
  /** The key's own path before that of the request; empty where there is none. */
  readonly keyPath?: string | undefined
  /** The answered request's URL, without the key. */
  readonly requestUrl: string
  /** What stands for the upstream's base URL before this caller: `/u/stripe`, `https://gateway/u/stripe` or a listener's origin. */
  readonly callerBase: string
}

/** A URL of the same upstream as the caller would ask for it; undefined when it is not one or our own parser would refuse it. */
export function ownReference(reference: string, options: ReferenceOptions): string | undefined {
  const { upstream, places, requestUrl, callerBase } = options
  if (!URL.canParse(reference, requestUrl)) return undefined
  const url = new URL(reference, requestUrl)
  const base = parseBase(upstream)
  const { prefix } = base
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

/** No API has as many; each is parsed and made longer. */
const MOST_LINKS = 100

/** RFC 8288 link values whose target is of the same upstream; undefined when none is left, or there are too many. */
export function ownLinks(value: string, options: ReferenceOptions): string | undefined {
  const kept: string[] = []
  let found = 0
  for (const [, target, parameters] of value.matchAll(
    /<([^<>]*)>((?:\s*;\s*[^\s=;,<>"]+(?:\s*=\s*(?:"[^"]*"|[^\s;,<>"]+))?)*)/g,
  )) {
    if (++found > MOST_LINKS) return undefined
    const own = ownReference(target!, options)
    if (own !== undefined) kept.push(`<${own}>${parameters!}`)
  }
  return kept.length > 0 ? kept.join(', ') : undefined
}
