import { mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createDurably, replaceDurably, syncDirectory } from '../../src/logical/durable-file.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'durable-'))
})
afterEach(async () => {
  vi.unstubAllGlobals()
  await rm(folder, { recursive: true, force: true })
})

const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o777).toString(8)

describe('durable files', () => {
  it('creates a file with the permissions asked for and leaves nothing beside it', async () => {
    await createDurably(join(folder, 'key'), 'a', 0o600)
    expect(await readFile(join(folder, 'key'), 'utf8')).toBe('a')
    expect(await modeOf(join(folder, 'key'))).toBe('600')
    expect(await readdir(folder)).toEqual(['key'])
  })

  it('never takes the place of a file that is there', async () => {
    await writeFile(join(folder, 'key'), 'first')
    await expect(createDurably(join(folder, 'key'), 'second', 0o600)).rejects.toMatchObject({ code: 'EEXIST' })
    expect(await readFile(join(folder, 'key'), 'utf8')).toBe('first')
    expect(await readdir(folder)).toEqual(['key'])
  })

  it('lets exactly one of many creators at once succeed', async () => {
    const attempts = Array.from({ length: 8 }, (_, i) => createDurably(join(folder, 'key'), String(i), 0o600))
    const results = await Promise.allSettled(attempts)
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await readdir(folder)).toEqual(['key'])
  })

  it('replaces a file and its permissions', async () => {
    await writeFile(join(folder, 'token'), 'old', { mode: 0o644 })
    await replaceDurably(join(folder, 'token'), 'new', 0o600)
    expect(await readFile(join(folder, 'token'), 'utf8')).toBe('new')
    expect(await modeOf(join(folder, 'token'))).toBe('600')
  })

  it('replaces a link instead of writing through it', async () => {
    await writeFile(join(folder, 'victim'), 'kept')
    await symlink(join(folder, 'victim'), join(folder, 'token'))
    await replaceDurably(join(folder, 'token'), 'new', 0o600)
    expect(await readFile(join(folder, 'victim'), 'utf8')).toBe('kept')
  })

  it('leaves nothing behind where the file cannot be placed', async () => {
    await mkdir(join(folder, 'taken', 'by'), { recursive: true })
    await expect(replaceDurably(join(folder, 'taken'), 'new', 0o600)).rejects.toThrow()
    expect(await readdir(folder)).toEqual(['taken'])
  })

  it('removes what an interrupted process left, and leaves alone what one may be writing now', async () => {
    const [old, young] = ['token.0123456789ab.new', 'token.ba9876543210.new']
    await Promise.all([old, young].map((name) => writeFile(join(folder, name), 'secret')))
    const long = new Date(Date.now() - 120_000)
    await utimes(join(folder, old), long, long)
    await replaceDurably(join(folder, 'token'), 'new', 0o600)
    expect((await readdir(folder)).sort()).toEqual(['token', young])
  })

  it('does not try to sync a directory on Windows', async () => {
    vi.stubGlobal('process', Object.create(process, { platform: { value: 'win32' } }))
    await expect(syncDirectory(join(folder, 'not-there'))).resolves.toBeUndefined()
    vi.unstubAllGlobals()
    await expect(syncDirectory(join(folder, 'not-there'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
