/** What `mcp-vault tools suggest -as=terraform` prints is Terraform: taken as it is, applied, and without a difference afterwards. */
import { describe, expect, test } from 'vitest'
import { call } from '../../cli/recorded.ts'
import { shellAt } from '../../cli/terminal.ts'
import { header, targets, terraformHarness } from './harness.ts'

const operations = [
  { method: 'GET', path: '/orders/{id}', parameters: ['limit', 'created[gte]'] },
  { method: 'POST', path: '/orders', denied_parameters: ['expand', 'a"b'] },
  { method: 'GET', path: '/prices/${currency}', body: true },
  { method: 'POST', path: '/find', capability: 'read' },
  // Not used: so that what was becomes a tool of the agent's.
  { method: 'GET', path: '/unused' },
  { method: 'POST', path: '/unused' },
]
const fields = ['data[].id[scalar]', 'naïve "name" %{a} ${b}']
const used = [
  call('GET /orders/{id}', ['2nd']),
  call('POST /orders', ['2nd']),
  call('GET /prices/${currency}', ['2nd']),
  call('POST /find', ['2nd']),
]

describe.each(targets)('on $TARGET', (target) => {
  const harness = terraformHarness(target)

  test('a proposal is in force as it was printed, in one apply', async () => {
    const { workspace, server, engine } = harness
    await engine('PUT', 'upstreams/shop', { url: 'https://api.shop.example' })
    await engine('PUT', 'tools/shop/2nd', { operations, fields, risk: 'medium' })
    await engine('PUT', 'agents/helper', { owner: 'o', environment: 'production' })
    await engine('PUT', 'agents/helper/scopes', { scopes: ['read:shop:2nd', 'create:shop:2nd'] })
    const shell = await shellAt(server.address, { env: { VAULT_TOKEN: server.rootToken } })
    await shell.write('audit.jsonl', used.map((line) => `${line}\n`).join(''))
    const suggest = async (...flags: string[]) => {
      const { code, out, err } = await shell.mcpVault('tools', 'suggest', 'audit.jsonl', '-agent=helper', ...flags)
      expect([code, err]).toEqual([0, ''])
      return out
    }
    const proposal = JSON.parse(await suggest('-format=json')) as {
      suggestions: { tools: { name: string }[]; scopes: string[] }[]
    }
    const [{ tools, scopes }] = proposal.suggestions as [(typeof proposal.suggestions)[0]]
    expect(scopes.length).toBeGreaterThan(0)

    await engine('DELETE', 'agents/helper/scopes')
    await workspace.write('main.tf', header)
    await workspace.write('suggested.tf', await suggest('-as=terraform'))
    await workspace.init()
    await workspace.ok(['validate', '-no-color'])
    await workspace.ok(['fmt', '-no-color', 'suggested.tf'])
    await workspace.apply()
    expect(await workspace.planCode()).toBe(0)
    const inForce = (await engine('GET', 'agents/helper/scopes')).body as { data: { scopes: string[] } }
    expect([...inForce.data.scopes].sort()).toEqual([...scopes].sort())
    expect(tools.length).toBeGreaterThan(0)
    expect(await suggest()).toContain('Nothing to write: all of it is in force.')
    await workspace.destroy()
  })
})
