/** Which of a caller's headers go upstream, compiled once for each version of an upstream's document. */
import { isCredentialName, isForwardingName, isFramingHeader, isHeaderName } from '../../document/index.ts'
import { badRequest } from '../../logical/errors.ts'
import { placementsIn } from '../../scope/index.ts'
import { RefusedRequest } from './call-error.ts'
import type { HeaderPairs } from './credentials.ts'
import { originalTags } from './entity-tag.ts'
import { exceptedHeaders, harmlessHeaders, passedHeaders } from './known-headers.ts'
import { isByteRange, requirePassableRange } from './range.ts'
import type { CallableUpstream } from './upstream.ts'

const DEFAULT_USER_AGENT = 'vault-plugin-secrets-mcp'
const LONGEST_HEADER = 8_192
const LONGEST_HEADERS = 65_536
/** Names an upstream's plan remembers beside those it was compiled for. */
const MOST_REMEMBERED = 1_000
const LONGEST_REMEMBERED = 64

export interface SentHeaders {
  /** Names, in lower case, and values in turn. Without the key and the body's length. */
  readonly list: string[]
  /** Those that pass because `request_headers` lists them, as they are sent: what tool policies judge. */
  readonly listed: readonly (readonly [name: string, value: string])[]
  /** A part of the response is asked for. */
  readonly ranged: boolean
}

export interface HeaderUse {
  /** May a part of the response be asked for? Where it may not, Range is left out: a server may ignore it (RFC 9110, 14.2). */
  readonly range: boolean
}

/** The value under a name in lower case; undefined when it is not sent. */
export function sentHeader({ list }: { readonly list: readonly string[] }, name: string): string | undefined {
  for (let at = 0; at < list.length; at += 2) if (list[at] === name) return list[at + 1]
  return undefined
}

/** `tags`: entity tags, of which some may be ours. `fixed`: the operator's value alone. The others say it themselves. */
type Kind = 'pass' | 'listed' | 'tags' | 'drop' | 'fixed' | 'refuse' | 'range' | 'if-range' | 'connection' | 'upgrade'

/** What is done with one header. Shared by all calls; the last two members are of the one that is being looked at. */
interface Action {
  readonly name: string
  readonly kind: Kind
  /** `listed`: the values allowed; undefined = any. */
  readonly values?: ReadonlySet<string> | undefined
  /** `fixed`: the operator's value. */
  readonly value?: string
  /** Which call has last sent it, and where it stands in its list. */
  call: number
  at: number
}

const sent: ReadonlySet<Kind> = new Set(['pass', 'listed', 'tags'])

const special: Readonly<Record<string, Kind>> = {
  connection: 'connection',
  'if-match': 'tags',
  'if-none-match': 'tags',
  'if-range': 'if-range',
  range: 'range',
  trailer: 'refuse',
  upgrade: 'upgrade',
}

interface Family {
  readonly prefix: string
  readonly suffix: string
  readonly kind: Kind
}

const exact = new Map<string, Kind>()
const families: Family[] = []

function know(kind: Kind, names: readonly string[]): void {
  for (const name of names) {
    const star = name.indexOf('*')
    if (star < 0) exact.set(name, kind)
    else families.push({ prefix: name.slice(0, star), suffix: name.slice(star + 1), kind })
  }
}
know('drop', Object.keys(harmlessHeaders))
know('pass', passedHeaders)
know('refuse', exceptedHeaders)
for (const [name, kind] of Object.entries(special)) exact.set(name, kind)

/** The class of a header of which the document says nothing. */
function kindOf(name: string): Kind {
  const known = exact.get(name)
  if (known !== undefined) return known
  if (isForwardingName(name)) return 'drop'
  if (isCredentialName(name)) return 'refuse'
  const family = families.find(
    ({ prefix, suffix }) =>
      name.length > prefix.length + suffix.length && name.startsWith(prefix) && name.endsWith(suffix),
  )
  return family?.kind ?? 'refuse'
}

/** Headers an operator may set to another value than a caller sends: they tell who calls, and no more. */
const mayReplace = (name: string): boolean => name === 'user-agent' || kindOf(name) === 'drop'

const plans = new WeakMap<CallableUpstream, RequestHeaderPlan>()

/** The plan for this version of an upstream. */
export function requestHeaderPlan(upstream: CallableUpstream): RequestHeaderPlan {
  const known = plans.get(upstream)
  if (known) return known
  const plan = new RequestHeaderPlan(upstream)
  plans.set(upstream, plan)
  return plan
}

export class RequestHeaderPlan {
  readonly #upstream: string
  /** By name, in lower case and as callers have spelled it. */
  readonly #actions = new Map<string, Action>()
  readonly #fixed: string[] = []
  readonly #listed: Action[] = []
  readonly #userAgent: Action
  #remembered = 0
  #call = 0

  constructor({ name: upstream, headers, request_headers: listed, auth }: CallableUpstream) {
    this.#upstream = upstream
    for (const [name, values] of Object.entries(listed))
      this.#listed.push(
        this.#add({
          name: name.toLowerCase(),
          kind: 'listed',
          values: values.includes('*') ? undefined : new Set(values),
        }),
      )
    for (const [given, value] of Object.entries(headers)) {
      const name = given.toLowerCase()
      this.#fixed.push(name, value)
      this.#add(mayReplace(name) ? { name, kind: 'drop' } : { name, kind: 'fixed', value })
    }
    // A caller's copy of what the key takes the place of.
    for (const { kind, name } of placementsIn(auth))
      if (kind === 'header') this.#add({ name: name.toLowerCase(), kind: 'drop' })
    this.#userAgent = this.#actions.get('user-agent') ?? this.#add({ name: 'user-agent', kind: 'pass' })
  }

  /**
   * The headers to send. Throws `header_not_allowed` for the first that may not be sent and may not be left out either. What
   * is judged of a header must be judged of the result, never of what came in.
   */
  apply(given: HeaderPairs, use: HeaderUse): SentHeaders {
    const call = ++this.#call
    const list = this.#fixed.slice()
    let aside: Aside | undefined
    let bytes = 0
    for (let i = 0; i < given.length; i++) {
      const [spelled, value] = given[i]!
      const action = this.#actions.get(spelled) ?? this.#find(spelled)
      if (action.kind === 'drop') continue
      bytes += value.length
      if (bytes > LONGEST_HEADERS || !isHeaderValue(value)) throw unfit(action.name, bytes)
      if (sent.has(action.kind)) this.#put(list, action, call, value)
      else this.#setAside((aside ??= {}), action, value)
    }
    const ranged = aside !== undefined && this.#addAside(list, aside, use)
    if (this.#userAgent.kind === 'pass' && this.#userAgent.call !== call) list.push('user-agent', DEFAULT_USER_AGENT)
    // The response is searched for the key, and projected: both need the plain bytes.
    list.push('accept-encoding', 'identity')
    return { list, listed: this.#listed.length === 0 ? none : this.#judged(list, call), ranged }
  }

  #setAside(aside: Aside, action: Action, value: string): void {
    const { kind } = action
    if (kind === 'range') aside.range = aside.range === undefined ? value : `${aside.range}, ${value}`
    else if (kind === 'if-range') aside.ifRange = originalTags(value)
    else if (kind === 'connection') aside.hopByHop = connectionOptions(value, aside.hopByHop)
    else if (kind === 'fixed' && value === action.value) return
    // A server may ignore the wish for HTTP/2 (RFC 9110, 7.8), and nothing is lost; any other protocol is what the caller needs.
    else if (kind !== 'upgrade' || value.trim().toLowerCase() !== 'h2c') throw this.#refusal(action)
  }

  /** Whether a part of the response is asked for. */
  #addAside(list: string[], { range, ifRange, hopByHop }: Aside, use: HeaderUse): boolean {
    if (hopByHop !== undefined) remove(list, hopByHop)
    if (range === undefined) return false
    if (!isByteRange(range)) throw this.#refusal(this.#find('range'))
    if (!use.range) return false
    requirePassableRange(range)
    list.push('range', range)
    if (ifRange !== undefined) list.push('if-range', ifRange)
    return true
  }

  #put(list: string[], action: Action, call: number, given: string): void {
    const value = action.kind === 'tags' ? originalTags(given) : given
    if (action.call !== call) {
      action.call = call
      action.at = list.push(action.name, value) - 1
    } else {
      // RFC 9110, 5.3: a repeated field is the same as its values joined by commas.
      list[action.at] = `${list[action.at]!}, ${value}`
    }
    if (list[action.at]!.length > LONGEST_HEADER)
      throw badRequest(`header ${action.name} is longer than ${String(LONGEST_HEADER)} bytes`)
  }

  #judged(list: string[], call: number): (readonly [string, string])[] {
    return this.#listed.flatMap((action) => {
      const value = action.call === call ? sentHeader({ list }, action.name) : undefined
      if (value === undefined) return []
      if (action.values?.has(value) === false) throw this.#refusal(action)
      return [[action.name, value] as const]
    })
  }

  #find(spelled: string): Action {
    const name = spelled.toLowerCase()
    const known = this.#actions.get(name)
    if (known === undefined && !isHeaderName(name)) throw badRequest('the name of a header is not one (RFC 9110, 5.1)')
    const action = known ?? { name, kind: kindOf(name), call: 0, at: 0 }
    // A name of a fixed table is kept in any case, so that its repetitions are joined.
    if (known === undefined && exact.has(name)) this.#actions.set(name, action)
    if (this.#remembered < MOST_REMEMBERED && name.length <= LONGEST_REMEMBERED) {
      this.#remembered++
      this.#actions.set(name, action)
      this.#actions.set(spelled, action)
    }
    return action
  }

  #add(action: Pick<Action, 'name' | 'kind' | 'values' | 'value'>): Action {
    const added = { ...action, call: 0, at: 0 }
    this.#actions.set(action.name, added)
    return added
  }

  #refusal({ name, kind }: Action): RefusedRequest {
    const shown = name.slice(0, 64)
    return new RefusedRequest('header_not_allowed', `header ${shown} ${this.#why(shown, kind)}`)
  }

  #why(name: string, kind: Kind): string {
    const upstream = this.#upstream
    if (name === 'trailer') return 'announces trailer fields, which are not passed on; send them as headers'
    if (kind === 'upgrade') return 'asks for another protocol, which is not passed on; leave it out'
    if (kind === 'range') return 'asks for a part in other units than bytes, which is not passed on; leave it out'
    if (kind === 'fixed')
      return `has another value than the one upstream ${upstream} always sends (its headers); send that one, or leave it out`
    if (kind === 'listed')
      return `has a value that upstream ${upstream} does not allow; an operator can list it in the upstream's request_headers`
    if (isCredentialName(name))
      return `carries a credential, and the gateway adds the key of upstream ${upstream} itself; leave it out`
    if (isFramingHeader(name)) return 'names another request than the one that is judged; leave it out'
    return `is not passed on to upstream ${upstream}: it may change what the call does, or on whose behalf; leave it out, or ask an operator to allow it with request_headers='{"${name}":["*"]}' or the values it may have`
  }
}

const none: SentHeaders['listed'] = []

/** What is looked at together, once all headers have been seen. */
interface Aside {
  range?: string
  ifRange?: string
  hopByHop?: Set<string> | undefined
}

const unfit = (name: string, bytes: number) =>
  badRequest(
    bytes > LONGEST_HEADERS
      ? `the headers are longer than ${String(LONGEST_HEADERS)} bytes`
      : `header ${name} holds a control character`,
  )

const isHeaderValue = (value: string): boolean => !/[^\t\x20-\x7e\x80-\xff]/.test(value)

/** RFC 9110, 7.6.1: what Connection names is meant for this hop alone. */
function connectionOptions(value: string, known: Set<string> | undefined): Set<string> | undefined {
  const named = value
    .split(',')
    .map((option) => option.trim().toLowerCase())
    .filter((option) => option !== '' && option !== 'keep-alive' && option !== 'close')
  return named.length === 0 ? known : new Set([...(known ?? []), ...named])
}

function remove(list: string[], names: ReadonlySet<string>): void {
  for (let at = list.length - 2; at >= 0; at -= 2) if (names.has(list[at]!)) list.splice(at, 2)
}
