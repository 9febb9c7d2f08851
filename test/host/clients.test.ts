import { createRequire } from 'node:module'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startHostHarness } from './harness.ts'
import type { HostHarness } from './harness.ts'

// node-vault as any application uses it: its own transport, its own verbs. Its types describe fewer answers than there are.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type NodeVault = Record<string, (...given: any[]) => Promise<any>> & { token: string }
const nodeVault = createRequire(import.meta.url)('node-vault') as (options: object) => NodeVault

let harness: HostHarness
let vault: NodeVault
let endpoint: string
beforeAll(async () => {
  harness = await startHostHarness()
  endpoint = (await harness.host.listen({ address: '127.0.0.1:0' })).url
})
// It takes over the token of any response that holds one.
beforeEach(() => {
  vault = nodeVault({ endpoint, token: 'root' })
})
afterAll(async () => {
  await harness.host.close()
})

describe('node-vault', () => {
  it('reads the status', async () => {
    expect(await vault.initialized!()).toEqual({ initialized: true })
    expect(await vault.health!()).toMatchObject({ initialized: true, sealed: false, standby: false })
    expect(await vault.status!()).toMatchObject({ sealed: false, type: 'shamir' })
  })

  it('mounts, tunes, moves and unmounts', async () => {
    await vault.mount!({ mount_point: 'shed', type: 'lend', description: 'tools' })
    expect(await vault.mounts!()).toMatchObject({
      'shed/': { type: 'lend', description: 'tools' },
      data: { 'shed/': { type: 'lend' } },
    })
    await vault.remount!({ from: 'shed', to: 'barn' })
    await vault.unmount!({ mount_point: 'barn' })
    expect(Object.keys(((await vault.mounts!()) as { data: object }).data)).toEqual(['identity/', 'lend/', 'sys/'])
  })

  it('writes, lists, reads and removes policies', async () => {
    await vault.addPolicy!({ name: 'reader', rules: 'path "lend/items/*" { capabilities = ["read"] }' })
    expect(await vault.policies!()).toMatchObject({ policies: ['default', 'reader', 'root'] })
    expect(await vault.getPolicy!({ name: 'reader' })).toMatchObject({
      rules: expect.stringContaining('lend/items') as string,
    })
    await vault.removePolicy!({ name: 'reader' })
    expect(await vault.policies!()).toMatchObject({ policies: ['default', 'root'] })
  })

  it('writes, reads, lists and deletes; a missing thing throws 404', async () => {
    expect(await vault.write!('lend/items/ladder', { colour: 'red' })).toBe('')
    expect((await vault.read!('lend/items/ladder')).data).toEqual({ colour: 'red', weight: 0 })
    expect((await vault.list!('lend/items')).data.keys).toEqual(['ladder'])
    await vault.delete!('lend/items/ladder')
    await expect(vault.read!('lend/items/ladder')).rejects.toMatchObject({ response: { statusCode: 404 } })
  })

  it('makes tokens and works with them', async () => {
    await vault.addPolicy!({ name: 'borrower', rules: 'path "lend/loans/*" { capabilities = ["update"] }' })
    const made = await vault.tokenCreate!({ policies: ['borrower'], ttl: '1h' })
    const holder = nodeVault({ endpoint, token: made.auth.client_token as string })
    vault.token = 'root'
    expect((await holder.tokenLookupSelf!()).data).toMatchObject({ policies: ['borrower', 'default'], ttl: 3600 })
    expect((await holder.tokenRenewSelf!({ increment: 60 })).auth.lease_duration).toBe(60)
    expect((await vault.tokenLookup!({ token: made.auth.client_token as string })).data.accessor).toBe(
      made.auth.accessor,
    )
    await expect(holder.read!('lend/items/x')).rejects.toMatchObject({
      response: { statusCode: 403 },
      message: expect.stringContaining('permission denied') as string,
    })
    await holder.tokenRevokeSelf!()
    await expect(holder.tokenLookupSelf!()).rejects.toMatchObject({ response: { statusCode: 403 } })
  })

  it('renews and revokes leases', async () => {
    const loan = await vault.write!('lend/loans/rope', { ttl: '10m' })
    expect(loan).toMatchObject({
      lease_duration: 600,
      renewable: true,
      data: { ticket: expect.stringContaining('ticket-rope') as string },
    })
    expect(await vault.renew!({ lease_id: loan.lease_id as string, increment: 900 })).toMatchObject({
      lease_id: loan.lease_id as string,
      lease_duration: 900,
    })
    // As Vault, the server answers a queued revoke with 202, which node-vault takes for a failure; sync answers 204.
    await vault.write!('sys/leases/revoke', { lease_id: loan.lease_id as string, sync: true })
    await expect(vault.renew!({ lease_id: loan.lease_id as string })).rejects.toMatchObject({
      message: 'lease not found',
    })
  })

  it('enables AppRole, makes a role and logs in with it', async () => {
    await vault.enableAuth!({ mount_point: 'approle', type: 'approle', description: 'machines' })
    expect(await vault.auths!()).toMatchObject({ 'approle/': { type: 'approle', description: 'machines' } })
    await vault.addApproleRole!({ role_name: 'gateway', policies: 'gateway', token_ttl: 1200, secret_id_num_uses: 1 })
    expect((await vault.approleRoles!()).data.keys).toEqual(['gateway'])
    expect((await vault.getApproleRole!({ role_name: 'gateway' })).data).toMatchObject({
      token_policies: ['gateway'],
      token_ttl: 1200,
    })
    await vault.updateApproleRoleId!({ role_name: 'gateway', role_id: 'gateway-1' })
    const { secret_id } = (await vault.getApproleRoleSecret!({ role_name: 'gateway' })).data as { secret_id: string }
    const machine = nodeVault({ endpoint, token: '' })
    expect((await machine.approleLogin!({ role_id: 'gateway-1', secret_id })).auth).toMatchObject({
      policies: ['default', 'gateway'],
      lease_duration: 1200,
    })
    expect((await machine.tokenLookupSelf!()).data).toMatchObject({
      path: 'auth/approle/login',
      meta: { role_name: 'gateway' },
    })
    await expect(machine.approleLogin!({ role_id: 'gateway-1', secret_id })).rejects.toMatchObject({
      response: { statusCode: 400 },
      message: 'invalid role or secret ID',
    })
    await vault.deleteApproleRole!({ role_name: 'gateway' })
    await vault.disableAuth!({ mount_point: 'approle' })
    expect(Object.keys(((await vault.auths!()) as { data: object }).data)).toEqual(['token/'])
  })

  it('reads help', async () => {
    expect(await vault.help!('lend')).toMatchObject({ help: expect.stringContaining('Lends things.') as string })
  })

  it('keeps secrets with versions and without', async () => {
    await vault.mount!({ mount_point: 'secret', type: 'kv', options: { version: '2' } })
    await vault.write!('secret/data/a', { data: { key: 'one' } })
    await vault.write!('secret/data/a', { data: { key: 'two' } })
    expect((await vault.read!('secret/data/a')).data).toMatchObject({ data: { key: 'two' }, metadata: { version: 2 } })
    await vault.update!('secret/data/a', { data: { more: 'three' } })
    expect((await vault.read!('secret/data/a')).data.data).toEqual({ key: 'two', more: 'three' })
    await vault.mount!({ mount_point: 'plain', type: 'kv' })
    await vault.write!('plain/a', { key: 'one' })
    expect(await vault.read!('plain/a')).toMatchObject({ data: { key: 'one' }, lease_id: '', lease_duration: 2764800 })
  })
})
