/**
 * The key owner's consent, in the secret's own KV v2 metadata: `mcp_origins` (where the key may be sent, required), `mcp_auth`
 * and `mcp_fields` (how it may be sent, and which field of the secret; optional). Whoever may write `upstreams/` but not this
 * metadata must not be able to have a key delivered: neither to another origin nor, at an origin that many share, into a place
 * of the request that others can read back, such as a message text or an object's metadata.
 */
import { GatewayError } from '../error.ts'
import { parseBase } from '../call/upstream.ts'
import type { UpstreamDocument } from '../knowledge/document-shapes.ts'

type Metadata = Readonly<Record<string, unknown>>

export function checkConsent(upstream: UpstreamDocument, custom: Metadata): void {
  const { origin } = parseBase(upstream)
  if (!listed(custom.mcp_origins)?.some((text) => originOf(text) === origin))
    throw missing(upstream, `its use at ${origin}`, `mcp_origins`, origin)
  const places = listed(custom.mcp_auth)
  if (places ? !places.some((place) => sameAuth(place, upstream.auth)) : !isCredentialPlace(upstream.auth))
    throw missing(upstream, `its being sent as ${upstream.auth}`, 'mcp_auth', upstream.auth)
  const fields = listed(custom.mcp_fields)
  if (fields && !fields.includes(upstream.kv_field))
    throw missing(upstream, `the use of field ${upstream.kv_field}`, 'mcp_fields', upstream.kv_field)
}

const missing = (upstream: UpstreamDocument, what: string, name: string, value: string): GatewayError =>
  new GatewayError(
    'upstream_error',
    'key_consent_missing',
    `the owner of upstream ${upstream.name}'s key has not agreed to ${what}: list ${value} in the secret's custom_metadata.${name}`,
  )

/** The entries of a comma-separated text; undefined where there is none. */
function listed(value: unknown): string[] | undefined {
  return typeof value === 'string' ? value.split(',').map((text) => text.trim()) : undefined
}

/** An entry counts only as a bare origin: one with a path looks like a narrower consent than could be kept. */
function originOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  return url.href === `${url.origin}/` ? url.origin : undefined
}

/** Header names are the same in any case; query names are not. */
const sameAuth = (a: string, b: string): boolean =>
  a.startsWith('header:') && b.startsWith('header:') ? a.toLowerCase() === b.toLowerCase() : a === b

/**
 * Places that servers read a credential from by convention need no further consent. Names with `meta` are left out: object
 * stores keep such headers (`x-amz-meta-token`) and show them to readers.
 */
function isCredentialPlace(auth: string): boolean {
  if (auth.startsWith('header:'))
    return (
      /^(?:[a-z0-9]+-)*(?:api-?key|key|token|auth|authorization)$/i.test(auth.slice('header:'.length)) &&
      !/meta/i.test(auth)
    )
  if (auth.startsWith('query:'))
    return /^(?:key|token|api[-_]?key|access[-_]?(?:key|token)|auth[-_]?(?:key|token)|app[-_]?id)$/i.test(
      auth.slice('query:'.length),
    )
  return true
}
