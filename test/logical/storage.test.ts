import { describe, expect, it } from 'vitest'
import { MemoryStorage, collectKeys, getJson, prefixStorage, putJson } from '../../src/logical/storage.ts'
import { storageContract } from './storage-contract.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const nothing = (): Promise<void> => Promise.resolve()

storageContract('MemoryStorage', () => Promise.resolve({ storage: new MemoryStorage(), close: nothing }))
storageContract('prefixStorage', async () => {
  const whole = new MemoryStorage()
  await whole.put({ key: 'outside', value: bytes('x') })
  await whole.put({ key: 'mine', value: bytes('x') })
  await whole.put({ key: 'mine0', value: bytes('x') })
  return { storage: prefixStorage(whole, 'mine/'), close: nothing }
})

describe('storage', () => {
  it('keeps a prefixed view inside its prefix', async () => {
    const whole = new MemoryStorage()
    await prefixStorage(whole, 'mine/').put({ key: 'a', value: bytes('1') })
    await whole.put({ key: 'b', value: bytes('2') })
    expect(await whole.list('')).toEqual(['b', 'mine/'])
    expect(await prefixStorage(whole, 'mine/').get('b')).toBeUndefined()
    await prefixStorage(whole, 'mine/').delete('b')
    expect(await whole.get('b')).toBeDefined()
  })

  it('reads JSON back, and nothing as undefined', async () => {
    const storage = new MemoryStorage()
    await putJson(storage, 'doc', { a: [1, '\u00e9'] })
    expect(await getJson(storage, 'doc')).toEqual({ a: [1, '\u00e9'] })
    expect(await getJson(storage, 'none')).toBeUndefined()
  })

  it('names the key, and not the content, of a value that is not JSON', async () => {
    const storage = new MemoryStorage()
    await storage.put({ key: 'broken', value: bytes('{"password":"hunter2"') })
    await expect(getJson(storage, 'broken')).rejects.toMatchObject({
      kind: 'internal',
      message: 'stored value at broken is not readable',
    })
    await storage.put({ key: 'latin1', value: Uint8Array.of(0x22, 0xe9, 0x22) })
    await expect(getJson(storage, 'latin1')).rejects.toMatchObject({ kind: 'internal' })
  })

  it('collects every key below a folder', async () => {
    const storage = new MemoryStorage()
    for (const key of ['a', 'f/b', 'f/g/c', 'f/g/h/d']) await storage.put({ key, value: bytes(key) })
    expect((await collectKeys(storage, 'f/')).sort()).toEqual(['f/b', 'f/g/c', 'f/g/h/d'])
  })
})
