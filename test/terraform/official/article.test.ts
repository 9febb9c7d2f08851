/** The article's deployment with the unmodified hashicorp/vault provider: vault-config/terraform/examples/article-official. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Server } from '../../acceptance/target/index.ts'
import { must } from '../../acceptance/target/server.ts'
import { servers } from './servers.ts'
import { openWorkspace } from './workspace.ts'
import type { Workspace } from './workspace.ts'

const provider = process.env.VAULT_PROVIDER_BIN ?? ''
const AGENT = 'claude-billing-agent'
const SCOPES = ['read:stripe:invoices', 'read:stripe:customers:id-only', 'read:stripe:events', 'read:github:prs:status']
const KEYS = { stripe: 'sk_live_canary51HqLyjWDarjtT1', github: 'ghp_canary16C7e42F292c6912E7' }
const ROTATED = { ...KEYS, stripe: 'sk_live_canaryROTATED9f86d081' }

const unchanged = 0
const changes = 2

describe.skipIf(provider === '').each(servers)('the official route (VAULT_PROVIDER_BIN) on $name', ({ start }) => {
  let server: Server
  let terraform: Workspace
  /** Before anything was provisioned. */
  let before: unknown

  const keys = (given: Record<string, string>) => ({ TF_VAR_keys: JSON.stringify(given) })
  const plan = async (env = {}) => (await terraform.run(['plan', '-detailed-exitcode'], env)).code
  const apply = () => terraform.must(['apply', '-auto-approve'])
  const data = async (path: string, token?: string) =>
    (await server.api('GET', path, token === undefined ? {} : { token })).body?.data
  const names = async (path: string) => (await server.api('LIST', path)).body?.data?.keys ?? []
  const present = async () => ({
    mounts: Object.keys(await data('sys/mounts')).sort(),
    auth: Object.keys(await data('sys/auth')).sort(),
    policies: await names('sys/policies/acl'),
    registered: (await data('sys/plugins/catalog')).detailed.filter((entry: { builtin: boolean }) => !entry.builtin),
    leases: await names('sys/leases/lookup/mcp'),
  })
  /** Logs in as somebody who was handed a role id and a secret id. */
  const login = async (role: string): Promise<string> => {
    const { role_id } = await data(`auth/approle/role/${role}/role-id`)
    const { body } = await must(server.api('POST', `auth/approle/role/${role}/secret-id`), 'making a secret id')
    const response = await must(
      server.api('POST', 'auth/approle/login', { token: '', body: { role_id, secret_id: body.data.secret_id } }),
      'logging in',
    )
    return response.body.auth.client_token as string
  }

  beforeAll(async () => {
    const started = await start()
    server = started.server
    before = await present()
    terraform = await openWorkspace('examples/article-official', {
      provider,
      env: {
        VAULT_ADDR: server.address,
        VAULT_TOKEN: server.rootToken,
        TF_VAR_plugin: started.plugin,
        TF_VAR_create_kv_mount: 'true',
        ...keys(KEYS),
      },
    })
  })
  afterAll(async () => {
    await terraform?.close()
    await server?.stop()
  })

  it('is valid', async () => {
    expect(await terraform.must(['validate'])).toContain('The configuration is valid')
  })

  it('is provisioned by one apply, and the second plan is empty', async () => {
    expect(await plan()).toBe(changes)
    await terraform.must(['plan', '-out=first.tfplan'])
    expect(await terraform.must(['apply', 'first.tfplan'])).toContain('Apply complete!')
    expect(await plan()).toBe(unchanged)
    expect(await data('mcp/upstreams/stripe')).toMatchObject({
      url: 'https://api.stripe.com',
      kv_path: 'mcp/stripe',
      sensitivity: 'high',
    })
    expect(await names('mcp/tools/stripe')).toEqual(['customers/id-only', 'events', 'invoices', 'refunds'])
    expect(await data(`mcp/agents/${AGENT}/scopes`)).toMatchObject({ scopes: SCOPES, max_ttl_seconds: 900 })
    expect((await data('secret/metadata/mcp/stripe')).custom_metadata).toEqual({
      mcp_origins: 'https://api.stripe.com',
    })
    expect((await data('sys/mounts/mcp')).config).toMatchObject({ default_lease_ttl: 900, max_lease_ttl: 3600 })
  })

  it("writes the shipped policies as they stand, and the agent's with its name in it", async () => {
    for (const name of ['operator', 'auditor', 'service', 'gateway', 'terraform', 'agent']) {
      const shipped = await readFile(new URL(`../../../vault-config/policies/mcp-${name}.hcl`, import.meta.url), 'utf8')
      const written = name === 'agent' ? `mcp-agent-${AGENT}` : `mcp-${name}`
      expect((await data(`sys/policies/acl/${written}`)).policy).toBe(
        shipped.replaceAll('{{identity.entity.name}}', AGENT),
      )
    }
  })

  it('lets the agent open sessions of its own, and nothing else', async () => {
    const token = await login(AGENT)
    const { status, body } = await server.api('PUT', `mcp/creds/${AGENT}`, {
      token,
      body: { purpose: 'reconciliation' },
    })
    expect([status, body.data.scopes]).toEqual([200, SCOPES])
    for (const [method, path] of [
      ['PUT', 'mcp/creds/another'],
      ['PUT', 'mcp/introspect'],
      ['GET', `mcp/agents/${AGENT}`],
      ['GET', 'secret/data/mcp/stripe'],
    ] as const) {
      expect([
        path,
        (await server.api(method, path, { token, ...(method === 'PUT' && { body: { token: 'x' } }) })).status,
      ]).toEqual([path, 403])
    }
    await must(
      server.api('PUT', 'sys/leases/revoke', { body: { lease_id: body.lease_id, sync: true } }),
      'ending the session',
    )
  })

  it('lets a gateway read keys, documents and the feed, and issue nothing', async () => {
    const token = await login('mcp-gateway')
    expect((await data('secret/data/mcp/stripe', token)).data).toEqual({ api_key: KEYS.stripe })
    expect(await data('mcp/tools/stripe/invoices', token)).toMatchObject({ mcp_tools: ['list_invoices'] })
    expect((await data('mcp/feed?wait=0', token)).reset).toBe(true)
    expect((await server.api('PUT', `mcp/creds/${AGENT}`, { token })).status).toBe(403)
    expect((await data('auth/token/lookup-self', token)).policies).toEqual(['mcp-gateway'])
  })

  it('refuses a plan without a key that it is to write, and says which', async () => {
    const { code, output } = await terraform.run(['plan'], keys({ github: KEYS.github }))
    expect([code, output]).toEqual([1, expect.stringContaining('var.keys has no key of stripe')])
    expect(output).not.toContain('no key of github')
    expect((await data('secret/data/mcp/stripe')).metadata.version).toBe(1)
  })

  it('rotates a key by its version, and writes a new origin without writing the key', async () => {
    await terraform.edit('main.tf', 'key_version = 1 # a', 'key_version = 2 # a')
    await terraform.must(['apply', '-auto-approve'], keys(ROTATED))
    expect((await data('secret/data/mcp/stripe')).data).toEqual({ api_key: ROTATED.stripe })
    expect((await data('secret/data/mcp/github')).metadata.version).toBe(1)
    await terraform.edit(
      'main.tf',
      'url         = "https://api.stripe.com"',
      'url         = "https://eu.api.stripe.com"',
    )
    await apply()
    expect(await data('secret/metadata/mcp/stripe')).toMatchObject({
      current_version: 2,
      custom_metadata: { mcp_origins: 'https://eu.api.stripe.com' },
    })
    expect(await plan()).toBe(unchanged)
  })

  it('resets what is taken out of the configuration', async () => {
    expect((await data('mcp/upstreams/github')).headers).toEqual({ 'X-GitHub-Api-Version': '2022-11-28' })
    await terraform.edit('main.tf', '      headers     = { "X-GitHub-Api-Version" = "2022-11-28" }\n', '')
    await terraform.edit('main.tf', '          fields     = ["data[].id", "has_more"]\n', '')
    await apply()
    expect((await data('mcp/upstreams/github')).headers).toEqual({})
    expect((await data('mcp/tools/stripe/customers/id-only')).fields).toBeNull()
    expect(await plan()).toBe(unchanged)
  })

  it.each([
    [
      'a scope more',
      async () => {
        await server.api('PUT', `mcp/agents/${AGENT}/scopes`, {
          body: { scopes: [...SCOPES, 'create:stripe:refunds'] },
        })
      },
    ],
    [
      'fields where there were none',
      async () => {
        await server.api('PUT', 'mcp/tools/stripe/invoices', { body: { fields: ['id'] } })
      },
    ],
    [
      'a tool gone',
      async () => {
        await server.api('DELETE', 'mcp/tools/stripe/refunds')
      },
    ],
    [
      'the agent gone',
      async () => {
        await server.api('DELETE', `mcp/agents/${AGENT}`)
      },
    ],
    [
      'another origin for a key',
      async () => {
        await server.api('PUT', 'secret/metadata/mcp/github', {
          body: { custom_metadata: { mcp_origins: 'https://evil.example' } },
        })
      },
    ],
    [
      'a key gone with its metadata',
      async () => {
        await server.api('DELETE', 'secret/metadata/mcp/github')
      },
    ],
    [
      'a policy that says more',
      async () => {
        await server.api('PUT', 'sys/policies/acl/mcp-gateway', {
          body: { policy: 'path "*" { capabilities = ["read"] }' },
        })
      },
    ],
    [
      'a role with another policy',
      async () => {
        await server.api('POST', `auth/approle/role/${AGENT}`, { body: { token_policies: ['mcp-operator'] } })
      },
    ],
    [
      'the mount tuned',
      async () => {
        await server.api('POST', 'sys/mounts/mcp/tune', { body: { max_lease_ttl: '48h' } })
      },
    ],
  ])('sees and fixes drift: %s', async (_what, drift) => {
    await drift()
    expect(await plan()).toBe(changes)
    await apply()
    expect(await plan()).toBe(unchanged)
    expect((await data(`mcp/agents/${AGENT}/scopes`)).scopes).toEqual(SCOPES)
    expect((await data('secret/data/mcp/github')).data).toEqual({ api_key: KEYS.github })
    expect((await data('secret/metadata/mcp/github')).custom_metadata).toEqual({
      mcp_origins: 'https://api.github.com',
    })
  })

  it("shows the engine's own sentence where it refuses, and changes nothing", async () => {
    await terraform.edit('main.tf', '"read:stripe:invoices", "read', '"read:*", "read')
    const { code, output } = await terraform.run(['apply', '-auto-approve'])
    expect([code, output.replaceAll(/\s+/g, ' ')]).toEqual([
      1,
      expect.stringContaining('"read:*" covers every upstream. Name a resource'),
    ])
    expect((await data(`mcp/agents/${AGENT}/scopes`)).scopes).toEqual(SCOPES)
    await terraform.edit('main.tf', '"read:*", "read', '"read:stripe:invoices", "read')
    await apply()
    expect(await plan()).toBe(unchanged)
  })

  it('destroys without the keys and leaves nothing, with a session alive', async () => {
    const token = await login(AGENT)
    expect((await server.api('PUT', `mcp/creds/${AGENT}`, { token })).status).toBe(200)
    await terraform.must(['destroy', '-auto-approve'], keys({}))
    expect(await present()).toEqual(before)
  })

  it('has put no key into state, plans, any other file or what was said', async () => {
    const everything = await terraform.everything()
    const files = Object.keys(everything)
    for (const expected of [
      'terraform.tfstate',
      'terraform.tfstate.backup',
      'first.tfplan:tfplan',
      'first.tfplan:tfstate',
      'all output',
    ])
      expect(files.some((file) => file.endsWith(expected))).toBe(true)
    const leaked = [...Object.values(KEYS), ROTATED.stripe].flatMap((key) =>
      files.filter((file) => everything[file]!.includes(key)),
    )
    expect(leaked).toEqual([])
  })
})
