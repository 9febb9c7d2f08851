// Fails when an import under src/ runs against the agreed arrows, which are transitive.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

const arrows = {
  policy: [],
  logical: [],
  audit: ['logical'],
  proto: [],
  scope: ['policy'],
  framework: ['logical'],
  mcp: ['framework', 'scope'],
  goplugin: ['logical', 'proto'],
  plugin: ['logical', 'goplugin', 'proto'],
  'vault-client': ['logical'],
  host: ['framework', 'policy', 'audit'],
  gateway: ['vault-client', 'audit', 'scope', 'proto'],
  client: ['scope', 'proto'],
  terraform: ['goplugin', 'vault-client', 'scope', 'proto'],
  demo: ['host', 'gateway', 'mcp', 'client'],
  cli: ['*'],
}
const forbiddenFolders = ['utils', 'common', 'shared', 'helpers']
const src = resolve(import.meta.dirname, '..', 'src')

function reachable(folder, seen = new Set()) {
  for (const next of arrows[folder] ?? []) if (!seen.has(next)) reachable(next, seen.add(next))
  return seen
}

function* sourceFiles(dir) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) yield* sourceFiles(path)
    else if (entry.name.endsWith('.ts')) yield path
  }
}

const problems = []
for (const file of sourceFiles(src)) {
  const parts = relative(src, file).split(sep)
  const folder = parts[0]
  for (const part of parts)
    if (forbiddenFolders.includes(part.replace(/\.ts$/, '')))
      problems.push(`${relative(src, file)}: a folder or file may not be called ${part}`)
  if (parts.length === 1) {
    problems.push(`${folder}: files live in a folder of src/, not beside them`)
    continue
  }
  if (!(folder in arrows)) {
    problems.push(`src/${folder}: unknown folder; add its arrows to scripts/check-layers.mjs`)
    continue
  }
  const text = readFileSync(file, 'utf8')
  if (folder === 'goplugin' && /vault/i.test(text))
    problems.push(`${relative(src, file)}: goplugin serves any go-plugin host; the word "vault" may not occur in it`)
  const allowed = reachable(folder)
  for (const [, specifier] of text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)) {
    const target = relative(src, resolve(dirname(file), specifier)).split(sep)[0]
    if (target === folder || allowed.has('*') || allowed.has(target)) continue
    problems.push(`${relative(src, file)}: ${folder} may not import ${target} (${specifier})`)
  }
}
for (const problem of problems) console.error(problem)
console.log(
  problems.length === 0 ? 'layers: every import follows the arrows' : `layers: ${problems.length} against the arrows`,
)
process.exitCode = problems.length === 0 ? 0 : 1
