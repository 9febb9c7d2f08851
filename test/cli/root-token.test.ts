/** The first start may be interrupted anywhere: there is always a way in afterwards, and never a second one. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { firstRootToken } from '../../src/cli/root-token.ts'
import { MemoryStorage } from '../../src/logical/storage.ts'

let directory: string
let file: string
let storage: MemoryStorage
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'root-token-'))
  file = join(directory, 'root-token')
  storage = new MemoryStorage()
})
afterEach(() => rm(directory, { recursive: true }))

const start = () => firstRootToken(storage, file, (bytes) => randomBytes(bytes))
const written = async (): Promise<string> => (await readFile(file, 'utf8')).trim()

describe('the root token of a first start', () => {
  it('is in the file before it is made, and only there', async () => {
    const root = await start()
    expect(await written()).toBe(root?.id)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(JSON.stringify(await storage.get('server/root-token'))).not.toContain(root?.id)
  })

  it('is given once', async () => {
    await (await start())?.made()
    expect(await start()).toBeUndefined()
    await rm(file)
    expect(await start()).toBeUndefined()
  })

  it('is the one in the file when the start was interrupted after it was written', async () => {
    const before = await start()
    expect((await start())?.id).toBe(before?.id)
  })

  it('is a new one when the start was interrupted before it was written', async () => {
    const before = await start()
    await rm(file)
    const half = `${file}.0123456789ab.new`
    await writeFile(half, 'hvs.half', { mode: 0o600 })
    const longAgo = new Date(Date.now() - 120_000)
    await utimes(half, longAgo, longAgo)
    const after = await start()
    expect(after?.id).not.toBe(before?.id)
    expect(await written()).toBe(after?.id)
    expect(await readdir(directory)).toEqual(['root-token'])
  })

  it.each([
    ['of another server', 'hvs.AAAAAAAAAAAAAAAAAAAAAAAA'],
    ['empty', ''],
  ])('does not replace or adopt a file that is %s', async (_case, text) => {
    await writeFile(file, text, { mode: 0o600 })
    await expect(start()).rejects.toThrow(file)
    // Nor the second time, when the store remembers an attempt.
    await expect(start()).rejects.toThrow(file)
    expect(await readFile(file, 'utf8')).toBe(text)
  })
})
