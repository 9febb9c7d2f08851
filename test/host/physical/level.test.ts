import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Change } from '../../../src/host/physical/group-commit.ts'
import { LevelStorage, openLevelStorage } from '../../../src/host/physical/level.ts'
import type { LevelDatabase } from '../../../src/host/physical/level.ts'
import { storageContract } from '../../logical/storage-contract.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const remove = (directory: string): Promise<void> => rm(directory, { recursive: true, force: true })
const newDirectory = (): Promise<string> => mkdtemp(join(tmpdir(), 'level-test-'))

storageContract('LevelStorage', async () => {
  const directory = await newDirectory()
  const storage = await openLevelStorage(directory)
  return {
    storage,
    close: async () => {
      await storage.close()
      await remove(directory)
    },
  }
})

describe('the store on disk', () => {
  let directory: string
  beforeEach(async () => {
    directory = await newDirectory()
  })
  afterEach(() => remove(directory))

  it('has everything again after it was closed and opened', async () => {
    const first = await openLevelStorage(directory)
    await first.put({ key: 'a/b', value: bytes('kept') })
    await first.put({ key: 'gone', value: bytes('x') })
    await first.delete('gone')
    await first.close()
    const second = await openLevelStorage(directory)
    expect(Buffer.from((await second.get('a/b'))!.value).toString()).toBe('kept')
    expect(await second.list('')).toEqual(['a/'])
    await second.close()
  })

  it('makes its directory for this user only', async () => {
    const path = join(directory, 'deep', 'store')
    await (await openLevelStorage(path)).close()
    expect((await stat(path)).mode & 0o777).toBe(0o700)
  })

  it('refuses a directory that is in use, naming it', async () => {
    const first = await openLevelStorage(directory)
    await expect(openLevelStorage(directory)).rejects.toMatchObject({
      kind: 'unavailable',
      message: `the store in ${directory} is in use by another process; stop that process or choose another directory`,
    })
    await first.put({ key: 'still', value: bytes('works') })
    await first.close()
  })

  it('refuses a damaged store, naming it, and does not start an empty one in its place', async () => {
    const storage = await openLevelStorage(directory)
    await storage.put({ key: 'a', value: bytes('b') })
    await storage.close()
    const manifest = (await readdir(directory)).find((file) => file.startsWith('MANIFEST-'))!
    await writeFile(join(directory, manifest), 'not a manifest')
    const refusal = {
      kind: 'internal',
      message: expect.stringMatching(
        new RegExp(`^the store in ${directory} is damaged \\(.+\\); restore the directory from a backup$`),
      ) as string,
    }
    await expect(openLevelStorage(directory)).rejects.toMatchObject(refusal)
    await rm(join(directory, 'CURRENT'))
    await expect(openLevelStorage(directory)).rejects.toMatchObject(refusal)
    await expect(openLevelStorage(directory)).rejects.toMatchObject({
      message: expect.stringContaining('CURRENT file is missing') as string,
    })
  })

  it('opens a directory in which a first start was interrupted before there was a CURRENT file', async () => {
    await writeFile(join(directory, 'MANIFEST-000001'), 'half a manifest')
    await writeFile(join(directory, '000001.dbtmp'), '')
    const storage = await openLevelStorage(directory)
    expect(await storage.list('')).toEqual([])
    await storage.close()
  })

  it('refuses a path that is a file', async () => {
    const path = join(directory, 'file')
    await writeFile(path, 'x')
    await expect(openLevelStorage(path)).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining(`the store in ${path} cannot be opened: `) as string,
    })
  })

  it('drops a torn record at the end of the log and keeps what came before', async () => {
    const storage = await openLevelStorage(directory)
    await storage.put({ key: 'whole', value: bytes('x'.repeat(1000)) })
    await storage.put({ key: 'torn', value: bytes('y'.repeat(1000)) })
    await storage.close()
    const log = join(
      directory,
      (await readdir(directory)).find((file) => file.endsWith('.log'))!,
    )
    const content = await readFile(log)
    await writeFile(log, content.subarray(0, content.length - 500))
    const again = await openLevelStorage(directory)
    expect(await again.list('')).toEqual(['whole'])
    await again.close()
  })

  it('refuses to confuse names that have no UTF-8 form', async () => {
    const storage = await openLevelStorage(directory)
    const refusal = { kind: 'bad_request', message: expect.stringContaining('well-formed Unicode') as string }
    await expect(storage.put({ key: 'a\ud800', value: bytes('x') })).rejects.toMatchObject(refusal)
    await expect(storage.get('a\udfff')).rejects.toMatchObject(refusal)
    await expect(storage.delete('\udfffa')).rejects.toMatchObject(refusal)
    await storage.put({ key: 'a\ufffd', value: bytes('fine') })
    expect(await storage.list('')).toEqual(['a\ufffd'])
    await storage.close()
  })

  it('is unavailable once closed, and closing waits for the writes under way', async () => {
    const storage = await openLevelStorage(directory)
    const writing = storage.put({ key: 'a', value: bytes('1') })
    await storage.close()
    await expect(writing).resolves.toBeUndefined()
    const refusal = { kind: 'unavailable' }
    await expect(storage.put({ key: 'b', value: bytes('2') })).rejects.toMatchObject(refusal)
    await expect(storage.delete('a')).rejects.toMatchObject(refusal)
    await expect(storage.get('a')).rejects.toMatchObject(refusal)
    await expect(storage.list('')).rejects.toMatchObject(refusal)
  })

  it('lists a folder without reading what is deep inside its folders', async () => {
    const db = new ClassicLevel<Buffer, Buffer>(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
    await db.open()
    let steps = 0
    const counting: LevelDatabase = {
      ...plain(db),
      keys(range) {
        const keys = (db as unknown as LevelDatabase).keys(range)
        return {
          next: () => {
            steps++
            return keys.next()
          },
          seek: (target) => {
            keys.seek(target)
          },
          close: () => keys.close(),
        }
      },
    }
    const storage = new LevelStorage(counting, directory)
    await Promise.all(
      Array.from({ length: 900 }, (_, index) => storage.put({ key: `f${index % 3}/${index}`, value: bytes('x') })),
    )
    expect(await storage.list('')).toEqual(['f0/', 'f1/', 'f2/'])
    expect(steps).toBe(4)
    await storage.close()
  })
})

describe('a failing disk', () => {
  let directory: string
  let db: ClassicLevel<Buffer, Buffer>
  const batches: { changes: Change[]; sync: boolean }[] = []
  let full = false

  beforeEach(async () => {
    directory = await newDirectory()
    db = new ClassicLevel<Buffer, Buffer>(directory, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
    await db.open()
    batches.length = 0
    full = false
  })
  afterEach(async () => {
    await db.close()
    await remove(directory)
  })

  const open = (): LevelStorage =>
    new LevelStorage(
      {
        ...plain(db),
        batch(changes, options) {
          batches.push({ changes: [...changes], sync: options.sync })
          if (full)
            return Promise.reject(
              Object.assign(new Error('IO error: 000003.log: No space left on device'), { code: 'LEVEL_IO_ERROR' }),
            )
          return (db as unknown as LevelDatabase).batch(changes, options)
        },
      },
      directory,
    )

  it('syncs every batch, and writers at the same time share one', async () => {
    const storage = open()
    await storage.put({ key: 'alone', value: bytes('1') })
    await Promise.all(Array.from({ length: 100 }, (_, index) => storage.put({ key: `k${index}`, value: bytes('1') })))
    expect(batches.map((batch) => batch.changes.length)).toEqual([1, 100])
    expect(batches.every((batch) => batch.sync)).toBe(true)
  })

  it('collects what arrives during a batch into the next one', async () => {
    const storage = open()
    const first = storage.put({ key: 'a', value: bytes('1') })
    await Promise.resolve()
    await Promise.resolve()
    const rest = [storage.put({ key: 'b', value: bytes('1') }), storage.delete('c')]
    await Promise.all([first, ...rest])
    expect(batches.map((batch) => batch.changes.map((change) => `${change.type} ${change.key.toString()}`))).toEqual([
      ['put a'],
      ['put b', 'del c'],
    ])
  })

  it('bounds a batch by count and by bytes', async () => {
    const storage = open()
    await Promise.all(Array.from({ length: 1500 }, (_, index) => storage.put({ key: `k${index}`, value: bytes('1') })))
    expect(batches.map((batch) => batch.changes.length)).toEqual([1024, 476])
    batches.length = 0
    const value = new Uint8Array(5 * 1024 * 1024)
    await Promise.all(['x', 'y', 'z'].map((key) => storage.put({ key, value })))
    expect(batches.map((batch) => batch.changes.length)).toEqual([1, 1, 1])
  })

  it('acknowledges nobody of a batch that failed, and stores nothing of it', async () => {
    const storage = open()
    await storage.put({ key: 'before', value: bytes('1') })
    full = true
    const outcomes = await Promise.allSettled([
      storage.put({ key: 'a', value: bytes('secret value') }),
      storage.put({ key: 'b', value: bytes('2') }),
      storage.delete('before'),
    ])
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'rejected', 'rejected'])
    await expect(storage.put({ key: 'c', value: bytes('secret value') })).rejects.toMatchObject({ kind: 'unavailable' })
    expect(await storage.list('')).toEqual(['before'])
  })

  it('says the disk is full, with the directory and without the data', async () => {
    const storage = open()
    full = true
    await expect(storage.put({ key: 'a', value: bytes('secret value') })).rejects.toMatchObject({
      kind: 'unavailable',
      message: `the store in ${directory} cannot write: IO error: 000003.log: No space left on device`,
    })
  })

  it('takes no write after a failed one until it is opened again, and goes on reading', async () => {
    const storage = open()
    await storage.put({ key: 'before', value: bytes('1') })
    full = true
    await storage.put({ key: 'a', value: bytes('1') }).catch(() => undefined)
    full = false
    await expect(storage.put({ key: 'b', value: bytes('2') })).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('accepts no more writes') as string,
    })
    expect(await storage.get('before')).toBeDefined()
    await storage.close()
    const again = await openLevelStorage(directory)
    await again.put({ key: 'b', value: bytes('2') })
    expect(await again.list('')).toEqual(['b', 'before'])
    await again.close()
  })
})

/** The database's own methods, bound, so that a test can replace one of them. */
function plain(db: ClassicLevel<Buffer, Buffer>): LevelDatabase {
  const level = db as unknown as LevelDatabase
  return {
    getSync: (key) => level.getSync(key),
    batch: (changes, options) => level.batch(changes, options),
    keys: (range) => level.keys(range),
    close: () => level.close(),
  }
}
