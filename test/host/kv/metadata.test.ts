import { beforeEach, describe, expect, it } from 'vitest'
import { kvV2Factory } from '../../../src/host/kv/backend.ts'
import { collectKeys } from '../../../src/logical/storage.ts'
import { mount } from './mounted.ts'
import type { Mounted } from './mounted.ts'

describe('KV version 2: metadata, settings and versions', () => {
  let kv: Mounted
  beforeEach(async () => {
    kv = await mount(kvV2Factory)
  })

  const write = (path: string, data: Record<string, unknown> = { n: 1 }) => kv.data('create', `data/${path}`, { data })
  const metadata = (path: string) => kv.data('read', `metadata/${path}`)
  const status = async (path: string, version: number) =>
    (await kv.request('read', `data/${path}`, { version }))?.status ?? 200

  it('tells everything about a secret but its data', async () => {
    await write('app', { password: 'hunter2' })
    await kv.clock.advance(1000)
    await write('app')
    expect(await kv.request('read', 'metadata/app')).toEqual({
      data: {
        cas_required: false,
        created_time: '2026-03-15T16:00:00Z',
        current_version: 2,
        custom_metadata: null,
        delete_version_after: '0s',
        max_versions: 0,
        oldest_version: 0,
        updated_time: '2026-03-15T16:00:01Z',
        versions: {
          1: { created_time: '2026-03-15T16:00:00Z', deletion_time: '', destroyed: false },
          2: { created_time: '2026-03-15T16:00:01Z', deletion_time: '', destroyed: false },
        },
      },
    })
  })

  it('answers nothing for a secret that is not there', async () => {
    expect(await kv.request('read', 'metadata/app')).toBeUndefined()
    expect(await kv.request('delete', 'metadata/app')).toBeUndefined()
    expect(await kv.request('patch', 'metadata/app', { max_versions: 3 })).toEqual({ status: 404 })
    expect(await kv.request('read', 'metadata/app')).toBeUndefined()
  })

  it('can be written before the first version, and a write that sets nothing makes nothing', async () => {
    expect(await kv.request('create', 'metadata/app', {})).toBeUndefined()
    expect(await kv.exists('metadata/app')).toBe(false)
    expect(await kv.request('create', 'metadata/app', { custom_metadata: { owner: 'team-a' } })).toBeUndefined()
    expect(await kv.exists('metadata/app')).toBe(true)
    expect(await metadata('app')).toMatchObject({
      current_version: 0,
      versions: {},
      custom_metadata: { owner: 'team-a' },
    })
    expect(await kv.request('read', 'data/app')).toBeUndefined()
    await kv.clock.advance(5000)
    expect(await write('app')).toMatchObject({ version: 1, custom_metadata: { owner: 'team-a' } })
    expect(await metadata('app')).toMatchObject({ created_time: '2026-03-15T16:00:00Z' })
  })

  it('keeps what a write omits and resets what is null', async () => {
    await kv.request('create', 'metadata/app', {
      max_versions: '4',
      cas_required: 'true',
      delete_version_after: '3h25m19s',
      custom_metadata: { a: '1' },
    })
    await kv.request('update', 'metadata/app', { max_versions: 5 })
    expect(await metadata('app')).toMatchObject({
      max_versions: 5,
      cas_required: true,
      delete_version_after: '3h25m19s',
      custom_metadata: { a: '1' },
    })
    await kv.request('update', 'metadata/app', {
      max_versions: null,
      cas_required: null,
      delete_version_after: null,
      custom_metadata: null,
    })
    expect(await metadata('app')).toMatchObject({
      max_versions: 0,
      cas_required: false,
      delete_version_after: '0s',
      custom_metadata: null,
    })
  })

  it('patches: custom metadata merge, null removes', async () => {
    await kv.request('create', 'metadata/app', {
      max_versions: 4,
      custom_metadata: { keep: '1', change: 'old', drop: 'x' },
    })
    expect(
      await kv.request('patch', 'metadata/app', {
        custom_metadata: { change: 'new', drop: null, fresh: '2' },
        cas_required: true,
      }),
    ).toBeUndefined()
    expect(await metadata('app')).toMatchObject({
      max_versions: 4,
      cas_required: true,
      custom_metadata: { keep: '1', change: 'new', fresh: '2' },
    })
    await kv.request('patch', 'metadata/app', { custom_metadata: null, max_versions: null })
    expect(await metadata('app')).toMatchObject({ max_versions: 0, cas_required: true, custom_metadata: null })
  })

  it('loses no change of writers at the same time', async () => {
    await kv.request('create', 'metadata/app', { max_versions: 20 })
    await Promise.all([
      ...Array.from({ length: 5 }, (_, n) =>
        kv.request('patch', 'metadata/app', { custom_metadata: { [`k${n}`]: 'v' } }),
      ),
      ...Array.from({ length: 5 }, () => write('app')),
    ])
    expect(await metadata('app')).toMatchObject({
      current_version: 5,
      max_versions: 20,
      custom_metadata: { k0: 'v', k1: 'v', k2: 'v', k3: 'v', k4: 'v' },
    })
  })

  it('warns when a secret would free itself of check-and-set that its mount demands', async () => {
    await kv.request('update', 'config', { cas_required: true })
    const warned = {
      warnings: ['"cas_required" set to false, but is mandated by backend config. This value will be ignored.'],
    }
    expect(await kv.request('create', 'metadata/app', { cas_required: false })).toEqual(warned)
    expect(await kv.request('patch', 'metadata/app', { cas_required: false })).toEqual(warned)
    expect(await kv.request('patch', 'metadata/app', { cas_required: true })).toBeUndefined()
  })

  describe('custom metadata limits', () => {
    const set = (custom_metadata: unknown) => kv.request('create', 'metadata/app', { custom_metadata })
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, 'v']))

    it('takes exactly the limits, and numbers and booleans as Vault does', async () => {
      await set({ ...many(61), ['k'.repeat(128)]: 'v'.repeat(512), number: 5, flag: true })
      const custom = (await metadata('app')).custom_metadata as Record<string, string>
      expect(Object.keys(custom).length).toBe(64)
      expect(custom).toMatchObject({ number: '5', flag: '1' })
    })

    it.each([
      ['65 keys', many(65), 'payload must contain at most 64 keys, provided 65'],
      ['a long key', { ['k'.repeat(129)]: 'v' }, 'is 129 but must be 0 < len(key) <= 128'],
      ['a long key in bytes', { ['\u00e9'.repeat(65)]: 'v' }, 'is 130 but must be 0 < len(key) <= 128'],
      ['an empty key', { '': 'v' }, 'length of key "" is 0'],
      ['a long value', { k: 'v'.repeat(513) }, 'length of value for key "k" is 513 but must be 0 < len(value) <= 512'],
      ['an empty value', { k: '' }, 'length of value for key "k" is 0'],
      ['an unprintable key', { 'a\u0007': 'v' }, 'contains unprintable characters'],
      ['an unprintable value', { k: 'a\nb' }, 'value for key "k" contains unprintable characters'],
      ['an object as value', { k: { nested: 'secret-looking' } }, 'the value of key "k" must be a string'],
    ])('refuses %s and changes nothing', async (_, custom, reason) => {
      await set({ before: 'stays' })
      const refusal: unknown = await set(custom).catch((error: unknown) => error)
      expect(refusal).toMatchObject({ kind: 'bad_request', message: expect.stringContaining(reason) as string })
      expect(String(refusal)).toContain('custom_metadata validation failed')
      expect(String(refusal)).not.toContain('secret-looking')
      expect((await metadata('app')).custom_metadata).toEqual({ before: 'stays' })
    })

    it('holds a patch to the limits by what it leads to', async () => {
      await set(many(64))
      await expect(kv.request('patch', 'metadata/app', { custom_metadata: { one: 'more' } })).rejects.toMatchObject({
        message: expect.stringContaining('provided 65') as string,
      })
      await kv.request('patch', 'metadata/app', { custom_metadata: { one: 'more', k0: null } })
      expect(Object.keys((await metadata('app')).custom_metadata as object).length).toBe(64)
    })

    it('reports every problem at once', async () => {
      await expect(set({ '': 'v', k: '' })).rejects.toMatchObject({
        message: expect.stringMatching(
          /^2 errors occurred:\n\t\* custom_metadata validation failed: .+\n\t\* custom_metadata validation failed: .+\n\n$/,
        ) as string,
      })
    })
  })

  it.each([
    [{ max_versions: -1 }, 'max_versions must be between 0 and 4294967295'],
    [{ max_versions: 'many' }, 'max_versions must be a whole number'],
    [{ cas_required: 'perhaps' }, 'cas_required must be true or false'],
    [{ delete_version_after: 'soon' }, 'delete_version_after must be a duration'],
    [{ delete_version_after: -5 }, 'delete_version_after must not be negative'],
  ])('refuses %j and changes nothing', async (body, reason) => {
    await expect(kv.request('create', 'metadata/app', body)).rejects.toMatchObject({
      kind: 'bad_request',
      message: expect.stringContaining(reason) as string,
    })
    expect(await kv.request('read', 'metadata/app')).toBeUndefined()
  })

  describe('list', () => {
    it('gives names and folders level by level', async () => {
      for (const path of ['b', 'a/one', 'a/deep/two', 'a', '\u00e9 x']) await write(path)
      expect((await kv.data('list', 'metadata/')).keys).toEqual(['a', 'a/', 'b', '\u00e9 x'])
      expect((await kv.data('list', 'metadata')).keys).toEqual(['a', 'a/', 'b', '\u00e9 x'])
      expect((await kv.data('list', 'metadata/a/')).keys).toEqual(['deep/', 'one'])
      expect((await kv.data('list', 'metadata/a/deep')).keys).toEqual(['two'])
    })

    it('gives nothing for an empty mount or folder, and for a secret', async () => {
      expect(await kv.request('list', 'metadata/')).toBeUndefined()
      await write('a')
      expect(await kv.request('list', 'metadata/a/')).toBeUndefined()
      expect(await kv.request('list', 'metadata/b/')).toBeUndefined()
    })

    it('goes on naming a secret whose versions are deleted, until its metadata are', async () => {
      await write('a')
      await kv.request('delete', 'data/a')
      expect((await kv.data('list', 'metadata/')).keys).toEqual(['a'])
      await kv.request('delete', 'metadata/a')
      expect(await kv.request('list', 'metadata/')).toBeUndefined()
    })
  })

  describe('removing a secret', () => {
    it('erases everything, and a new secret of the name begins at 1', async () => {
      await write('app')
      await write('app')
      await kv.request('delete', 'metadata/app')
      expect(await collectKeys(kv.storage, '')).toEqual([])
      expect(await kv.request('read', 'data/app')).toBeUndefined()
      expect(await write('app')).toMatchObject({ version: 1 })
      expect(await kv.request('read', 'data/app', { version: 2 })).toBeUndefined()
    })

    it('leaves destroyed versions and nothing readable when interrupted, and finishes when asked again', async () => {
      await write('app')
      await write('app')
      kv.storage.failOn = (change, key) => change === 'delete' && key.endsWith('/2')
      await expect(kv.request('delete', 'metadata/app')).rejects.toThrow()
      expect([await status('app', 1), await status('app', 2)]).toEqual([404, 404])
      kv.storage.failOn = () => false
      await kv.request('delete', 'metadata/app')
      expect(await collectKeys(kv.storage, '')).toEqual([])
    })

    it('also erases what an interrupted write left behind', async () => {
      await write('app')
      kv.storage.failOn = (change, key) => change === 'put' && key.startsWith('metadata/')
      await expect(write('app')).rejects.toThrow()
      kv.storage.failOn = () => false
      await kv.request('delete', 'metadata/app')
      expect(await collectKeys(kv.storage, '')).toEqual([])
    })
  })

  describe('delete, undelete and destroy by version', () => {
    beforeEach(async () => {
      for (let n = 1; n <= 4; n++) await write('app', { n })
    })

    it('deletes and brings back exactly the versions named', async () => {
      expect(await kv.request('update', 'delete/app', { versions: [1, 3] })).toBeUndefined()
      expect(await Promise.all([1, 2, 3, 4].map((version) => status('app', version)))).toEqual([404, 200, 404, 200])
      expect(await kv.request('update', 'undelete/app', { versions: [3] })).toBeUndefined()
      expect(await Promise.all([1, 2, 3, 4].map((version) => status('app', version)))).toEqual([404, 200, 200, 200])
      expect((await kv.data('read', 'data/app', { version: 3 })).data).toEqual({ n: 3 })
    })

    it('destroys for good: the data is gone from storage, and undelete cannot help', async () => {
      expect(await kv.request('update', 'destroy/app', { versions: [2] })).toBeUndefined()
      await kv.request('update', 'undelete/app', { versions: [2] })
      expect(await kv.request('read', 'data/app', { version: 2 })).toMatchObject({
        status: 404,
        data: { data: null, metadata: { version: 2, destroyed: true } },
      })
      expect(await kv.storage.get('versions/app/2')).toBeUndefined()
      expect(await kv.storage.get('versions/app/1')).toBeDefined()
    })

    it('never shows a destroyed version again even when erasing failed, and erases it when asked again', async () => {
      kv.storage.failOn = (change) => change === 'delete'
      await expect(kv.request('update', 'destroy/app', { versions: [2] })).rejects.toThrow()
      expect(await status('app', 2)).toBe(404)
      kv.storage.failOn = () => false
      await kv.request('update', 'destroy/app', { versions: [2] })
      expect(await kv.storage.get('versions/app/2')).toBeUndefined()
    })

    it.each([['1,3'], ['[1, 3]'], [['1', '3']], [[1, 3]]])('takes versions as %j', async (versions) => {
      await kv.request('update', 'delete/app', { versions })
      expect(await Promise.all([1, 2, 3, 4].map((version) => status('app', version)))).toEqual([404, 200, 404, 200])
    })

    it('takes one bare number', async () => {
      await kv.request('update', 'delete/app', { versions: 2 })
      expect(await status('app', 2)).toBe(404)
    })

    it('passes over versions and secrets that are not there', async () => {
      for (const verb of ['delete', 'undelete', 'destroy']) {
        expect(await kv.request('update', `${verb}/app`, { versions: [0, 99, -1] })).toBeUndefined()
        expect(await kv.request('update', `${verb}/none`, { versions: [1] })).toBeUndefined()
      }
      expect(await Promise.all([1, 2, 3, 4].map((version) => status('app', version)))).toEqual([200, 200, 200, 200])
    })

    it.each([[undefined], [null], [[]], ['']])('refuses no versions: %j', async (versions) => {
      const body = versions === undefined ? {} : { versions }
      await expect(kv.request('update', 'delete/app', body)).rejects.toMatchObject({
        kind: 'invalid_request',
        message: 'No version number provided',
      })
      await expect(kv.request('update', 'undelete/app', body)).rejects.toMatchObject({
        message: 'No version number provided',
      })
      await expect(kv.request('update', 'destroy/app', body)).rejects.toMatchObject({
        message: 'no version number provided',
      })
    })

    it.each([['all'], [[1, 'two']], [[1.5]], [{ 1: true }], [true]])(
      'refuses versions=%j and changes nothing',
      async (versions) => {
        await expect(kv.request('update', 'destroy/app', { versions })).rejects.toMatchObject({
          kind: 'bad_request',
          message: expect.stringContaining('versions must be a list of version numbers') as string,
        })
        expect(await status('app', 1)).toBe(200)
      },
    )
  })

  describe('delete_version_after', () => {
    const HOUR = 3_600_000

    it('lets a version live that long and no longer', async () => {
      await kv.request('create', 'metadata/app', { delete_version_after: '1h' })
      expect(await write('app')).toMatchObject({ deletion_time: '2026-03-15T17:00:00Z' })
      await kv.clock.advance(HOUR - 1)
      expect(await status('app', 1)).toBe(200)
      await kv.clock.advance(1)
      expect(await status('app', 1)).toBe(404)
      expect(await kv.request('patch', 'data/app', { data: { n: 2 } })).toMatchObject({ status: 404 })
    })

    it("counts the shorter of the secret's and the mount's", async () => {
      await kv.request('update', 'config', { delete_version_after: '30m' })
      expect(await write('plain')).toMatchObject({ deletion_time: '2026-03-15T16:30:00Z' })
      await kv.request('create', 'metadata/long', { delete_version_after: '2h' })
      expect(await write('long')).toMatchObject({ deletion_time: '2026-03-15T16:30:00Z' })
      await kv.request('create', 'metadata/short', { delete_version_after: 60 })
      expect(await write('short')).toMatchObject({ deletion_time: '2026-03-15T16:01:00Z' })
    })

    it('is switched off everywhere by a negative setting of the mount, and cleared by 0', async () => {
      await kv.request('create', 'metadata/app', { delete_version_after: 60 })
      await kv.request('update', 'config', { delete_version_after: '-5m' })
      expect((await kv.data('read', 'config')).delete_version_after).toBe('-1s')
      expect(await write('app')).toMatchObject({ deletion_time: '' })
      await kv.request('update', 'config', { delete_version_after: 0 })
      expect((await kv.data('read', 'config')).delete_version_after).toBe('0s')
      expect(await write('app')).toMatchObject({ deletion_time: '2026-03-15T16:01:00Z' })
    })

    it('gives an undeleted version a new life of the same length', async () => {
      await kv.request('create', 'metadata/app', { delete_version_after: '1h' })
      await write('app')
      await kv.clock.advance(2 * HOUR)
      await kv.request('update', 'undelete/app', { versions: [1] })
      expect(await kv.data('read', 'data/app')).toMatchObject({ metadata: { deletion_time: '2026-03-15T19:00:00Z' } })
    })

    it('is answered as Go prints durations, which Terraform parses', async () => {
      for (const [given, answered] of [
        [0, '0s'],
        [45, '45s'],
        ['90s', '1m30s'],
        ['1h', '1h0m0s'],
        ['30d', '720h0m0s'],
        [12_319, '3h25m19s'],
      ] as const) {
        await kv.request('update', 'metadata/app', { delete_version_after: given })
        expect((await metadata('app')).delete_version_after).toBe(answered)
      }
    })
  })

  describe('config', () => {
    it('starts at nothing set', async () => {
      expect(await kv.data('read', 'config')).toEqual({
        max_versions: 0,
        cas_required: false,
        delete_version_after: '0s',
      })
    })

    it('changes only what is given', async () => {
      expect(await kv.request('update', 'config', { max_versions: 5, delete_version_after: '1h' })).toBeUndefined()
      await kv.request('update', 'config', { cas_required: true })
      expect(await kv.data('read', 'config')).toEqual({
        max_versions: 5,
        cas_required: true,
        delete_version_after: '1h0m0s',
      })
    })

    it.each([[{ max_versions: -1 }], [{ max_versions: 2 ** 32 }], [{ max_versions: 3, delete_version_after: 'soon' }]])(
      'refuses %j and changes nothing',
      async (body) => {
        await expect(kv.request('update', 'config', body)).rejects.toMatchObject({ kind: 'bad_request' })
        expect((await kv.data('read', 'config')).max_versions).toBe(0)
      },
    )
  })

  describe('subkeys', () => {
    it('shows names and no values', async () => {
      await write('app', { password: 'hunter2', nested: { user: 'x', empty: {}, deep: { list: ['hunter2'] } } })
      const response = await kv.data('read', 'subkeys/app')
      expect(response).toMatchObject({
        subkeys: { password: null, nested: { user: null, empty: null, deep: { list: null } } },
        metadata: { version: 1 },
      })
      expect(JSON.stringify(response)).not.toContain('hunter2')
    })

    it('goes as deep as asked', async () => {
      await write('app', { a: { b: { c: 1 } } })
      expect((await kv.data('read', 'subkeys/app', { depth: 1 })).subkeys).toEqual({ a: null })
      expect((await kv.data('read', 'subkeys/app', { depth: '2' })).subkeys).toEqual({ a: { b: null } })
      await expect(kv.request('read', 'subkeys/app', { depth: -1 })).rejects.toMatchObject({ kind: 'bad_request' })
    })

    it('answers 404 as reads do', async () => {
      expect(await kv.request('read', 'subkeys/app')).toBeUndefined()
      await write('app')
      await kv.request('delete', 'data/app')
      expect(await kv.request('read', 'subkeys/app')).toMatchObject({
        status: 404,
        data: { subkeys: null, metadata: { version: 1 } },
      })
    })
  })

  it('explains every path', async () => {
    for (const path of [
      '',
      'config',
      'data/x',
      'metadata/x',
      'subkeys/x',
      'delete/x',
      'undelete/x',
      'destroy/x',
      'metadata/',
    ]) {
      expect((await kv.data('help', path)).help).toEqual(expect.stringMatching(/\w{20,}|.{60,}/s))
    }
  })
})
