import { GatewayCallError } from './call-error.ts'

/** An upstream document as `mcp/upstreams/<name>` answers it, as far as a call needs it. Times in seconds. */
export interface Upstream {
  readonly name: string
  readonly url: string
  /** `bearer`, `basic`, `header:<Name>`, `query:<name>` or `none`. */
  readonly auth: string
  readonly headers?: Readonly<Record<string, string>> | null
  readonly allow_private_addresses: boolean
  readonly connect_timeout: number
  readonly timeout: number
  readonly idle_timeout: number
  readonly max_request_bytes: number
  readonly max_response_bytes: number
  readonly version: number
}

/** Where an upstream wants its key. */
export type UpstreamAuth =
  | { readonly kind: 'bearer' }
  | { readonly kind: 'basic' }
  | { readonly kind: 'none' }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'query'; readonly name: string }

export const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Headers that frame or route a message: never set from a request, a key place or an upstream's document. */
const framing = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
])

export const isFramingHeader = (lowerName: string): boolean =>
  framing.has(lowerName) || lowerName.startsWith('x-forwarded-')

/** Reads `auth`. What the engine should never have stored is `upstream_misconfigured`, and the call is not made. */
export function parseAuth(upstream: Pick<Upstream, 'name' | 'auth'>): UpstreamAuth {
  const { auth } = upstream
  if (auth === 'bearer' || auth === 'basic' || auth === 'none') return { kind: auth }
  const colon = auth.indexOf(':')
  const place = auth.slice(0, Math.max(colon, 0))
  const name = auth.slice(colon + 1)
  if (place === 'header' && HEADER_NAME.test(name) && !isFramingHeader(name.toLowerCase()))
    return { kind: 'header', name }
  if (place === 'query' && name !== '') return { kind: 'query', name }
  throw new GatewayCallError(
    'upstream_misconfigured',
    `upstream ${upstream.name}: auth is not one of bearer, basic, header:<Name>, query:<name>, none`,
  )
}

/** The base URL: origin and path. Credentials, query and fragment in it are refused. */
export function parseBase(upstream: Pick<Upstream, 'name' | 'url'>): URL {
  const base = URL.canParse(upstream.url) ? new URL(upstream.url) : undefined
  const plain = base && base.username === '' && base.password === '' && base.search === '' && base.hash === ''
  if (!plain || (base.protocol !== 'https:' && base.protocol !== 'http:')) {
    throw new GatewayCallError(
      'upstream_misconfigured',
      `upstream ${upstream.name}: url is not an http(s) base URL without credentials, query or fragment`,
    )
  }
  return base
}
