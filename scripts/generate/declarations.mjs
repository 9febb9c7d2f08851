// What src/ declares, for what is written from it. Node runs no TypeScript, so it is bundled in memory.
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { compileFunction } from 'node:vm'
import { build } from 'esbuild'

const root = resolve(import.meta.dirname, '../..')

/** What `contents`, an entry of TypeScript in the root folder, exports. `replaced` are texts by the end of the path of a file. */
async function evaluate(contents, replaced = {}) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    bundle: true,
    write: false,
    packages: 'external',
    platform: 'node',
    format: 'cjs',
    logLevel: 'warning',
    plugins: Object.entries(replaced).map(([end, text]) => ({
      name: end,
      setup: ({ onLoad }) => {
        onLoad({ filter: new RegExp(`${end.replaceAll(/[.]/g, '\\.')}$`) }, () => ({ contents: text, loader: 'ts' }))
      },
    })),
  })
  const module = { exports: {} }
  compileFunction(outputFiles[0].text, ['require', 'module', 'exports'])(
    createRequire(import.meta.url),
    module,
    module.exports,
  )
  return module.exports
}

/** The engine's paths, as `PathDef`s of src/framework/path.ts bound to no engine, and what makes OpenAPI of them. */
export async function readEngine() {
  const { enginePaths, openApiDocument } = await evaluate(
    "export { enginePaths } from './src/mcp/backend.ts'\nexport { openApiDocument } from './src/framework/openapi.ts'",
  )
  return { paths: enginePaths(), openApiDocument }
}

/** Every error code of the gateway and the SDK, as src/error-code lists them. */
export async function readErrorCodes() {
  return (await evaluate("export { errorCodes } from './src/error-code/index.ts'")).errorCodes
}

/** What reads a preset's file: `src/preset/read.ts`. */
export async function presetReader() {
  return (await evaluate("export { readPreset } from './src/preset/read.ts'")).readPreset
}

/**
 * The Terraform provider as it will be with `engineSchema` and `presets` as the texts of src/terraform/engine-schema.ts and
 * src/preset/presets.ts; bound to no server.
 */
export async function readProvider(engineSchema, presets) {
  const { createProvider } = await evaluate("export { createProvider } from './src/terraform/provider.ts'", {
    'src/terraform/engine-schema.ts': engineSchema,
    'src/preset/presets.ts': presets,
  })
  return createProvider({})
}
