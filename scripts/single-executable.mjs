// One native executable out of a bundle of bundle.mjs: the bundle inside a copy of the Node that runs this script. It runs on this
// platform and C library only, and its SHA-256 covers Node as well. The same Node and the same `strip` give the same bytes: that is why
// it has no code cache, which differs from build to build and would save about 13 ms of a start, most of which is hashing some 90 MB.
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { buildOptions, described, writeExecutable } from './bundle.mjs'

/** What Node looks for in its own executable (its documentation of single executable applications). */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'
const postject = createRequire(import.meta.url).resolve('postject/dist/cli.js')

function run(command, args, cwd) {
  const { status, error, stderr, stdout } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? `${stdout}${stderr}`.trim()}`)
}

/** Makes `program.blob`. All paths are relative, since Node keeps them in it. */
function prepareBlob(bundle, directory) {
  copyFileSync(bundle, join(directory, 'program.cjs'))
  writeFileSync(
    join(directory, 'sea.json'),
    JSON.stringify({
      main: 'program.cjs',
      output: 'program.blob',
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      useCodeCache: false,
    }),
  )
  run(process.execPath, ['--experimental-sea-config', 'sea.json'], directory)
}

/** Writes an executable of the bundle's name into `outDir`; `buildIt` is buildPlugin or another of its kind. */
async function buildSingleExecutable(buildIt, { outDir, version }) {
  const scratch = mkdtempSync(join(tmpdir(), 'single-executable-'))
  try {
    const bundle = await buildIt({ outDir: scratch, ...(version !== undefined && { version }) })
    prepareBlob(bundle.path, scratch)
    const executable = join(scratch, 'node')
    copyFileSync(process.execPath, executable)
    chmodSync(executable, 0o755)
    // Before the injection, never after it: a stripped one crashes. Symbols are a tenth of the file, all of which is hashed at each start.
    const stripped = spawnSync('strip', [executable]).status === 0
    // As a child: what it says about sections that Node's linker left without a name is worth reading only when it fails.
    run(process.execPath, [postject, executable, 'NODE_SEA_BLOB', 'program.blob', '--sentinel-fuse', FUSE], scratch)
    return { ...writeExecutable(outDir, basename(bundle.path), readFileSync(executable)), stripped }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** What a script that builds one does when a person runs it: `--out`, by default dist/sea, and `versionOption`. */
export async function runExecutableBuild(buildIt, versionOption) {
  try {
    const { outDir, version, node } = buildOptions('dist/sea', versionOption)
    if (node !== undefined)
      throw new Error('node: the executable holds the Node that builds it; run this script with that Node')
    const built = await buildSingleExecutable(buildIt, { outDir, version })
    const libc = process.report.getReport().header.glibcVersionRuntime === undefined ? 'no glibc (musl)' : 'glibc'
    console.log(described(built))
    console.log(
      `holds Node ${process.version} for ${process.platform} ${process.arch}, ${libc}${built.stripped ? ', stripped' : '; strip is not on PATH, so its symbols are still in it'}`,
    )
  } catch (error) {
    console.error(error.message)
    process.exitCode = 1
  }
}
