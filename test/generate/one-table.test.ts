/** The declarations of the engine's paths are the one place a field is written down: everything else is made from them. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { cliReference, exampleData, examplePath } from '../../scripts/generate/cli-reference.mjs'
import { engineSchema } from '../../scripts/generate/engine-schema.mjs'
import { providerDocs } from '../../scripts/generate/provider-docs.mjs'
import { createBackend } from '../../src/framework/backend.ts'
import { convertField } from '../../src/framework/field.ts'
import type { FieldSchema } from '../../src/framework/field.ts'
import type { PathDef } from '../../src/framework/path.ts'
import type { Data } from '../../src/logical/data.ts'
import { silentLogger } from '../../src/logical/log.ts'
import { MemoryStorage } from '../../src/logical/storage.ts'
import { enginePaths } from '../../src/mcp/backend.ts'
import { FakeClock } from '../fakes/clock.ts'
import { TestEngine } from '../mcp/engine.ts'

const root = resolve(import.meta.dirname, '../..')
/** Declarations alone: no handler of these is called. */
const paths = enginePaths(undefined as never, undefined as never)
const continent: FieldSchema = {
  type: 'string',
  description: 'Where the upstream stands.',
  example: 'eu-central',
  default: 'anywhere',
  allowed: ['anywhere', 'eu-central'],
}
const withContinent: PathDef[] = paths.map((path) =>
  path.pattern === 'upstreams/:name' ? { ...path, fields: { ...path.fields, continent } } : path,
)

async function help(of: readonly PathDef[], path: string): Promise<Data> {
  const never = () => Promise.reject(new Error('not asked'))
  const backend = createBackend({
    help: 'The engine.',
    paths: of,
    system: { defaultLeaseTtl: never, maxLeaseTtl: never, tainted: never, readOnly: never },
  })
  const response = await backend.handleRequest({
    id: '',
    operation: 'help',
    path,
    data: { requestResponsePrefix: 'mcp' },
    storage: new MemoryStorage(),
    client_token: '',
    client_token_accessor: '',
    display_name: '',
    entity_id: '',
    mount_point: 'mcp/',
    remote_addr: '',
    signal: new AbortController().signal,
  })
  return response!.data!
}

/** The provider as it is built with the schema these paths generate. */
async function providerOf(of: readonly PathDef[]) {
  vi.resetModules()
  vi.doMock('../../src/terraform/engine-schema.ts', () => ({ engineSchema: engineSchema(of) }))
  const { createProvider } = await import('../../src/terraform/provider.ts')
  return createProvider({
    version: '0.0.0',
    clock: new FakeClock(),
    logger: silentLogger,
    env: {},
    tokenFile: () => undefined,
  })
}

const example = (path: string): string => readFileSync(join(root, 'vault-config/terraform/examples', path), 'utf8')

describe('a field added to the declaration of a path is', () => {
  it('in the help of the path', async () => {
    expect((await help(withContinent, 'upstreams/stripe')).help).toContain(
      'continent (string, default "anywhere")\n        Where the upstream stands.\n        Example: eu-central',
    )
    expect((await help(paths, 'upstreams/stripe')).help).not.toContain('continent')
  })

  it.each(['', 'upstreams/stripe'])('in OpenAPI, asked for and answered (help of "%s")', async (path) => {
    const { components } = (await help(withContinent, path)).openapi as {
      components: { schemas: Record<string, { properties: object }> }
    }
    const schema = {
      type: 'string',
      enum: ['anywhere', 'eu-central'],
      description: 'Where the upstream stands.',
      example: 'eu-central',
    }
    expect(components.schemas.McpWriteUpstreamsNameRequest!.properties).toMatchObject({
      continent: { ...schema, default: 'anywhere' },
    })
    expect(components.schemas.McpReadUpstreamsNameResponse!.properties).toMatchObject({ continent: schema })
  })

  it('in the CLI reference', () => {
    expect(cliReference(withContinent)).toContain(
      '| `continent` | string: `anywhere`, `eu-central` | `anywhere` | Where the upstream stands. | `continent=eu-central` |',
    )
    expect(cliReference(paths)).not.toContain('continent')
  })

  it('in the example of a write once it is required', () => {
    const required = withContinent.map((path) =>
      path.pattern === 'upstreams/:name'
        ? { ...path, fields: { ...path.fields, continent: { ...continent, required: true } } }
        : path,
    )
    expect(cliReference(required)).toContain(
      'mcp-vault write mcp/upstreams/stripe url=https://api.stripe.com continent=eu-central\n',
    )
  })

  it("an argument of the provider's resource, with its default and what is accepted", async () => {
    const { resources } = await providerOf(withContinent)
    expect(resources.mcp_upstream!.schema.attributes.continent).toEqual({
      type: 'string',
      optional: true,
      computed: true,
      description: 'Where the upstream stands. One of `anywhere`, `eu-central`. Default: `"anywhere"`.',
    })
    expect(resources.mcp_upstream!.validate({ continent: 'mars' })).toMatchObject([
      { summary: 'continent "mars" is not one of anywhere, eu-central' },
    ])
    expect((await providerOf(paths)).resources.mcp_upstream!.schema.attributes).not.toHaveProperty('continent')
  })

  it("in the provider's documentation", async () => {
    const { 'resources/upstream.md': page } = providerDocs(await providerOf(withContinent), example)
    expect(page).toContain(
      '- `continent` (String) Where the upstream stands. One of `anywhere`, `eu-central`. Default: `"anywhere"`.\n',
    )
  })
})

describe('examples', () => {
  // In the order of the reference: each builds on those before.
  const written = paths.filter(
    (path) => path.operations.write && !path.pattern.includes(':session') && path.pattern !== 'sessions/revoke-all',
  )

  it('of writes are accepted by the engine as they are printed', async () => {
    const engine = await TestEngine.start()
    for (const path of written) await engine.write(examplePath(path).replace(/^mcp\//, ''), exampleData(path))
    expect(written.length).toBeGreaterThan(8)
  })

  it('of fields are there, and what their types convert', () => {
    for (const path of paths) {
      for (const [name, field] of Object.entries(path.fields)) {
        expect([path.pattern, name, field.example, field.description]).toEqual([
          path.pattern,
          name,
          expect.anything(),
          expect.stringMatching(/\S\.$/),
        ])
        expect(convertField(field, field.example), `${path.pattern} ${name}`).toEqual(field.example)
      }
    }
  })

  it('of everything the provider has are there, and a missing one stops the generation', async () => {
    const provider = await providerOf(paths)
    const count = [provider.resources, provider.dataSources, provider.ephemeralTypes, provider.functions].reduce(
      (sum, all) => sum + Object.keys(all).length,
      1,
    )
    expect(Object.keys(providerDocs(provider, example))).toHaveLength(count)
    expect(() =>
      providerDocs(
        { ...provider, resources: { ...provider.resources, mcp_new: provider.resources.mcp_agent! } },
        example,
      ),
    ).toThrow(/mcp_new/)
  })
})

describe('what is committed', () => {
  it('is what the declarations generate now', async () => {
    const { engineSchema: committed } = await vi.importActual<{ engineSchema: unknown }>(
      '../../src/terraform/engine-schema.ts',
    )
    expect(committed).toEqual(JSON.parse(JSON.stringify(engineSchema(paths))))
    expect(readFileSync(join(root, 'vault-config/cli-reference.md'), 'utf8')).toBe(cliReference(paths))
    for (const [page, text] of Object.entries(providerDocs(await providerOf(paths), example)))
      expect(readFileSync(join(root, 'vault-config/terraform/docs', page), 'utf8'), page).toBe(text)
  })
})
