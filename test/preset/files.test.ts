/** The files in vault-config/presets: each is held to every rule, and what is built in is what they hold. */
import { readFileSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { planPreset, PresetError, presets } from '../../src/preset/index.ts'
import type { Preset } from '../../src/preset/index.ts'
import { readPreset } from '../../src/preset/read.ts'

const folder = resolve(import.meta.dirname, '../../vault-config/presets')
const files = readdirSync(folder).filter((file) => file.endsWith('.json'))
const text = (file: string): string => readFileSync(join(folder, file), 'utf8')
/** Every call is a POST to one path: which of them only read, nobody can tell from outside. */
const notToBeSplit = ['linear']

function hasReadingPart(preset: Preset, variables: Record<string, string>): boolean {
  try {
    return planPreset(preset, { mount: 'mcp', variables, read_only: true }).tools.length > 0
  } catch (error) {
    if (error instanceof PresetError) return false
    throw error
  }
}

describe.each(files)('%s', (file) => {
  const preset = readPreset(file, text(file))
  const variables = Object.fromEntries(Object.entries(preset.variables).map(([name, { example }]) => [name, example]))

  it('is built in as it stands', () => {
    expect(presets.find(({ name }) => name === preset.name)).toEqual(preset)
  })

  it('has something that only reads, unless nobody can tell reading from changing', () => {
    expect(hasReadingPart(preset, variables)).toBe(!notToBeSplit.includes(preset.name))
  })

  it('has a risk above low for what changes something', () => {
    const changing = preset.tools.filter(({ operations }) =>
      operations.some(({ capability, method }) => !['read', 'list'].includes(capability) || method === 'DELETE'),
    )
    expect(changing.filter(({ risk }) => risk === 'low').map(({ name }) => name)).toEqual([])
  })
})

it('has nothing built in that is in no file', () => {
  expect(presets.map(({ name }) => `${name}.json`)).toEqual([...files].sort())
})

const github = () => JSON.parse(text('github.json')) as Record<string, never>
/** The text of GitHub's preset with one member replaced: `at` is its path. */
function changed(at: string, value: unknown): string {
  const preset = github() as Record<string, unknown>
  const steps = at.split('.')
  const last = steps.pop()!
  const parent = steps.reduce((member, step) => member[step] as Record<string, unknown>, preset)
  if (value === undefined) delete parent[last]
  else parent[last] = value
  return JSON.stringify(preset)
}
const refusal = (content: string): string => {
  try {
    readPreset('presets/github.json', content)
    return 'accepted'
  } catch (error) {
    return (error as Error).message
  }
}
const probe = { method: 'GET', path: '/user', tool: 'user' }
const site = { description: 'the site', example: 'acme', pattern: '^[a-z]+$' }
const read = { method: 'GET', path: '/x', capability: 'read' }

describe('a preset is accepted', () => {
  it.each<[string, string, unknown]>([
    ['as it stands', 'version', 2],
    ['with a field of the document', 'upstream.token_alias', 'ghp_'],
    ['without a known prefix', 'secret.api_key.prefix', undefined],
    ['without variables', 'variables', undefined],
    ['with a probe that has a query', 'probe.path', '/user?per_page=1'],
    [
      'with a probe that needs headers and a body',
      'probe',
      { ...probe, headers: { 'X-Version': '1' }, body: '{"a":1}' },
    ],
    ['with sentences for its owner', 'notes', ['Merging is left out.']],
  ])('%s', (_name, at, value) => {
    expect(refusal(changed(at, value))).toBe('accepted')
  })

  it('with a probe of the root', () => {
    const preset = { ...github(), probe: { method: 'GET', path: '/?x=1', tool: 'root' } } as Record<string, unknown>
    const root = { name: 'root', description: 'the root', risk: 'low', operations: [{ ...read, path: '/' }] }
    preset.tools = [...(preset.tools as unknown[]), root]
    expect(refusal(JSON.stringify(preset))).toBe('accepted')
  })

  it('with a variable in a template of its auth, which is no field of the secret', () => {
    const preset = { ...github(), variables: { site } } as Record<string, unknown>
    preset.upstream = { url: 'https://api.github.com', auth: 'basic:{{site}}:{api_key}' }
    expect(refusal(JSON.stringify(preset))).toBe('accepted')
  })

  it('with a variable in its URL and its origins', () => {
    const preset = { ...github(), variables: { site } } as Record<string, unknown>
    preset.upstream = { url: 'https://{{site}}.example', auth: 'bearer' }
    preset.mcp_origins = ['https://{{site}}.example']
    expect(refusal(JSON.stringify(preset))).toBe('accepted')
  })
})

describe('a preset is refused, with file and field,', () => {
  it.each<[string, string, unknown, string]>([
    ['that is called otherwise than its file', 'name', 'gitlab', 'name: must be github'],
    ['with a member nobody knows', 'extra', 1, 'unrecognized key: "extra"'],
    [
      'with a field that is chosen by who adds it',
      'upstream.kv_path',
      'mcp/x',
      'upstream: unrecognized key: "kv_path"',
    ],
    ['with private addresses', 'upstream.allow_private_addresses', true, 'upstream: unrecognized key'],
    ['without a URL', 'upstream.url', undefined, 'upstream.url: '],
    ['with a URL that sends keys unencrypted', 'upstream.url', 'http://api.github.com', 'upstream.url: '],
    ['with a way to send keys that is none', 'upstream.auth', 'magic', 'upstream.auth: '],
    ['with a header that carries a credential', 'upstream.headers', { 'X-Api-Key': 'x' }, 'upstream.headers'],
    ['with a value of another type', 'upstream.timeout', 'soon', 'upstream.timeout: '],
    ['with a day that is none', 'reviewed', '2026-13-01', 'reviewed: '],
    ['with a source that is no https URL', 'sources', ['somewhere'], 'sources[0]: '],
    ['with a tool without risk', 'tools.0.risk', undefined, 'tools[0].risk: '],
    ['with a tool without operations', 'tools.0.operations', [], 'tools[0].operations: '],
    ['with a method that is none', 'tools.0.operations', [{ ...read, method: 'FETCH' }], 'tools[0].operations[0]: '],
    [
      'with a capability that is none',
      'tools.0.operations',
      [{ ...read, capability: 'x' }],
      'tools[0].operations[0]: ',
    ],
    ['with a template that is none', 'tools.0.operations', [{ ...read, path: '/{' }], 'tools[0].operations[0]: '],
    ['with a name of a tool that is none', 'tools.0.name', 'Big Tool', 'tools[0].name: '],
    ['with a tool twice', 'tools.1.name', 'user', 'tools: user is there twice'],
    ['with a field of the secret that auth does not use', 'secret.other', { ...site, where: 'x' }, 'secret.other: '],
    [
      'without a field of the secret that auth uses',
      'upstream.auth',
      'header:X=Bot {app_key}',
      'secret.app_key: is missing',
    ],
    ['with an example without the prefix', 'secret.api_key.example', 'x', 'secret.api_key.example: '],
    [
      'with an origin the key never goes to',
      'mcp_origins',
      ['https://api.github.com', 'https://uploads.github.com'],
      'mcp_origins: must be https://api.github.com',
    ],
    [
      'with a probe whose body ends its quotes',
      'probe',
      { ...probe, body: "it's" },
      'probe: must hold no single quote',
    ],
    [
      'with a probe whose header ends its quotes',
      'probe',
      { ...probe, headers: { A: "'" } },
      'probe: must hold no single',
    ],
    [
      'with a probe whose header is none',
      'probe',
      { ...probe, headers: { 'A b': '1' } },
      'probe.headers: "A b" is not',
    ],
    ['with a probe of no tool', 'probe.tool', 'repos', 'probe: is not an operation of the tool repos'],
    ['with a line of code without an address', 'clients.0.change', 'new Octokit()', 'clients[0].change: must have'],
    [
      'with a placeholder that stands for nothing',
      'clients.0.change',
      '{{gateway}} {{site}}',
      'clients[0].change: {{site}}',
    ],
    [
      'with a placeholder that is not declared',
      'upstream.url',
      'https://{{site}}.example',
      'variables: {{site}} stands',
    ],
    ['with a variable that stands nowhere', 'variables', { site }, 'variables.site: stands in no text'],
    [
      'with a pattern that is not anchored',
      'variables',
      { site: { ...site, pattern: '[a-z]+' } },
      'variables.site.pattern: must begin',
    ],
    [
      'with a pattern its example does not match',
      'variables',
      { site: { ...site, example: 'A' } },
      'variables.site.example: ',
    ],
    [
      'with a pattern that lets a value end a URL',
      'variables',
      { site: { ...site, pattern: '^.*$' } },
      'variables.site.pattern: lets',
    ],
    ['with a variable that means something else', 'variables', { gateway: site }, 'variables.gateway: is not a name'],
  ])('%s', (_name, at, value, sentence) => {
    const said = refusal(changed(at, value))
    expect(said).toContain(`presets/github.json: ${sentence}`)
  })

  it('that is not JSON', () => {
    expect(refusal('{')).toMatch(/^presets\/github\.json: /)
  })
})
