import { compileAcl } from '../policy/acl.ts'
import type { Acl } from '../policy/acl.ts'
import type { PathRule, PolicyDocument } from '../policy/rule.ts'
import { quote, ScopeError } from './error.ts'
import { isName, nameRule } from './name.ts'

/** A parsed scope: a capability on one tool path or, with wildcards, on a pattern of them. */
export interface Scope {
  /** As written. */
  readonly text: string
  /** The colon spelling: `read:stripe:customers:id-only`. */
  readonly canonical: string
  /** What the capability word stands for: `write` is create and update. */
  readonly capabilities: readonly string[]
  /** `tools/stripe/customers/id-only`, or a pattern of Vault's policy language. */
  readonly path: string
  /** Whether `path` has `+` or a trailing `*`. */
  readonly wildcard: boolean
}

const capabilityWords: ReadonlyMap<string, readonly string[]> = new Map([
  ['create', ['create']],
  ['read', ['read']],
  ['update', ['update']],
  ['delete', ['delete']],
  ['list', ['list']],
  ['deny', ['deny']],
  ['write', ['create', 'update']],
])
const maxScopeLength = 256

/**
 * Reads `<capability>:<upstream>:<resource>[:<qualifier>]` or `<capability>:tools/<upstream>/<resource>[/<qualifier>]`.
 * The last segment may be or end in `*`, any may be `+`; wildcards in the upstream or the resource need
 * `allowWildcards`. Throws `ScopeError` with a sentence for the author.
 */
export function parseScope(text: string, options: { readonly allowWildcards?: boolean } = {}): Scope {
  if (text.length > maxScopeLength)
    throw new ScopeError(`a scope has at most ${maxScopeLength} characters; ${quote(text)} is longer.`)
  const colon = text.indexOf(':')
  const word = colon < 0 ? text : text.slice(0, colon)
  const rest = colon < 0 ? '' : text.slice(colon + 1)
  const capabilities = capabilityWords.get(word)
  if (capabilities === undefined)
    throw new ScopeError(
      `${quote(text)} does not begin with a capability (${[...capabilityWords.keys()].join(', ')}). Write for example read:stripe:invoices.`,
    )
  const segments = rest.startsWith('tools/') ? rest.slice('tools/'.length).split('/') : rest.split(':')
  checkSegments(text, segments)
  if (options.allowWildcards !== true) refuseBroad(text, word, segments)
  return {
    text,
    canonical: [word, ...segments].join(':'),
    capabilities,
    path: ['tools', ...segments].join('/'),
    wildcard: segments.some((segment) => segment === '+' || segment.endsWith('*')),
  }
}

function checkSegments(text: string, segments: readonly string[]): void {
  const last = segments.length - 1
  for (const [at, segment] of segments.entries()) {
    const problem = isSegment(segment, at === last) ? undefined : segmentProblem(segment, segments.length, at === last)
    if (problem !== undefined) throw new ScopeError(`${quote(text)}${problem}`)
  }
  if (segments.length > 3)
    throw new ScopeError(
      `${quote(text)} has more parts than capability, upstream, resource and qualifier. Write for example read:stripe:customers:id-only.`,
    )
  const endsInGlob = segments[last]?.endsWith('*') === true
  if (segments.length < 2 && !endsInGlob)
    throw new ScopeError(`${quote(text)} names no resource. Name one, for example ${exampleFor(segments[0])}.`)
}

/** A name or `+`; the last one may also be or end in `*`. */
function isSegment(segment: string, isLast: boolean): boolean {
  if (segment === '+' || isName(segment)) return true
  return isLast && segment.endsWith('*') && (segment === '*' || isName(segment.slice(0, -1)))
}

/** Follows the quoted scope in the message. */
function segmentProblem(segment: string, count: number, isLast: boolean): string {
  if (segment === '')
    return ` ${count === 1 ? 'names no upstream' : 'has an empty part'}. Write for example read:stripe:invoices.`
  if (segment.endsWith('*') && !isLast)
    return ' has a "*" before its end. "*" stands only at the end, "+" for one part; write for example read:stripe:+:id-only.'
  return `: ${quote(segment)} is not a name (${nameRule}). Write for example read:stripe:invoices.`
}

/** Anyone who can write to every upstream or every resource should have been asked first. */
function refuseBroad(text: string, word: string, [upstream = '', resource = '']: readonly string[]): void {
  const example = `${word}:${isName(upstream) ? upstream : 'stripe'}:invoices`
  if (upstream === '*' || upstream === '+')
    throw new ScopeError(`${quote(text)} covers every upstream. Name a resource, for example ${example}.`)
  if (upstream.endsWith('*'))
    throw new ScopeError(
      `${quote(text)} covers every upstream beginning with ${quote(upstream.slice(0, -1))}. Name a resource, for example ${example}.`,
    )
  if (resource === '*' || resource === '+')
    throw new ScopeError(`${quote(text)} covers every resource of ${upstream}. Name one, for example ${example}.`)
  if (resource.endsWith('*'))
    throw new ScopeError(
      `${quote(text)} covers every resource of ${upstream} beginning with ${quote(resource.slice(0, -1))}. Name one, for example ${example}.`,
    )
}

const exampleFor = (upstream: string | undefined): string =>
  `read:${upstream !== undefined && isName(upstream) ? upstream : 'stripe'}:invoices`

/** The scope that grants a capability on a tool path: `read` and `tools/stripe/invoices` give `read:stripe:invoices`. */
export function scopeText(capability: string, toolPath: string): string {
  return [capability, ...toolPath.split('/').slice(1)].join(':')
}

/** Scopes as a policy document: one rule each. Wildcards are taken as they are. Throws `ScopeError` for a malformed one. */
export function scopeDocument(scopes: readonly string[]): PolicyDocument {
  const paths: PathRule[] = scopes.map((text, at) => {
    const { capabilities, path } = parseScope(text, { allowWildcards: true })
    return { pattern: path, capabilities, line: at + 1 }
  })
  return { paths, warnings: [], templated: false }
}

/**
 * A list of scopes is a policy: same patterns, same priority, deny wins. The result is remembered by the identity of the
 * list, which must not change afterwards. Throws `ScopeError` for a malformed scope.
 */
export function compileScopes(scopes: readonly string[]): Acl {
  const known = compiled.get(scopes)
  if (known) return known
  const acl = compileAcl([scopeDocument(scopes)])
  compiled.set(scopes, acl)
  return acl
}

const compiled = new WeakMap<readonly string[], Acl>()
