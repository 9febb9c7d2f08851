// One executable file out of an entry point of src/cli and everything it imports: a server checks the SHA-256 of the file it starts and
// of nothing else, and Terraform that of a folder, so nothing else may be loaded. The same commit gives the same bytes on every
// machine, in every folder.
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'

const root = resolve(import.meta.dirname, '..')
const manifest = (directory) => JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
/** The package's own manifest. */
export const own = manifest(root)

/**
 * Bundles `entry`, which is below the repository, and writes `<outDir>/<file>` as `writeExecutable` does. `define` are constants of the
 * program, and `version` is said in the file's head. `node` goes into its first line instead of `/usr/bin/env node`; `absent` are
 * packages that a library tries to load and does without. Rejects, with nothing written, where an argument makes no sense or the bundle
 * would load anything but Node's own modules.
 */
export async function buildExecutable({ outDir, file, entry, version, define, node, absent = [] }) {
  // The kernel splits the line at its first blank and reads no more than 255 bytes of it.
  if (node !== undefined && !/^\/[^\s]{1,250}$/.test(node))
    throw new Error(`node: "${node}" is no absolute path without blanks, such as /usr/local/bin/node`)
  const { text, packages } = await bundle(file, entry, define, absent)
  const lines = [
    `#!${node ?? '/usr/bin/env node'}`,
    ...opening(file, version),
    text.trimEnd(),
    ...licences(packages),
    '',
  ]
  return writeExecutable(outDir, file, Buffer.from(lines.join('\n')))
}

/** Writes `<outDir>/<file>`, mode 0755, and tells where, how large and under which SHA-256 (hex). */
export function writeExecutable(outDir, file, contents) {
  const path = resolve(outDir, file)
  mkdirSync(outDir, { recursive: true })
  // Never in place: anyone who starts the file meanwhile must find the old one or the new one.
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
function opening(file, version) {
  return [
    '"use strict";',
    `// ${file} ${version}, ${own.license}. The packages bundled with it and their licences are listed at the end.`,
    `if(!process.getBuiltinModule){console.error("${file} needs Node ${own.engines.node.replace('>=', '')} or newer; this is Node "+process.version);process.exit(1)}`,
    'var require=process.getBuiltinModule;',
  ]
}

async function bundle(file, entry, define, absent) {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    outfile: file,
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    define: Object.fromEntries(Object.entries(define).map(([name, value]) => [name, JSON.stringify(value)])),
    // Identifiers keep their names: they are all that a stack trace in a log has to go by, and the file starts no faster without.
    minifyWhitespace: true,
    minifySyntax: true,
    // Node prints the line at fault with an uncaught error: it must not be all of the file.
    lineLimit: 200,
    legalComments: 'none',
    // A single character beyond Latin-1 makes V8 hold and scan all of the text at two bytes each, at every start.
    charset: 'ascii',
    plugins: [emptyPackages(absent)],
    // Nothing of the machine may show: no tsconfig.json or NODE_PATH from elsewhere, and modules are named by where they are
    // reached, below the root, also where node_modules is a link to another folder.
    tsconfigRaw: {},
    nodePaths: [],
    preserveSymlinks: true,
    logLevel: 'warning',
  })
  if (result.warnings.length > 0) throw new Error('the bundler has warnings; see above')
  const output = result.metafile.outputs[file]
  // Those with the prefix are Node's own in any version; this one need not have them all.
  for (const { path } of output.imports)
    if (!isBuiltin(path) && !path.startsWith('node:'))
      throw new Error(`the bundle would load ${path}, which is no module of Node's own`)
  const used = Object.keys(output.inputs).filter((input) => output.inputs[input].bytesInOutput > 0)
  const packages = new Set(used.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input) ?? []))
  return { text: result.outputFiles[0].text, packages: [...packages].sort() }
}

/** Packages that are there and empty, also on a machine that has them. */
function emptyPackages(names) {
  return {
    name: 'empty-packages',
    setup(building) {
      building.onResolve({ filter: /^[^./]/ }, ({ path }) =>
        names.includes(path) ? { path, namespace: 'empty' } : undefined,
      )
      building.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'module.exports = undefined' }))
    },
  }
}

/** A comment that names every bundled package and holds its licence, each text once. */
function licences(packages) {
  const holders = new Map()
  for (const path of packages) {
    const directory = resolve(root, path)
    const { name, version, license } = manifest(directory)
    const file = readdirSync(directory)
      .sort()
      .find((entry) => /^licen[cs]e/i.test(entry))
    if (file === undefined) throw new Error(`${name} ${version} (${license}) has no licence file to keep`)
    const text = readFileSync(join(directory, file), 'utf8').replaceAll('\r', '').trim().replaceAll('*/', '* /')
    // Older packages have a list of them.
    const terms = [license]
      .flat()
      .map((one) => one.type ?? one)
      .join(' or ')
    holders.set(text, [...(holders.get(text) ?? []), `${name} ${version} (${terms})`])
  }
  return [...holders].map(([text, names]) => `/*\n${names.join('\n')}\n\n${text}\n*/`)
}

/** The command line of the scripts that build one: `--out`, `--node`, and `versionOption`. */
export function buildOptions(defaultOut, versionOption) {
  const { values } = parseArgs({
    options: { out: { type: 'string' }, [versionOption]: { type: 'string' }, node: { type: 'string' } },
  })
  return { outDir: resolve(values.out ?? join(root, defaultOut)), version: values[versionOption], node: values.node }
}

const semver = /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/

/** Throws where `version` is none; `what` it is the version of begins the sentence. */
export function checkVersion(what, version) {
  if (!semver.test(version))
    throw new Error(`${what} version: "${version}" is no semantic version without a leading v, such as 0.2.0`)
}

export const described = ({ path, bytes, sha256 }) => `${path}\n${bytes} bytes\nSHA-256 ${sha256}`

/** What a script of these does when a person runs it. */
export async function runBuild(buildIt) {
  try {
    console.log(described(await buildIt()))
  } catch (error) {
    console.error(error.message)
    process.exitCode = 1
  }
}
