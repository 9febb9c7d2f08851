import { GatewayFailure } from '../error.ts'

export interface HttpRoute<H> {
  readonly method: string
  /** `/agents/:agent_id/scopes`; literal segments are tried before captures, in the order of the table. */
  readonly pattern: string
  readonly handle: H
}

export interface Matched<H> {
  readonly handle: H
  readonly captures: Readonly<Record<string, string>>
}

function methodNotAllowed(method: string, methods: readonly string[]): GatewayFailure {
  const allow = [...new Set(methods)]
  return new GatewayFailure(
    'invalid_request',
    'method_not_allowed',
    `${method} is not served here; use ${allow.join(', ')}`,
    { allow },
  )
}

/** Routes without captures, by method and path: found without trying the others. Of each table, which is never changed. */
const literals = new WeakMap<readonly HttpRoute<unknown>[], ReadonlyMap<string, Matched<unknown>>>()

function literalsOf<H>(routes: readonly HttpRoute<H>[]): ReadonlyMap<string, Matched<H>> {
  const known = literals.get(routes) as ReadonlyMap<string, Matched<H>> | undefined
  if (known) return known
  const found = new Map<string, Matched<H>>()
  for (const { method, pattern } of routes)
    if (!pattern.includes(':')) found.set(`${method} ${pattern}`, search(routes, method, pattern))
  literals.set(routes, found)
  return found
}

/** Finds the route of a path (without query). Throws `not_found`, or `unsupported_operation` with what is allowed. */
export const findRoute = <H>(routes: readonly HttpRoute<H>[], method: string, path: string): Matched<H> =>
  literalsOf(routes).get(`${method} ${path}`) ?? search(routes, method, path)

function search<H>(routes: readonly HttpRoute<H>[], method: string, path: string): Matched<H> {
  const given = path.split('/')
  const fitting = routes.flatMap((route) => {
    const captures = capture(route.pattern.split('/'), given)
    return captures ? [{ route, captures }] : []
  })
  const [first] = fitting
  if (!first)
    throw new GatewayFailure(
      'invalid_request',
      'not_found',
      'nothing is served at this path; try /healthz, /agents, /sessions, /validate, /check or /u/<upstream>/…',
    )
  // The first pattern that fits owns the path: `/sessions/refresh` is never a session called "refresh".
  const owner = fitting.filter(({ route }) => route.pattern === first.route.pattern)
  const found = owner.find(({ route }) => route.method === method)
  if (!found)
    throw methodNotAllowed(
      method,
      owner.map(({ route }) => route.method),
    )
  return { handle: found.route.handle, captures: found.captures }
}

function capture(pattern: readonly string[], given: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== given.length) return undefined
  const captures: Record<string, string> = {}
  for (const [index, part] of pattern.entries()) {
    const text = given[index] ?? ''
    if (!part.startsWith(':')) {
      if (part !== text) return undefined
      continue
    }
    // Every name served here is spelled with these characters alone, so nothing needs decoding.
    if (!/^[A-Za-z0-9_-]{1,128}$/.test(text)) return undefined
    captures[part.slice(1)] = text
  }
  return captures
}
