import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MemoryStorage, collectKeys } from '../../src/logical/storage.ts'
import type { Storage } from '../../src/logical/storage.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const read = (value: Uint8Array | undefined): string | undefined => value && new TextDecoder().decode(value)

export interface OpenStorage {
  readonly storage: Storage
  close(): Promise<void>
}

/** What every `Storage` must do. `open` gives an empty one per test. */
export function storageContract(name: string, open: () => Promise<OpenStorage>): void {
  describe(`${name} keeps the storage contract`, () => {
    let opened: OpenStorage
    let storage: Storage
    const put = (key: string, value = key): Promise<void> => storage.put({ key, value: text(value) })
    const get = async (key: string): Promise<string | undefined> => read((await storage.get(key))?.value)

    beforeEach(async () => {
      opened = await open()
      storage = opened.storage
    })
    afterEach(() => opened.close())

    it('gives back what was put, under its own key', async () => {
      await put('a/b', 'one')
      expect((await storage.get('a/b'))?.key).toBe('a/b')
      expect(await get('a/b')).toBe('one')
    })

    it('keeps the last value put under a key', async () => {
      await put('a', 'one')
      await put('a', 'two')
      expect(await get('a')).toBe('two')
    })

    it('has nothing under a key that was never put, nor under the folder or the beginning of one that was', async () => {
      await put('folder/name')
      expect(await storage.get('other')).toBeUndefined()
      expect(await storage.get('folder')).toBeUndefined()
      expect(await storage.get('folder/')).toBeUndefined()
      expect(await storage.get('folder/nam')).toBeUndefined()
    })

    it('forgets a deleted key and nothing else', async () => {
      await put('a')
      await put('a/b')
      await put('ab')
      await storage.delete('a')
      expect(await storage.get('a')).toBeUndefined()
      expect(await storage.list('')).toEqual(['a/', 'ab'])
    })

    it('deletes a missing key without complaint', async () => {
      await expect(storage.delete('never')).resolves.toBeUndefined()
    })

    it('lets a folder vanish with its last key', async () => {
      await put('f/one')
      await put('f/two')
      await storage.delete('f/one')
      expect(await storage.list('')).toEqual(['f/'])
      await storage.delete('f/two')
      expect(await storage.list('')).toEqual([])
    })

    it('lists direct children only, each folder once, a name and a folder of the same name both', async () => {
      for (const key of ['a', 'a/x', 'a/y/z', 'a-b', 'a0', 'b/c/d', 'b/c/e']) await put(key)
      expect(await storage.list('')).toEqual(['a', 'a-b', 'a/', 'a0', 'b/'])
      expect(await storage.list('a/')).toEqual(['x', 'y/'])
      expect(await storage.list('b/')).toEqual(['c/'])
      expect(await storage.list('b/c/')).toEqual(['d', 'e'])
    })

    it('lists nothing for a folder that is not there, nor for a key', async () => {
      await put('a/b')
      expect(await storage.list('c/')).toEqual([])
      expect(await storage.list('a/b/')).toEqual([])
      expect(await storage.list('a/b')).toEqual([])
    })

    it('orders names by their UTF-8 bytes', async () => {
      const names = [
        '',
        '!',
        '-',
        '0',
        'A',
        'Z',
        '_',
        'a',
        'b',
        '~',
        '\u00e9',
        '\u20ac',
        '\ue000',
        '\uffee',
        '\u{10000}',
        '\u{1f600}',
      ].map((name) => `k${name}`)
      for (const name of [...names].reverse()) await put(`u/${name}`)
      expect(await storage.list('u/')).toEqual(names)
      expect(await storage.list('u/', { after: 'k\uffee' })).toEqual(['k\u{10000}', 'k\u{1f600}'])
    })

    it('keeps unusual characters in keys apart and intact', async () => {
      const keys = [
        'with space',
        'per%cent',
        'plus+',
        'per%2Fcent',
        '..',
        '.',
        'dot.',
        'back\\slash',
        'q?x=1#y',
        '"quoted"',
        'nul\u0000byte',
        'tab\t',
        '\u00e9',
        'e\u0301',
        '\u{1f600}',
        '__proto__',
        'constructor',
      ]
      for (const key of keys) await put(`odd/${key}`, key)
      for (const key of keys) expect(await get(`odd/${key}`)).toBe(key)
      expect(new Set(await storage.list('odd/'))).toEqual(new Set(keys))
    })

    it('pages: exclusive after, limit, both, and none', async () => {
      for (const key of ['a', 'b/1', 'b/2', 'b/3', 'c', 'd']) await put(`p/${key}`)
      expect(await storage.list('p/', { limit: 2 })).toEqual(['a', 'b/'])
      expect(await storage.list('p/', { after: 'b/', limit: 2 })).toEqual(['c', 'd'])
      expect(await storage.list('p/', { after: 'b' })).toEqual(['b/', 'c', 'd'])
      expect(await storage.list('p/', { after: 'b/2' })).toEqual(['c', 'd'])
      expect(await storage.list('p/', { after: 'bb' })).toEqual(['c', 'd'])
      expect(await storage.list('p/', { after: 'd' })).toEqual([])
      expect(await storage.list('p/', { after: '', limit: 0 })).toEqual(['a', 'b/', 'c', 'd'])
      expect(await storage.list('p/', { limit: -1 })).toEqual(['a', 'b/', 'c', 'd'])
      expect(await storage.list('p/', { limit: 99 })).toEqual(['a', 'b/', 'c', 'd'])
    })

    it('stores empty, binary and big values byte for byte', async () => {
      const binary = Uint8Array.from({ length: 256 }, (_, index) => index)
      const big = new Uint8Array(3 * 1024 * 1024).map((_, index) => (index * 31) % 251)
      await storage.put({ key: 'empty', value: new Uint8Array(0) })
      await storage.put({ key: 'binary', value: binary })
      await storage.put({ key: 'big', value: big })
      expect(Buffer.compare((await storage.get('empty'))!.value, new Uint8Array(0))).toBe(0)
      expect(Buffer.compare((await storage.get('binary'))!.value, binary)).toBe(0)
      expect(Buffer.compare((await storage.get('big'))!.value, big)).toBe(0)
    })

    it('keeps its own copy: neither the array put nor the array got can change what is stored', async () => {
      const value = text('right')
      const writing = storage.put({ key: 'copy', value })
      value.fill(0)
      await writing
      expect(await get('copy')).toBe('right')
      const got = await storage.get('copy')
      got!.value.fill(0)
      expect(await get('copy')).toBe('right')
    })

    it('takes many writers at once, and the order of one writer counts', async () => {
      const writes = Array.from({ length: 200 }, (_, index) =>
        put(`many/${String(index % 50).padStart(2, '0')}`, String(index)),
      )
      await Promise.all(writes)
      expect((await storage.list('many/')).length).toBe(50)
      expect(await get('many/07')).toBe('157')
      await Promise.all([put('last', 'first'), storage.delete('last'), put('last', 'third')])
      expect(await get('last')).toBe('third')
      await Promise.all([put('last', 'fourth'), storage.delete('last')])
      expect(await get('last')).toBeUndefined()
    })

    it('answers every listing as a plain sorted map would, whatever was put and deleted', async () => {
      const segment = fc.constantFrom('a', 'b', 'a-', 'a0', '\u00e9', '\u{1f600}')
      const key = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
      const step = fc.record({ key, drop: fc.boolean() })
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { maxLength: 30 }),
          fc.option(key, { nil: undefined }),
          fc.integer({ min: 0, max: 3 }),
          async (steps, after, limit) => {
            for (const old of await collectKeys(storage, '')) await storage.delete(old)
            const model = new MemoryStorage()
            for (const { key: name, drop } of steps) {
              for (const target of [storage, model])
                await (drop ? target.delete(name) : target.put({ key: name, value: text(name) }))
            }
            const page = { limit, ...(after !== undefined && { after }) }
            for (const prefix of ['', 'a/', 'a/a/', 'a', 'b/', '\u{1f600}/']) {
              expect(await storage.list(prefix)).toEqual(await model.list(prefix))
              expect(await storage.list(prefix, page)).toEqual(await model.list(prefix, page))
            }
            expect(new Set(await collectKeys(storage, ''))).toEqual(new Set(await collectKeys(model, '')))
          },
        ),
        { numRuns: 25 },
      )
    })
  })
}
