// Bundles src/cli/plugin.ts and everything it imports into ONE executable file (bundle.mjs), which a server launches.
//   --out=<dir>               dist/plugin
//   --plugin-version=1.2.3    what the plugin reports and a catalog holds it under, as v1.2.3; by default the package's
//   --node=/usr/bin/node      writes that path into the first line instead of `/usr/bin/env node`, for a server whose PATH has no Node
//                             (a service's is not a login shell's). Other bytes, so another SHA-256.
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { buildExecutable, buildOptions, checkVersion, own, runBuild } from './bundle.mjs'

/** The name of the file: what an operator registers as the plugin's command. */
export const pluginFile = own.name

/** Writes `<outDir>/vault-plugin-secrets-mcp`; see `buildExecutable`. */
export async function buildPlugin({ outDir, version = own.version, node }) {
  checkVersion('plugin', version)
  if (/\+(.*\.)?builtin(\.|$)/.test(version))
    throw new Error(
      `plugin version: the metadata "builtin" of "${version}" is reserved by the server for its own plugins`,
    )
  // With the v: as the plugin reports it.
  return buildExecutable({
    outDir,
    file: pluginFile,
    entry: 'src/cli/plugin.ts',
    version,
    define: { PLUGIN_VERSION: `v${version}` },
    node,
  })
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url))
  await runBuild(() => buildPlugin(buildOptions('dist/plugin', 'plugin-version')))
