import { MemoryStorage } from '../../src/logical/storage.ts'
import type { StorageEntry } from '../../src/logical/storage.ts'

/** Memory storage that refuses what a test tells it to, and can be copied as a crash would leave it. */
export class FaultyStorage extends MemoryStorage {
  /** A put or delete whose key matches rejects; nothing is stored. */
  refusing: RegExp | undefined

  override put(entry: StorageEntry): Promise<void> {
    if (this.refusing?.test(entry.key)) return Promise.reject(new Error('disk is gone'))
    return super.put(entry)
  }

  override delete(key: string): Promise<void> {
    if (this.refusing?.test(key)) return Promise.reject(new Error('disk is gone'))
    return super.delete(key)
  }
}
