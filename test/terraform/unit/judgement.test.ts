/** Provider functions, and the data sources that judge. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parsePolicy } from '../../../src/policy/index.ts'
import { unknown } from '../../../src/terraform/protocol/value.ts'
import type { Value, ValueObject } from '../../../src/terraform/protocol/value.ts'
import { TerraformCore } from './terraform-core.ts'
import { deploy } from './with-host.ts'
import type { Deployment } from './with-host.ts'

let deployment: Deployment
let terraform: TerraformCore
/** Never configured: what needs no server works without. */
let offline: TerraformCore

beforeAll(async () => {
  deployment = await deploy()
  terraform = await deployment.terraform()
  offline = await TerraformCore.start()
  const { admin } = deployment
  for (const tool of ['invoices', 'refunds', 'customers/id-only'])
    await admin.write(`mcp/tools/stripe/${tool}`, { operations: 'GET /v1/x' })
  await admin.write('mcp/policies/read', {
    policy:
      'path "tools/stripe/invoices" { capabilities = ["read"] }\npath "tools/stripe/refunds" { capabilities = ["deny"] }',
  })
  await admin.write('mcp/agents/billing', { owner: 'o', environment: 'production' })
  await admin.write('mcp/agents/billing/scopes', { scopes: ['read:stripe:invoices', 'read:stripe:refunds'] })
  await admin.write('mcp/agents/bounded', { owner: 'o', environment: 'production', policies: ['read', 'nosuch'] })
  await admin.write('mcp/agents/bounded/scopes', {
    scopes: ['read:stripe:invoices', 'read:stripe:refunds', 'create:stripe:invoices'],
  })
  await admin.write('mcp/agents/bare', { owner: 'o', environment: 'production' })
  await admin.write('mcp/agents/off', { owner: 'o', environment: 'production', disabled: true })
})
afterAll(async () => {
  await offline.close()
  await deployment.close()
})

describe('functions, without any server', () => {
  it.each<[string, Value[], Value]>([
    ['scope', ['read', 'mcp/tools/stripe/invoices'], 'read:stripe:invoices'],
    ['scope', ['write', 'stripe/customers/id-only'], 'write:stripe:customers:id-only'],
    ['scope', ['list', 'tools/stripe/invoices'], 'list:stripe:invoices'],
    ['scope', ['read', 'team/a/tools/stripe/tools'], 'read:stripe:tools'],
    ['scope', ['read', 'stripe/customers/*'], 'read:stripe:customers:*'],
    ['scope', [unknown, 'stripe/invoices'], unknown],
    [
      'parse_scope',
      ['write:stripe:customers:id-only'],
      {
        capability: 'write',
        capabilities: ['create', 'update'],
        upstream: 'stripe',
        resource: 'customers',
        qualifier: 'id-only',
        tool: 'stripe/customers/id-only',
        canonical: 'write:stripe:customers:id-only',
      },
    ],
    [
      'parse_scope',
      ['read:tools/stripe/invoices'],
      {
        capability: 'read',
        capabilities: ['read'],
        upstream: 'stripe',
        resource: 'invoices',
        qualifier: null,
        tool: 'stripe/invoices',
        canonical: 'read:stripe:invoices',
      },
    ],
    [
      'parse_scope',
      ['read:*'],
      {
        capability: 'read',
        capabilities: ['read'],
        upstream: '*',
        resource: null,
        qualifier: null,
        tool: '*',
        canonical: 'read:*',
      },
    ],
    ['scope_covers', [['write:stripe:invoices'], 'create:stripe:invoices'], true],
    ['scope_covers', [['read:stripe:customers'], 'read:stripe:customers:id-only'], false],
    ['scope_covers', [['read:stripe:*', 'deny:stripe:refunds'], 'read:stripe:refunds'], false],
    ['scope_covers', [[], 'read:stripe:invoices'], false],
    ['scope_covers', [['read:stripe:invoices', unknown], 'read:stripe:invoices'], unknown],
  ])('%s %j is %j', async (name, args, result) => {
    expect(await offline.fn(name, ...args)).toEqual({ result, error: undefined, argument: undefined })
  })

  it.each<[string, Value[], number, string]>([
    ['scope', ['eat', 'stripe/invoices'], 0, 'does not begin with a capability'],
    ['scope', ['read:x', 'stripe/invoices'], 0, 'is not a capability'],
    ['scope', ['read', 'stripe'], 1, 'is not a tool'],
    ['scope', ['read', 'stripe//x'], 1, 'is not a tool'],
    ['scope', ['read', ''], 1, 'is not a tool'],
    ['parse_scope', ['read:Stripe:x'], 0, 'is not a name'],
    ['scope_covers', [['read'], 'read:a:b'], 0, 'names no upstream'],
    ['scope_covers', [['read:a:b'], 'read'], 1, 'names no upstream'],
  ])('%s %j is refused for its argument %i', async (name, args, argument, sentence) => {
    const outcome = await offline.fn(name, ...args)
    expect(outcome).toMatchObject({ argument, error: expect.stringContaining(sentence) as string })
  })
})

describe('mcp_policy_document, without any server', () => {
  const rule: ValueObject = {
    tool: 'mcp/tools/stripe/invoices',
    capabilities: ['read', 'list'],
    description: 'two\nlines',
    allowed_parameters: { limit: ['1', '10'], '*': [] },
    denied_parameters: { expand: [] },
    required_parameters: ['customer "x"'],
  }

  it('writes what the policy language reads back', async () => {
    const { state, diagnostics } = await offline.data('mcp_policy_document', {
      rules: [rule, { tool: 'stripe/customers/*', capabilities: ['deny'] }],
    })
    expect(diagnostics).toEqual([])
    expect(state!.policy).toMatch(
      /^# two\n# lines\npath "tools\/stripe\/invoices" \{\n {2}capabilities = \["read", "list"\]\n/,
    )
    expect(parsePolicy(String(state!.policy)).paths).toMatchObject([
      {
        pattern: 'tools/stripe/invoices',
        capabilities: ['read', 'list'],
        allowed_parameters: { limit: ['1', '10'], '*': [] },
        denied_parameters: { expand: [] },
        required_parameters: ['customer "x"'],
      },
      { pattern: 'tools/stripe/customers/*', capabilities: ['deny'] },
    ])
  })

  it.each<[ValueObject, string]>([
    [{ tool: 'stripe', capabilities: ['read'] }, 'rules[0].tool "stripe" is not a tool'],
    [
      { tool: 'stripe/invoices', capabilities: ['read', 'sudo'] },
      'rules[0].capabilities: "sudo" is not a capability of tools',
    ],
  ])('%j is refused', async (bad, summary) => {
    expect(
      (await offline.data('mcp_policy_document', { rules: [bad] })).diagnostics.map((found) => [
        found.at,
        found.summary,
      ]),
    ).toEqual([['rules[0]', summary]])
  })

  it.each<[Value]>([
    [unknown],
    [[unknown]],
    [[{ tool: unknown, capabilities: unknown }]],
    [[{ tool: 'a/b', capabilities: ['read', unknown], allowed_parameters: { a: unknown } }]],
  ])('may have unknown parts while it is validated: %#', async (rules) => {
    expect(await offline.validateData('mcp_policy_document', { rules })).toEqual([])
  })
})

describe('mcp_access_check', () => {
  it.each<[ValueObject, boolean, string]>([
    [{ agent: 'billing', tool: 'stripe/invoices' }, true, 'read on tools/stripe/invoices is granted.'],
    [
      { agent: 'mcp/agents/billing', tool: 'mcp/tools/stripe/invoices', capability: 'read' },
      true,
      'read on tools/stripe/invoices is granted.',
    ],
    [
      { agent: 'billing', tool: 'stripe/invoices', capability: 'create' },
      false,
      'create on tools/stripe/invoices is not granted.',
    ],
    [
      { agent: 'billing', tool: 'stripe/customers/id-only' },
      false,
      'read on tools/stripe/customers/id-only is not granted.',
    ],
    [{ agent: 'bounded', tool: 'stripe/invoices' }, true, 'read on tools/stripe/invoices is granted.'],
    [
      { agent: 'bounded', tool: 'stripe/invoices', capability: 'create' },
      false,
      'create on tools/stripe/invoices is not granted.',
    ],
    [{ agent: 'bounded', tool: 'stripe/refunds' }, false, 'tools/stripe/refunds is denied.'],
    [{ agent: 'billing', tool: 'stripe/nosuch' }, false, 'Tool stripe/nosuch does not exist.'],
    [{ agent: 'nobody', tool: 'stripe/invoices' }, false, 'Agent nobody is not registered.'],
    [{ agent: 'off', tool: 'stripe/invoices' }, false, 'Agent off is disabled.'],
    [{ agent: 'bare', tool: 'stripe/invoices' }, false, 'Agent bare has neither scopes nor policies.'],
    [
      { agent: 'billing', tool: 'stripe/invoices', environment: 'staging' },
      false,
      'Agent billing has no scopes for staging.',
    ],
    [
      { agent: 'billing', tool: 'stripe/invoices', environment: 'production' },
      true,
      'read on tools/stripe/invoices is granted.',
    ],
  ])('%j: %s', async (config, allowed, reason) => {
    const { state, diagnostics } = await terraform.data('mcp_access_check', config)
    expect(diagnostics).toEqual([])
    expect(state).toMatchObject({ ...config, allowed, reason })
  })

  it.each<[ValueObject, string]>([
    [{ agent: 'A b', tool: 'stripe/invoices' }, 'agent'],
    [{ agent: 'billing', tool: 'stripe/*' }, 'tool'],
    [{ agent: 'billing', tool: 'stripe/invoices', capability: 'deny' }, 'capability'],
  ])('%j is refused at %s', async (config, at) => {
    expect((await offline.data('mcp_access_check', config)).diagnostics.map((found) => found.at)).toEqual([at])
  })
})

describe('mcp_agents', () => {
  it('lists those there are, also where there are none', async () => {
    expect((await terraform.data('mcp_agents', {})).state).toEqual({ names: ['bare', 'billing', 'bounded', 'off'] })
    await deployment.admin.write('sys/mounts/empty', { type: 'mcp' })
    expect((await (await deployment.terraform({ mount: 'empty' })).data('mcp_agents', {})).state).toEqual({ names: [] })
  })
})
