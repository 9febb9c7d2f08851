// Compiles src/ to dist/ and makes the bins executable. Install scripts are off, so nothing here runs by itself.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const dist = resolve(root, 'dist')
/** What build-plugin.mjs and build-plugin-sea.mjs made: a server may be running it, and may have its checksum in its catalog. */
const artefacts = ['plugin', 'sea']
for (const entry of existsSync(dist) ? readdirSync(dist) : []) {
  if (!artefacts.includes(entry)) rmSync(join(dist, entry), { recursive: true, force: true })
}
const tsc = spawnSync(process.execPath, [resolve(root, 'node_modules/typescript/bin/tsc'), '-p', resolve(root, 'tsconfig.json')], { stdio: 'inherit' })
if (tsc.status !== 0) process.exit(tsc.status ?? 1)
chmodSync(resolve(root, 'dist/cli/main.js'), 0o755)
