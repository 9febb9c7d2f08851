/** From an operation of an OpenAPI document to one of a tool: its path below the upstream's URL, and its template in our words. */
import { operationMethods, parseOperation, ScopeError } from '../scope/index.ts'
import type { ToolOperation } from '../scope/index.ts'
import { DescriptionError, operationName } from './description.ts'
import type { ApiDescription, ApiServer, DescribedOperation, LeftOut } from './description.ts'
import { NotImportable } from './reference.ts'

export interface ImportedOperation {
  readonly described: DescribedOperation
  readonly operation: ToolOperation
}

export interface ImportSettings {
  /** The upstream's `url`. */
  readonly url: string
  /** Where the document's paths stand at the host, in place of what its servers say: `/api/v3`, or `/`. */
  readonly basePath: string | undefined
  /** Paths of the document in which a parameter takes several segments, written with its dots: `/contents/{path...}`. */
  readonly multiSegment: readonly string[]
}

export interface ImportedDescription {
  readonly imported: readonly ImportedOperation[]
  readonly leftOut: readonly LeftOut[]
  /** Whole sentences. */
  readonly notes: readonly string[]
}

/** Translates the operations that were chosen. Throws `DescriptionError` where none can be reached below the upstream's URL. */
export function importOperations(
  description: ApiDescription,
  chosen: readonly DescribedOperation[],
  settings: ImportSettings,
): ImportedDescription {
  const base = new BasePaths(description, settings)
  const marked = markedParameters(description, settings.multiSegment)
  const imported: ImportedOperation[] = []
  const leftOut: LeftOut[] = []
  const seen = new Map<string, string>()
  for (const described of chosen) {
    const name = operationName(described)
    try {
      const operation = translate(described, base.pathOf(described), marked.get(described.path))
      const same = seen.get(shapeOf(operation))
      if (same !== undefined) throw new NotImportable(`it is the same request as ${same}`)
      seen.set(shapeOf(operation), name)
      imported.push({ described, operation })
    } catch (error) {
      if (!(error instanceof NotImportable)) throw error
      leftOut.push({ operation: name, reason: error.message })
    }
  }
  base.requireSome(chosen.length, imported.length)
  return { imported, leftOut, notes: base.notes }
}

/** Two templates that only name their parameters differently are one. */
export const shapeOf = ({ method, path }: Pick<ToolOperation, 'method' | 'path'>): string =>
  `${method} ${path.replace(/\{[^{}]*?(\.\.\.)?\}/g, '{$1}')}`

/** Says where each operation's path stands below the upstream's URL. */
class BasePaths {
  readonly #description: ApiDescription
  readonly #override: string | undefined
  readonly #origin: string
  readonly #base: string
  readonly #elsewhere: boolean
  #outside: string | undefined

  constructor(description: ApiDescription, { url, basePath }: ImportSettings) {
    const { origin, pathname } = new URL(url)
    this.#description = description
    this.#origin = origin
    this.#base = pathname.replace(/\/+$/, '')
    this.#override = basePath?.replace(/\/+$/, '')
    this.#elsewhere = description.operations.some(({ servers }) => servers?.some((one) => one.origin === origin))
  }

  get notes(): readonly string[] {
    const origins = this.#description.servers.flatMap(({ origin }) => origin ?? [])
    return origins.length === 0 || origins.includes(this.#origin) || this.#elsewhere
      ? []
      : [`The document's server is ${origins[0]!} and the upstream's ${this.#origin}: only its path was used.`]
  }

  pathOf(described: DescribedOperation): string {
    const full = this.#prefixOf(described) + described.path
    if (this.#base === '') return full
    if (full === this.#base) return '/'
    if (full.startsWith(`${this.#base}/`)) return full.slice(this.#base.length)
    this.#outside ??= full
    throw new NotImportable(`${full} is not below the path of the upstream's url, ${this.#base}`)
  }

  /** All of them outside is a mistake in the upstream or in the document, not something about each. */
  requireSome(chosen: number, imported: number): void {
    if (imported > 0 || chosen === 0 || this.#outside === undefined) return
    throw new DescriptionError(
      `No operation of the document lies below the upstream's url: the first is at ${this.#outside}, and the url's path is ${this.#base}. Correct the url, or say with -base-path=${this.#base} where the document's paths stand.`,
    )
  }

  #prefixOf({ servers: own }: DescribedOperation): string {
    const servers = own ?? this.#description.servers
    const matching = servers.find(({ origin }) => origin === this.#origin)
    if (matching === undefined && this.#isElsewhere(own))
      throw new NotImportable(`it is served by ${whereOf(servers)}, which is another upstream`)
    return this.#override ?? (matching ?? servers[0])?.path ?? ''
  }

  /** Another server for one operation is another host for it, as GitHub's uploads have. */
  #isElsewhere(own: readonly ApiServer[] | undefined): boolean {
    if (own === undefined) return this.#elsewhere
    const { servers } = this.#description
    // Where the document names no host of its own, its operations' may be meant.
    if (this.#override !== undefined && servers.every(({ origin }) => origin === undefined)) return false
    return !own.every((one) => isAmong(one, servers))
  }
}

const isAmong = (server: ApiServer, list: readonly ApiServer[]): boolean =>
  server.origin === undefined || list.some(({ origin }) => origin === server.origin)

const whereOf = (servers: readonly ApiServer[]): string =>
  servers.map(({ origin, path }) => `${origin ?? ''}${path}`).join(', ')

/** Which parameters were named as taking several segments, by the document's path. */
function markedParameters(
  { operations }: ApiDescription,
  written: readonly string[],
): ReadonlyMap<string, ReadonlySet<string>> {
  const known = new Set(operations.map(({ path }) => path))
  return new Map(
    written.map((text) => {
      const names = [...text.matchAll(/\{([^{}]*)\.\.\.\}/g)].map(([, name]) => name!)
      const path = text.replaceAll('...}', '}')
      if (names.length === 0)
        throw new DescriptionError(
          `-multi-segment: ${JSON.stringify(text)} marks no parameter; write for example -multi-segment=/repos/{owner}/{repo}/contents/{path...}`,
        )
      if (!known.has(path))
        throw new DescriptionError(`-multi-segment: the document has no path ${JSON.stringify(path)}`)
      return [path, new Set(names)]
    }),
  )
}

function translate(
  { method, hasBody, multiSegment }: DescribedOperation,
  path: string,
  marked: ReadonlySet<string> | undefined,
): ToolOperation {
  const rule = operationMethods.get(method)
  if (rule === undefined) throw new NotImportable(`the gateway does not pass on ${method}`)
  const template = translatePath(path, (name) => multiSegment.has(name) || marked?.has(name) === true)
  const body = hasBody && rule.body === 'declared'
  try {
    return parseOperation(body ? { method, path: template, body } : { method, path: template })
  } catch (error) {
    if (error instanceof ScopeError) throw new NotImportable(error.message)
    throw error
  }
}

function translatePath(path: string, takesSeveral: (name: string) => boolean): string {
  const used = new Set<string>()
  return path
    .split(/(\{[^{}]*\})/)
    .map((part) => {
      const written = /^\{(\+?)([^{}]*)\}$/.exec(part)
      if (written === null) return decodedLiteral(part)
      const [, plus, name = ''] = written
      // `{+path}` is RFC 6570's way to say that slashes stay.
      const several = plus === '+' || takesSeveral(name)
      return `{${freeName(name, used)}${several ? '...' : ''}}`
    })
    .join('')
}

/** Names of parameters mean nothing to a call: what ours cannot have becomes `_`. */
function freeName(name: string, used: Set<string>): string {
  const plain = name.replaceAll(/[^A-Za-z0-9_-]/g, '_').replace(/^(?![A-Za-z_])/, '_')
  let free = plain
  for (let number = 2; used.has(free); number++) free = `${plain}_${String(number)}`
  used.add(free)
  return free
}

/** Literal text is written decoded. What would change the path's shape stays as it is, and is refused by the template's rules. */
function decodedLiteral(text: string): string {
  try {
    const plain = decodeURIComponent(text)
    return plain.split('/').length === text.split('/').length && !/[{}?#*%\\]/.test(plain) ? plain : text
  } catch {
    return text
  }
}
