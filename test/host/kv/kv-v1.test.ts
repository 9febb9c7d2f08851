import { beforeEach, describe, expect, it } from 'vitest'
import { kvFactory, kvV2Factory } from '../../../src/host/kv/backend.ts'
import { kvV1Factory } from '../../../src/host/kv/kv-v1.ts'
import { mount } from './mounted.ts'
import type { Mounted } from './mounted.ts'

describe('KV version 1', () => {
  let kv: Mounted
  beforeEach(async () => {
    kv = await mount(kvV1Factory)
  })

  it('gives back the fields written, with the default lease duration and nothing to renew', async () => {
    expect(
      await kv.request('create', 'app', { key: 'value', path: 'a field of that name', nested: { n: 1 } }),
    ).toBeUndefined()
    expect(await kv.request('read', 'app')).toEqual({
      data: { key: 'value', path: 'a field of that name', nested: { n: 1 } },
      secret: { lease_options: { ttl: 2_764_800, max_ttl: 0, renewable: false }, internal_data: {} },
    })
  })

  it.each([
    [{ ttl: '1h' }, 3600],
    [{ ttl: 90 }, 90],
    [{ lease: '2m' }, 120],
    [{ ttl: 'whenever' }, 2_764_800],
    [{ ttl: -5 }, 2_764_800],
  ])('answers %j with a lease duration of %i', async (fields, ttl) => {
    await kv.request('create', 'app', { key: 'value', ...fields })
    expect((await kv.request('read', 'app'))?.secret?.lease_options.ttl).toBe(ttl)
  })

  it('replaces the whole secret on a write', async () => {
    await kv.request('create', 'app', { a: 1, b: 2 })
    await kv.request('update', 'app', { c: 3 })
    expect(await kv.data('read', 'app')).toEqual({ c: 3 })
  })

  it('refuses a write without fields', async () => {
    await expect(kv.request('create', 'app', {})).rejects.toMatchObject({
      kind: 'bad_request',
      message: 'missing data fields',
    })
  })

  it('answers nothing for what is not there, and deletes it without complaint', async () => {
    expect(await kv.request('read', 'app')).toBeUndefined()
    expect(await kv.request('delete', 'app')).toBeUndefined()
    await kv.request('create', 'app', { a: 1 })
    await kv.request('delete', 'app')
    expect(await kv.request('read', 'app')).toBeUndefined()
  })

  it('lists level by level', async () => {
    for (const path of ['b', 'a/one', 'a/deep/two', 'a', 'config', 'data/x'])
      await kv.request('create', path, { k: 'v' })
    expect((await kv.data('list', '')).keys).toEqual(['a', 'a/', 'b', 'config', 'data/'])
    expect((await kv.data('list', 'a/')).keys).toEqual(['deep/', 'one'])
    expect(await kv.request('list', 'b/')).toBeUndefined()
  })

  it('tells create from update', async () => {
    expect(await kv.exists('app')).toBe(false)
    await kv.request('create', 'app', { a: 1 })
    expect(await kv.exists('app')).toBe(true)
  })

  it('refuses to write or read the mount itself, and has no patch', async () => {
    await expect(kv.request('create', '', { a: 1 })).rejects.toMatchObject({ kind: 'unsupported_operation' })
    await expect(kv.request('read', '')).rejects.toMatchObject({ kind: 'unsupported_operation' })
    await expect(kv.request('patch', 'app', { a: 1 })).rejects.toMatchObject({ kind: 'unsupported_operation' })
  })
})

describe('a mount of type kv', () => {
  const isVersion2 = async (options: Record<string, string>): Promise<boolean> =>
    (await mount(kvFactory, options)).request('read', 'config').then((response) => response !== undefined)

  it('is version 2 when its options say so, else version 1', async () => {
    expect(await isVersion2({ version: '2' })).toBe(true)
    expect(await isVersion2({ version: '1' })).toBe(false)
    expect(await isVersion2({})).toBe(false)
    expect((await (await mount(kvV2Factory)).data('read', 'config')).max_versions).toBe(0)
  })
})
