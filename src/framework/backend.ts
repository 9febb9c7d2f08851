/**
 * How to write an engine: declare paths and secret types, get a `Backend`. Routing, captures, field types, warnings, help,
 * lease routing and the read-only answer are here, so that handlers hold nothing but their own rule.
 */
import type { Backend, SpecialPaths, SystemView } from '../logical/backend.ts'
import { RequestError } from '../logical/errors.ts'
import type { Operation, Request } from '../logical/request.ts'
import type { Response } from '../logical/response.ts'
import { parseFields } from './field-data.ts'
import { pathHelp, rootHelp } from './help.ts'
import { toHelpDocument, openApiDocument } from './openapi.ts'
import type { Operations, PathDef } from './path.ts'
import { paged, takePage } from './paging.ts'
import { compilePattern, rootPaths, segmentsOf } from './pattern.ts'
import type { CompiledPattern } from './pattern.ts'
import type { SecretType } from './secret-type.ts'

export interface BackendSpec {
  readonly type?: 'secret' | 'auth'
  /** First paragraph of the mount's help. */
  readonly help: string
  readonly paths: readonly PathDef[]
  readonly secrets?: readonly SecretType[]
  /** See `Backend`; `host` unless given. */
  readonly leasing?: Backend['leasing']
  readonly system: SystemView
  readonly unauthenticated?: readonly string[]
  initialize?(): Promise<void>
  invalidate?(key: string): void
  cleanup?(): Promise<void>
  /** The host's tick, about once a minute: tidy, undo half-done work. */
  rollback?(request: Request): Promise<void>
}

interface Route {
  readonly path: PathDef
  readonly pattern: CompiledPattern
}
interface Matched {
  readonly path: PathDef
  readonly captures: Record<string, string>
}

const handlerNames: Partial<Record<Operation, keyof Operations<never>>> = {
  create: 'write',
  update: 'write',
  read: 'read',
  patch: 'patch',
  delete: 'delete',
  list: 'list',
}

export function createBackend(spec: BackendSpec): Backend {
  const routes = spec.paths.map((path) => ({ path, pattern: compilePattern(path.pattern) }))
  const specialPaths: SpecialPaths = {
    root: spec.paths.filter((path) => path.sudo).flatMap((path) => rootPaths(path.pattern)),
    unauthenticated: spec.unauthenticated ?? [],
  }
  return {
    type: spec.type ?? 'secret',
    specialPaths,
    leasing: spec.leasing ?? 'host',
    initialize: () => spec.initialize?.() ?? Promise.resolve(),
    invalidateKey: (key) => {
      spec.invalidate?.(key)
    },
    cleanup: () => spec.cleanup?.() ?? Promise.resolve(),
    handleRequest: (request) => handle(spec, routes, request),
    async handleExistenceCheck(request) {
      const matched = match(routes, request.path)
      if (!matched?.path.exists) return undefined
      const { fields } = parseFields(matched.path.fields, {}, matched.captures)
      try {
        return await matched.path.exists({ request, fields })
      } catch (error) {
        // An invalid name cannot exist. The write itself says so, once it is known that the caller may write at all.
        if (error instanceof RequestError && error.kind === 'bad_request') return false
        throw error
      }
    },
  }
}

async function handle(spec: BackendSpec, routes: readonly Route[], request: Request): Promise<Response | undefined> {
  switch (request.operation) {
    case 'help':
      return help(spec, routes, request)
    case 'renew':
    case 'revoke':
      return lease(spec, request, request.operation)
    case 'rollback':
      await spec.rollback?.(request)
      return undefined
    default:
      return operate(spec, routes, request)
  }
}

/**
 * Two patterns may share a path (a collection and its members' folder); the one that has the operation answers. A slash at the
 * end makes another path to the host's ACL, so only lists and collections have one: else `secret/x/` would pass a deny of `secret/x`.
 */
function match(routes: readonly Route[], path: string, wanted?: keyof Operations<never>): Matched | undefined {
  const folder = path.endsWith('/') && wanted !== undefined && wanted !== 'list'
  const segments = segmentsOf(path)
  let first: Matched | undefined
  for (const route of routes) {
    if (folder && !route.path.pattern.endsWith('/')) continue
    const captures = route.pattern.match(segments)
    if (!captures) continue
    if (!wanted || route.path.operations[wanted]) return { path: route.path, captures }
    first ??= { path: route.path, captures }
  }
  return first
}

/** The path a request is for and its handler there. Throws `RequestError` where there is none. */
function handlerFor(routes: readonly Route[], request: Request, name: keyof Operations<never> | undefined) {
  const matched = match(routes, request.path, name)
  if (!matched) throw new RequestError('unsupported_path')
  // Not the collection either, for what is not a list: `agents/x/scopes/` would pass a deny of `agents/x/scopes`.
  const folder = request.path.endsWith('/') && name !== 'list'
  const handler = name && !folder ? matched.path.operations[name] : undefined
  if (!handler) throw new RequestError('unsupported_operation', undefined, { allow: methodsAt(routes, request.path) })
  return { matched, handler }
}

async function operate(spec: BackendSpec, routes: readonly Route[], request: Request): Promise<Response | undefined> {
  const name = handlerNames[request.operation]
  const { matched, handler } = handlerFor(routes, request, name)
  if (matched.path.active_node_only && (await spec.system.readOnly())) throw new RequestError('readonly')
  const { data, page } = name === 'list' ? takePage(matched.path.fields, request.data) : { data: request.data }
  const { fields, warnings } = parseFields(matched.path.fields, data, matched.captures)
  const whole = await handler({ request, fields })
  const response = page ? paged(whole, page) : whole
  if (warnings.length === 0 || matched.path.takes_arbitrary_input) return response
  return { ...response, warnings: [...(response?.warnings ?? []), ...warnings] }
}

const methodsOf: Readonly<Record<keyof Operations<never>, readonly string[]>> = {
  read: ['GET'],
  list: ['LIST'],
  write: ['POST', 'PUT'],
  patch: ['PATCH'],
  delete: ['DELETE'],
}

/** What HTTP may do with a path, for anyone who did something else. */
function methodsAt(routes: readonly Route[], path: string): string[] {
  const bare = path.replace(/\/$/, '')
  const operations = Object.keys(methodsOf) as (keyof Operations<never>)[]
  return operations
    .filter((name) => match(routes, bare, name)?.path.operations[name])
    .flatMap((name) => methodsOf[name])
}

async function lease(
  spec: BackendSpec,
  request: Request,
  operation: 'renew' | 'revoke',
): Promise<Response | undefined> {
  const secret = request.secret
  const type = secret?.internal_data.secret_type
  const declared = spec.secrets?.find((candidate) => candidate.type === type)
  if (!secret || !declared)
    throw new RequestError('unrecoverable', `this engine issues no secret of type ${JSON.stringify(type ?? null)}`)
  return declared[operation](request, secret)
}

/** Never answers nothing: a host dereferences the help it asked for. */
function help(spec: BackendSpec, routes: readonly Route[], { path, data }: Request): Response {
  const whole = path === '' || path === '/'
  const matched = whole ? undefined : match(routes, path)
  if (!whole && !matched) throw new RequestError('unsupported_path')
  // The type of the mount, which the engine itself is not told.
  const prefix = typeof data.requestResponsePrefix === 'string' ? data.requestResponsePrefix : ''
  const openapi = openApiDocument(matched ? [matched.path] : spec.paths, {
    info: { title: `${prefix || 'Engine'} API`, description: spec.help, version: 'unknown' },
    prefix,
    tag: spec.type === 'auth' ? 'auth' : 'secrets',
    unauthenticated: spec.unauthenticated ?? [],
  })
  return {
    data: {
      help: matched ? pathHelp(path, matched.path) : rootHelp(spec.help, spec.paths),
      see_also: null,
      openapi: toHelpDocument(openapi),
    },
  }
}
