// Compiles src/ to dist/ and makes the bins executable. Install scripts are off, so nothing here runs by itself.
// The folders of the plugin and of the Terraform provider are left out by tsconfig.json: they run as the bundles of build-plugin.mjs and
// build-provider.mjs only, in dist/plugin and dist/terraform. The provider is built here too: `mcp-vault terraform install` copies it.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pluginFile } from './build-plugin.mjs'
import { buildProvider, providerFile } from './build-provider.mjs'

const root = resolve(import.meta.dirname, '..')
const dist = resolve(root, 'dist')

/** Everything but what the bundling scripts made: a server may be running it and know its checksum. */
function clean() {
  const entries = (folder) => (existsSync(folder) ? readdirSync(folder) : [])
  const artefactFolders = ['plugin', 'sea', 'terraform']
  const artefacts = [pluginFile, providerFile]
  const old = [
    ...entries(dist).filter((entry) => entry !== 'release' && !artefactFolders.includes(entry)),
    ...artefactFolders.flatMap((folder) =>
      entries(join(dist, folder))
        .filter((entry) => !artefacts.includes(entry))
        .map((entry) => join(folder, entry)),
    ),
  ]
  for (const entry of old) rmSync(join(dist, entry), { recursive: true, force: true })
}

clean()
const tsc = spawnSync(
  process.execPath,
  [resolve(root, 'node_modules/typescript/bin/tsc'), '-p', resolve(root, 'tsconfig.json')],
  { stdio: 'inherit' },
)
if (tsc.status !== 0) process.exit(tsc.status ?? 1)
chmodSync(resolve(root, 'dist/cli/main.js'), 0o755)
await buildProvider({ outDir: join(dist, 'terraform') })
