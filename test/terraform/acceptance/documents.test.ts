import { describe, expect, test } from 'vitest'
import { header, targets, terraformHarness } from './harness.ts'
import type { TerraformHarness } from './harness.ts'

/** One resource of each kind: as it is made, changed in place, and called otherwise. `id` is what it is imported by. */
interface Kind {
  readonly type: string
  readonly id: string
  readonly made: string
  readonly changed: string
  /** Undefined where there is one only. */
  readonly renamed: string | undefined
  /** Made beforehand, in the server. */
  readonly needs?: readonly (readonly [path: string, body: object])[]
  /** A change by someone else, at the path of the id. */
  readonly drift: object
  /** Gone after a delete; config is never gone. */
  readonly lasting?: boolean
}

const kinds: readonly Kind[] = [
  {
    type: 'mcp_config',
    id: 'mcp/config',
    lasting: true,
    made: 'default_ttl = 600\nenvironment_labels = { production-eu = "prodeu" }',
    changed: 'default_ttl = 300\nallow_wildcards = true',
    renamed: undefined,
    drift: { default_ttl: 1200 },
  },
  {
    type: 'mcp_upstream',
    id: 'mcp/upstreams/stripe',
    made: 'name = "stripe"\nurl = "https://api.stripe.com"',
    changed:
      'name = "stripe"\nurl = "https://api.stripe.com/v1"\nsensitivity = "high"\nheaders = { Stripe-Version = "2025-03-31" }',
    renamed: 'name = "stripe-eu"\nurl = "https://api.stripe.com"',
    drift: { timeout: 5 },
  },
  {
    type: 'mcp_tool',
    id: 'mcp/tools/stripe/customers/id-only',
    needs: [['upstreams/stripe', { url: 'https://api.stripe.com' }]],
    made: 'upstream = "stripe"\nname = "customers/id-only"\noperations = [{ method = "GET", path = "/v1/customers" }]\nfields = ["data[].id", "has_more"]',
    changed:
      'upstream = "stripe"\nname = "customers/id-only"\noperations = [{ method = "GET", path = "/v1/customers" }, { method = "GET", path = "/v1/customers/{id}", parameters = ["limit"] }]\nfields = ["data[].id"]\nrisk = "low"',
    renamed: 'upstream = "stripe"\nname = "customers"\noperations = [{ method = "GET", path = "/v1/customers" }]',
    drift: { operations: ['POST /v1/customers'] },
  },
  {
    type: 'mcp_policy',
    id: 'mcp/policies/billing-read',
    made: 'name = "billing-read"\npolicy = <<-EOT\n  path "tools/stripe/invoices" {\n    capabilities = ["read"]\n  }\nEOT',
    changed: 'name = "billing-read"\npolicy = "path \\"tools/stripe/customers\\" { capabilities = [\\"read\\"] }"',
    renamed: 'name = "billing"\npolicy = "path \\"tools/stripe/customers\\" { capabilities = [\\"read\\"] }"',
    drift: { policy: 'path "tools/stripe/refunds" { capabilities = ["create"] }' },
  },
  {
    type: 'mcp_agent',
    id: 'mcp/agents/claude-billing-agent',
    made: 'name = "claude-billing-agent"\nowner = "platform-team"\nenvironment = "production"',
    changed:
      'name = "claude-billing-agent"\nowner = "billing-team"\nenvironment = "production"\ndescription = "Handles billing"\ndisabled = true',
    renamed: 'name = "claude-agent"\nowner = "platform-team"\nenvironment = "production"',
    drift: { owner: 'somebody' },
  },
  {
    type: 'mcp_agent_scopes',
    id: 'mcp/agents/claude-billing-agent/scopes',
    needs: [
      ['agents/claude-billing-agent', { owner: 'platform-team', environment: 'production' }],
      ['agents/other', { owner: 'platform-team', environment: 'production' }],
    ],
    made: 'agent = "claude-billing-agent"\nscopes = ["read:stripe:invoices", "read:stripe:customers:id-only"]',
    changed: 'agent = "claude-billing-agent"\nscopes = ["read:stripe:invoices"]\nmax_ttl_seconds = 300',
    renamed: 'agent = "other"\nscopes = ["read:stripe:invoices"]',
    drift: { max_ttl_seconds: 60 },
  },
]

const resource = (type: string, body: string): string => `${header}resource "${type}" "it" {\n${body}\n}\n`

async function ready(harness: TerraformHarness, { type, made, needs = [] }: Kind): Promise<void> {
  for (const [path, body] of needs) await harness.engine('POST', path, body)
  await harness.workspace.write('main.tf', resource(type, made))
  await harness.workspace.init()
}

describe.each(targets)('on $TARGET', (target) => {
  const harness = terraformHarness(target)

  describe.each(kinds)('$type', (kind) => {
    const { type, id, made, changed, renamed, drift, lasting = false } = kind
    const address = `${type}.it`
    const path = id.slice('mcp/'.length)

    test('is made, changed in place, called otherwise by replacement, and destroyed; in between there is nothing to do', async () => {
      const { workspace } = harness
      await ready(harness, kind)
      expect(await workspace.actions()).toEqual({ [address]: 'create' })
      await workspace.applyPlanned()
      expect(await workspace.actions()).toEqual({})
      expect((await workspace.attributes(address)).id).toBe(id)

      await workspace.write('main.tf', resource(type, changed))
      expect(await workspace.actions()).toEqual({ [address]: 'update' })
      await workspace.applyPlanned()

      await workspace.write('main.tf', resource(type, renamed ?? made))
      expect(await workspace.actions()).toEqual({ [address]: renamed === undefined ? 'update' : 'delete+create' })
      await workspace.applyPlanned()
      expect(await workspace.planCode()).toBe(0)
      expect((await harness.server.api('GET', id)).status).toBe(lasting ? 200 : 404)

      await workspace.destroy()
      expect((await workspace.ok(['state', 'list'])).stdout).toBe('')
    })

    test('is imported by its id, and then there is nothing to do', async () => {
      const { workspace } = harness
      await ready(harness, kind)
      await workspace.apply()
      await workspace.forget()
      await workspace.ok(['import', '-no-color', address, id])
      expect(await workspace.planCode()).toBe(0)
    })

    test('is imported by a block, with a configuration that is written for it and is clean', async () => {
      const { workspace } = harness
      await ready(harness, kind)
      await workspace.apply()
      await workspace.forget()
      await workspace.write('main.tf', `${header}import {\n  to = ${address}\n  id = "${id}"\n}\n`)
      const planned = await workspace.ok(['plan', '-no-color', '-out=tfplan', '-generate-config-out=generated.tf'])
      expect(planned.text).toMatch(/1 to import, 0 to add, 0 to change, 0 to destroy/)
      await workspace.ok(['fmt', '-check', 'generated.tf'])
      await workspace.applyPlanned()
      await workspace.write('main.tf', header)
      expect(await workspace.planCode()).toBe(0)
    })

    test('is fixed when someone else changes it, and made again when someone else deletes it', async () => {
      const { workspace } = harness
      await ready(harness, kind)
      await workspace.apply()
      const field = Object.keys(drift)[0]!
      const current = async () =>
        ((await harness.engine('GET', path)).body as { data: Record<string, unknown> }).data[field]
      const before = await current()
      await harness.engine('POST', path, drift)
      expect(await workspace.actions()).toEqual({ [address]: 'update' })
      await workspace.applyPlanned()
      expect(await current()).toEqual(before)

      await harness.engine('DELETE', path)
      expect(await workspace.actions()).toEqual({ [address]: lasting ? 'update' : 'create' })
      await workspace.applyPlanned()
      expect(await current()).toEqual(before)
      expect(await workspace.planCode()).toBe(0)
    })
  })
})
