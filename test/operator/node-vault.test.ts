import { createRequire } from 'node:module'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { deploy } from './deployment.ts'
import type { Deployment } from './deployment.ts'

// The operator's whole flow through node-vault as any application uses it. Its types describe fewer answers than there are.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type AnyResponse = any
type NodeVault = Record<string, (...given: unknown[]) => Promise<AnyResponse>> & { token: string }
const nodeVault = createRequire(import.meta.url)('node-vault') as (options: object) => NodeVault

const AGENT_POLICY = 'path "mcp/creds/billing" { capabilities = ["read", "update"] }'

let deployment: Deployment
let vault: NodeVault
beforeEach(async () => {
  deployment = await deploy({ mount: false })
  vault = as('root')
  await vault.mount!({ mount_point: 'secret', type: 'kv', options: { version: '2' } })
  await vault.mount!({ mount_point: 'mcp', type: 'mcp', description: 'phantom tokens' })
})
afterEach(() => deployment.close())

/** A client of its own: node-vault takes over the token of any response that holds one. */
const as = (token: string): NodeVault => nodeVault({ endpoint: deployment.url, token })

/** A client under the agent's policy alone. */
async function asAgent(): Promise<NodeVault> {
  await vault.addPolicy!({ name: 'billing-agent', rules: AGENT_POLICY })
  const { auth } = await as('root').tokenCreate!({ policies: ['billing-agent'], ttl: '10m' })
  return as(auth.client_token as string)
}

async function provision(): Promise<void> {
  await vault.write!('secret/data/mcp/stripe', { data: { api_key: 'not-a-real-key' } })
  await vault.write!('secret/metadata/mcp/stripe', { custom_metadata: { mcp_origins: 'https://api.stripe.com' } })
  await vault.write!('mcp/upstreams/stripe', { url: 'https://api.stripe.com', timeout: '15s' })
  await vault.write!('mcp/tools/stripe/invoices', { operations: 'GET /v1/invoices', mcp_tools: ['list_invoices'] })
  await vault.write!('mcp/agents/billing', { owner: 'platform-team', environment: 'production' })
  await vault.write!('mcp/agents/billing/scopes', { scopes: ['read:stripe:invoices'], max_ttl_seconds: 1800 })
}

const introspect = async (token: string): Promise<AnyResponse> => (await vault.write!('mcp/introspect', { token })).data
const status = (statusCode: number, sentence: string): object => ({
  response: { statusCode },
  message: expect.stringContaining(sentence) as string,
})

describe('an operator with node-vault', () => {
  it('finds the server ready and both engines mounted', async () => {
    expect(await vault.health!()).toMatchObject({ initialized: true, sealed: false, standby: false })
    expect((await vault.mounts!()).data).toMatchObject({
      'mcp/': { type: 'mcp', description: 'phantom tokens' },
      'secret/': { type: 'kv', options: { version: '2' } },
    })
  })

  it("puts a key into KV with its owner's consent beside it", async () => {
    await provision()
    expect((await vault.read!('secret/data/mcp/stripe')).data).toMatchObject({
      data: { api_key: 'not-a-real-key' },
      metadata: { version: 1, custom_metadata: { mcp_origins: 'https://api.stripe.com' } },
    })
    expect((await vault.list!('secret/metadata/mcp')).data.keys).toEqual(['stripe'])
    await expect(
      vault.write!('secret/data/mcp/stripe', { data: { api_key: 'other' }, options: { cas: 7 } }),
    ).rejects.toMatchObject(status(400, 'check-and-set'))
  })

  it('reads back what was written, typed, and lists it', async () => {
    await provision()
    expect((await vault.read!('mcp/upstreams/stripe')).data).toMatchObject({
      url: 'https://api.stripe.com',
      timeout: 15,
      kv_path: 'mcp/stripe',
      allow_private_addresses: false,
    })
    expect((await vault.read!('mcp/tools/stripe/invoices')).data).toMatchObject({
      operations: ['GET /v1/invoices'],
      mcp_tools: ['list_invoices'],
    })
    expect((await vault.read!('mcp/agents/billing/scopes')).data).toMatchObject({
      scopes: ['read:stripe:invoices'],
      max_ttl_seconds: 1800,
    })
    expect((await vault.list!('mcp/agents')).data.keys).toEqual(['billing'])
    expect((await vault.list!('mcp/tools/stripe')).data.keys).toEqual(['invoices'])
    expect(JSON.stringify(await vault.read!('mcp/upstreams/stripe'))).not.toContain('not-a-real-key')
  })

  it('is refused a scope that covers every upstream, and nothing is changed', async () => {
    await provision()
    await expect(vault.write!('mcp/agents/billing/scopes', { scopes: ['read:*'] })).rejects.toMatchObject(
      status(400, 'covers every upstream'),
    )
    expect((await vault.read!('mcp/agents/billing/scopes')).data.scopes).toEqual(['read:stripe:invoices'])
  })

  it('deletes what there is and what there is not; a missing thing is a 404', async () => {
    await provision()
    for (const path of [
      'mcp/tools/stripe/invoices',
      'mcp/upstreams/stripe',
      'mcp/agents/billing/scopes',
      'mcp/agents/billing',
      'mcp/agents/nobody',
    ]) {
      expect(await vault.delete!(path)).toBe('')
      await expect(vault.read!(path)).rejects.toMatchObject({ response: { statusCode: 404, body: { errors: [] } } })
    }
    await expect(vault.list!('mcp/agents')).rejects.toMatchObject({ response: { statusCode: 404 } })
  })

  it('reads the help of the engine and of one path', async () => {
    expect((await vault.help!('mcp/creds/billing')).help).toContain('purpose')
    expect((await vault.help!('mcp')).help).toContain('creds')
  })
})

describe("an agent's Vault token", () => {
  beforeEach(provision)

  it('opens a session by writing, and by reading', async () => {
    const agent = await asAgent()
    const written = await agent.write!('mcp/creds/billing', { purpose: 'reconciliation', ttl: '5m' })
    expect(written).toMatchObject({
      lease_id: expect.stringMatching(/^mcp\/creds\/billing\//) as string,
      lease_duration: 300,
      data: {
        token: expect.stringMatching(/^svt_prod_/) as string,
        ttl_seconds: 300,
        scopes: ['read:stripe:invoices'],
      },
    })
    const read = await (await asAgent()).read!('mcp/creds/billing')
    expect(read).toMatchObject({ lease_duration: 900, data: { agent_id: 'billing' } })
    expect(read.data.session_id).not.toBe(written.data.session_id)
  })

  it('is refused scopes that were never declared', async () => {
    await expect(
      (await asAgent()).write!('mcp/creds/billing', { requested_scopes: ['create:stripe:refunds'] }),
    ).rejects.toMatchObject(status(400, 'create:stripe:refunds'))
  })

  it.each([
    ['introspect', 'mcp/introspect'],
    ['open a session of another agent', 'mcp/creds/other'],
    ['declare scopes for itself', 'mcp/agents/billing/scopes'],
    ['move the upstream elsewhere', 'mcp/upstreams/stripe'],
    ['give consent for the key', 'secret/metadata/mcp/stripe'],
    ['revoke by prefix', 'sys/leases/revoke-prefix/mcp/creds/billing'],
  ])('may not %s', async (_what, path) => {
    await expect((await asAgent()).write!(path, {})).rejects.toMatchObject(status(403, 'permission denied'))
  })

  it('may not read the key', async () => {
    await expect((await asAgent()).read!('secret/data/mcp/stripe')).rejects.toMatchObject(
      status(403, 'permission denied'),
    )
  })
})

describe('an issued token, to an operator', () => {
  let lease: string
  let token: string
  beforeEach(async () => {
    await provision()
    const issued = await vault.write!('mcp/creds/billing', { purpose: 'reconciliation' })
    lease = issued.lease_id as string
    token = issued.data.token as string
  })

  it('is live, and says for whom and what for', async () => {
    expect(await introspect(token)).toMatchObject({
      active: true,
      client_id: 'billing',
      purpose: 'reconciliation',
      scope: 'read:stripe:invoices',
      owner: 'platform-team',
    })
  })

  it('is nothing with its last character changed', async () => {
    expect(await introspect(`${token.slice(0, -1)}${token.endsWith('a') ? 'b' : 'a'}`)).toMatchObject({
      active: false,
      reason: 'malformed',
    })
  })

  it("is a lease that can be looked up, listed, and renewed no further than the agent's cap", async () => {
    expect((await vault.write!('sys/leases/lookup', { lease_id: lease })).data).toMatchObject({
      id: lease,
      renewable: true,
    })
    expect((await vault.list!('sys/leases/lookup/mcp/creds/billing')).data.keys).toEqual([lease.split('/').at(-1)])
    expect((await vault.renew!({ lease_id: lease, increment: 1200 })).lease_duration).toBe(1200)
    const capped = (await vault.renew!({ lease_id: lease, increment: 99_999 })).lease_duration as number
    expect(capped).toBeGreaterThan(1200)
    expect(capped).toBeLessThanOrEqual(1800)
    expect((await introspect(token)).expires_at_unix - (await introspect(token)).iat).toBeGreaterThan(1700)
  })

  it('is renewed no further than the cap has become since', async () => {
    await vault.write!('mcp/agents/billing/scopes', { max_ttl_seconds: 1000 })
    expect((await vault.renew!({ lease_id: lease, increment: 1500 })).lease_duration).toBeLessThanOrEqual(1000)
  })

  it('ends with its lease before the synchronous revoke answers, for good', async () => {
    expect(await vault.write!('sys/leases/revoke', { lease_id: lease, sync: true })).toBe('')
    expect(await introspect(token)).toMatchObject({ active: false, reason: 'revoked' })
    await expect(vault.renew!({ lease_id: lease })).rejects.toMatchObject(status(400, 'lease'))
    expect(await introspect(token)).toMatchObject({ active: false, reason: 'revoked' })
  })

  it.each([
    [
      'the current spelling',
      (client: NodeVault) => client.write!('sys/leases/revoke-prefix/mcp/creds/billing', { sync: true }),
    ],
    [
      "node-vault's own, older one",
      (client: NodeVault) => client.revokePrefix!({ path_prefix: 'mcp/creds/billing' }).catch(acceptedOnly),
    ],
  ])('ends with every other one of its agent by prefix, in %s', async (_spelling, revokePrefix) => {
    const second = await vault.write!('mcp/creds/billing')
    await revokePrefix(vault)
    for (const ended of [token, second.data.token as string])
      await expect.poll(() => introspect(ended)).toMatchObject({ active: false, reason: 'revoked' })
    await expect(vault.list!('sys/leases/lookup/mcp/creds/billing')).rejects.toMatchObject({
      response: { statusCode: 404 },
    })
  })

  it("outlives the revocation of another agent's", async () => {
    await vault.write!('sys/leases/revoke-prefix/mcp/creds/bill', { sync: true })
    await vault.write!('sys/leases/revoke-prefix/mcp/creds/other', { sync: true })
    expect(await introspect(token)).toMatchObject({ active: true })
  })
})

/** As Vault, the server answers a queued revocation with 202, which node-vault takes for a failure. */
function acceptedOnly(error: { response?: { statusCode?: number } }): void {
  if (error.response?.statusCode !== 202) throw error
}
