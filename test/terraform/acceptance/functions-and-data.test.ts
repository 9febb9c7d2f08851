import { describe, expect, test } from 'vitest'
import { header, requirement, targets, terraformHarness } from './harness.ts'

/** No server, no token, no settings. */
const nobody = { VAULT_ADDR: '', VAULT_TOKEN: '' }

describe('functions, with no server anywhere', () => {
  const harness = terraformHarness()

  test('are the scope language', async () => {
    const { workspace } = harness
    await workspace.write(
      'main.tf',
      `${requirement}output "all" {
  value = {
    scope     = provider::mcp::scope("read", "stripe/customers/id-only")
    from_id   = provider::mcp::scope("write", "mcp/tools/stripe/invoices")
    parsed    = provider::mcp::parse_scope("read:stripe:customers:id-only")
    bare      = provider::mcp::parse_scope("read:stripe:customers").qualifier
    covered   = provider::mcp::scope_covers(["write:stripe:invoices"], "create:stripe:invoices")
    uncovered = provider::mcp::scope_covers(["read:stripe:customers"], "read:stripe:customers:id-only")
    denied    = provider::mcp::scope_covers(["read:stripe:invoices", "deny:stripe:invoices"], "read:stripe:invoices")
    none      = provider::mcp::scope_covers([], "read:stripe:invoices")
  }
}
`,
    )
    await workspace.init()
    const plan = await workspace.plan(nobody)
    expect(plan.planned_values.outputs?.all?.value).toEqual({
      scope: 'read:stripe:customers:id-only',
      from_id: 'write:stripe:invoices',
      parsed: {
        capability: 'read',
        capabilities: ['read'],
        upstream: 'stripe',
        resource: 'customers',
        qualifier: 'id-only',
        tool: 'stripe/customers/id-only',
        canonical: 'read:stripe:customers:id-only',
      },
      bare: null,
      covered: true,
      uncovered: false,
      denied: false,
      none: false,
    })
    expect((await harness.requests()).filter((request) => request.includes('mcp/'))).toEqual([])
  })

  test.each([
    ['scope("read", "stripe")', '"stripe" is not a tool'],
    ['scope("look", "stripe/invoices")', 'look'],
    ['scope("read:stripe", "stripe/invoices")', 'not a capability'],
    ['parse_scope("read")', 'read'],
    ['parse_scope("")', ''],
    ['scope_covers(["nonsense"], "read:stripe:invoices")', 'nonsense'],
    ['scope_covers(["read:stripe:invoices"], "nonsense")', 'nonsense'],
  ])('%s is refused at its argument', async (call, said) => {
    const { workspace } = harness
    await workspace.write('main.tf', `${requirement}output "it" {\n  value = provider::mcp::${call}\n}\n`)
    await workspace.init()
    const refused = await workspace.run(['plan', '-no-color'], nobody)
    expect(refused.code).toBe(1)
    expect(refused.text).toMatch(/Invalid function argument/)
    expect(refused.text).toMatch(/on main\.tf line 10, in output "it":/)
    expect(refused.text).toContain(said)
  })

  test("policy documents are written, and read back by the engine's own parser", async () => {
    const { workspace } = harness
    const configuration = `data "mcp_policy_document" "it" {
  rules = [
    { tool = "stripe/invoices", capabilities = ["read", "list"], description = "all of them" },
    { tool = "stripe/customers/*", capabilities = ["deny"] },
    { tool = "stripe/refunds", capabilities = ["create"], denied_parameters = { amount = [] }, allowed_parameters = { "*" = [], reason = ["duplicate", "quote \\" and \\\\ and $\${x}"] }, required_parameters = ["charge"] },
  ]
}
`
    await workspace.write(
      'main.tf',
      `${requirement}${configuration}output "it" {\n  value = data.mcp_policy_document.it.policy\n}\n`,
    )
    await workspace.init()
    const text = (await workspace.plan(nobody)).planned_values.outputs?.it?.value as string
    expect(text).toContain('path "tools/stripe/invoices" {')
    await harness.engine('POST', 'policies/written', {
      policy: text.replace('path "tools/stripe/customers/*"', 'path "tools/stripe/customers"'),
    })
    expect((await workspace.run(['plan', '-no-color'], { ...nobody, VAULT_ADDR: 'http://127.0.0.1:9' })).code).toBe(0)
  })
})

describe.each(targets)('data on $TARGET', (target) => {
  const harness = terraformHarness(target)

  test('says who may use what, and why', async () => {
    const { workspace } = harness
    await harness.engine('POST', 'upstreams/stripe', { url: 'https://api.stripe.com' })
    await harness.engine('POST', 'tools/stripe/invoices', { operations: ['GET /v1/invoices'] })
    await harness.engine('POST', 'tools/stripe/refunds', { operations: ['POST /v1/refunds'] })
    await harness.engine('POST', 'agents/billing', { owner: 'platform-team', environment: 'production' })
    await harness.engine('POST', 'agents/billing/scopes', { scopes: ['read:stripe:invoices'] })
    await harness.engine('POST', 'agents/asleep', { owner: 'platform-team', environment: 'production', disabled: true })
    const accessCheck = (name: string, body: string) => `data "mcp_access_check" "${name}" {\n${body}\n}\n`
    await workspace.write(
      'main.tf',
      `${header}${accessCheck('may', 'agent = "billing"\ntool = "stripe/invoices"')}${accessCheck('not', 'agent = "billing"\ntool = "stripe/refunds"\ncapability = "create"')}${accessCheck('gone', 'agent = "nobody"\ntool = "stripe/invoices"')}${accessCheck('asleep', 'agent = "asleep"\ntool = "stripe/invoices"')}${accessCheck('missing', 'agent = "billing"\ntool = "stripe/nothing"')}data "mcp_agents" "all" {}
output "it" {
  value = { for name, it in { may = data.mcp_access_check.may, not = data.mcp_access_check.not, gone = data.mcp_access_check.gone, asleep = data.mcp_access_check.asleep, missing = data.mcp_access_check.missing } : name => [it.allowed, it.reason] }
}
output "agents" {
  value = data.mcp_agents.all.names
}
check "least_privilege" {
  assert {
    condition     = !data.mcp_access_check.may.allowed
    error_message = "billing reads invoices: \${data.mcp_access_check.may.reason}"
  }
}
`,
    )
    await workspace.init()
    const {
      planned_values: { outputs },
    } = await workspace.plan()
    expect(outputs?.agents?.value).toEqual(['asleep', 'billing'])
    expect(outputs?.it?.value).toMatchObject({
      may: [true, 'read on tools/stripe/invoices is granted.'],
      not: [false, expect.stringMatching(/create/)],
      gone: [false, 'Agent nobody is not registered.'],
      asleep: [false, 'Agent asleep is disabled.'],
      missing: [false, 'Tool stripe/nothing does not exist.'],
    })
    expect((await workspace.ok(['plan', '-no-color'])).text).toMatch(
      /Warning: Check block assertion failed[\s\S]*billing reads invoices/,
    )
  })
})

describe('what it says of itself', () => {
  const harness = terraformHarness()

  test('the schema names everything there is, each with a description', async () => {
    const { workspace } = harness
    await workspace.write('main.tf', requirement)
    await workspace.init()
    type Block = {
      readonly attributes?: Readonly<
        Record<
          string,
          {
            readonly description?: string
            readonly nested_type?: Block
            readonly write_only?: boolean
            readonly sensitive?: boolean
          }
        >
      >
      readonly description?: string
    }
    const { provider_schemas: all } = JSON.parse(
      (await workspace.ok(['providers', 'schema', '-json'], nobody)).stdout,
    ) as {
      provider_schemas: Readonly<
        Record<
          string,
          Readonly<Record<string, Readonly<Record<string, { readonly block: Block; readonly description?: string }>>>>
        >
      >
    }
    const schema = all['terraform.local/mcp/mcp']!
    const names = (kind: string) => Object.keys(schema[kind] ?? {}).sort()
    expect(names('resource_schemas')).toEqual([
      'mcp_agent',
      'mcp_agent_scopes',
      'mcp_config',
      'mcp_policy',
      'mcp_tool',
      'mcp_upstream',
    ])
    expect(names('data_source_schemas')).toEqual([
      'mcp_access_check',
      'mcp_agents',
      'mcp_policy_document',
      'mcp_preset',
    ])
    expect(names('ephemeral_resource_schemas')).toEqual(['mcp_creds'])
    expect(names('functions')).toEqual(['parse_scope', 'scope', 'scope_covers'])
    const undescribed = (where: string, { attributes = {} }: Block): string[] =>
      Object.entries(attributes).flatMap(([name, attribute]) => [
        ...(attribute.description ? [] : [`${where}.${name}`]),
        ...(attribute.nested_type ? undescribed(`${where}.${name}`, attribute.nested_type) : []),
      ])
    const blocks = ['resource_schemas', 'data_source_schemas', 'ephemeral_resource_schemas'].flatMap((kind) =>
      Object.entries(schema[kind]!),
    )
    expect(
      blocks.flatMap(([name, { block }]) => [...(block.description ? [] : [name]), ...undescribed(name, block)]),
    ).toEqual([])
    expect(undescribed('provider', (schema.provider as unknown as { block: Block }).block)).toEqual([])
    const { key_wo: key } = schema.resource_schemas!.mcp_upstream!.block.attributes!
    expect([key!.write_only, key!.sensitive]).toEqual([true, true])
  })

  test('terraform test runs files of tests, and leaves nothing behind', async () => {
    const { workspace } = harness
    await workspace.write(
      'main.tf',
      `${header}variable "owner" {
  type    = string
  default = "platform-team"
}
resource "mcp_agent" "it" {
  name        = "billing"
  owner       = var.owner
  environment = "production"
}
resource "mcp_agent_scopes" "it" {
  agent  = mcp_agent.it.name
  scopes = [provider::mcp::scope("read", "stripe/invoices")]
}
`,
    )
    await workspace.write(
      'tests/agent.tftest.hcl',
      `run "plan" {
  command = plan
  assert {
    condition     = mcp_agent_scopes.it.max_ttl_seconds == 900
    error_message = "the default is not in the plan"
  }
}
run "make" {
  assert {
    condition     = mcp_agent.it.id == "mcp/agents/billing"
    error_message = mcp_agent.it.id
  }
}
run "change" {
  variables {
    owner = "billing-team"
  }
  assert {
    condition     = mcp_agent.it.owner == "billing-team"
    error_message = mcp_agent.it.owner
  }
}
`,
    )
    await workspace.init()
    const ran = await workspace.ok(['test', '-no-color'])
    expect(ran.text).toMatch(/run "plan"\.\.\. pass[\s\S]*run "make"\.\.\. pass[\s\S]*run "change"\.\.\. pass/)
    expect((await harness.server.api('GET', 'mcp/agents/billing')).status).toBe(404)
  })
})
