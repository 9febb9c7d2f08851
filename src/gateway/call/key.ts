import { GatewayCallError } from './call-error.ts'
import { keySearch } from './key-search.ts'
import type { Matcher } from './matcher.ts'
import { SHORTEST_PATTERN } from './patterns.ts'
import { isRecognisable } from './secret-text.ts'
import { encodeStrict } from './target.ts'
import type { UpstreamAuth } from '../../document/index.ts'
import { parseAuth, type CallableUpstream } from './upstream.ts'

const LONGEST_KEY = 4096

interface Place {
  readonly header?: readonly [name: string, value: string]
  readonly query?: string
}

/**
 * A key made ready for one upstream: what to inject, and what to look for in responses. Building the search takes about a
 * millisecond, so it is kept beside the cached key and dropped with it. Serialising or inspecting it shows nothing.
 */
export class PreparedKey {
  readonly #place: Place
  readonly #matcher: Matcher | undefined

  constructor(place: Place, matcher: Matcher | undefined) {
    this.#place = place
    this.#matcher = matcher
  }

  /** Lower-case name and value to add to the outgoing headers. */
  get header(): readonly [name: string, value: string] | undefined {
    return this.#place.header
  }
  /** `name=value`, encoded, to append to the outgoing query. */
  get query(): string | undefined {
    return this.#place.query
  }
  /** Undefined when nothing of the key can be told from ordinary data (see `keySearch`). */
  get matcher(): Matcher | undefined {
    return this.#matcher
  }
}

/**
 * Makes the key `stored` ready for `upstream`; undefined for auth `none`. `others` are the other texts of its secret: an
 * upstream that knows them may repeat them too. A key that is missing, would not survive its place (line breaks and other
 * control characters, non-ASCII in a header) or is too short to be recognised in a response is `key_unavailable`: it is
 * refused, never repaired. One line break at its very end is not part of it: that is how editors end files, and
 * `kv put api_key=@file` takes the file as it is.
 */
export function prepareKey(
  upstream: Pick<CallableUpstream, 'name' | 'auth'>,
  stored: string | undefined,
  others: readonly string[] = [],
): PreparedKey | undefined {
  const auth = parseAuth(upstream)
  if (auth.kind === 'none') return undefined
  const refuse = (what: string): never => {
    throw new GatewayCallError('key_unavailable', `the key of upstream ${upstream.name} ${what}`)
  }
  const key = stored?.replace(/\r?\n$/, '') ?? ''
  const fault = keyFault(key, auth.kind)
  if (fault !== undefined) return refuse(fault)
  const place = placeOf(auth, key)
  const keys = auth.kind === 'basic' ? [key, basicCredentials(key)] : [key]
  const matcher = keySearch({ keys, others }, place.header?.[1])
  if (matcher === 'too_much_text')
    return refuse('lies in a secret with too much other text; keep it in a secret of its own')
  return new PreparedKey(place, matcher)
}

/** Why a key cannot be used; undefined when it can. */
function keyFault(key: string, kind: KeyAuth['kind']): string | undefined {
  if (key === '') return 'is missing or empty'
  if (Buffer.byteLength(key) > LONGEST_KEY) return `is longer than ${String(LONGEST_KEY)} bytes`
  if (/[\r\n]/.test(key)) return 'holds a line break; store it on one line'
  if (/[\x00-\x1f\x7f]/.test(key)) return 'holds a control character'
  if (/\p{Surrogate}/u.test(key)) return 'is not well-formed text'
  if ((kind === 'bearer' || kind === 'header') && !/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(key))
    return 'holds characters outside ASCII, or a space at one end'
  if (!isRecognisable(key, kind === 'basic'))
    return `is shorter than ${String(SHORTEST_PATTERN)} bytes, so it could not be recognised if the upstream repeated it; use a longer one`
  return undefined
}

type KeyAuth = Exclude<UpstreamAuth, { readonly kind: 'none' }>

function placeOf(auth: KeyAuth, key: string): Place {
  if (auth.kind === 'query') return { query: `${encodeStrict(auth.name)}=${encodeStrict(key)}` }
  if (auth.kind === 'header') return { header: [auth.name.toLowerCase(), key] }
  const value =
    auth.kind === 'bearer' ? `Bearer ${key}` : `Basic ${Buffer.from(basicCredentials(key), 'utf8').toString('base64')}`
  return { header: ['authorization', value] }
}

/** RFC 7617: user and password joined by a colon. A key without a colon is the user, and the password is empty (Stripe's way). */
const basicCredentials = (key: string): string => (key.includes(':') ? key : `${key}:`)
