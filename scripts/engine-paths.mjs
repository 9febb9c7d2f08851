// The engine's paths as src/mcp declares them: patterns, fields, help. Node runs no TypeScript, so they are bundled in memory.
import { resolve } from 'node:path'
import { build } from 'esbuild'

const root = resolve(import.meta.dirname, '..')

/** Resolves to the `PathDef`s of src/framework/path.ts. Their handlers are bound to no engine: declarations only. */
export async function readEnginePaths() {
  const { outputFiles } = await build({
    stdin: { contents: "export { enginePaths } from './src/mcp/backend.ts'", resolveDir: root, loader: 'ts' },
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    logLevel: 'warning',
  })
  const { enginePaths } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`)
  return enginePaths()
}
