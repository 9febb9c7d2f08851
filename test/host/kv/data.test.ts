import { beforeEach, describe, expect, it } from 'vitest'
import { kvV2Factory } from '../../../src/host/kv/backend.ts'
import { collectKeys } from '../../../src/logical/storage.ts'
import { mount } from './mounted.ts'
import type { Mounted } from './mounted.ts'

describe('KV version 2: data', () => {
  let kv: Mounted
  beforeEach(async () => {
    kv = await mount(kvV2Factory)
  })

  const write = (path: string, data: Record<string, unknown>, options?: Record<string, unknown>) =>
    kv.data('create', `data/${path}`, { data, ...(options && { options }) })
  const read = async (path: string, version?: unknown) =>
    (await kv.data('read', `data/${path}`, version === undefined ? {} : { version })).data

  it('answers a write with what it made', async () => {
    await kv.clock.advance(120)
    expect(await write('app', { key: 'one' })).toEqual({
      version: 1,
      created_time: '2026-03-15T16:00:00.12Z',
      deletion_time: '',
      destroyed: false,
      custom_metadata: null,
    })
  })

  it('answers a read with data and metadata', async () => {
    await write('app', { key: 'one', nested: { list: [1, 'two', null, true] } })
    expect(await kv.request('read', 'data/app')).toEqual({
      data: {
        data: { key: 'one', nested: { list: [1, 'two', null, true] } },
        metadata: {
          version: 1,
          created_time: '2026-03-15T16:00:00Z',
          deletion_time: '',
          destroyed: false,
          custom_metadata: null,
        },
      },
    })
  })

  it('reads any version by number, and the latest for 0, a negative number or none', async () => {
    await write('app', { n: 1 })
    await write('app', { n: 2 })
    expect(await read('app')).toEqual({ n: 2 })
    expect(await read('app', 0)).toEqual({ n: 2 })
    expect(await read('app', '0')).toEqual({ n: 2 })
    expect(await read('app', -1)).toEqual({ n: 2 })
    expect(await read('app', '1')).toEqual({ n: 1 })
    expect(await kv.request('read', 'data/app', { version: 3 })).toBeUndefined()
  })

  it('answers nothing for a secret that is not there, nor for a folder', async () => {
    await write('folder/app', { n: 1 })
    expect(await kv.request('read', 'data/other')).toBeUndefined()
    expect(await kv.request('read', 'data/folder')).toBeUndefined()
    expect(await kv.request('read', 'data/folder/app/more')).toBeUndefined()
  })

  it('refuses a version that is not a number', async () => {
    await write('app', { n: 1 })
    await expect(kv.request('read', 'data/app', { version: 'latest' })).rejects.toMatchObject({
      kind: 'bad_request',
      message: expect.stringContaining('version must be a whole number') as string,
    })
  })

  it.each([{}, { data: null }, { key: 'value' }, { options: { cas: 0 } }])(
    'refuses a write without data: %j',
    async (body) => {
      await expect(kv.request('create', 'data/app', body)).rejects.toMatchObject({
        kind: 'invalid_request',
        message: 'no data provided',
      })
      expect(await kv.request('read', 'metadata/app')).toBeUndefined()
    },
  )

  it.each([[['list']], [5], [true]])('refuses data that is not an object, without quoting it: %j', async (data) => {
    await expect(kv.request('create', 'data/app', { data })).rejects.toMatchObject({
      kind: 'bad_request',
      message: expect.stringMatching(/^data must be an object/) as string,
    })
  })

  it('stores an empty object as a version of its own', async () => {
    await write('app', {})
    expect(await read('app')).toEqual({})
  })

  it('keeps members with dangerous names as plain members', async () => {
    const data = JSON.parse('{"__proto__":{"admin":true},"constructor":"x"}') as Record<string, unknown>
    await write('app', data)
    await kv.request('patch', 'data/app', { data: JSON.parse('{"__proto__":{"more":1}}') as Record<string, unknown> })
    expect(JSON.stringify(await read('app'))).toBe('{"__proto__":{"admin":true,"more":1},"constructor":"x"}')
    expect(({} as Record<string, unknown>).admin).toBeUndefined()
  })

  it('keeps paths with unusual characters apart', async () => {
    const paths = [
      'a b',
      'a%20b',
      'a+b',
      '\u00e9',
      'e\u0301',
      '\u{1f600}/x',
      'dot.',
      '.hidden',
      'a:b',
      'q?x=1',
      '1',
      '1/1',
      '1/2',
      'data/data',
      'metadata/x',
      'config',
    ]
    for (const path of paths) await write(path, { path })
    for (const path of paths) expect(await read(path)).toEqual({ path })
    expect((await collectKeys(kv.storage, 'metadata/')).length).toBe(paths.length)
  })

  it('never mixes the versions of a secret with a secret whose name is a number below it', async () => {
    await write('a', { own: 1 })
    await write('a/1', { other: 1 })
    await kv.request('delete', 'metadata/a')
    expect(await read('a/1')).toEqual({ other: 1 })
    await write('a', { own: 2 })
    await kv.request('delete', 'metadata/a/1')
    expect(await read('a')).toEqual({ own: 2 })
  })

  it('tells create from update by whether the secret is known', async () => {
    expect(await kv.exists('data/app')).toBe(false)
    await write('app', { n: 1 })
    expect(await kv.exists('data/app')).toBe(true)
    await kv.request('delete', 'data/app')
    expect(await kv.exists('data/app')).toBe(true)
    expect(await kv.exists('config')).toBeUndefined()
  })

  describe('check-and-set', () => {
    const mismatch = { kind: 'invalid_request', message: 'check-and-set parameter did not match the current version' }

    it('lets 0 create and only create', async () => {
      await write('app', { n: 1 }, { cas: 0 })
      await expect(write('app', { n: 2 }, { cas: 0 })).rejects.toMatchObject(mismatch)
      expect(await read('app')).toEqual({ n: 1 })
    })

    it('lets the current version through, as number or text, and no other', async () => {
      await write('app', { n: 1 })
      await write('app', { n: 2 }, { cas: 1 })
      await write('app', { n: 3 }, { cas: '2' })
      for (const cas of [0, 1, 2, 4, -3, '1', null, ''])
        await expect(write('app', { n: 9 }, { cas })).rejects.toMatchObject(mismatch)
      expect(await read('app')).toEqual({ n: 3 })
    })

    it.each(['three', 1.5, { n: 1 }, [1], '1x'])('refuses cas=%j', async (cas) => {
      await expect(write('app', { n: 1 }, { cas })).rejects.toMatchObject({
        kind: 'invalid_request',
        message: 'error parsing check-and-set parameter',
      })
    })

    it('ignores a cas beside data, as Terraform sends it, with a warning', async () => {
      await write('app', { n: 1 })
      const response = await kv.request('update', 'data/app', { data: { n: 2 }, cas: 0, options: {} })
      expect(response?.data).toMatchObject({ version: 2 })
      expect(response?.warnings).toEqual(['Endpoint ignored these unrecognized parameters: [cas]'])
    })

    it('is demanded of every write when the mount or the secret says so', async () => {
      const demanded = { kind: 'invalid_request', message: 'check-and-set parameter required for this call' }
      await write('app', { n: 1 })
      await kv.request('update', 'metadata/app', { cas_required: true })
      await expect(write('app', { n: 2 })).rejects.toMatchObject(demanded)
      await expect(kv.request('patch', 'data/app', { data: { n: 2 } })).rejects.toMatchObject(demanded)
      await write('app', { n: 2 }, { cas: 1 })
      await write('other', { n: 1 })
      await kv.request('update', 'config', { cas_required: true })
      await expect(write('other', { n: 2 })).rejects.toMatchObject(demanded)
      await expect(write('new', { n: 1 })).rejects.toMatchObject(demanded)
      await write('new', { n: 1 }, { cas: 0 })
    })
  })

  describe('max_versions', () => {
    const versions = async () => Object.keys((await kv.data('read', 'metadata/app')).versions as object)
    const stored = () => collectKeys(kv.storage, 'versions/')

    it('keeps ten by default and erases what is older', async () => {
      for (let n = 1; n <= 12; n++) await write('app', { n })
      expect(await versions()).toEqual(['3', '4', '5', '6', '7', '8', '9', '10', '11', '12'])
      expect((await stored()).length).toBe(10)
      expect(await kv.request('read', 'data/app', { version: 2 })).toBeUndefined()
      expect(await read('app', 3)).toEqual({ n: 3 })
      expect(await kv.data('read', 'metadata/app')).toMatchObject({ current_version: 12, oldest_version: 3 })
    })

    it("follows the larger of the secret's and the mount's setting, from the next write on", async () => {
      for (let n = 1; n <= 5; n++) await write('app', { n })
      await kv.request('update', 'metadata/app', { max_versions: 2 })
      expect((await versions()).length).toBe(5)
      await write('app', { n: 6 })
      expect(await versions()).toEqual(['5', '6'])
      await kv.request('update', 'config', { max_versions: 3 })
      await write('app', { n: 7 })
      await write('app', { n: 8 })
      expect(await versions()).toEqual(['6', '7', '8'])
      expect(await stored()).toEqual(['versions/app/6', 'versions/app/7', 'versions/app/8'])
    })

    it('keeps the new version when erasing old ones fails, warns, and erases them at the next write', async () => {
      await kv.request('update', 'config', { max_versions: 1 })
      await write('app', { n: 1 })
      kv.storage.failOn = (change) => change === 'delete'
      for (const n of [2, 3]) {
        const response = await kv.request('update', 'data/app', { data: { n } })
        expect(response).toMatchObject({
          data: { version: n },
          warnings: ['error occurred when cleaning up old versions, these will be cleaned up on next write'],
        })
      }
      expect((await stored()).length).toBe(3)
      kv.storage.failOn = () => false
      await write('app', { n: 4 })
      expect(await stored()).toEqual(['versions/app/4'])
    })
  })

  describe('patch', () => {
    it('merges into the latest version and makes a new one', async () => {
      await write('app', { keep: 1, change: 'old', drop: true, nested: { a: 1, b: 2 }, list: [1, 2] })
      expect(
        await kv.data('patch', 'data/app', {
          data: {
            change: 'new',
            drop: null,
            nested: { b: null, c: 3 },
            list: [9],
            fresh: { inner: { gone: null, kept: 1 } },
          },
        }),
      ).toMatchObject({ version: 2, deletion_time: '', destroyed: false })
      expect(await read('app')).toEqual({
        keep: 1,
        change: 'new',
        nested: { a: 1, c: 3 },
        list: [9],
        fresh: { inner: { kept: 1 } },
      })
      expect(await read('app', 1)).toEqual({ keep: 1, change: 'old', drop: true, nested: { a: 1, b: 2 }, list: [1, 2] })
    })

    it('honours cas', async () => {
      await write('app', { n: 1 })
      await expect(kv.request('patch', 'data/app', { data: { n: 2 }, options: { cas: 0 } })).rejects.toMatchObject({
        message: 'check-and-set parameter did not match the current version',
      })
      await kv.request('patch', 'data/app', { data: { n: 2 }, options: { cas: 1 } })
      expect(await read('app')).toEqual({ n: 2 })
    })

    it('refuses to patch without data', async () => {
      await write('app', { n: 1 })
      await expect(kv.request('patch', 'data/app', {})).rejects.toMatchObject({
        kind: 'invalid_request',
        message: 'no data provided',
      })
    })

    it('answers 404 for a secret that is not there, deleted or destroyed, and makes nothing', async () => {
      expect(await kv.request('patch', 'data/app', { data: { n: 1 } })).toEqual({ status: 404 })
      await kv.request('update', 'metadata/app', { cas_required: false })
      expect(await kv.request('patch', 'data/app', { data: { n: 1 } })).toEqual({ status: 404 })
      await write('app', { n: 1 })
      await kv.request('delete', 'data/app')
      expect(await kv.request('patch', 'data/app', { data: { n: 2 } })).toMatchObject({
        status: 404,
        data: { version: 1, destroyed: false, deletion_time: '2026-03-15T16:00:00Z' },
      })
      await kv.request('update', 'destroy/app', { versions: [1] })
      expect(await kv.request('patch', 'data/app', { data: { n: 2 } })).toMatchObject({
        status: 404,
        data: { version: 1, destroyed: true },
      })
      expect(await kv.data('read', 'metadata/app')).toMatchObject({ current_version: 1 })
    })
  })

  describe('delete', () => {
    it('marks the latest version, which reads as 404 with its metadata', async () => {
      await write('app', { n: 1 })
      await write('app', { n: 2 })
      await kv.clock.advance(1500)
      expect(await kv.request('delete', 'data/app')).toBeUndefined()
      expect(await kv.request('read', 'data/app')).toEqual({
        status: 404,
        data: {
          data: null,
          metadata: {
            version: 2,
            created_time: '2026-03-15T16:00:00Z',
            deletion_time: '2026-03-15T16:00:01.5Z',
            destroyed: false,
            custom_metadata: null,
          },
        },
      })
      expect(await read('app', 1)).toEqual({ n: 1 })
    })

    it('does nothing twice, nor to a secret that is not there', async () => {
      expect(await kv.request('delete', 'data/app')).toBeUndefined()
      await write('app', { n: 1 })
      await kv.request('delete', 'data/app')
      await kv.clock.advance(60_000)
      await kv.request('delete', 'data/app')
      expect(await kv.data('read', 'data/app')).toMatchObject({ metadata: { deletion_time: '2026-03-15T16:00:00Z' } })
    })

    it('lets the next write go on counting', async () => {
      await write('app', { n: 1 })
      await kv.request('delete', 'data/app')
      expect(await write('app', { n: 2 }, { cas: 1 })).toMatchObject({ version: 2, deletion_time: '' })
    })
  })

  describe('writers at the same time', () => {
    it('lose no version', async () => {
      const responses = await Promise.all(Array.from({ length: 8 }, (_, n) => write('app', { n })))
      expect(responses.map((response) => response.version)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
      for (let version = 1; version <= 8; version++) expect(await read('app', version)).toEqual({ n: version - 1 })
    })

    it('lose no patch', async () => {
      await write('app', {})
      await Promise.all(
        Array.from({ length: 6 }, (_, n) => kv.request('patch', 'data/app', { data: { [`k${n}`]: n } })),
      )
      expect(await read('app')).toEqual({ k0: 0, k1: 1, k2: 2, k3: 3, k4: 4, k5: 5 })
    })

    it('let exactly one through with the same cas', async () => {
      const outcomes = await Promise.allSettled(Array.from({ length: 5 }, (_, n) => write('app', { n }, { cas: 0 })))
      expect(outcomes.filter((outcome) => outcome.status === 'fulfilled').length).toBe(1)
      expect(await kv.data('read', 'metadata/app')).toMatchObject({ current_version: 1 })
    })
  })

  it('shows nothing of a write that failed half way, and the next one takes its place', async () => {
    await write('app', { n: 1 })
    kv.storage.failOn = (change, key) => change === 'put' && key.startsWith('metadata/')
    await expect(write('app', { n: 2, password: 'hunter2' })).rejects.not.toThrow(/hunter2/)
    kv.storage.failOn = () => false
    expect(await read('app')).toEqual({ n: 1 })
    expect(await write('app', { n: 3 })).toMatchObject({ version: 2 })
    expect(await read('app')).toEqual({ n: 3 })
  })

  it('reports a version whose data has vanished as its own failure, not as a missing secret', async () => {
    await write('app', { n: 1 })
    await kv.storage.delete('versions/app/1')
    await expect(kv.request('read', 'data/app')).rejects.toMatchObject({
      kind: 'internal',
      message: 'the data of version 1 is missing from storage',
    })
  })

  it.each([
    ['read', 'app', "use 'vault kv get' for"],
    ['update', 'app/deep', "use 'vault kv put' for"],
    ['list', 'folder/', "use 'vault kv list' for"],
    ['delete', 'app', "use 'vault kv delete' for"],
  ] as const)('hints at version 2 when asked to %s %s', async (operation, path, hint) => {
    const response = await kv.request(operation, path, { key: 'value' })
    expect(response).toMatchObject({ status: 404, warnings: [expect.stringContaining(hint)] })
    expect(response?.data).toBeUndefined()
  })

  it('refuses operations its paths do not have', async () => {
    const unsupported = { kind: 'unsupported_operation' }
    await expect(kv.request('list', 'data/app')).rejects.toMatchObject(unsupported)
    await expect(kv.request('read', 'destroy/app')).rejects.toMatchObject(unsupported)
    await expect(kv.request('delete', 'config')).rejects.toMatchObject(unsupported)
    expect(await kv.request('read', 'data')).toEqual({
      status: 404,
      warnings: ['Non-listing operations on the root path are not supported.'],
    })
  })
})
