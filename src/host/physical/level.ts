import { mkdir, readdir } from 'node:fs/promises'
import { ClassicLevel } from 'classic-level'
import { RequestError } from '../../logical/errors.ts'
import type { Storage, StorageEntry } from '../../logical/storage.ts'
import { GroupCommit } from './group-commit.ts'
import type { Change } from './group-commit.ts'

/** A Storage on disk. Nothing may be asked of it after `close`. */
export interface DurableStorage extends Storage {
  /** Waits for the writes under way, then gives up the directory. */
  close(): Promise<void>
}

/** What `LevelStorage` needs of classic-level; a test hands in one whose disk is full. */
export interface LevelDatabase {
  getSync(key: Buffer): Buffer | undefined
  batch(changes: Change[], options: { sync: boolean }): Promise<void>
  keys(range: { gte: Buffer; lt?: Buffer }): {
    next(): Promise<Buffer | undefined>
    seek(target: Buffer): void
    close(): Promise<void>
  }
  close(): Promise<void>
}

const SLASH = 0x2f

/**
 * LevelDB as a Storage. Keys are UTF-8, so that LevelDB's byte order is the order `list` promises.
 *
 * Every acknowledged change has been synced to the write-ahead log, which LevelDB replays on open; a torn record at its end, which
 * nobody was promised, is dropped. After one failed write there are no more until the store is opened again: LevelDB
 * would append behind the torn record of a full disk, and replaying stops there, so later acknowledged changes could be lost.
 * Reading goes on.
 */
export class LevelStorage implements DurableStorage {
  readonly #db: LevelDatabase
  readonly #path: string
  readonly #commit: GroupCommit
  #broken: RequestError | undefined

  constructor(db: LevelDatabase, path: string) {
    this.#db = db
    this.#path = path
    this.#commit = new GroupCommit((batch) => this.#write(batch))
  }

  async get(key: string): Promise<StorageEntry | undefined> {
    const bytes = keyBytes(key)
    try {
      // Synchronous on purpose: nearly always answered from memory, and six times faster than the thread pool's round trip.
      const value = this.#db.getSync(bytes)
      return value && { key, value }
    } catch (cause) {
      throw this.#failed('read', cause)
    }
  }

  async put(entry: StorageEntry): Promise<void> {
    await this.#commit.submit({ type: 'put', key: keyBytes(entry.key), value: Buffer.from(entry.value) })
  }

  async delete(key: string): Promise<void> {
    await this.#commit.submit({ type: 'del', key: keyBytes(key) })
  }

  /** Reads one key per folder, not the folder's contents: after each folder it seeks past it. */
  async list(prefix: string, page: { after?: string; limit?: number } = {}): Promise<string[]> {
    const start = keyBytes(prefix)
    const limit = page.limit !== undefined && page.limit > 0 ? page.limit : Infinity
    const names: string[] = []
    try {
      const keys = this.#db.keys({
        gte: firstKey(start, page.after),
        ...(start.length > 0 && { lt: successor(start) }),
      })
      try {
        for (let key = await keys.next(); key !== undefined && names.length < limit; key = await keys.next()) {
          if (key.length === start.length) continue
          const slash = key.indexOf(SLASH, start.length)
          names.push(key.toString('utf8', start.length, slash < 0 ? undefined : slash + 1))
          if (slash >= 0) keys.seek(successor(key.subarray(0, slash + 1)))
        }
      } finally {
        await keys.close()
      }
    } catch (cause) {
      throw this.#failed('list', cause)
    }
    return names
  }

  async close(): Promise<void> {
    await this.#commit.close()
    await this.#db.close()
  }

  async #write(batch: readonly Change[]): Promise<void> {
    if (this.#broken)
      throw new RequestError(
        'unavailable',
        `the store in ${this.#path} accepts no more writes since one failed; remove the cause, for example a full disk, and restart`,
        { cause: this.#broken },
      )
    try {
      await this.#db.batch([...batch], { sync: true })
    } catch (cause) {
      this.#broken = this.#failed('write', cause)
      throw this.#broken
    }
  }

  #failed(doing: 'read' | 'write' | 'list', cause: unknown): RequestError {
    if (codeOf(cause) === 'LEVEL_CORRUPTION') return damaged(this.#path, cause)
    return new RequestError('unavailable', `the store in ${this.#path} cannot ${doing}: ${reasonOf(cause)}`, { cause })
  }
}

/**
 * Opens (or creates, for this user only) the store in the directory `path`. Rejects with a sentence naming the directory when
 * another process holds it, when it is damaged, and when it cannot be read or made.
 */
export async function openLevelStorage(path: string): Promise<DurableStorage> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    await refuseHeadless(path)
    const db = new ClassicLevel<Buffer, Buffer>(path, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
    await db.open()
    return new LevelStorage(db, path)
  } catch (thrown) {
    if (thrown instanceof RequestError) throw thrown
    // abstract-level wraps what LevelDB said.
    const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown
    if (codeOf(cause) === 'LEVEL_LOCKED') {
      throw new RequestError(
        'unavailable',
        `the store in ${path} is in use by another process; stop that process or choose another directory`,
        { cause },
      )
    }
    if (codeOf(cause) === 'LEVEL_CORRUPTION') throw damaged(path, cause)
    throw new RequestError('unavailable', `the store in ${path} cannot be opened: ${reasonOf(cause)}`, { cause })
  }
}

/**
 * LevelDB takes a directory without its CURRENT file for a new one and would start empty over the old data. A first manifest alone
 * is what an interrupted creation leaves: before anything can be written there is a second one, and a log.
 */
async function refuseHeadless(path: string): Promise<void> {
  const files = await readdir(path)
  if (files.includes('CURRENT') || !files.some((file) => /^MANIFEST-(?!000001$)|\.(?:ldb|sst|log)$/.test(file))) return
  throw damaged(path, new Error('its CURRENT file is missing'))
}

function damaged(path: string, cause: unknown): RequestError {
  return new RequestError(
    'internal',
    `the store in ${path} is damaged (${reasonOf(cause)}); restore the directory from a backup`,
    { cause },
  )
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : 'unknown reason'
}

/** A lone surrogate has no UTF-8 form: two different names would become one key. */
function keyBytes(key: string): Buffer {
  const bytes = Buffer.from(key, 'utf8')
  if (bytes.includes(REPLACEMENT) && bytes.toString('utf8') !== key)
    throw new RequestError('bad_request', 'a name must be well-formed Unicode; this one holds half of a surrogate pair')
  return bytes
}
const REPLACEMENT = Buffer.from('\ufffd', 'utf8')

/** The smallest key above everything that starts with `prefix`. UTF-8 never holds 0xff, so its last byte can always grow. */
function successor(prefix: Buffer): Buffer {
  const next = Buffer.from(prefix)
  next[next.length - 1]! += 1
  return next
}

/** Where a listing starts: at the prefix, just above `after`, or past the folder `after` names or lies in. */
function firstKey(prefix: Buffer, after: string | undefined): Buffer {
  if (after === undefined || after === '') return prefix
  const name = keyBytes(after)
  const slash = name.indexOf(SLASH)
  if (slash >= 0) return successor(Buffer.concat([prefix, name.subarray(0, slash + 1)]))
  return Buffer.concat([prefix, name, Buffer.of(0)])
}
