import { join, resolve } from 'node:path'
import { build } from 'esbuild'

export const root = resolve(import.meta.dirname, '../..')

/** The simulation over the `src/` and `test/sim/` below `from`, as one file that runs on every supported Node. Answers its path. */
export async function bundleSimulation(from, folder) {
  const outfile = join(folder, 'sim.mjs')
  await build({
    absWorkingDir: from,
    entryPoints: ['test/sim/main.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    sourcemap: 'inline',
    sourcesContent: false,
    // The packages it bundles are CommonJS, and ask for Node's own modules by `require`.
    banner: { js: "import { createRequire } from 'node:module';const require = createRequire(import.meta.url);" },
    tsconfigRaw: {},
    nodePaths: [join(root, 'node_modules')],
    logLevel: 'warning',
  })
  return outfile
}
