/**
 * An upstream's `auth`, compiled once for each version of its document: where the caller's token is looked for, and what the
 * caller is told when it is missing. Nothing here is done again for a call.
 */
import { placementsIn, takesKey } from '../../scope/index.ts'
import type { Placement, Template } from '../../scope/index.ts'
import { upstreamProblems } from '../../document/index.ts'
import { misconfigured, type CallableUpstream } from './upstream.ts'

/** How a caller's token may be written in one header. */
export interface HeaderForms {
  /** By itself, without a word before it. */
  readonly bare: boolean
  /** After any scheme word, and as its parameter: the secret may be stored with one (`Bot KEY`, `Token token=KEY`). */
  readonly anyScheme: boolean
  readonly template: Template | undefined
  /** As user or password of `Basic` (RFC 7617). */
  readonly basic: boolean
  readonly basicTemplate: Template | undefined
  /** As the access key id of an AWS signature. */
  readonly signed: boolean
}

export interface CompiledPlacements {
  readonly placements: readonly Placement[]
  /** Calls are made without any key. */
  readonly none: boolean
  /** By lower-case name; `authorization` is always one. */
  readonly headers: ReadonlyMap<string, HeaderForms>
  /** By lower-case name. */
  readonly query: ReadonlyMap<string, Template | undefined>
  /** Of the path's first segments, one each. */
  readonly path: readonly Template[]
  /** By name. */
  readonly body: ReadonlyMap<string, Template | undefined>
  readonly alias: TokenAlias | undefined
  /** Headers and query parameters of a caller's own signature, in lower case: they go no further. */
  readonly dropped: ReadonlySet<string>
  /** Authentication schemes for `WWW-Authenticate`. */
  readonly challenges: readonly ('Bearer' | 'Basic')[]
}

/** What clients write around the token, because they check the format of keys. */
export interface TokenAlias {
  readonly before: string
  readonly after: string
}

export type PlacedUpstream = Pick<CallableUpstream, 'name' | 'auth'> & Partial<Pick<CallableUpstream, 'token_alias'>>

const compiled = new WeakMap<PlacedUpstream, CompiledPlacements>()

/** Throws `upstream_misconfigured` for what the engine should never have stored. */
export function placementsOf(upstream: PlacedUpstream): CompiledPlacements {
  const known = compiled.get(upstream)
  if (known) return known
  const { auth, token_alias } = upstream
  const problems = upstreamProblems({ auth, token_alias })
  if (problems.length > 0) misconfigured(upstream, problems)
  const made = compilePlacements(auth, token_alias ?? null)
  compiled.set(upstream, made)
  return made
}

const onlyBearer: HeaderForms = {
  bare: false,
  anyScheme: false,
  template: undefined,
  basic: false,
  basicTemplate: undefined,
  signed: false,
}

const ofSignatures = new Set([
  'x-amz-algorithm',
  'x-amz-date',
  'x-amz-expires',
  'x-amz-security-token',
  'x-amz-signature',
  'x-amz-signedheaders',
])
const nothing: ReadonlySet<string> = new Set()

function compilePlacements(auth: string, alias: string | null): CompiledPlacements {
  const placements = placementsIn(auth)
  const headers = new Map<string, HeaderForms>([['authorization', onlyBearer]])
  const query = new Map<string, Template | undefined>()
  const body = new Map<string, Template | undefined>()
  let path: readonly Template[] = []
  for (const { kind, name, template } of placements) {
    if (kind === 'basic') headers.set('authorization', { ...onlyBearer, basic: true, basicTemplate: template })
    if (kind === 'header')
      headers.set(name.toLowerCase(), { ...onlyBearer, bare: true, anyScheme: template === undefined, template })
    if (kind === 'query') query.set(name.toLowerCase(), template)
    if (kind === 'body') body.set(name, template)
    if (kind === 'aws_sigv4') {
      headers.set('authorization', { ...onlyBearer, signed: true })
      query.set('x-amz-credential', undefined)
    }
    if (kind === 'path') path = segmentsOf(template!)
  }
  const isBasic = placements.some(({ kind }) => kind === 'basic')
  return {
    placements,
    none: !takesKey(auth),
    headers,
    query,
    path,
    body,
    alias: aliasOf(alias),
    dropped: placements.some(({ kind }) => kind === 'aws_sigv4') ? ofSignatures : nothing,
    // Clients that know Basic alone wait to be asked for it: git, and many an HTTP library.
    challenges: isBasic ? ['Basic', 'Bearer'] : ['Bearer'],
  }
}

/** Where no upstream's document is known: the token in its usual place. */
export const usualPlacements: CompiledPlacements = compilePlacements('bearer', null)

function aliasOf(text: string | null): TokenAlias | undefined {
  if (text === null || text === '') return undefined
  const [before = '', after = ''] = text.split('{token}')
  return { before, after }
}

/** A path's template cut at its slashes: `/bot{api_key}/v1` has the segments `bot{api_key}` and `v1`. */
function segmentsOf({ literals, fields }: Template): readonly Template[] {
  const segments: { literals: string[]; fields: string[] }[] = []
  for (const [at, literal] of literals.entries()) {
    const [joined, ...further] = literal.split('/')
    segments.at(-1)?.literals.push(joined!)
    for (const text of further) segments.push({ literals: [text], fields: [] })
    if (at < fields.length) segments.at(-1)!.fields.push(fields[at]!)
  }
  return segments
}
