import type { AuditFile, AuditFileSystem } from '../../src/audit/index.ts'

export type Step = 'open' | 'append' | 'sync' | 'size' | 'read' | 'truncate' | 'close'

/**
 * Storage in memory that fails on demand. `content` is what a reader of the file sees, `durable` what survives a loss of
 * power. `onStep` runs before each step and may throw or hang; `take` says how many bytes of an append are taken.
 */
export class FaultyFileSystem implements AuditFileSystem {
  content = Buffer.alloc(0)
  durable = Buffer.alloc(0)
  readonly steps: Step[] = []
  opened = 0
  /** Whether its files are durable with each append. */
  isSynchronous = false
  onStep: (step: Step) => void | Promise<void> = () => undefined
  take: (length: number) => number = (length) => length

  get lines(): string[] {
    return this.content.toString().split('\n').slice(0, -1)
  }

  async open(): Promise<AuditFile> {
    await this.#step('open')
    this.opened++
    return {
      isSynchronous: this.isSynchronous,
      append: (bytes, done) => {
        this.#append(bytes).then(
          (taken) => {
            done(undefined, taken)
          },
          (error: unknown) => {
            done(error, 0)
          },
        )
      },
      sync: async () => {
        await this.#step('sync')
        this.durable = this.content
      },
      size: async () => {
        await this.#step('size')
        return this.content.length
      },
      read: async (position, length) => {
        await this.#step('read')
        return this.content.subarray(position, position + length)
      },
      fate: () => Promise.resolve('here'),
      truncate: async (length) => {
        await this.#step('truncate')
        this.content = this.content.subarray(0, length)
      },
      close: async () => {
        await this.#step('close')
        this.opened--
      },
    }
  }

  async #append(bytes: Uint8Array): Promise<number> {
    await this.#step('append')
    const taken = this.take(bytes.length)
    this.content = Buffer.concat([this.content, bytes.subarray(0, taken)])
    if (this.isSynchronous) this.durable = this.content
    return taken
  }

  async #step(step: Step): Promise<void> {
    this.steps.push(step)
    await this.onStep(step)
  }
}

export function failWith(code: string): never {
  throw Object.assign(new Error(`${code}: injected`), { code })
}
