// Bundles src/cli/plugin.ts and everything it imports into ONE executable file: a server checks the SHA-256 of the file it starts and
// of nothing else, so nothing else may be loaded. The same commit gives the same bytes on every machine, in every folder.
//   --out=<dir>               dist/plugin
//   --plugin-version=1.2.3    what the plugin reports and a catalog holds it under, as v1.2.3; by default the package's
//   --node=/usr/bin/node      writes that path into the first line instead of `/usr/bin/env node`, for a server whose PATH has no Node
//                             (a service's is not a login shell's). Other bytes, so another SHA-256.
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'

const root = resolve(import.meta.dirname, '..')
const manifest = (directory) => JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
const own = manifest(root)
const semver = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/

/** The name of the file: what an operator registers as the plugin's command. */
export const pluginFile = own.name

/**
 * Writes `<outDir>/vault-plugin-secrets-mcp`, mode 0755, and tells where, how large and under which SHA-256 (hex).
 * Rejects, with nothing written, where an argument makes no sense or the bundle would load anything but Node's own modules.
 */
export async function buildPlugin({ outDir, version = own.version, node }) {
  if (!semver.test(version)) throw new Error(`plugin version: "${version}" is no semantic version without a leading v, such as 0.2.0`)
  if (/\+(.*\.)?builtin(\.|$)/.test(version)) throw new Error(`plugin version: the metadata "builtin" of "${version}" is reserved by the server for its own plugins`)
  // The kernel splits the line at its first blank and reads no more than 255 bytes of it.
  if (node !== undefined && !/^\/[^\s]{1,250}$/.test(node)) throw new Error(`node: "${node}" is no absolute path without blanks, such as /usr/local/bin/node`)
  const { text, packages } = await bundle(version)
  const contents = Buffer.from([`#!${node ?? '/usr/bin/env node'}`, ...opening(version), text.trimEnd(), ...licences(packages), ''].join('\n'))
  const path = resolve(outDir, pluginFile)
  mkdirSync(outDir, { recursive: true })
  // Never in place: a server that starts the plugin meanwhile must find the old file or the new one.
  const unfinished = `${path}.${process.pid}.tmp`
  writeFileSync(unfinished, contents)
  chmodSync(unfinished, 0o755)
  renameSync(unfinished, path)
  return { path, bytes: contents.length, sha256: createHash('sha256').update(contents).digest('hex') }
}

/**
 * `require` is made to know Node's own modules and nothing else: optional packages that a library looks for at run time cannot come
 * from a node_modules folder above the plugin directory, past the checksum. It also makes the file run where a package.json above it
 * says `"type": "module"` and there is no `require`.
 */
function opening(version) {
  return [
    '"use strict";',
    `// ${own.name} ${version}, ${own.license}. The packages bundled with it and their licences are listed at the end.`,
    `if(!process.getBuiltinModule){console.error("${own.name} needs Node ${own.engines.node.replace('>=', '')} or newer; this is Node "+process.version);process.exit(1)}`,
    'var require=process.getBuiltinModule;',
  ]
}

async function bundle(version) {
  const result = await build({
    absWorkingDir: root,
    entryPoints: ['src/cli/plugin.ts'],
    outfile: pluginFile,
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    // With the v: as the plugin reports it.
    define: { PLUGIN_VERSION: JSON.stringify(`v${version}`) },
    // Identifiers keep their names: they are all that a stack trace in the server's log has to go by, and the file starts no faster without.
    minifyWhitespace: true,
    minifySyntax: true,
    // Node prints the line at fault with an uncaught error: it must not be all of the file.
    lineLimit: 200,
    legalComments: 'none',
    charset: 'utf8',
    // Nothing of the machine may show: no tsconfig.json or NODE_PATH from elsewhere, and modules are named by where they are
    // reached, below the root, also where node_modules is a link to another folder.
    tsconfigRaw: {},
    nodePaths: [],
    preserveSymlinks: true,
    logLevel: 'warning',
  })
  if (result.warnings.length > 0) throw new Error('the bundler has warnings; see above')
  const output = result.metafile.outputs[pluginFile]
  for (const { path } of output.imports) if (!isBuiltin(path)) throw new Error(`the bundle would load ${path}, which is no module of Node's own`)
  const used = Object.keys(output.inputs).filter((input) => output.inputs[input].bytesInOutput > 0)
  const packages = new Set(used.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []))
  return { text: result.outputFiles[0].text, packages: [...packages].sort() }
}

/** A comment that names every bundled package and holds its licence, each text once. */
function licences(packages) {
  const holders = new Map()
  for (const path of packages) {
    const directory = resolve(root, path)
    const { name, version, license } = manifest(directory)
    const file = readdirSync(directory).sort().find((entry) => /^licen[cs]e/i.test(entry))
    if (file === undefined) throw new Error(`${name} ${version} (${license}) has no licence file to keep`)
    const text = readFileSync(join(directory, file), 'utf8').replaceAll('\r', '').trim().replaceAll('*/', '* /')
    holders.set(text, [...holders.get(text) ?? [], `${name} ${version} (${license})`])
  }
  return [...holders].map(([text, names]) => `/*\n${names.join('\n')}\n\n${text}\n*/`)
}

/** The command line of this script and of build-plugin-sea.mjs. */
export function buildOptions(defaultOut) {
  const { values } = parseArgs({ options: { 'out': { type: 'string' }, 'plugin-version': { type: 'string' }, 'node': { type: 'string' } } })
  return { outDir: resolve(values.out ?? join(root, defaultOut)), version: values['plugin-version'], node: values.node }
}

export const described = ({ path, bytes, sha256 }) => `${path}\n${bytes} bytes\nSHA-256 ${sha256}`

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    console.log(described(await buildPlugin(buildOptions('dist/plugin'))))
  } catch (error) {
    console.error(error.message)
    process.exitCode = 1
  }
}
