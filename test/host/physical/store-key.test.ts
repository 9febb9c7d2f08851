import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { STORE_KEY_VARIABLE, loadStoreKey } from '../../../src/host/physical/store-key.ts'

describe('the store key', () => {
  let directory: string
  let file: string
  const key = randomBytes(32)
  const base64 = key.toString('base64')

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'store-key-test-'))
    file = join(directory, 'store.key')
  })
  afterEach(() => rm(directory, { recursive: true }))

  const load = (config: { environment?: Record<string, string>; file?: string; create?: boolean }) =>
    loadStoreKey({ environment: {}, random: randomBytes, ...config })
  const write = async (text: string, mode = 0o600): Promise<void> => {
    await writeFile(file, text)
    await chmod(file, mode)
  }

  it.each([
    ['base64', base64],
    ['base64url without padding', key.toString('base64url')],
    ['hex', key.toString('hex')],
    ['upper-case hex', key.toString('hex').toUpperCase()],
  ])('reads %s from a file', async (_, text) => {
    await write(`${text}\n`)
    expect(Buffer.compare(await load({ file }), key)).toBe(0)
  })

  it('reads a file that is read-only for its owner', async () => {
    await write(base64, 0o400)
    expect(Buffer.compare(await load({ file }), key)).toBe(0)
  })

  it('prefers the environment and removes the variable', async () => {
    await write(randomBytes(32).toString('hex'))
    const environment: Record<string, string> = { [STORE_KEY_VARIABLE]: base64, OTHER: 'stays' }
    expect(Buffer.compare(await load({ environment, file }), key)).toBe(0)
    expect(environment).toEqual({ OTHER: 'stays' })
  })

  it('removes the variable even when its value is refused', async () => {
    const environment: Record<string, string> = { [STORE_KEY_VARIABLE]: 'too short' }
    await expect(load({ environment })).rejects.toMatchObject({
      message: expect.stringContaining(STORE_KEY_VARIABLE) as string,
    })
    expect(environment).toEqual({})
  })

  it('refuses an empty variable instead of falling back to the file', async () => {
    await write(base64)
    await expect(load({ environment: { [STORE_KEY_VARIABLE]: '' }, file })).rejects.toMatchObject({
      kind: 'bad_request',
    })
  })

  it('makes the key file on first use when configured so, readable by its owner only, and reads it afterwards', async () => {
    const made = await load({ file, create: true })
    expect(made.length).toBe(32)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await readFile(file, 'utf8')).toBe(`${Buffer.from(made).toString('base64')}\n`)
    expect(Buffer.compare(await load({ file, create: true }), made)).toBe(0)
    expect(Buffer.compare(await load({ file }), made)).toBe(0)
  })

  it('makes the directory of a new key file too, for its owner only', async () => {
    const far = join(directory, 'etc', 'mcp-vault', 'store.key')
    const made = await load({ file: far, create: true })
    expect(Buffer.compare(await load({ file: far }), made)).toBe(0)
    for (const folder of ['etc', 'etc/mcp-vault'])
      expect((await stat(join(directory, folder))).mode & 0o777).toBe(0o700)
  })

  it('makes no directory for a key it may not make', async () => {
    await expect(load({ file: join(directory, 'etc', 'store.key') })).rejects.toMatchObject({ kind: 'bad_request' })
    expect(await readdir(directory)).toEqual([])
  })

  it('gives one key to two processes that start at the same time, or refuses one of them', async () => {
    const outcomes = await Promise.allSettled([load({ file, create: true }), load({ file, create: true })])
    const stored = await load({ file })
    const keys = outcomes
      .filter((outcome) => outcome.status === 'fulfilled')
      .map((outcome) => Buffer.from(outcome.value).toString('hex'))
    expect(new Set(keys)).toEqual(new Set([Buffer.from(stored).toString('hex')]))
  })

  it('refuses a missing file when not told to make one', async () => {
    await expect(load({ file })).rejects.toMatchObject({ message: `the store key file ${file} does not exist` })
  })

  it('refuses to start without any key, saying how to make one', async () => {
    await expect(load({ create: true })).rejects.toMatchObject({
      message: expect.stringContaining('openssl rand -base64 32') as string,
    })
  })

  it.each([0o644, 0o640, 0o604, 0o660, 0o620, 0o601])('refuses mode %o, saying chmod 600', async (mode) => {
    await write(base64, mode)
    await expect(load({ file })).rejects.toMatchObject({
      message: `the store key file ${file} is open to other users (mode ${mode.toString(8)}): chmod 600 ${file}`,
    })
  })

  it('judges the file a link leads to', async () => {
    const link = join(directory, 'link')
    await write(base64, 0o644)
    await symlink(file, link)
    await expect(load({ file: link })).rejects.toMatchObject({
      message: expect.stringContaining('chmod 600') as string,
    })
  })

  it('refuses what is not a file, and a directory that cannot take one', async () => {
    await mkdir(file)
    await expect(load({ file })).rejects.toMatchObject({ message: `the store key file ${file} is not a regular file` })
    const astray = join(directory, 'astray')
    await symlink(join(directory, 'none'), astray)
    await expect(load({ file: join(astray, 'store.key'), create: true })).rejects.toMatchObject({
      message: expect.stringContaining('cannot be created') as string,
    })
  })

  it.each([
    ['nothing', ''],
    ['31 bytes', randomBytes(31).toString('base64')],
    ['33 bytes', randomBytes(33).toString('hex')],
    ['something else', `pass phrase ${base64}`],
    ['two keys', `${base64}\n${base64}`],
  ])('refuses %s, without quoting it', async (_, text) => {
    await write(text)
    const refusal: unknown = await load({ file }).catch((error: unknown) => error)
    expect(refusal).toMatchObject({
      kind: 'bad_request',
      message: expect.stringMatching(/must hold 32 bytes as base64 \(44 characters\) or hex/) as string,
    })
    expect(String(refusal)).not.toContain(base64)
  })
})
