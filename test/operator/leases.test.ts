import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { VaultResponse, VaultClient } from '../../src/vault-client/index.ts'
import { declare, deploy } from './deployment.ts'
import type { Deployment } from './deployment.ts'

let deployment: Deployment
let root: VaultClient

beforeEach(async () => {
  deployment = await deploy()
  root = deployment.root
  await declare(root, 'billing')
})
afterEach(() => deployment.close())

const state = async (issued: VaultResponse): Promise<unknown> => {
  const { data } = await root.write('mcp/introspect', { token: issued.data!.token })
  return data!.active === true ? 'live' : data!.reason
}

describe('an issued token is a Vault lease', () => {
  it('with id, duration and renewable in the envelope', async () => {
    const issued = await root.write('mcp/creds/billing', { purpose: 'p' })
    expect(issued).toMatchObject({
      lease_id: expect.stringMatching(/^mcp\/creds\/billing\/[0-9A-Za-z]{24}$/),
      lease_duration: 900,
      renewable: false,
      data: { ttl_seconds: 900 },
    })
    expect(await state(issued)).toBe('live')
  })

  it('whose refreshed token has a lease below its session', async () => {
    const issued = await root.write('mcp/creds/billing')
    const session = String(issued.data!.session_id)
    const refreshed = await root.write(`mcp/creds/billing/${session}`)
    expect(refreshed.lease_id).toMatch(new RegExp(`^mcp/creds/billing/${session}/[0-9A-Za-z]{24}$`))
    expect([await state(issued), await state(refreshed)]).toEqual(['live', 'live'])
  })

  it.each<[string, (issued: VaultResponse) => Promise<unknown>]>([
    [
      'sys/leases/revoke with the id in the body and sync',
      (issued) => root.write('sys/leases/revoke', { lease_id: issued.lease_id, sync: true }),
    ],
    [
      'sys/leases/revoke with the id in the path and sync',
      (issued) => root.write(`sys/leases/revoke/${issued.lease_id!}`, { sync: true }),
    ],
    ['revoke-prefix of the agent', () => root.write('sys/leases/revoke-prefix/mcp/creds/billing', { sync: true })],
    ['revoke-force of the agent', () => root.write('sys/leases/revoke-force/mcp/creds/billing')],
    [
      'DELETE of the session by an operator',
      (issued) => root.delete(`mcp/sessions/${String(issued.data!.session_id)}`),
    ],
    ['closing it', (issued) => root.delete(`mcp/creds/billing/${String(issued.data!.session_id)}`)],
    ['disabling the agent', () => root.write('mcp/agents/billing', { disabled: true })],
    ['sessions/revoke-all', () => root.write('mcp/sessions/revoke-all')],
  ])('that %s ends, with its children, when it answers', async (_how, end) => {
    const issued = await root.write('mcp/creds/billing')
    const child = await root.write('mcp/creds/billing', { parent_token: issued.data!.token })
    await end(issued)
    expect([await state(issued), await state(child)]).toEqual(['revoked', 'revoked'])
  })

  it('that ends with the Vault token that asked for it', async () => {
    await root.write('sys/policies/acl/agent', { policy: 'path "mcp/creds/*" { capabilities = ["update"] }' })
    const { auth } = await root.write('auth/token/create', { policies: ['agent'] })
    const agent = root.withToken(auth!.client_token)
    const issued = await agent.write('mcp/creds/billing')
    await root.write('auth/token/revoke', { token: auth!.client_token })
    await expect.poll(() => state(issued)).toBe('revoked')
  })

  it('that disabling the mount ends', async () => {
    await root.write('mcp/creds/billing')
    await root.delete('sys/mounts/mcp')
    await root.write('sys/mounts/mcp', { type: 'mcp' })
    expect(await root.list('mcp/sessions')).toBeUndefined()
    expect(await root.list('sys/leases/lookup/mcp/creds/billing')).toBeUndefined()
  })

  it('that cannot be renewed past what it allows, and can below', async () => {
    await root.write('mcp/agents/billing/scopes', { max_ttl_seconds: 1800 })
    const issued = await root.write('mcp/creds/billing')
    expect(issued.renewable).toBe(true)
    const renewed = await root.write('sys/leases/renew', { lease_id: issued.lease_id, increment: 99_999 })
    expect(renewed.lease_duration).toBeGreaterThan(1790)
    expect(renewed.lease_duration).toBeLessThanOrEqual(1800)
  })

  it('whose token is not in the lease that the host keeps', async () => {
    const issued = await root.write('mcp/creds/billing')
    const lookup = await root.write('sys/leases/lookup', { lease_id: issued.lease_id })
    expect(JSON.stringify(lookup.raw)).not.toContain(String(issued.data!.token))
  })
})

describe('without the right', () => {
  it.each([
    ['agents may not introspect', 'mcp/introspect'],
    ['agents may not change agents', 'mcp/agents/billing'],
    ['agents may not revoke all', 'mcp/sessions/revoke-all'],
    ['agents may not open sessions of others', 'mcp/creds/other'],
    ['agents may not revoke by prefix', 'sys/leases/revoke-prefix/mcp/creds/billing'],
  ])('%s', async (_rule, path) => {
    await root.write('sys/policies/acl/agent', { policy: 'path "mcp/creds/billing" { capabilities = ["update"] }' })
    const { auth } = await root.write('auth/token/create', { policies: ['agent'] })
    await expect(root.withToken(auth!.client_token).write(path, {})).rejects.toMatchObject({ status: 403 })
  })
})
