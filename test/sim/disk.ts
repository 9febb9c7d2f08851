/** The storage below the engine: slow, failing, and in doubt whether a write that failed was made. */
import { RequestError } from '../../src/logical/errors.ts'
import { MemoryStorage } from '../../src/logical/storage.ts'
import type { Storage, StorageEntry } from '../../src/logical/storage.ts'
import type { Process } from './machine.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

export class Disk {
  readonly #world: World
  readonly #random: Random
  #isCalm: boolean
  #stored = new MemoryStorage()
  slowUntil = 0
  failingUntil = 0

  constructor(world: World, random: Random, isCalm: boolean) {
    this.#world = world
    this.#random = random
    this.#isCalm = isCalm
  }

  /** As an engine in `process` sees it. `isFenced` tells, when a write reaches the disk, that another node leads by now. */
  storageFor(process: Process, isFenced: () => boolean): Storage {
    const write = (change: (stored: Storage) => Promise<void>): Promise<void> =>
      new Promise((resolve, reject) => {
        const [commitMs, returnMs] = [this.#latency(), this.#latency()]
        const luck = this.#random.next()
        const fails = this.#isFailing() ? luck < 0.4 : !this.#isCalm && luck < 0.003
        const isMade = !fails || this.#random.chance(0.5)
        // A mount enabled later has a prefix of its own: what was under way when this one was removed is lost with it.
        const stored = this.#stored
        this.#world.after(commitMs, () => {
          const refused = isFenced()
          if (isMade && !refused) void change(stored)
          this.#world.after(returnMs, () => {
            process.deliver(() => {
              if (fails || refused) reject(new RequestError('unavailable', 'the write may or may not have been made'))
              else resolve()
            })
          })
        })
      })
    const read = <T>(look: (stored: Storage) => Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        const [readMs, returnMs] = [this.#latency() / 2, this.#latency() / 2]
        const fails = this.#isFailing() ? this.#random.chance(0.2) : !this.#isCalm && this.#random.chance(0.001)
        this.#world.after(readMs, () => {
          void look(this.#stored).then((found) => {
            this.#world.after(returnMs, () => {
              process.deliver(() => {
                if (fails) reject(new RequestError('unavailable', 'the disk cannot be read'))
                else resolve(found)
              })
            })
          })
        })
      })
    return {
      get: (key) => read((stored) => stored.get(key)),
      put: (entry: StorageEntry) => write((stored) => stored.put(entry)),
      delete: (key) => write((stored) => stored.delete(key)),
      list: (prefix, page) => read((stored) => stored.list(prefix, page)),
    }
  }

  /** The mount was removed, and everything of it. */
  wipe(): void {
    this.#stored = new MemoryStorage()
  }

  heal(): void {
    this.#isCalm = true
    this.slowUntil = this.failingUntil = 0
  }

  #isFailing(): boolean {
    return this.failingUntil > this.#world.now
  }

  #latency(): number {
    if (this.slowUntil > this.#world.now) return this.#random.between(20, 700)
    return this.#random.between(0.1, this.#isCalm || this.#random.chance(0.95) ? 2 : 80)
  }
}
