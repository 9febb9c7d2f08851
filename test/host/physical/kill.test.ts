import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openEncryptedStorage } from '../../../src/host/physical/encrypted.ts'
import { openLevelStorage } from '../../../src/host/physical/level.ts'
import { collectKeys } from '../../../src/logical/storage.ts'
import { compileForChild } from './compiled.ts'
import { valueOf } from './writer-values.ts'

// `ROUNDS=50 npx vitest run test/host/physical/kill.test.ts` for the long form.
const rounds = Number(process.env.ROUNDS ?? 5)
const key = Buffer.alloc(32, 7)
const random = (count: number): Uint8Array => Buffer.alloc(count, 1)

/** Acknowledged and standing: written and not acknowledged as deleted since. */
interface Acknowledged {
  readonly written: Set<string>
  readonly deleted: Set<string>
}

describe('kill -9', () => {
  let compiled: { directory: string; script: string }
  let store: string
  beforeAll(async () => {
    compiled = await compileForChild(resolve(import.meta.dirname, 'writer-child.ts'))
    store = await mkdtemp(join(tmpdir(), 'kill-test-'))
  })
  afterAll(async () => {
    await rm(compiled.directory, { recursive: true })
    await rm(store, { recursive: true })
  })

  /** Lets twenty writers write, and kills them without warning after some number of acknowledgements. */
  async function writeAndKill(round: number, acknowledgements: number, acknowledged: Acknowledged): Promise<void> {
    const child = spawn(process.execPath, [compiled.script, store, key.toString('hex'), String(round)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = once(child, 'exit')
    let seen = 0
    for await (const line of createInterface({ input: child.stdout })) {
      const [sign, name = ''] = line.split(' ')
      if (sign === '!') throw new Error(`the writer failed: ${line}`)
      if (sign === '+') acknowledged.written.add(name)
      if (sign === '-') acknowledged.deleted.add(name)
      // What was acknowledged before the signal arrives still comes through the pipe, and counts.
      if (++seen === acknowledgements) child.kill('SIGKILL')
    }
    expect(await exited).toEqual([null, 'SIGKILL'])
  }

  it(
    `loses no acknowledged write and revives no deleted one in ${rounds} rounds of twenty writers`,
    async () => {
      const acknowledged: Acknowledged = { written: new Set(), deleted: new Set() }
      for (let round = 0; round < rounds; round++) {
        await writeAndKill(round, 150 + round * 137, acknowledged)
        const level = await openLevelStorage(store)
        const storage = await openEncryptedStorage({ inner: level, key, random })
        const present = new Set(await collectKeys(storage, ''))
        expect([...acknowledged.deleted].filter((name) => present.has(name))).toEqual([])
        // The third of every five is deleted later: such a deletion may have been stored without having been acknowledged.
        const standing = [...acknowledged.written].filter((name) => Number(name.split('/')[2]) % 5 !== 2)
        expect(standing.filter((name) => !present.has(name))).toEqual([])
        expect(standing.length).toBeGreaterThan(100)
        for (const name of present) expect(Buffer.compare((await storage.get(name))!.value, valueOf(name))).toBe(0)
        await level.close()
      }
    },
    30_000 + rounds * 10_000,
  )
})
