/**
 * Path patterns: an exact path, `+` standing for one whole segment, and a trailing `*` standing for any rest. Everything
 * else is literal. Patterns are compared as sets of paths by `covers`, `overlaps` and `intersect`.
 */
export interface Pattern {
  /** As written, without a leading slash: `tools/+/invoices*`. */
  readonly text: string
  /** Segments of `text` without the trailing `*`; with `glob` the last one is only the beginning of a segment. */
  readonly segments: readonly string[]
  readonly glob: boolean
  readonly wildcards: number
  /** Where the first `+` segment or the trailing `*` stands; `Infinity` for an exact path. */
  readonly firstWildcard: number
}

/** Reads a pattern; what is wrong with one is said by `patternProblem`. */
export function parsePattern(written: string): Pattern {
  const text = withoutLeadingSlash(written)
  const glob = text.endsWith('*')
  const body = glob ? text.slice(0, -1) : text
  const segments = body.split('/')
  let position = 0
  let firstWildcard = glob ? body.length : Infinity
  let wildcards = 0
  for (const segment of segments) {
    if (segment === '+') {
      firstWildcard = Math.min(firstWildcard, position)
      wildcards++
    }
    position += segment.length + 1
  }
  return { text, segments, glob, wildcards, firstWildcard }
}

/** Why a path cannot be a pattern, as a sentence without a subject line; `undefined` when it can. */
export function patternProblem(written: string): string | undefined {
  const text = withoutLeadingSlash(written)
  if (text === '') return 'is empty; name a path, for example "secret/data/app".'
  if (text.includes('+*'))
    return 'has an invalid use of wildcards ("+*" is forbidden); write "+" for one whole segment, or "*" alone at the end.'
  if (/[\x00-\x1f\x7f]/.test(text)) return 'holds a control character.'
  return undefined
}

/** Vault paths begin after the slash; a policy may be written with it. Exactly one is taken away. */
function withoutLeadingSlash(written: string): string {
  return written.startsWith('/') ? written.slice(1) : written
}

/** Whether a concrete path, split at its slashes, is one of the pattern's. */
export function matchesSegments(pattern: Pattern, path: readonly string[]): boolean {
  const { segments, glob } = pattern
  const last = segments.length - 1
  if (glob ? path.length < segments.length : path.length !== segments.length) return false
  return segments.every((segment, at) => {
    const part = path[at] ?? ''
    return glob && at === last ? part.startsWith(segment) : segment === '+' || segment === part
  })
}

/**
 * Vault's documented priority of two patterns that match the same path: positive when `a` comes first. An exact path
 * beats all; then the later first wildcard, no trailing `*`, fewer `+`, the longer, the lexicographically greater one.
 * https://developer.hashicorp.com/vault/docs/concepts/policies
 */
export function comparePriority(a: Pattern, b: Pattern): number {
  // Two exact paths have Infinity - Infinity here, hence the comparison before the subtraction.
  if (a.firstWildcard !== b.firstWildcard) return a.firstWildcard - b.firstWildcard
  if (a.glob !== b.glob) return a.glob ? -1 : 1
  if (a.wildcards !== b.wildcards) return b.wildcards - a.wildcards
  if (a.text.length !== b.text.length) return a.text.length - b.text.length
  return a.text === b.text ? 0 : a.text < b.text ? -1 : 1
}

/** Whether every path of `b` is also one of `a`. Exact: neither too many nor too few. */
export function covers(a: Pattern, b: Pattern): boolean {
  const last = a.segments.length - 1
  if (a.glob ? b.segments.length < a.segments.length : b.glob || b.segments.length !== a.segments.length) return false
  return a.segments.every((segment, at) => {
    const other = b.segments[at] ?? ''
    if (!(a.glob && at === last)) return segment === '+' || segment === other
    // The beginning of a segment. A "+" of `b` begins with no text in particular; "+*" is not a pattern.
    return other.startsWith(segment)
  })
}

/** Whether some path belongs to both. Exact. */
export function overlaps(a: Pattern, b: Pattern): boolean {
  return intersectSegments(a, b, () => '') !== undefined
}

/** The pattern of the paths that belong to both; `undefined` when there are none or no single pattern says it. */
export function intersect(a: Pattern, b: Pattern): Pattern | undefined {
  if (covers(a, b)) return b
  if (covers(b, a)) return a
  const segments = intersectSegments(a, b, () => undefined)
  if (segments === undefined) return undefined
  const glob = a.glob && b.glob
  return parsePattern(segments.join('/') + (glob ? '*' : ''))
}

/**
 * Segment by segment, what both allow. `unrepresentable` is called for a segment that must begin with a text and be
 * one whole segment: paths have such segments, and no pattern spells them.
 */
function intersectSegments(a: Pattern, b: Pattern, unrepresentable: () => string | undefined): string[] | undefined {
  const [long, short] = a.segments.length >= b.segments.length ? [a, b] : [b, a]
  if (long.segments.length > short.segments.length && !short.glob) return undefined
  const result: string[] = []
  for (const [at, segment] of long.segments.entries()) {
    const common =
      at < short.segments.length
        ? intersectSegment(
            segment,
            isBeginning(long, at),
            short.segments[at] ?? '',
            isBeginning(short, at),
            unrepresentable,
          )
        : segment
    if (common === undefined) return undefined
    result.push(common)
  }
  return result
}

function intersectSegment(
  a: string,
  aBegins: boolean,
  b: string,
  bBegins: boolean,
  unrepresentable: () => string | undefined,
): string | undefined {
  if (aBegins && bBegins) return longerBeginning(a, b)
  if (aBegins) return intersectSegment(b, bBegins, a, aBegins, unrepresentable)
  if (bBegins) return wholeSegmentBeginning(a, b, unrepresentable)
  if (a === '+') return b
  return b === '+' || a === b ? a : undefined
}

function longerBeginning(a: string, b: string): string | undefined {
  if (a.startsWith(b)) return a
  return b.startsWith(a) ? b : undefined
}

/** `whole` where its segment can begin with `beginning`. */
function wholeSegmentBeginning(
  whole: string,
  beginning: string,
  unrepresentable: () => string | undefined,
): string | undefined {
  if (beginning === '') return whole
  if (whole === '+') return unrepresentable()
  return whole.startsWith(beginning) ? whole : undefined
}

const isBeginning = (pattern: Pattern, at: number): boolean => pattern.glob && at === pattern.segments.length - 1
