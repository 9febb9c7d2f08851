import { beforeEach, expect, it } from 'vitest'
import { embeddedShell } from './embedded.ts'

const { v, shell, shellWith } = embeddedShell()

beforeEach(async () => {
  await v('kv put -mount=secret mcp/stripe api_key=sk_live_0123456789')
  await v('kv metadata put -mount=secret -custom-metadata=mcp_origins=https://api.stripe.com mcp/stripe')
  await v('write mcp/upstreams/stripe url=https://api.stripe.com')
})

it('says that all is well where the defaults cover everything', async () => {
  expect(await v('consent migrate')).toBe(
    "mcp/stripe  uses secret/mcp/stripe: ok\nAll 1 uses of keys have their owners' consent.\n",
  )
})

it('names what is missing with the command that gives it, which then works', async () => {
  await v('write mcp/upstreams/shop url=https://api.shop.example kv_path=mcp/stripe auth=header:X-Note')
  const before = await v('kv metadata get -mount=secret mcp/stripe')
  const out = await v('consent migrate')
  expect(await v('kv metadata get -mount=secret mcp/stripe')).toBe(before)
  const command =
    'kv metadata patch -mount=secret -custom-metadata=mcp_origins=https://api.stripe.com,https://api.shop.example -custom-metadata=mcp_upstreams=mcp/stripe,mcp/shop -custom-metadata=mcp_auth=header:X-Note mcp/stripe'
  expect(out).toContain(
    'mcp/shop  uses secret/mcp/stripe: missing mcp_origins=https://api.shop.example, mcp_upstreams=mcp/shop, mcp_auth=header:X-Note\n',
  )
  expect(out).toContain(`vault ${command}\n`)
  await v(command)
  expect(await v('consent migrate')).toContain('mcp/shop  uses secret/mcp/stripe: ok')
})

it('looks at the secret of every environment that agents name, and answers in JSON', async () => {
  await v('write mcp/agents/billing owner=o environment=production')
  await v('write mcp/agents/support owner=o environment=staging')
  await v('write mcp/upstreams/crm url=https://crm.example kv_path=mcp/{{environment}}/crm')
  const findings = JSON.parse(await v('consent migrate -format=json')) as { upstream: string; secret: string }[]
  expect(findings.filter(({ upstream }) => upstream === 'mcp/crm').map(({ secret }) => secret)).toEqual([
    'secret/mcp/production/crm',
    'secret/mcp/staging/crm',
  ])
})

it('says where the metadata may not be read, and never reads a key', async () => {
  await shell().write(
    'p.hcl',
    'path "mcp/upstreams/*" { capabilities = ["read", "list"] }\npath "mcp/upstreams" { capabilities = ["list"] }\npath "mcp/agents" { capabilities = ["list"] }',
  )
  await v('policy write narrow p.hcl')
  const { auth } = JSON.parse(await v('token create -policy=narrow -format=json')) as { auth: { client_token: string } }
  const narrow = await shellWith({ env: { VAULT_TOKEN: auth.client_token } })
  const { out, code } = await narrow.mcpVault('consent', 'migrate')
  expect([code, out]).toEqual([0, expect.stringContaining("may not read the secret's metadata")])
})
