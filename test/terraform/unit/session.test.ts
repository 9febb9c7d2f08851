/** What a run leaves behind: no token, no lease, whichever way it ends. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { unknown } from '../../../src/terraform/protocol/value.ts'
import type { ValueObject } from '../../../src/terraform/protocol/value.ts'
import type { TerraformCore } from './terraform-core.ts'
import { deploy } from './with-host.ts'
import type { Deployment } from './with-host.ts'

let deployment: Deployment
let terraform: TerraformCore

beforeEach(async () => {
  deployment = await deploy()
  terraform = await deployment.terraform()
  const { admin } = deployment
  await admin.write('mcp/upstreams/stripe', { url: 'https://api.stripe.com' })
  await admin.write('mcp/tools/stripe/invoices', { operations: 'GET /v1/invoices' })
  await admin.write('mcp/agents/billing', { owner: 'o', environment: 'production' })
  await admin.write('mcp/agents/billing/scopes', { scopes: ['read:stripe:invoices'] })
})
afterEach(() => deployment.close())

const creds = (rest: ValueObject = {}): ValueObject => ({ agent: 'billing', ...rest })
const active = async (token: unknown) => (await deployment.admin.write('mcp/introspect', { token })).data?.active

describe('ephemeral mcp_creds', () => {
  it("lends a token that works until it is closed, and keeps only the lease's name for that", async () => {
    const opened = await terraform.open(creds({ purpose: 'apply', ttl: 300 }))
    expect(opened).toMatchObject({
      diagnostics: [],
      state: {
        agent: 'billing',
        purpose: 'apply',
        ttl: 300,
        environment: 'production',
        scopes: ['read:stripe:invoices'],
        ttl_seconds: 300,
        issue: null,
      },
    })
    const { token, lease_id: leaseId } = opened.state!
    expect(await active(token)).toBe(true)
    expect(JSON.parse(String(opened.private))).toMatchObject({ lease_id: leaseId })
    expect(String(opened.private)).not.toContain(token)
    expect(JSON.stringify(terraform.logs)).not.toContain(token)
    expect(await terraform.lentCall('CloseEphemeralResource', opened.private)).toEqual([])
    expect(await active(token)).toBe(false)
    expect(await deployment.leases('billing')).toBeUndefined()
  })

  it('with issue = false asks nobody, and there is nothing to close', async () => {
    const offline = await deployment.terraform({}, {})
    const opened = await offline.open(creds({ issue: false }))
    expect(opened).toMatchObject({
      diagnostics: [],
      state: { agent: 'billing', issue: false, token: null, lease_id: null, scopes: null, environment: null },
      renewAt: undefined,
    })
    expect(await offline.lentCall('CloseEphemeralResource', undefined)).toEqual([])
  })

  it('is renewed at half of its life, and lives longer then', async () => {
    const opened = await terraform.open(creds({ ttl: 60 }))
    expect(opened.renewAt! - Number(opened.state!.expires_at_unix)).toBeGreaterThanOrEqual(-32)
    expect(opened.renewAt! - Number(opened.state!.expires_at_unix)).toBeLessThanOrEqual(-28)
    expect(await terraform.lentCall('RenewEphemeralResource', opened.private)).toEqual([])
    await terraform.lentCall('CloseEphemeralResource', opened.private)
    expect(
      (await terraform.lentCall('RenewEphemeralResource', opened.private)).map(({ severity }) => severity),
    ).toEqual(['error'])
  })

  it('is refused with a diagnostic at the attribute', async () => {
    const refused = async (config: ValueObject) =>
      (await terraform.open(config)).diagnostics.map(({ severity, at, summary }) => [severity, at, summary])
    expect(await refused(creds({ agent: 'Nobody' }))).toEqual([['error', 'agent', 'agent "Nobody" is not a name']])
    expect(await refused(creds({ requested_scopes: ['read'] }))).toEqual([
      ['error', 'requested_scopes[0]', 'requested_scopes[0] "read" names no upstream'],
    ])
    expect((await refused(creds({ requested_scopes: ['delete:stripe:invoices'] })))[0]!.slice(0, 2)).toEqual([
      'error',
      'requested_scopes',
    ])
    expect((await refused(creds({ agent: 'nobody' })))[0]!.slice(0, 2)).toEqual(['error', 'agent'])
  })

  it('of a token that may revoke no lease is closed as its session', async () => {
    const token = await deployment.tokenWith(
      'path "auth/token/create" { capabilities = ["update"] }\npath "mcp/creds/*" { capabilities = ["update", "delete"] }',
    )
    const limited = await deployment.terraform({ token })
    const opened = await limited.open(creds())
    expect(opened.diagnostics).toEqual([])
    expect(await limited.lentCall('CloseEphemeralResource', opened.private)).toEqual([])
    expect(await active(opened.state!.token)).toBe(false)
  })
})

describe('the end of a run', () => {
  it('takes back what is still lent, and the child token', async () => {
    const before = await deployment.accessors()
    const opened = [await terraform.open(creds()), await terraform.open(creds())]
    expect(await deployment.accessors()).toBe(before + 1)
    await terraform.plugin.close!()
    expect(await Promise.all(opened.map(({ state }) => active(state!.token)))).toEqual([false, false])
    expect(await deployment.leases('billing')).toBeUndefined()
    expect(await deployment.accessors()).toBe(before)
  })

  it('by an interrupt takes back what is lent at once, and lends no more', async () => {
    const opened = await terraform.open(creds())
    expect(await terraform.call('StopProvider', {})).toMatchObject({ Error: '' })
    expect(await active(opened.state!.token)).toBe(false)
    expect((await terraform.open(creds())).diagnostics.map(({ summary }) => summary)).toEqual([
      'Terraform was interrupted',
    ])
    expect(await deployment.leases('billing')).toBeUndefined()
  })

  it('with skip_child_token leaves the given token alive and nothing lent', async () => {
    const before = await deployment.accessors()
    const plain = await deployment.terraform({ skip_child_token: true })
    const opened = await plain.open(creds())
    expect(await deployment.accessors()).toBe(before)
    await plain.plugin.close!()
    expect(await active(opened.state!.token)).toBe(false)
    expect(await deployment.accessors()).toBe(before)
  })

  it('that never asked the server leaves no trace, and logs nobody in', async () => {
    const before = await deployment.accessors()
    const idle = await deployment.terraform()
    await idle.plan('mcp_agent', null, { name: 'x', owner: unknown, environment: 'production' })
    await idle.plugin.close!()
    expect(await deployment.accessors()).toBe(before)
  })
})

describe('auth_login', () => {
  const login = async (): Promise<ValueObject> => {
    const { admin } = deployment
    await admin.write('sys/auth/approle', { type: 'approle' })
    await admin.write('sys/policies/acl/tf', {
      policy:
        'path "mcp/*" { capabilities = ["create", "read", "update", "delete", "list"] }\npath "auth/token/create" { capabilities = ["update"] }',
    })
    await admin.write('auth/approle/role/tf', { token_policies: ['tf'] })
    const roleId = (await admin.read('auth/approle/role/tf/role-id'))?.data?.role_id
    const secretId = (await admin.write('auth/approle/role/tf/secret-id')).data?.secret_id
    return { path: 'auth/approle/login', parameters: { role_id: String(roleId), secret_id: String(secretId) } }
  }

  it('logs in with an AppRole, and what came of it ends with the run', async () => {
    const given = await login()
    const before = await deployment.accessors()
    const terraformer = await deployment.terraform({ auth_login: given }, { VAULT_ADDR: deployment.address })
    expect(
      (await terraformer.apply('mcp_agent', null, { name: 'x', owner: 'o', environment: 'production' })).diagnostics,
    ).toEqual([])
    expect(await deployment.accessors()).toBe(before + 2)
    await terraformer.plugin.close!()
    expect(await deployment.accessors()).toBe(before)
  })

  it('of which no child can be made is undone', async () => {
    const given = await login()
    await deployment.admin.write('sys/policies/acl/tf', { policy: 'path "mcp/*" { capabilities = ["read"] }' })
    const before = await deployment.accessors()
    const terraformer = await deployment.terraform({ auth_login: given }, { VAULT_ADDR: deployment.address })
    const { diagnostics } = await terraformer.apply('mcp_agent', null, {
      name: 'x',
      owner: 'o',
      environment: 'production',
    })
    expect(diagnostics.map(({ summary }) => summary)).toEqual(['This token is not allowed to create child tokens'])
    await terraformer.plugin.close!()
    expect(await deployment.accessors()).toBe(before)
  })

  it('that is refused says so once, and never what was sent', async () => {
    const given = await login()
    const terraformer = await deployment.terraform(
      { auth_login: { ...given, parameters: { role_id: 'nobody', secret_id: 'very-secret-id' } } },
      { VAULT_ADDR: deployment.address },
    )
    const outcomes = await Promise.all(
      ['a', 'b'].map((name) => terraformer.apply('mcp_agent', null, { name, owner: 'o', environment: 'production' })),
    )
    expect(outcomes.flatMap(({ diagnostics }) => diagnostics.map(({ summary }) => summary))).toEqual([
      'The login at auth/approle/login was refused',
      'The login at auth/approle/login was refused',
    ])
    expect(JSON.stringify([outcomes, terraformer.logs])).not.toContain('very-secret-id')
    expect(
      terraformer.logs.filter(({ fields }) => (fields as { readonly path?: string }).path === 'auth/approle/login'),
    ).toHaveLength(1)
  })
})
