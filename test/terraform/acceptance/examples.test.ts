/** Every example the documentation shows, as it stands in the repository, through Terraform. */
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { header, terraformHarness } from './harness.ts'

const harness = terraformHarness()
const root = resolve(import.meta.dirname, '../../..')
const examples = join(root, 'vault-config/terraform/examples')
const docs = join(root, 'vault-config/terraform/docs')
const kinds = ['resources', 'data-sources', 'ephemeral-resources', 'functions']
/** Folders of examples: `resources/mcp_agent`. */
const folders = kinds.flatMap((kind) =>
  readdirSync(join(examples, kind))
    .sort()
    .map((name) => `${kind}/${name}`),
)
const fileNames: Readonly<Record<string, string>> = {
  resources: 'resource.tf',
  'data-sources': 'data-source.tf',
  functions: 'function.tf',
}
const applied = folders.flatMap((folder) =>
  fileNames[dirname(folder)] ? [`${folder}/${fileNames[dirname(folder)]!}`] : [],
)
const text = (example: string): string => readFileSync(join(examples, example), 'utf8')

async function write(example: string): Promise<Record<string, string>> {
  await harness.workspace.write('versions.tf', header)
  await harness.workspace.write('main.tf', text(example))
  await harness.workspace.init()
  return text(example).includes('var.stripe_key')
    ? { TF_VAR_stripe_key: harness.secret('sk_live_example_4242424242') }
    : {}
}

test('examples are formatted, and there is one for every page', async () => {
  await harness.workspace.ok(['fmt', '-check', '-recursive', '-diff', examples])
  const pages = kinds.flatMap((kind) =>
    readdirSync(join(docs, kind))
      .sort()
      .map((page) => `${kind}/${page.replace(/\.md$/, '')}`),
  )
  expect(folders.map((folder) => folder.replace('/mcp_', '/')).sort()).toEqual(pages.sort())
})

test('the provider block is valid, with all it may hold', async () => {
  await harness.workspace.write('main.tf', text('provider/provider.tf'))
  await harness.workspace.init()
  await harness.workspace.ok(['validate', '-no-color'])
})

describe.each(applied)('%s', (example) => {
  test('is applied, leaves nothing to do, and is destroyed', async () => {
    const env = await write(example)
    await harness.workspace.apply(env)
    expect(await harness.workspace.planCode(env)).toBe(0)
    await harness.workspace.destroy(env)
  })
})

describe.each(folders.filter((folder) => folder.startsWith('resources/')))('the imports of %s', (folder) => {
  test('bring back what its resources made, by block and by command', async () => {
    const { workspace } = harness
    const env = await write(`${folder}/resource.tf`)
    await workspace.apply(env)
    const all = (await workspace.ok(['state', 'list'])).stdout
      .trim()
      .split('\n')
      .filter((address) => !address.startsWith('data.'))
    const addresses = [...text(`${folder}/import.tf`).matchAll(/to = (\S+)/g)].map(([, address]) => address!)
    const commands = text(`${folder}/import.sh`)
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
    expect(commands.map(([, , address]) => address)).toEqual(addresses)

    await workspace.forget()
    await workspace.write('import.tf', text(`${folder}/import.tf`))
    const { text: said } = await workspace.ok(['plan', '-no-color'], env)
    expect(said).toContain(`${addresses.length} to import, ${all.length - addresses.length} to add, `)
    expect(said).toContain(' 0 to destroy')

    await workspace.write('import.tf', '')
    for (const [, ...args] of commands) await workspace.ok([...args.toSpliced(1, 0, '-no-color')], env)
    expect(
      (await workspace.ok(['state', 'list'])).stdout
        .trim()
        .split('\n')
        .filter((address) => !address.startsWith('data.'))
        .sort(),
    ).toEqual(addresses.sort())
  })
})

test('ephemeral-resources/mcp_creds is valid, and planned without a token', async () => {
  await harness.workspace.write('versions.tf', header)
  await harness.workspace.write('main.tf', text('ephemeral-resources/mcp_creds/ephemeral-resource.tf'))
  await harness.workspace.init()
  expect(await harness.workspace.planCode()).toBe(2)
  expect((await harness.requests()).filter((request) => request.includes('creds/'))).toEqual([])
})
