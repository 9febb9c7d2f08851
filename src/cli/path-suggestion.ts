import type { CallOptions, VaultClient } from '../vault-client/index.ts'
import { distance } from './suggest.ts'

/** What to try instead of a path the server does not know. The server itself is asked what it has, so this works with any. */

const segmentsOf = (path: string): string[] => path.split('/').filter((segment) => segment !== '')
const parameter = /^\{[^}]+\}$/

/** How many edits make `word` the `known` one; undefined when they are too many to be a slip. */
function slips(word: string, known: string): number | undefined {
  if (word === known) return 0
  const edits = distance(word, known)
  return edits <= Math.max(1, Math.floor(known.length / 3)) ? edits : undefined
}

interface Fit {
  readonly path: string
  readonly edits: number
}

/** `segments` under `template`, whose `{names}` take any text; a `{path}` at its end takes what is left. */
function fit(segments: readonly string[], template: readonly string[]): Fit | undefined {
  const open = template.at(-1) === '{path}'
  if (open ? segments.length < template.length : segments.length !== template.length) return undefined
  let edits = 0
  const path = segments.map((segment, at) => {
    const known = template[at]
    if (known === undefined || parameter.test(known)) return segment
    edits += slips(segment, known) ?? Infinity
    return known
  })
  return edits === Infinity ? undefined : { path: path.join('/'), edits }
}

function nearestFit(segments: readonly string[], templates: readonly (readonly string[])[]): Fit | undefined {
  const fits = templates.map((template) => fit(segments, template)).filter((found) => found !== undefined)
  return fits.sort((a, b) => a.edits - b.edits)[0]
}

const members = (value: unknown): object => (typeof value === 'object' && value !== null ? value : {})

async function mountsOf(vault: VaultClient, options: CallOptions): Promise<string[][]> {
  const data: { secret?: unknown; auth?: unknown } = (await vault.read('sys/internal/ui/mounts', options))?.data ?? {}
  const engines = [...Object.keys(members(data.secret)), 'sys/']
  return [...engines, ...Object.keys(members(data.auth)).map((name) => `auth/${name}`)].map(segmentsOf)
}

/** The templates below a mount. One that begins with a parameter takes everything, and says nothing. */
async function templatesOf(vault: VaultClient, mount: string, options: CallOptions): Promise<string[][]> {
  const { raw } = await vault.request('GET', mount, { ...options, query: { help: 1 } })
  const { paths } = members((members(raw) as { openapi?: unknown }).openapi) as { paths?: unknown }
  return Object.keys(members(paths))
    .map(segmentsOf)
    .filter(([first]) => first !== undefined && /^[\w-]+$/.test(first))
}

async function look(vault: VaultClient, path: string, options: CallOptions): Promise<string | undefined> {
  const segments = segmentsOf(path)
  const mounts = (await mountsOf(vault, options)).filter(({ length }) => length <= segments.length)
  const mount = mounts
    .map((known) => ({ known, found: fit(segments.slice(0, known.length), known) }))
    .filter(({ found }) => found !== undefined)
    .sort((a, b) => a.found!.edits - b.found!.edits || b.known.length - a.known.length)[0]
  if (mount === undefined) return 'To see what is mounted: mcp-vault secrets list'
  const at = mount.known.join('/')
  const rest = segments.slice(mount.known.length)
  const found = nearestFit(rest, await templatesOf(vault, at, options))
  const meant = `${at}/${found?.path ?? rest.join('/')}`
  return (found ?? mount.found!.edits > 0) && meant !== segments.join('/')
    ? `Did you mean: ${meant}?`
    : `To see the paths below ${at}/: mcp-vault path-help ${at}/`
}

/** One sentence to print below the error; undefined where the server does not say what it has. */
export async function suggestPath(vault: VaultClient, path: string, options: CallOptions): Promise<string | undefined> {
  // It only decorates an error that is reported in any case.
  return look(vault, path, options.signal ? { signal: options.signal } : {}).catch(() => undefined)
}
