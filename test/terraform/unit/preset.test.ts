/** `data "mcp_preset"`: what it yields are arguments that the resources take as they are. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unknown } from '../../../src/terraform/protocol/value.ts'
import type { Value, ValueObject } from '../../../src/terraform/protocol/value.ts'
import { presetFields, presets } from '../../../src/preset/index.ts'
import type { TerraformCore } from './terraform-core.ts'
import { deploy } from './with-host.ts'
import type { Deployment } from './with-host.ts'

let deployment: Deployment
let terraform: TerraformCore
let elsewhere: TerraformCore
beforeAll(async () => {
  deployment = await deploy()
  terraform = await deployment.terraform()
  elsewhere = await deployment.terraform({ mount: 'team-a' })
})
afterAll(() => deployment.close())

async function read(config: ValueObject, core = terraform): Promise<ValueObject> {
  const { state, diagnostics } = await core.data('mcp_preset', config)
  expect(diagnostics).toEqual([])
  return state!
}
const tools = (state: ValueObject): Record<string, ValueObject> => state.tools as Record<string, ValueObject>

describe('a preset', () => {
  it('is handed on whole by the example, so that it works with any name', async () => {
    const example = await readFile('vault-config/terraform/examples/data-sources/mcp_preset/data-source.tf', 'utf8')
    const handed = [...example.matchAll(/^ {2}(\w+) += data\.mcp_preset\.stripe\.\1$/gm)].map(([, field]) => field)
    expect(handed.sort()).toEqual([...presetFields].sort())
  })

  it('has everything of the upstream, null where it leaves a default', async () => {
    expect(await read({ name: 'stripe' })).toMatchObject({
      upstream_name: 'stripe',
      url: 'https://api.stripe.com',
      kv_path: 'mcp/stripe',
      auth: 'bearer',
      sensitivity: 'high',
      response_headers: ['Original-Request', 'Stripe-Rate-Limited-Reason'],
      request_headers: null,
      timeout: null,
      mcp_origins: ['https://api.stripe.com'],
      custom_metadata: { mcp_origins: 'https://api.stripe.com' },
    })
  })

  it('has tools by name, each with the scopes that grant it', async () => {
    const all = tools(await read({ name: 'stripe' }))
    expect(all['refunds/write']).toEqual({
      description: 'Give money back',
      risk: 'high',
      operations: [
        {
          method: 'POST',
          path: '/v1/refunds',
          capability: 'create',
          parameters: null,
          denied_parameters: ['expand'],
          body: null,
        },
      ],
      fields: null,
      mcp_tools: null,
      scopes: ['create:stripe:refunds:write'],
    })
    expect(Object.keys(tools(await read({ name: 'stripe', read_only: true })))).not.toContain('refunds/write')
  })

  it("has the consent that the provider's own mount and another name need", async () => {
    const state = await read({ name: 'jira', variables: { site: 'acme' }, upstream_name: 'tickets' }, elsewhere)
    expect(state).toMatchObject({
      url: 'https://acme.atlassian.net',
      key_fields: { email: expect.any(String), api_token: expect.stringContaining('https://id.atlassian.com/') },
      custom_metadata: {
        mcp_origins: 'https://acme.atlassian.net',
        mcp_upstreams: 'team-a/tickets',
        mcp_auth: 'basic:{email}:{api_token}',
        mcp_fields: 'email,api_token',
      },
    })
  })

  it('is of another server where a URL is given', async () => {
    const own = { name: 'github', url: 'https://github.acme.example/api/v3' }
    expect((await read(own)).mcp_origins).toEqual(['https://github.acme.example'])
    const near = { name: 'github', url: 'http://127.0.0.1:1', allow_private_addresses: true }
    expect((await read(near)).mcp_origins).toEqual(['http://127.0.0.1:1'])
  })
})

describe.each(presets.map(({ name, variables }) => [name, variables] as const))('%s', (name, variables) => {
  const values = Object.fromEntries(Object.entries(variables).map(([variable, { example }]) => [variable, example]))

  it('makes an upstream and its tools as they are', async () => {
    const state = await read({ name, ...(Object.keys(values).length > 0 && { variables: values }) })
    const { attributes } = terraform.schemas.resource_schemas.mcp_upstream!.block
    const taken = attributes.filter(({ optional }) => optional).map((attribute) => attribute.name)
    const upstream = Object.fromEntries(taken.filter((field) => field in state).map((field) => [field, state[field]!]))
    const made = await terraform.apply('mcp_upstream', null, { ...upstream, name, url: state.url! })
    expect(made).toMatchObject({ diagnostics: [], state: { auth: state.auth, url: state.url } })
    for (const [tool, { operations, fields, risk, mcp_tools: mcpTools }] of Object.entries(tools(state))) {
      const config = { upstream: name, name: tool, operations, fields, risk, mcp_tools: mcpTools } as ValueObject
      expect((await terraform.apply('mcp_tool', null, config)).diagnostics).toEqual([])
    }
    const { data } = (await deployment.admin.list(`mcp/tools/${name}`))!
    expect([...(data!.keys as string[])].sort()).toEqual(Object.keys(tools(state)).sort())
  })
})

describe('is refused, at its argument,', () => {
  it.each<[string, ValueObject, string, string]>([
    ['that does not exist', { name: 'gihub' }, 'name', 'name "gihub" is not a preset'],
    ['without its variable', { name: 'jira' }, 'variables', 'variables.site is missing'],
    [
      'with a variable it has not',
      { name: 'github', variables: { site: 'a' } },
      'variables',
      'variables.site is not needed',
    ],
    [
      'with a value that ends the URL',
      { name: 'jira', variables: { site: 'evil.example/' } },
      'variables',
      'variables.site does not fit',
    ],
    [
      'with a name that is none',
      { name: 'github', upstream_name: 'A B' },
      'upstream_name',
      'upstream_name is not a name',
    ],
    ['with a URL that sends keys unencrypted', { name: 'github', url: 'http://10.0.0.1' }, 'url', 'url is http:'],
    ['with a URL that is none', { name: 'github', url: 'github' }, 'url', 'url is not an absolute URL'],
    [
      'with another secret for each environment',
      { name: 'github', kv_path: 'mcp/{{environment}}/github' },
      'kv_path',
      'kv_path is another secret',
    ],
  ])('one %s', async (_name, config, at, summary) => {
    const found = await terraform.validateData('mcp_preset', config)
    expect(found).toEqual([
      expect.objectContaining({ at, summary: expect.stringContaining(summary), severity: 'error' }),
    ])
  })

  it.each<[string, Value]>([
    ['name', unknown],
    ['variables', unknown],
    ['variables', { site: unknown }],
    ['url', unknown],
  ])('but not while its %s is unknown', async (attribute, value) => {
    expect(await terraform.validateData('mcp_preset', { name: 'jira', [attribute]: value })).toEqual([])
  })
})
