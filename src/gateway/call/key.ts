import { GatewayCallError } from './call-error.ts'
import { buildMatcher, type Matcher } from './matcher.ts'
import { keyNeedles } from './needles.ts'
import { encodeStrict } from './target.ts'
import { parseAuth, type Upstream } from './upstream.ts'

const LONGEST_KEY = 4096

interface Place {
  readonly header?: readonly [name: string, value: string]
  readonly query?: string
}

/**
 * A key made ready for one upstream: what to inject, and what to look for in answers. Building the automaton takes about
 * a millisecond, so it is kept beside the cached key and dropped with it. Serialising or inspecting it shows nothing.
 */
export class PreparedKey {
  readonly #place: Place
  readonly #matcher: Matcher | undefined

  constructor(place: Place, secrets: readonly string[]) {
    this.#place = place
    const needles = keyNeedles(secrets, place.header?.[1])
    this.#matcher = needles.length > 0 ? buildMatcher(needles) : undefined
  }

  /** Lower-case name and value to add to the outgoing headers. */
  get header(): readonly [name: string, value: string] | undefined {
    return this.#place.header
  }
  /** `name=value`, encoded, to append to the outgoing query. */
  get query(): string | undefined {
    return this.#place.query
  }
  /** Undefined when nothing of the key can be told from ordinary data (see `keyNeedles`). */
  get matcher(): Matcher | undefined {
    return this.#matcher
  }
}

/**
 * Makes `key` ready for `upstream`; undefined for auth `none`. A key that is missing or would not survive its place (line
 * breaks and other control characters, non-ASCII in a header) is `key_unavailable`: it is refused, never repaired. One line
 * break at its very end is not part of it: that is how editors end files, and `kv put api_key=@file` takes the file as it is.
 */
export function prepareKey(
  upstream: Pick<Upstream, 'name' | 'auth'>,
  stored: string | undefined,
): PreparedKey | undefined {
  const key = stored?.replace(/\r?\n$/, '')
  const auth = parseAuth(upstream)
  if (auth.kind === 'none') return undefined
  const refuse = (what: string): never => {
    throw new GatewayCallError('key_unavailable', `the key of upstream ${upstream.name} ${what}`)
  }
  if (key === undefined || key === '') return refuse('is missing or empty')
  if (Buffer.byteLength(key) > LONGEST_KEY) return refuse(`is longer than ${String(LONGEST_KEY)} bytes`)
  if (/[\r\n]/.test(key)) return refuse('holds a line break; store it on one line')
  if (/[\x00-\x1f\x7f]/.test(key)) return refuse('holds a control character')
  if (/\p{Surrogate}/u.test(key)) return refuse('is not well-formed text')
  if (auth.kind === 'query') return new PreparedKey({ query: `${encodeStrict(auth.name)}=${encodeStrict(key)}` }, [key])
  if (auth.kind === 'basic') return basicKey(key)
  if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(key))
    return refuse('holds characters outside ASCII, or a space at one end')
  if (auth.kind === 'bearer') return new PreparedKey({ header: ['authorization', `Bearer ${key}`] }, [key])
  return new PreparedKey({ header: [auth.name.toLowerCase(), key] }, [key])
}

/** RFC 7617: user and password joined by a colon. A key without a colon is the user, and the password is empty (Stripe's way). */
function basicKey(key: string): PreparedKey {
  const credentials = key.includes(':') ? key : `${key}:`
  const password = credentials.slice(credentials.indexOf(':') + 1)
  const header = ['authorization', `Basic ${Buffer.from(credentials, 'utf8').toString('base64')}`] as const
  return new PreparedKey({ header }, password === '' ? [key, credentials] : [password, credentials])
}
