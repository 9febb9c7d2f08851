/** Which headers of a response are handed on, compiled once for each version of an upstream's document. */
import { ofTheBytes, paging, references, spokenAlways, wholeOnly } from './known-response-headers.ts'
import type { CallableUpstream } from './upstream.ts'

/**
 * `paging`: bare numbers at least. `whole`: with a whole body. `bytes`: with the upstream's bytes. `coding`: where those stay in their
 * coding. `length`: where no byte of them can be missing. The others are rewritten.
 */
export type ResponseRule =
  'always' | 'paging' | 'whole' | 'bytes' | 'coding' | 'length' | 'tag' | 'reference' | 'links' | 'trailer' | 'drop'

const exact = new Map<string, ResponseRule>([
  ['content-encoding', 'coding'],
  ['content-length', 'length'],
  ['etag', 'tag'],
  ['link', 'links'],
  ['trailer', 'trailer'],
])
const families: { readonly prefix: string; readonly suffix: string; readonly rule: ResponseRule }[] = []

function know(rule: ResponseRule, names: readonly string[]): void {
  for (const name of names) {
    const star = name.indexOf('*')
    if (star < 0) exact.set(name, rule)
    else families.push({ prefix: name.slice(0, star), suffix: name.slice(star + 1), rule })
  }
}
know('always', spokenAlways)
know('paging', paging)
know('whole', wholeOnly)
know('bytes', ofTheBytes)
know('reference', references)

/** Names of families that are remembered; servers use few. */
const MOST_REMEMBERED = 1_000
const LONGEST_REMEMBERED = 64
const remembered = new Map<string, ResponseRule>()

/** The rule for a lower-case name of which no document speaks. */
function ruleOf(name: string): ResponseRule {
  const known = exact.get(name) ?? remembered.get(name)
  if (known !== undefined) return known
  const family = families.find(
    ({ prefix, suffix }) =>
      name.length > prefix.length + suffix.length && name.startsWith(prefix) && name.endsWith(suffix),
  )
  const rule = family?.rule ?? 'drop'
  if (remembered.size < MOST_REMEMBERED && name.length <= LONGEST_REMEMBERED) remembered.set(name, rule)
  return rule
}

export interface ResponsePlan {
  /** By a lower-case name. */
  rule(name: string): ResponseRule
  /** The name is not one of a fixed list: an upstream has chosen it, and may have put anything into it. */
  isFree(name: string): boolean
}

const plans = new WeakMap<CallableUpstream, ResponsePlan>()

export function responsePlan(upstream: CallableUpstream): ResponsePlan {
  const known = plans.get(upstream)
  if (known) return known
  const listed = new Set(upstream.response_headers.map((name) => name.toLowerCase()))
  const plan: ResponsePlan = {
    rule: (name) => {
      const rule = name === 'accept-ranges' && upstream.allow_range ? 'whole' : ruleOf(name)
      return rule === 'drop' && listed.has(name) ? 'whole' : rule
    },
    isFree: (name) => !exact.has(name) && !listed.has(name),
  }
  plans.set(upstream, plan)
  return plan
}
