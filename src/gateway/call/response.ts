import type { HeaderPairs } from './credentials.ts'
import { tagOfChanged } from './entity-tag.ts'
import type { Matcher } from './matcher.ts'
import { scrubHeader } from './scrub.ts'
import { ownLinks, ownReference } from './reference.ts'
import type { ReferenceOptions } from './reference.ts'
import { responsePlan } from './response-plan.ts'
import type { ResponseRule } from './response-plan.ts'

/** What is looked for in them. */
export interface SearchedKey {
  readonly matcher: Matcher | undefined
  /** The same for names, which come in lower case; asked for only where an upstream may have chosen one. */
  nameMatcher(): Matcher | undefined
}

export interface ResponseHeaderOptions extends ReferenceOptions {
  /** Names, in lower case, and values in turn. */
  readonly fields: readonly string[]
  readonly projected: boolean
  /** The body goes out byte for byte as it came (or there is none): its length may be told. */
  readonly untouched: boolean
  /** It was taken apart here (decoded, projected): what the upstream says of the whole is true of no byte of it. */
  readonly changed: boolean
  /** A body in a content coding is for the caller to decode. */
  readonly coded: boolean
  readonly key: SearchedKey | undefined
}

/**
 * The headers that are handed on, by list, with the key removed from their values. Never Set-Cookie, challenges, framing or
 * trailers. A URL in one is rewritten to the caller's view of the same upstream, and dropped when it leads anywhere else: a
 * client that followed it would carry its token there.
 */
export function responseHeaders(options: ResponseHeaderOptions): { headers: HeaderPairs; matches: number } {
  const plan = responsePlan(options.upstream)
  const { key } = options
  const matcher = key?.matcher
  const pairs: [string, string][] = []
  let matches = 0
  for (let at = 0; at + 1 < options.fields.length; at += 2) {
    const name = options.fields[at]!
    const rule = plan.rule(name)
    if (rule === 'drop') continue
    const echoes = plan.isFree(name) ? echoesIn(name, key?.nameMatcher()) : 0
    matches += echoes
    if (echoes > 0) continue
    const own = ownView(rule, options.fields[at + 1]!, options)
    // Bytes no header may hold cannot be handed on; HTTP parsers let some through.
    if (own === undefined || /[^\t\x20-\x7e\x80-\xff]/.test(own)) continue
    if (matcher === undefined) {
      pairs.push([name, own])
      continue
    }
    const scrubbed = scrubHeader(matcher, own)
    matches += scrubbed.matches
    pairs.push([name, scrubbed.value])
  }
  return { headers: pairs, matches }
}

const echoesIn = (name: string, matcher: Matcher | undefined): number =>
  matcher === undefined ? 0 : scrubHeader(matcher, name).matches

/** The value as the caller is to see it; undefined where it is not handed on. */
function ownView(rule: ResponseRule, value: string, options: ResponseHeaderOptions): string | undefined {
  const { projected, changed } = options
  if (rule === 'always') return value
  if (rule === 'tag') return changed ? tagOfChanged(value) : value
  if (rule === 'length' || rule === 'bytes' || rule === 'coding') return isTrue(rule, options) ? value : undefined
  if (!projected) return ofWhole(rule, value, options)
  return rule === 'paging' && /^\d{1,18}$/.test(value) ? value : undefined
}

/** Whether what the upstream says of its body's bytes is true of those that are handed on. */
const isTrue = (rule: 'length' | 'bytes' | 'coding', { untouched, changed, coded }: ResponseHeaderOptions): boolean =>
  rule === 'length' ? untouched : !changed && (rule === 'bytes' || coded)

function ofWhole(rule: ResponseRule, value: string, options: ResponseHeaderOptions): string | undefined {
  if (rule === 'trailer') return announced(value, options)
  return rule === 'reference' ? ownReference(value, options) : rule === 'links' ? ownLinks(value, options) : value
}

/** Names of the trailer fields that are handed on (RFC 9110, 6.6.2): by the rules of headers, and where the body is the upstream's. */
function announced(value: string, { upstream, changed }: ResponseHeaderOptions): string | undefined {
  if (changed) return undefined
  const plan = responsePlan(upstream)
  const names = value.split(',').map((name) => name.trim().toLowerCase())
  const kept = names.filter((name) => mayTrail(plan.rule(name)))
  return kept.length > 0 ? kept.join(', ') : undefined
}

const mayTrail = (rule: ResponseRule): boolean =>
  rule !== 'drop' && rule !== 'length' && rule !== 'coding' && rule !== 'trailer'

/** Trailer fields as `responseHeaders` treats headers, of a body that goes out as it came. */
export function responseTrailers(options: ResponseHeaderOptions): ReturnType<typeof responseHeaders> {
  const plan = responsePlan(options.upstream)
  const { fields } = options
  const trailing = fields.filter((_, at) => mayTrail(plan.rule(fields[at & ~1]!)))
  return responseHeaders({ ...options, fields: trailing })
}
