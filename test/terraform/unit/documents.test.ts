/** Managed resources on the embedded host, through Terraform's protocol. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unknown } from '../../../src/terraform/protocol/value.ts'
import type { ValueObject } from '../../../src/terraform/protocol/value.ts'
import type { TerraformCore } from './terraform-core.ts'
import { deploy } from './with-host.ts'
import type { Deployment } from './with-host.ts'

let deployment: Deployment
let terraform: TerraformCore

beforeAll(async () => {
  deployment = await deploy()
  terraform = await deployment.terraform()
})
afterAll(() => deployment.close())

const agent = (name: string, rest: ValueObject = {}): ValueObject => ({
  name,
  owner: 'platform-team',
  environment: 'production',
  ...rest,
})

/** What is configured, and what changing it comes to. */
const documents: readonly [type: string, config: ValueObject, changed: ValueObject, id: string, short: string][] = [
  [
    'mcp_config',
    { max_ttl: 7200 },
    { max_ttl: 7200, environment_labels: { 'production-eu': 'prodeu' } },
    'mcp/config',
    'config',
  ],
  [
    'mcp_upstream',
    { name: 'stripe', url: 'https://api.stripe.com' },
    { name: 'stripe', url: 'https://api.stripe.com', timeout: 30, headers: { 'Stripe-Version': '2025-03-31' } },
    'mcp/upstreams/stripe',
    'stripe',
  ],
  [
    'mcp_tool',
    { upstream: 'stripe', name: 'customers/id-only', operations: [{ method: 'GET', path: '/v1/customers' }] },
    {
      upstream: 'stripe',
      name: 'customers/id-only',
      operations: [
        {
          method: 'POST',
          path: '/v1/customers/search',
          capability: 'read',
          parameters: ['limit'],
          denied_parameters: ['expand'],
        },
      ],
      fields: ['data[].id'],
    },
    'mcp/tools/stripe/customers/id-only',
    'stripe/customers/id-only',
  ],
  [
    'mcp_policy',
    { name: 'read', policy: 'path "tools/stripe/invoices" { capabilities = ["read"] }' },
    { name: 'read', policy: '# two\npath "tools/stripe/invoices" { capabilities = ["read", "list"] }\n' },
    'mcp/policies/read',
    'read',
  ],
  [
    'mcp_agent',
    agent('billing'),
    agent('billing', { description: 'Handles invoices', policies: ['read'], disabled: true }),
    'mcp/agents/billing',
    'billing',
  ],
  [
    'mcp_agent_scopes',
    { agent: 'billing', scopes: ['read:stripe:customers:id-only'] },
    { agent: 'billing', scopes: [], max_ttl_seconds: 300 },
    'mcp/agents/billing/scopes',
    'billing',
  ],
  [
    'mcp_agent_scopes',
    { agent: 'billing', environment: 'staging', scopes: [] },
    { agent: 'billing', environment: 'staging' },
    'mcp/agents/billing/scopes/staging',
    'billing/staging',
  ],
]

describe('every document', () => {
  it.each(documents)(
    '%s: is made, changed in place, changed back, imported and destroyed, and each time nothing is left to do',
    async (type, config, changed, id, short) => {
      let { state, diagnostics } = await terraform.apply(type, null, config)
      expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
      expect(state).toMatchObject({
        ...config,
        id,
        ...(config.operations ? { operations: [{ capability: 'read' }] } : {}),
      })
      expect(await terraform.isSettled(type, state!, config)).toBe(true)

      const planned = await terraform.plan(type, state, changed)
      expect(planned).toMatchObject({ replace: [], state: { id } })
      ;({ state, diagnostics } = await terraform.apply(type, state, changed))
      expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
      expect(state).toMatchObject(changed)
      expect(await terraform.isSettled(type, state!, changed)).toBe(true)

      for (const given of [id, short]) {
        const imported = await terraform.importState(type, given)
        expect(imported.state).toMatchObject({ ...changed, id })
        expect(await terraform.isSettled(type, imported.state!, changed)).toBe(true)
      }

      // What is no longer configured has its default again.
      const back = (await terraform.apply(type, state, config)).state!
      expect(await terraform.isSettled(type, back, config)).toBe(true)
      expect({ ...(await terraform.importState(type, id)).state, version: null }).toEqual({
        ...back,
        version: null,
        ...(back.version === undefined ? { version: null } : {}),
      })
    },
  )

  it('is gone once destroyed, also where somebody was faster', async () => {
    const { state } = await terraform.apply('mcp_agent', null, agent('short-lived'))
    expect(await terraform.destroy('mcp_agent', state!)).toEqual({ state: null, diagnostics: [] })
    expect(await terraform.refresh('mcp_agent', state!)).toEqual({ state: null, diagnostics: [] })
    expect(await terraform.destroy('mcp_agent', state!)).toEqual({ state: null, diagnostics: [] })
  })

  it('200 at once', async () => {
    const made = await Promise.all(
      Array.from({ length: 200 }, (_, index) => terraform.apply('mcp_agent', null, agent(`many-${String(index)}`))),
    )
    expect(made.flatMap(({ diagnostics }) => diagnostics)).toEqual([])
    const gone = await Promise.all(made.map(({ state }) => terraform.destroy('mcp_agent', state!)))
    expect(gone.every(({ state, diagnostics }) => state === null && diagnostics.length === 0)).toBe(true)
  })
})

describe('drift', () => {
  it('is seen in every field, also in those with a default, and fixed', async () => {
    const config = { name: 'drifting', url: 'https://api.example.com' }
    const { state } = await terraform.apply('mcp_upstream', null, config)
    await deployment.admin.write('mcp/upstreams/drifting', {
      timeout: '2m',
      headers: { A: 'b' },
      url: 'https://elsewhere.example.com',
    })
    const drifted = (await terraform.refresh('mcp_upstream', state!)).state!
    expect(drifted).toMatchObject({ timeout: 120, headers: { A: 'b' }, url: 'https://elsewhere.example.com' })
    const mended = (await terraform.apply('mcp_upstream', drifted, config)).state!
    expect(mended).toMatchObject({ timeout: 60, headers: {}, url: 'https://api.example.com' })
    expect(await terraform.isSettled('mcp_upstream', mended, config)).toBe(true)
  })

  it('is none where an operator wrote the same in another spelling', async () => {
    await deployment.admin.write('mcp/tools/stripe/spelled', { operations: 'GET /v1/invoices,GET /v1/invoices/{id}' })
    const { state } = await terraform.importState('mcp_tool', 'stripe/spelled')
    expect(
      await terraform.isSettled('mcp_tool', state!, {
        upstream: 'stripe',
        name: 'spelled',
        operations: [
          { method: 'GET', path: '/v1/invoices' },
          { method: 'GET', path: '/v1/invoices/{id}' },
        ],
      }),
    ).toBe(true)
  })
})

describe('a new name', () => {
  it.each<[string, ValueObject, ValueObject, readonly string[]]>([
    ['mcp_agent', agent('before'), agent('after'), ['name']],
    [
      'mcp_agent_scopes',
      { agent: 'before', scopes: [] },
      { agent: 'before', environment: 'staging', scopes: [] },
      ['environment'],
    ],
    [
      'mcp_tool',
      { upstream: 'a', name: 'x', operations: [{ method: 'GET', path: '/' }] },
      { upstream: 'b', name: 'y', operations: [{ method: 'GET', path: '/' }] },
      ['upstream', 'name'],
    ],
  ])('%s is replaced', async (type, before, after, replace) => {
    await terraform.apply('mcp_agent', null, agent('before'))
    const { state } = await terraform.apply(type, null, before)
    const planned = await terraform.plan(type, state, after)
    expect([...planned.replace].sort()).toEqual([...replace].sort())
    expect(planned.state.id).toEqual(unknown)
    const replaced = (await terraform.apply(type, state, after)).state!
    expect(replaced.id).not.toBe(state!.id)
    expect((await terraform.refresh(type, state!)).state).toBeNull()
  })

  it('that is not known yet is one, too', async () => {
    const { state } = await terraform.apply('mcp_agent', null, agent('known'))
    expect((await terraform.plan('mcp_agent', state, agent('known', { name: unknown }))).replace).toEqual(['name'])
  })

  it('of the mount moves everything', async () => {
    const { state } = await terraform.apply('mcp_agent', null, agent('moving'))
    const other = await deployment.terraform({ mount: 'team-a/mcp' })
    expect((await other.plan('mcp_agent', state, agent('moving'))).replace).toEqual(['id'])
  })
})

describe('what is not known yet', () => {
  const anywhere: readonly [string, ValueObject][] = [
    [
      'mcp_agent',
      agent('x', {
        name: unknown,
        owner: unknown,
        environment: unknown,
        policies: unknown,
        disabled: unknown,
        description: unknown,
      }),
    ],
    ['mcp_agent', agent('x', { policies: ['read', unknown] })],
    [
      'mcp_upstream',
      {
        name: unknown,
        url: unknown,
        key_wo: unknown,
        key_wo_version: unknown,
        headers: unknown,
        timeout: unknown,
        kv_path: unknown,
        allow_private_addresses: unknown,
        sensitivity: unknown,
      },
    ],
    ['mcp_upstream', { name: 'x', url: 'http://x', allow_private_addresses: unknown, headers: { a: unknown } }],
    ['mcp_tool', { upstream: unknown, name: unknown, operations: unknown, fields: unknown, mcp_tools: [unknown] }],
    [
      'mcp_tool',
      {
        upstream: 'a',
        name: 'b',
        operations: [
          unknown,
          { method: unknown, path: unknown, capability: unknown, parameters: unknown },
          { method: 'GET', path: unknown, parameters: [unknown] },
        ],
      },
    ],
    ['mcp_policy', { name: unknown, policy: unknown }],
    ['mcp_agent_scopes', { agent: unknown, environment: unknown, scopes: unknown, max_ttl_seconds: unknown }],
    ['mcp_agent_scopes', { agent: 'a', scopes: ['read:stripe:invoices', unknown] }],
    ['mcp_config', { max_ttl: unknown, environment_labels: { a: unknown }, allow_wildcards: unknown }],
  ]
  it.each(anywhere)('is accepted and planned wherever it stands: %s %#', async (type, config) => {
    expect(await terraform.validate(type, config)).toEqual([])
    expect((await terraform.plan(type, null, config)).diagnostics).toEqual([])
  })

  it('is settled when it is applied', async () => {
    const { state } = await terraform.apply('mcp_tool', null, {
      upstream: 'stripe',
      name: 'late',
      operations: [{ method: 'DELETE', path: '/v1/x' }],
    })
    expect(state).toMatchObject({ operations: [{ capability: 'delete' }] })
    const planned = await terraform.plan('mcp_upstream', null, { name: unknown, url: 'https://x.example' })
    expect(planned.state.kv_path).toEqual(unknown)
    expect((await terraform.plan('mcp_upstream', null, { name: 'x', url: 'https://x.example' })).state.kv_path).toBe(
      'mcp/x',
    )
  })
})
