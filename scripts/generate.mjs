// Writes what is generated and committed, or with --check fails where the committed file differs.
//   src/proto/*.ts                      proto/, so that no .proto file is read at run time
//   src/terraform/engine-schema.ts      the engine's documents, out of the declarations of its paths
//   src/preset/presets.ts               vault-config/presets/*.json, checked, so that no file is read at run time
//   vault-config/presets/README.md      the same for people
//   vault-config/openapi.json           the engine's API, mount-relative
//   vault-config/cli-reference.md       the same for people
//   vault-config/error-codes.md         what the gateway and the SDK refuse with, and who must act
//   vault-config/terraform/docs/        the provider, in the registry's layout, with the examples beside it; guides/ is written by hand
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { cliReference } from './generate/cli-reference.mjs'
import { presetReader, readEngine, readErrorCodes, readProvider } from './generate/declarations.mjs'
import { errorCodesText } from './generate/error-codes.mjs'
import { engineSchemaText } from './generate/engine-schema.mjs'
import { openApiText } from './generate/openapi.mjs'
import { presetsPage, presetsText, readPresets } from './generate/presets.mjs'
import { protoFiles } from './generate/proto.mjs'
import { providerDocs } from './generate/provider-docs.mjs'

const root = resolve(import.meta.dirname, '..')
const check = process.argv.includes('--check')
const docs = 'vault-config/terraform/docs'
const example = (path) => readFileSync(join(root, 'vault-config/terraform/examples', path), 'utf8')

const { paths, openApiDocument } = await readEngine()
const engineSchema = engineSchemaText(paths)
const presetFolder = 'vault-config/presets'
const presets = readPresets(join(root, presetFolder), await presetReader())
const presetsModule = presetsText(presets)
const pages = providerDocs(await readProvider(engineSchema, presetsModule), example)
const engine = 'src/mcp/path-*.ts'
const outputs = [
  ...protoFiles(),
  { target: 'src/terraform/engine-schema.ts', source: engine, text: engineSchema },
  { target: 'src/preset/presets.ts', source: presetFolder, text: presetsModule },
  { target: `${presetFolder}/README.md`, source: presetFolder, text: presetsPage(presets) },
  { target: 'vault-config/openapi.json', source: engine, text: openApiText(paths, openApiDocument) },
  { target: 'vault-config/cli-reference.md', source: engine, text: cliReference(paths) },
  {
    target: 'vault-config/error-codes.md',
    source: 'src/error-code',
    text: errorCodesText(await readErrorCodes()),
  },
  ...Object.entries(pages).map(([page, text]) => ({ target: `${docs}/${page}`, source: 'src/terraform', text })),
]

let stale = 0
function differs(target, problem, mend) {
  if (check) {
    stale++
    console.error(`${target} ${problem}; run npm run generate`)
  } else {
    mend()
    console.log(`wrote ${target}`)
  }
}

for (const { target, source, text } of outputs) {
  const file = resolve(root, target)
  if ((existsSync(file) ? readFileSync(file, 'utf8') : '') === text) continue
  differs(target, `is not what ${source} generates`, () => {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  })
}
for (const folder of ['resources', 'data-sources', 'ephemeral-resources', 'functions']) {
  for (const name of existsSync(join(root, docs, folder)) ? readdirSync(join(root, docs, folder)) : []) {
    if (!(`${folder}/${name}` in pages))
      differs(`${docs}/${folder}/${name}`, 'describes what the provider does not have', () => {
        rmSync(join(root, docs, folder, name))
      })
  }
}
if (check && stale === 0) console.log('generated files: up to date')
process.exitCode = stale === 0 ? 0 : 1
