// Fails when an import under src/ runs against the agreed arrows, or when files import each other in a circle.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

/** Between the folders of src/. Transitive: who may import a folder may import what that folder may. */
const arrows = {
  policy: [],
  logical: [],
  http: ['logical'],
  audit: ['logical'],
  'error-code': ['logical'],
  proto: [],
  grpc: ['proto'],
  scope: ['policy'],
  framework: ['logical'],
  document: ['scope', 'policy'],
  preset: ['document'],
  proposal: ['scope', 'document'],
  mcp: ['framework', 'scope', 'document'],
  goplugin: ['logical', 'grpc'],
  plugin: ['logical', 'goplugin', 'proto'],
  'vault-client': ['logical'],
  host: ['framework', 'policy', 'audit', 'http', 'http-server'],
  'http-message': [],
  'http-client': ['logical', 'http-message'],
  'http-server': ['http', 'http-message'],
  gateway: ['vault-client', 'audit', 'http', 'http-server', 'http-client', 'scope', 'document', 'grpc', 'error-code'],
  // Of logical, a leaf, the packed SDK loads only the files it uses: the back-off and the table of kinds of failure.
  client: ['scope', 'grpc', 'logical', 'error-code'],
  terraform: ['goplugin', 'vault-client', 'scope', 'document', 'preset', 'proto'],
  demo: ['host', 'gateway', 'mcp', 'client'],
  cli: ['*'],
}

/**
 * Inside a folder, between its subfolders and the files beside them. Transitive too. A file beside them that is not named
 * is a roof: it may import everything in its folder, and nothing in its folder may import it.
 */
const inside = {
  host: {
    base: [],
    physical: [],
    lease: ['base'],
    identity: ['base'],
    auth: ['lease', 'identity'],
    wrapping: ['auth'],
    audit: ['auth'],
    kv: ['base'],
    approle: ['auth'],
    jwt: ['auth'],
    monitor: [],
    sys: ['audit', 'wrapping', 'monitor'],
    core: ['audit', 'wrapping'],
    http: ['core', 'sys'],
  },
  gateway: {
    'error.ts': [],
    'request-id.ts': [],
    'ticker.ts': [],
    'loop-budget.ts': [],
    'vault-identity.ts': [],
    'process.ts': [],
    limits: ['error.ts'],
    call: ['loop-budget.ts'],
    knowledge: ['call', 'limits', 'error.ts'],
    decision: ['knowledge'],
    proxy: ['decision'],
    'session-service.ts': ['decision'],
    'core.ts': ['proxy', 'session-service.ts', 'ticker.ts'],
    http: ['core.ts', 'request-id.ts'],
    grpc: ['core.ts', 'request-id.ts'],
    rehearsal: [],
  },
  terraform: {
    protocol: [],
    'engine-schema.ts': [],
    'tool-name.ts': [],
    'checks.ts': ['protocol'],
    'engine-field.ts': ['protocol'],
    'settings.ts': ['protocol'],
    'call-failure.ts': [],
    'login.ts': ['call-failure.ts', 'settings.ts'],
    'server.ts': ['login.ts'],
    'explain.ts': ['server.ts'],
    function: ['protocol', 'tool-name.ts'],
    data: ['checks.ts', 'explain.ts', 'engine-field.ts', 'engine-schema.ts', 'tool-name.ts'],
    resource: ['checks.ts', 'explain.ts', 'engine-field.ts', 'engine-schema.ts'],
    ephemeral: ['checks.ts', 'explain.ts', 'engine-field.ts', 'engine-schema.ts'],
  },
}

const forbiddenFolders = ['utils', 'common', 'shared', 'helpers']
const src = resolve(import.meta.dirname, '..', 'src')

function reachable(table, node, seen = new Set()) {
  for (const next of table[node] ?? []) if (!seen.has(next)) reachable(table, next, seen.add(next))
  return seen
}

function* sourceFiles(dir) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) yield* sourceFiles(path)
    else if (entry.name.endsWith('.ts')) yield path
  }
}

/** By file, relative to src/: what it imports, and its text. */
function readImports() {
  const files = new Map()
  for (const path of sourceFiles(src)) {
    const text = readFileSync(path, 'utf8')
    const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, specifier]) =>
      relative(src, resolve(dirname(path), specifier))
        .split(sep)
        .join('/'),
    )
    files.set(relative(src, path).split(sep).join('/'), { text, imports: imports.filter((one) => one.endsWith('.ts')) })
  }
  return files
}

function* placeProblems(file, text) {
  const parts = file.split('/')
  for (const part of parts)
    if (forbiddenFolders.includes(part.replace(/\.ts$/, '')))
      yield `${file}: a folder or file may not be called ${part}`
  if (parts.length === 1) yield `${file}: files live in a folder of src/, not beside them`
  else if (!(parts[0] in arrows)) yield `src/${parts[0]}: unknown folder; add its arrows to scripts/check-layers.mjs`
  if (parts[0] === 'goplugin' && /vault/i.test(text))
    yield `${file}: goplugin serves any go-plugin host; the word "vault" may not occur in it`
}

/** Why `file` may not import `target`, or undefined. */
function arrowProblem(file, target) {
  const [folder, room] = file.split('/')
  const [targetFolder, targetRoom] = target.split('/')
  if (folder !== targetFolder) {
    const allowed = reachable(arrows, folder)
    if (!allowed.has('*') && !allowed.has(targetFolder)) return `${file}: ${folder} may not import ${target}`
    return undefined
  }
  const table = inside[folder]
  if (table === undefined || room === targetRoom || !(room in table)) return undefined
  if (!reachable(table, room).has(targetRoom)) return `${file}: ${folder}/${room} may not import ${target}`
  return undefined
}

function* unplacedRooms(files) {
  for (const [folder, table] of Object.entries(inside)) {
    const rooms = new Set(
      [...files.keys()].filter((file) => file.startsWith(`${folder}/`)).map((file) => file.split('/')[1]),
    )
    for (const room of rooms)
      if (!room.endsWith('.ts') && !(room in table))
        yield `src/${folder}/${room}: unknown folder; add its arrows to scripts/check-layers.mjs`
    for (const room of Object.keys(table))
      if (!rooms.has(room)) yield `scripts/check-layers.mjs names src/${folder}/${room}, which does not exist`
  }
}

/** Files that import each other in a circle, types included; each circle once. */
function* circles(files) {
  const state = new Map()
  const path = []
  function* visit(file) {
    state.set(file, 'open')
    path.push(file)
    for (const next of files.get(file)?.imports ?? []) {
      if (state.get(next) === 'open') yield `circle: ${[...path.slice(path.indexOf(next)), next].join(' → ')}`
      else if (!state.has(next) && files.has(next)) yield* visit(next)
    }
    path.pop()
    state.set(file, 'done')
  }
  for (const file of files.keys()) if (!state.has(file)) yield* visit(file)
}

/** One name, one thing: who reads `Exchange` must not have to look which of four it is. src/proto is generated. */
function* nameProblems(files) {
  const folders = new Map()
  for (const [file, { text }] of files) {
    if (file.startsWith('proto/')) continue
    for (const [, name] of text.matchAll(/^export (?:abstract )?(?:interface|type|class|enum) (\w+)/gm))
      folders.set(name, (folders.get(name) ?? new Map()).set(file.split('/')[0], file))
  }
  for (const [name, places] of folders) {
    if (places.size > 1) yield `${name} is exported by ${[...places.values()].join(' and ')}`
  }
}

const files = readImports()
const problems = [...unplacedRooms(files), ...circles(files), ...nameProblems(files)]
for (const [file, { text, imports }] of files) {
  problems.push(...placeProblems(file, text))
  for (const target of imports) {
    const problem = arrowProblem(file, target)
    if (problem !== undefined) problems.push(problem)
  }
}
for (const problem of problems) console.error(problem)
console.log(
  problems.length === 0 ? 'layers: every import follows the arrows' : `layers: ${problems.length} against the arrows`,
)
process.exitCode = problems.length === 0 ? 0 : 1
