import { describe, expect, test } from 'vitest'
import { header, requirement, targets, terraformHarness } from './harness.ts'

const agents = `resource "mcp_agent" "billing" {
  name        = "billing"
  owner       = "platform-team"
  environment = "production"
}
resource "mcp_agent" "support" {
  name        = "support"
  owner       = "platform-team"
  environment = "production"
}
`

describe.each(targets)('at scale on $TARGET', (target) => {
  const harness = terraformHarness(target)

  test('200 resources, ten at a time: made, nothing to do then, and destroyed', async () => {
    const { workspace } = harness
    await workspace.write(
      'main.tf',
      `${header}resource "mcp_agent" "many" {
  count       = 100
  name        = "agent-\${count.index}"
  owner       = "platform-team"
  environment = "production"
}
resource "mcp_agent_scopes" "many" {
  count  = 100
  agent  = mcp_agent.many[count.index].name
  scopes = ["read:stripe:invoices", "list:stripe:customers"]
}
`,
    )
    await workspace.init()
    expect((await workspace.ok(['apply', '-auto-approve', '-no-color', '-parallelism=10'])).text).toContain(
      '200 added, 0 changed, 0 destroyed',
    )
    expect((await workspace.ok(['plan', '-no-color', '-detailed-exitcode', '-parallelism=10'])).text).toContain(
      'No changes.',
    )
    expect((await workspace.ok(['destroy', '-auto-approve', '-no-color', '-parallelism=10'])).text).toContain(
      '200 destroyed',
    )
    expect((await harness.server.api('LIST', 'mcp/agents')).status).toBe(404)
  })
})

describe('parts of a plan', () => {
  const harness = terraformHarness()

  test('a saved plan is what is applied, whatever the configuration says by then', async () => {
    const { workspace } = harness
    await workspace.write('main.tf', `${header}${agents}`)
    await workspace.init()
    expect(await workspace.actions()).toEqual({ 'mcp_agent.billing': 'create', 'mcp_agent.support': 'create' })
    await workspace.edit('main.tf', (text) => text.replaceAll('platform-team', 'somebody-else'))
    await workspace.applyPlanned()
    expect((await harness.engine('GET', 'agents/billing')).body).toMatchObject({ data: { owner: 'platform-team' } })
    expect(await workspace.actions()).toEqual({ 'mcp_agent.billing': 'update', 'mcp_agent.support': 'update' })
  })

  test('a plan that has become stale is refused', async () => {
    const { workspace } = harness
    await workspace.write('main.tf', `${header}${agents}`)
    await workspace.init()
    await workspace.actions()
    await workspace.apply()
    expect((await workspace.run(['apply', '-no-color', 'tfplan'])).text).toContain('Saved plan is stale')
  })

  test('-target makes one thing and leaves the others', async () => {
    const { workspace } = harness
    await workspace.write('main.tf', `${header}${agents}`)
    await workspace.init()
    expect(await workspace.actions({}, ['-target=mcp_agent.support'])).toEqual({ 'mcp_agent.support': 'create' })
    await workspace.applyPlanned()
    expect((await harness.server.api('GET', 'mcp/agents/billing')).status).toBe(404)
    expect(await workspace.actions()).toEqual({ 'mcp_agent.billing': 'create' })
    await workspace.applyPlanned()
    await workspace.ok(['destroy', '-auto-approve', '-no-color', '-target=mcp_agent.support'])
    expect([
      (await harness.server.api('GET', 'mcp/agents/billing')).status,
      (await harness.server.api('GET', 'mcp/agents/support')).status,
    ]).toEqual([200, 404])
  })

  test('what was made before something failed stays, and the next apply makes the rest', async () => {
    const { workspace } = harness
    const scopes = (agent: string) =>
      `resource "mcp_agent_scopes" "late" {\n  agent = ${agent}\n  environment = mcp_agent.billing.name\n  scopes = []\n}\n`
    await workspace.write('main.tf', `${header}${agents}${scopes('"nobody"')}`)
    await workspace.init()
    // Only the engine knows who is registered.
    expect((await workspace.run(['apply', '-auto-approve', '-no-color'])).text).toMatch(
      /Error: agent "nobody" is not registered/,
    )
    await workspace.write('main.tf', `${header}${agents}${scopes('mcp_agent.billing.name')}`)
    expect(await workspace.actions()).toEqual({ 'mcp_agent_scopes.late': 'create' })
    await workspace.applyPlanned()
    expect(await workspace.planCode()).toBe(0)
  })

  test('-refresh-only and -replace do as they say', async () => {
    const { workspace } = harness
    await workspace.write('main.tf', `${header}${agents}`)
    await workspace.init()
    await workspace.apply()
    await harness.engine('POST', 'agents/billing', { owner: 'somebody' })
    await workspace.ok(['apply', '-auto-approve', '-no-color', '-refresh-only'])
    expect((await workspace.attributes('mcp_agent.billing')).owner).toBe('somebody')
    expect(await workspace.actions({}, ['-replace=mcp_agent.support'])).toEqual({
      'mcp_agent.billing': 'update',
      'mcp_agent.support': 'delete+create',
    })
    await workspace.applyPlanned()
    expect(await workspace.planCode()).toBe(0)
  })
})

/** Values that are not known before the apply, of every type. */
const later = `resource "terraform_data" "later" {
  input = {
    upstream = "stripe"
    url      = "https://api.stripe.com"
    tool     = "invoices"
    agent    = "billing"
    policy   = "path \\"tools/stripe/invoices\\" { capabilities = [\\"read\\"] }"
    text     = "platform-team"
    scope    = "read:stripe:invoices"
    method   = "GET"
    path     = "/v1/invoices"
    yes      = true
    seconds  = 300
    version  = 1
    labels   = { Stripe-Version = "2025-03-31" }
    names    = ["billing-read"]
  }
}
locals {
  later = terraform_data.later.output
}
`
const fedLate = `resource "mcp_config" "it" {
  default_ttl        = local.later.seconds
  allow_wildcards    = local.later.yes
  environment_labels = { production-eu = local.later.upstream == "" ? "prodeu" : "prodeu" }
}
resource "mcp_upstream" "it" {
  name                    = local.later.upstream
  url                     = local.later.url
  headers                 = local.later.labels
  allow_private_addresses = local.later.yes
  timeout                 = local.later.seconds
  max_request_bytes       = local.later.seconds * 1024
  key_wo                  = "sk_live_known-late-\${local.later.version}"
  key_wo_version          = local.later.version
}
resource "mcp_tool" "it" {
  upstream   = local.later.upstream
  name       = local.later.tool
  operations = [{ method = local.later.method, path = local.later.path, parameters = [local.later.text] }, { method = "GET", path = "/v1/invoices/{id}" }]
  fields     = ["data[].id", local.later.text]
  mcp_tools  = local.later.names
  risk       = local.later.yes ? "low" : "high"
}
resource "mcp_policy" "it" {
  name   = local.later.names[0]
  policy = local.later.policy
}
resource "mcp_agent" "it" {
  name        = local.later.agent
  owner       = local.later.text
  environment = local.later.yes ? "production" : "staging"
  description = local.later.text
  policies    = local.later.names
  disabled    = !local.later.yes
}
resource "mcp_agent_scopes" "it" {
  agent           = mcp_agent.it.name
  environment     = local.later.yes ? "staging" : "dev"
  scopes          = [local.later.scope, provider::mcp::scope("list", "\${local.later.upstream}/\${local.later.tool}")]
  max_ttl_seconds = local.later.seconds
}
data "mcp_policy_document" "it" {
  rules = [{ tool = mcp_tool.it.id, capabilities = [local.later.yes ? "read" : "list"], required_parameters = local.later.names }]
}
data "mcp_access_check" "it" {
  agent       = mcp_agent.it.id
  tool        = mcp_tool.it.id
  environment = mcp_agent_scopes.it.environment
}
ephemeral "mcp_creds" "it" {
  agent       = mcp_agent_scopes.it.agent
  environment = mcp_agent_scopes.it.environment
  ttl         = local.later.seconds
}
output "text" {
  value = "\${data.mcp_policy_document.it.policy}\${data.mcp_access_check.it.reason}"
}
`

describe.each(targets)('values that are known late on $TARGET', (target) => {
  const harness = terraformHarness(target)

  test('feed every argument, and then there is nothing to do', async () => {
    const { workspace } = harness
    await workspace.write('main.tf', `${header}${later}${fedLate}`)
    harness.secret('sk_live_known-late-1')
    await workspace.init()
    const actions = await workspace.actions()
    expect(Object.entries(actions).filter(([, action]) => action !== 'create')).toEqual([])
    await workspace.applyPlanned()
    expect(await workspace.planCode()).toBe(0)
    expect((await harness.engine('GET', 'tools/stripe/invoices')).body).toMatchObject({
      data: { mcp_tools: ['billing-read'], fields: ['data[].id', 'platform-team'] },
    })

    // All of it becomes unknown once more, and comes to the same.
    const again = await workspace.actions({}, ['-replace=terraform_data.later'])
    expect(again['terraform_data.later']).toBe('delete+create')
    await workspace.applyPlanned()
    expect(await workspace.planCode()).toBe(0)
    await workspace.destroy()
  })

  test('feed the provider block too', async () => {
    const { workspace } = harness
    await workspace.write(
      'main.tf',
      `${requirement}resource "terraform_data" "server" {
  input = { address = "${harness.server.address}", mount = "mcp", seconds = 60, retries = 1, namespace = "" }
}
provider "mcp" {
  address         = terraform_data.server.output.address
  mount           = terraform_data.server.output.mount
  timeout_seconds = terraform_data.server.output.seconds
  max_retries     = terraform_data.server.output.retries
  namespace       = terraform_data.server.output.namespace
}
${agents}resource "mcp_agent_scopes" "it" {
  agent  = mcp_agent.billing.name
  scopes = ["read:stripe:invoices"]
}
`,
    )
    await workspace.init()
    const env = { VAULT_ADDR: 'http://127.0.0.1:9' }
    expect(await workspace.actions(env)).toMatchObject({
      'mcp_agent.billing': 'create',
      'mcp_agent_scopes.it': 'create',
    })
    await workspace.applyPlanned(env)
    expect(await workspace.planCode(env)).toBe(0)
    // The provider is unknown again while there is something to read: that is said, with what to do.
    const unreadable = await workspace.run(['plan', '-no-color', '-replace=terraform_data.server'], env)
    expect(unreadable.text).toContain('not known yet')
    await workspace.destroy(env)
  })
})
