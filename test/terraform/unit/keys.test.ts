/** An upstream's key: written where the gateway reads it, with its consent, and nowhere else. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ValueObject } from '../../../src/terraform/protocol/value.ts'
import type { TerraformCore } from './terraform-core.ts'
import { deploy } from './with-host.ts'
import type { Deployment } from './with-host.ts'

const KEY = 'sk_live_4eC39HqLyjWDarjtT1zdp7dc'

let deployment: Deployment
let terraform: TerraformCore

beforeEach(async () => {
  deployment = await deploy()
  terraform = await deployment.terraform()
})
afterEach(() => deployment.close())

const upstream = (rest: ValueObject = {}): ValueObject => ({
  name: 'stripe',
  url: 'https://api.stripe.com/v1',
  key_wo: KEY,
  key_wo_version: 1,
  ...rest,
})
const secret = async (path = 'mcp/stripe') => (await deployment.admin.read(`secret/data/${path}`))?.data?.data
const metadata = async (path = 'mcp/stripe') =>
  (await deployment.admin.read(`secret/metadata/${path}`))?.data?.custom_metadata
const made = async (config: ValueObject, prior: ValueObject | null = null): Promise<ValueObject> => {
  const { state, diagnostics } = await terraform.apply('mcp_upstream', prior, config)
  expect(diagnostics).toEqual([])
  return state!
}

describe('a key', () => {
  it('goes to its place with its origin, and is in no state, plan or log', async () => {
    const state = await made(upstream())
    expect(await secret()).toEqual({ api_key: KEY })
    expect(await metadata()).toEqual({ mcp_origins: 'https://api.stripe.com' })
    expect(state).toMatchObject({ key_wo: null, key_wo_version: 1 })
    const said = JSON.stringify([
      state,
      await terraform.plan('mcp_upstream', state, upstream({ key_wo_version: 2 })),
      terraform.logs,
    ])
    expect(said).not.toContain(KEY)
    expect(terraform.logs.length).toBeGreaterThan(3)
  })

  it('leaves the other fields and metadata of its secret alone', async () => {
    await deployment.admin.write('secret/data/mcp/stripe', { data: { note: 'ours', api_key: 'old' } })
    await deployment.admin.write('secret/metadata/mcp/stripe', {
      custom_metadata: { team: 'billing', mcp_origins: 'https://other.example' },
    })
    const state = await made(upstream())
    expect(await secret()).toEqual({ note: 'ours', api_key: KEY })
    expect(await metadata()).toEqual({ team: 'billing', mcp_origins: 'https://other.example,https://api.stripe.com' })
    await terraform.destroy('mcp_upstream', state)
    expect(await secret()).toEqual({ note: 'ours' })
    expect(await metadata()).toEqual({ team: 'billing', mcp_origins: 'https://other.example' })
  })

  it('is written again when its version changes, and only then', async () => {
    const state = await made(upstream())
    const same = await made(upstream({ key_wo: 'another', timeout: 30 }), state)
    expect(await secret()).toEqual({ api_key: KEY })
    await made(upstream({ key_wo: 'another', key_wo_version: 2, timeout: 30 }), same)
    expect(await secret()).toEqual({ api_key: 'another' })
  })

  it('is written over a secret of which the latest version was deleted', async () => {
    await deployment.admin.write('secret/data/mcp/stripe', { data: { api_key: 'old' } })
    await deployment.admin.delete('secret/data/mcp/stripe')
    await made(upstream())
    expect(await secret()).toEqual({ api_key: KEY })
  })

  it('moves with its place, and nothing of it stays behind', async () => {
    const state = await made(upstream())
    await made(upstream({ kv_path: 'mcp/elsewhere', kv_field: 'token' }), state)
    expect(await secret('mcp/elsewhere')).toEqual({ token: KEY })
    expect(await metadata('mcp/elsewhere')).toEqual({
      mcp_origins: 'https://api.stripe.com',
      mcp_upstreams: 'mcp/stripe',
    })
    expect(await secret()).toEqual({})
    expect((await metadata()) ?? {}).toEqual({})
  })

  it('that moves to another field of its secret keeps its consent', async () => {
    const state = await made(upstream())
    await made(upstream({ kv_field: 'token' }), state)
    expect(await secret()).toEqual({ token: KEY })
    expect(await metadata()).toEqual({ mcp_origins: 'https://api.stripe.com' })
  })

  it('that moves to another secret takes no consent away there', async () => {
    await deployment.admin.write('secret/data/mcp/both', { data: { theirs: 'other' } })
    await deployment.admin.write('secret/metadata/mcp/both', {
      custom_metadata: { mcp_origins: 'https://api.stripe.com' },
    })
    const state = await made(upstream())
    await made(upstream({ kv_path: 'mcp/both', url: 'https://api2.stripe.com' }), state)
    expect(await metadata('mcp/both')).toEqual({
      mcp_origins: 'https://api.stripe.com,https://api2.stripe.com',
      mcp_upstreams: 'mcp/both,mcp/stripe',
    })
  })

  it('and many more of one secret, written at the same time, are all there with their consents', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `u${String(index)}`)
    const config = (name: string): ValueObject => ({
      name,
      url: `https://${name}.example`,
      kv_path: 'mcp/all',
      kv_field: name,
      key_wo: `key of ${name}`,
      key_wo_version: 1,
    })
    const states = await Promise.all(names.map((name) => made(config(name))))
    expect(await secret('mcp/all')).toEqual(Object.fromEntries(names.map((name) => [name, `key of ${name}`])))
    expect(
      String(((await metadata('mcp/all')) as { mcp_origins: string }).mcp_origins)
        .split(',')
        .sort(),
    ).toEqual(names.map((name) => `https://${name}.example`).sort())
    await Promise.all(states.map((state) => terraform.destroy('mcp_upstream', state)))
    expect(await secret('mcp/all')).toEqual({})
    expect((await metadata('mcp/all')) ?? {}).toEqual({})
  })

  it('is consented to as it is sent, where no convention covers that, and by which field', async () => {
    await deployment.admin.write('secret/data/mcp/stripe', { data: { note: 'ours' } })
    await deployment.admin.write('secret/metadata/mcp/stripe', { custom_metadata: { mcp_fields: 'note' } })
    const state = await made(upstream({ auth: 'header:X-Note' }))
    expect(await metadata()).toEqual({
      mcp_origins: 'https://api.stripe.com',
      mcp_auth: 'header:X-Note',
      mcp_fields: 'note,api_key',
    })
    await terraform.destroy('mcp_upstream', state)
    expect(await metadata()).toEqual({ mcp_fields: 'note' })
  })

  it('may be used for the new origin, and no longer for the old one, when the URL changes', async () => {
    const state = await made(upstream())
    await made(upstream({ url: 'https://api2.stripe.com' }), state)
    expect(await metadata()).toEqual({ mcp_origins: 'https://api2.stripe.com' })
  })

  it('that is not given when it is to be written is missed at its attribute, and nothing is written', async () => {
    const { state, diagnostics } = await terraform.apply('mcp_upstream', null, upstream({ key_wo: null }))
    expect(state).toBeNull()
    expect(diagnostics.map(({ at, summary }) => [at, summary])).toEqual([['key_wo', 'key_wo has no value']])
    expect(await deployment.admin.read('mcp/upstreams/stripe')).toBeUndefined()
  })

  it('stays where it is when Terraform is to manage it no longer', async () => {
    const state = await made(upstream())
    const kept = await made(upstream({ key_wo: null, key_wo_version: null }), state)
    await terraform.destroy('mcp_upstream', kept)
    expect(await secret()).toEqual({ api_key: KEY })
  })

  it('needs a KV engine of version 2, which is said at kv_mount', async () => {
    const { state, diagnostics } = await terraform.apply('mcp_upstream', null, upstream({ kv_mount: 'nowhere' }))
    expect(state).toBeNull()
    expect(diagnostics.map(({ at, summary }) => [at, summary])).toEqual([
      ['kv_mount', 'There is no KV engine of version 2 at nowhere/'],
    ])
    expect(await deployment.admin.read('mcp/upstreams/stripe')).toBeUndefined()
  })

  it('that may not be taken out keeps its upstream from being destroyed, so that it is not forgotten', async () => {
    const state = await made(upstream())
    const token = await deployment.tokenWith(
      'path "auth/token/create" { capabilities = ["update"] }\npath "mcp/*" { capabilities = ["create", "read", "update", "delete"] }',
    )
    const limited = await deployment.terraform({ token })
    const { state: kept, diagnostics } = await limited.destroy('mcp_upstream', state)
    expect(kept).toEqual(state)
    expect(diagnostics.map(({ summary }) => summary)).toEqual(['The token lacks "patch" on secret/data/mcp/stripe'])
    expect((await terraform.refresh('mcp_upstream', state)).state).toEqual(state)
    expect(await terraform.destroy('mcp_upstream', state)).toEqual({ state: null, diagnostics: [] })
    expect(await secret()).toEqual({})
  })

  it('of an upstream whose KV engine is gone does not keep it from being destroyed', async () => {
    const state = await made(upstream())
    await deployment.admin.delete('sys/mounts/secret')
    expect(await terraform.destroy('mcp_upstream', state)).toEqual({ state: null, diagnostics: [] })
  })
})

describe('a document that the engine refuses', () => {
  /** May write keys, and read documents: what the engine says to a write is no. */
  const refused = async () =>
    deployment.terraform({
      token: await deployment.tokenWith(
        'path "auth/token/create" { capabilities = ["update"] }\npath "mcp/*" { capabilities = ["read"] }\npath "secret/*" { capabilities = ["create", "read", "update", "patch"] }',
      ),
    })

  it('leaves neither key nor consent when it is made', async () => {
    const { state, diagnostics } = await (await refused()).apply('mcp_upstream', null, upstream())
    expect(state).toBeNull()
    expect(diagnostics.map(({ summary }) => summary)).toEqual([
      'The token lacks "create" and "update" on mcp/upstreams/stripe',
    ])
    expect(await secret()).toBeUndefined()
    expect(await metadata()).toBeUndefined()
  })

  it('leaves a key that was there before as it was', async () => {
    await deployment.admin.write('secret/data/mcp/stripe', { data: { api_key: 'the one before' } })
    await (await refused()).apply('mcp_upstream', null, upstream())
    expect(await secret()).toEqual({ api_key: 'the one before' })
    expect(await metadata()).toBeNull()
  })

  it('leaves the key where it was, and nothing where it was to go', async () => {
    const state = await made(upstream())
    const moved = upstream({ kv_path: 'mcp/elsewhere', url: 'https://api2.stripe.com' })
    const { diagnostics } = await (await refused()).apply('mcp_upstream', state, moved)
    expect(diagnostics).toHaveLength(1)
    expect(await secret()).toEqual({ api_key: KEY })
    expect(await metadata()).toEqual({ mcp_origins: 'https://api.stripe.com' })
    expect(await secret('mcp/elsewhere')).toEqual({})
    expect((await metadata('mcp/elsewhere')) ?? {}).toEqual({})
  })

  it('leaves the key as it was when that was to be rotated with it', async () => {
    const state = await made(upstream())
    const rotated = upstream({ key_wo: 'another', key_wo_version: 2, timeout: 30 })
    await (await refused()).apply('mcp_upstream', state, rotated)
    expect(await secret()).toEqual({ api_key: KEY })
  })

  it('takes back no consent that another upstream has to the same origin', async () => {
    const state = await made(upstream())
    await deployment.admin.write('secret/metadata/mcp/stripe', {
      custom_metadata: { mcp_origins: 'https://api.stripe.com,https://api2.stripe.com' },
    })
    await (await refused()).apply('mcp_upstream', state, upstream({ url: 'https://api2.stripe.com' }))
    expect(await metadata()).toEqual({ mcp_origins: 'https://api.stripe.com,https://api2.stripe.com' })
  })
})
