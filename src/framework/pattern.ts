/**
 * Path patterns people can read: `agents/:id/scopes/:environment`. `:name` captures one segment, `:name...` one or more.
 * A trailing `/` is decoration that marks a collection; requests match with or without it.
 */
export interface CompiledPattern {
  readonly text: string
  /** The captures, or undefined when the path of these segments (`segmentsOf`) does not match. */
  match(segments: readonly string[]): Record<string, string> | undefined
}

export function compilePattern(text: string): CompiledPattern {
  const parts = segmentsOf(text)
  const rest = parts.findIndex((part) => part.endsWith('...'))
  if (rest >= 0 && rest !== parts.length - 1)
    throw new Error(`pattern ${text}: only the last segment may capture the rest`)
  return {
    text,
    match(segments) {
      if (rest < 0 ? segments.length !== parts.length : segments.length < parts.length) return undefined
      if (segments.includes('')) return undefined
      const captures: Record<string, string> = {}
      for (const [index, part] of parts.entries()) {
        if (index === rest) captures[part.slice(1, -3)] = segments.slice(index).join('/')
        else if (part.startsWith(':')) captures[part.slice(1)] = segments[index]!
        else if (part !== segments[index]) return undefined
      }
      return captures
    },
  }
}

/** Taken apart once per request, which is held against every pattern. */
export function segmentsOf(path: string): string[] {
  const bare = path.endsWith('/') ? path.slice(0, -1) : path
  return bare === '' ? [] : bare.split('/')
}

/**
 * How Vault writes a path that needs sudo: exact where the pattern is literal, else the literal part with `*`. An exact one is
 * given with its slash too, because hosts ask for a list with a slash at the end.
 */
export function rootPaths(pattern: string): string[] {
  const capture = pattern.indexOf(':')
  const bare = pattern.replace(/\/$/, '')
  return capture < 0 ? [bare, `${bare}/`] : [`${pattern.slice(0, capture)}*`]
}

/** Does `path` fall under one of an engine's special paths? `*` ends a prefix, `+` stands for one whole segment. */
export function matchesSpecial(patterns: readonly string[], path: string): boolean {
  return patterns.some((pattern) => {
    if (!pattern.includes('+')) return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern
    const open = pattern.endsWith('*')
    const wanted = (open ? pattern.slice(0, -1) : pattern).split('/')
    const given = path.split('/')
    if (open ? given.length < wanted.length : given.length !== wanted.length) return false
    return wanted.every((part, index) => {
      if (part === '+') return true
      return open && index === wanted.length - 1 ? given[index]!.startsWith(part) : part === given[index]
    })
  })
}
