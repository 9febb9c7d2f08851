import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openEncryptedStorage } from '../../../src/host/physical/encrypted.ts'
import { openLevelStorage } from '../../../src/host/physical/level.ts'
import { MemoryStorage, collectKeys } from '../../../src/logical/storage.ts'
import { storageContract } from '../../logical/storage-contract.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const key = randomBytes(32)
const open = (inner: MemoryStorage, using: Uint8Array = key) =>
  openEncryptedStorage({ inner, key: using, random: randomBytes })

storageContract('encrypted storage in memory', async () => ({
  storage: await open(new MemoryStorage()),
  close: () => Promise.resolve(),
}))
storageContract('encrypted storage on disk', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'sealed-test-'))
  const inner = await openLevelStorage(directory)
  const storage = await openEncryptedStorage({ inner, key, random: randomBytes })
  return {
    storage,
    close: async () => {
      await inner.close()
      await rm(directory, { recursive: true })
    },
  }
})

describe('encryption at rest', () => {
  const sealedOf = async (inner: MemoryStorage, name: string): Promise<Uint8Array> =>
    (await inner.get(`data/${name}`))!.value
  const tamper = (inner: MemoryStorage, name: string, value: Uint8Array): Promise<void> =>
    inner.put({ key: `data/${name}`, value })
  const refusal = (name: string) => ({
    kind: 'internal',
    message: expect.stringMatching(new RegExp(`^stored value at ${name} cannot be decrypted: `)) as string,
  })

  it('never writes a value in the clear', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sealed-test-'))
    const inner = await openLevelStorage(directory)
    const storage = await openEncryptedStorage({ inner, key, random: randomBytes })
    await storage.put({ key: 'upstream/key', value: bytes('sk_live_very_secret_value') })
    await inner.close()
    const files = await Promise.all((await readdir(directory)).map((file) => readFile(join(directory, file))))
    expect(files.some((content) => content.includes('sk_live'))).toBe(false)
    // Names are readable: that is the documented limit, and it shows that the search above could have found something.
    expect(files.some((content) => content.includes('upstream/key'))).toBe(true)
    await rm(directory, { recursive: true })
  })

  it('opens again under the same key', async () => {
    const inner = new MemoryStorage()
    await (await open(inner)).put({ key: 'a', value: bytes('value') })
    expect(Buffer.from((await (await open(inner)).get('a'))!.value).toString()).toBe('value')
  })

  it('refuses another key at once, before anything is read or written', async () => {
    const inner = new MemoryStorage()
    await (await open(inner)).put({ key: 'a', value: bytes('value') })
    const before = await collectKeys(inner, '')
    await expect(open(inner, randomBytes(32))).rejects.toMatchObject({
      kind: 'internal',
      message: 'the store key does not fit this store: it was written under another key',
    })
    expect(await collectKeys(inner, '')).toEqual(before)
  })

  it('refuses a key of the wrong length', async () => {
    await expect(open(new MemoryStorage(), randomBytes(16))).rejects.toMatchObject({
      message: 'the store key must be 32 bytes long, not 16',
    })
  })

  it('refuses a store that holds data but no proof of its key', async () => {
    const inner = new MemoryStorage()
    await (await open(inner)).put({ key: 'a', value: bytes('value') })
    await inner.delete('store-key-check')
    await expect(open(inner)).rejects.toMatchObject({
      kind: 'internal',
      message: expect.stringContaining('not the entry that proves its key') as string,
    })
    expect(await inner.get('store-key-check')).toBeUndefined()
  })

  it('seals the same value differently every time', async () => {
    const inner = new MemoryStorage()
    const storage = await open(inner)
    await storage.put({ key: 'a', value: bytes('value') })
    const first = await sealedOf(inner, 'a')
    await storage.put({ key: 'a', value: bytes('value') })
    expect(await sealedOf(inner, 'a')).not.toEqual(first)
  })

  it('takes a fresh 96-bit nonce from the randomness handed in, per value', async () => {
    const requests: number[] = []
    const inner = new MemoryStorage()
    const storage = await openEncryptedStorage({
      inner,
      key,
      random: (count) => {
        requests.push(count)
        return randomBytes(count)
      },
    })
    await storage.put({ key: 'a', value: bytes('1') })
    await storage.put({ key: 'a', value: bytes('1') })
    expect(requests).toEqual([12, 12, 12])
  })

  it('notices every single changed byte', async () => {
    const inner = new MemoryStorage()
    const storage = await open(inner)
    await storage.put({ key: 'a', value: bytes('value') })
    const sealed = await sealedOf(inner, 'a')
    for (let index = 0; index < sealed.length; index++) {
      const changed = Uint8Array.from(sealed)
      changed[index]! ^= 1
      await tamper(inner, 'a', changed)
      await expect(storage.get('a')).rejects.toMatchObject(refusal('a'))
    }
    await tamper(inner, 'a', sealed)
    await expect(storage.get('a')).resolves.toBeDefined()
  })

  it('notices a value that was cut, lengthened or emptied', async () => {
    const inner = new MemoryStorage()
    const storage = await open(inner)
    await storage.put({ key: 'a', value: bytes('value') })
    const sealed = await sealedOf(inner, 'a')
    for (const length of [0, 1, 13, 28, 29, sealed.length - 1]) {
      await tamper(inner, 'a', sealed.subarray(0, length))
      await expect(storage.get('a')).rejects.toMatchObject(refusal('a'))
    }
    await tamper(inner, 'a', Buffer.concat([sealed, Buffer.of(0)]))
    await expect(storage.get('a')).rejects.toMatchObject(refusal('a'))
  })

  it('notices a value moved under another name', async () => {
    const inner = new MemoryStorage()
    const storage = await open(inner)
    await storage.put({ key: 'mine', value: bytes('my value') })
    await storage.put({ key: 'yours', value: bytes('your value') })
    await tamper(inner, 'yours', await sealedOf(inner, 'mine'))
    await expect(storage.get('yours')).rejects.toMatchObject(refusal('yours'))
    await expect(storage.get('mine')).resolves.toBeDefined()
  })

  it('cannot reach or list its own bookkeeping through the view it gives', async () => {
    const storage = await open(new MemoryStorage())
    expect(await storage.list('')).toEqual([])
    expect(await storage.get('store-key-check')).toBeUndefined()
    await storage.delete('store-key-check')
    await storage.put({ key: 'store-key-check', value: bytes('mine') })
    expect(await storage.list('')).toEqual(['store-key-check'])
  })
})
