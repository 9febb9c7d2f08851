import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAuditLog } from '../../src/audit/index.ts'
import type { AuditLogOptions, LineWaiter, RecordLog } from '../../src/audit/index.ts'
import { silentLogger } from '../../src/logical/log.ts'
import { nodeFileSystem } from '../../src/audit/node-file-system.ts'
import { FakeClock, settle } from '../fakes/clock.ts'
import { failWith, FaultyFileSystem } from './faulty-file-system.ts'

let clock: FakeClock
let disk: FaultyFileSystem
let log: RecordLog
/** What those who wait were told, in order. */
let told: string[]
beforeEach(async () => {
  clock = new FakeClock()
  disk = new FaultyFileSystem()
  disk.isSynchronous = true
  told = []
  log = await openLog()
})
afterEach(() => log.close())

async function openLog(options: Partial<AuditLogOptions> = {}): Promise<RecordLog> {
  const opened = createAuditLog({ path: '/audit.jsonl', clock, fileSystem: disk, ...options })
  await opened.open()
  disk.steps.length = 0
  return opened
}

const waiter = (name: string): LineWaiter => ({
  durable: () => told.push(`${name} durable`),
  notDurable: (error) => told.push(`${name}: ${(error as Error).message}`),
})
const decide = (name: string): void => {
  log.appendMembers(`"request_id":"${name}"`, waiter(name), false)
}
const note = (name: string): void => {
  log.appendMembers(`"request_id":"${name}"`, waiter(name), true)
}
const written = (): unknown[] => disk.lines.map((line) => (JSON.parse(line) as { request_id: string }).request_id)

describe('lines of members', () => {
  it('have the time first, and are durable before anybody is told', async () => {
    decide('a')
    expect(told).toEqual([])
    await settle()
    expect(disk.durable.toString()).toBe('{"time":"2026-03-15T16:00:00.000Z","request_id":"a"}\n')
    expect(told).toEqual(['a durable'])
  })

  it('stand with records in the order in which both were appended, and are told in that order', async () => {
    decide('a')
    const appended = log.append({ request_id: 'b' }).then(() => told.push('b durable'))
    decide('c')
    await appended
    expect(written()).toEqual(['a', 'b', 'c'])
    expect(told.sort()).toEqual(['a durable', 'b durable', 'c durable'])
    expect(disk.steps).toEqual(['append'])
  })

  it('of any length and any character are written whole', async () => {
    const long = 'ü€😀'.repeat(100_000)
    decide('a')
    log.appendMembers(`"purpose":"${long}"`, waiter('long'), false)
    decide('b')
    await settle()
    expect(JSON.parse(disk.lines[1]!)).toMatchObject({ purpose: long })
    expect(told).toEqual(['a durable', 'long durable', 'b durable'])
  })

  it('have the time at which each was appended', async () => {
    decide('a')
    await clock.advance(7)
    decide('b')
    await settle()
    expect(disk.lines.map((line) => (JSON.parse(line) as { time: string }).time)).toEqual([
      '2026-03-15T16:00:00.000Z',
      '2026-03-15T16:00:00.007Z',
    ])
  })

  it('that cannot be written are told after the call has returned, all with one error', async () => {
    disk.onStep = () => failWith('ENOSPC')
    decide('a')
    note('b')
    await settle()
    expect(told).toEqual(['a: the audit log cannot be written', 'b: the audit log cannot be written'])
    decide('c')
    expect(told).toHaveLength(2)
    await settle()
    expect(told[2]).toBe('c: the audit log cannot be written at the moment')
  })

  it('are refused when too much waits, and leave no byte of theirs behind', async () => {
    const small = await openLog({ maxQueuedBytes: 120 })
    small.appendMembers('"request_id":"fits"', waiter('fits'), false)
    small.appendMembers(`"request_id":"${'x'.repeat(60)}"`, waiter('long'), false)
    small.appendMembers('"id":"so"', waiter('so'), false)
    await settle()
    expect(told).toEqual(['long: the audit log is behind; too many records wait', 'fits durable', 'so durable'])
    expect(disk.content.toString()).toMatch(/^\{[^\n]+"fits"\}\n\{[^\n]+"so"\}\n$/)
    await small.close()
  })

  it('are refused by a log that is closed', async () => {
    await log.close()
    decide('late')
    await settle()
    expect(told).toEqual(['late: the audit log is closed'])
    expect(disk.lines).toEqual([])
  })

  it('are told also where another that waits throws when it is told', async () => {
    const logged: unknown[] = []
    const loud = await openLog({ logger: { ...silentLogger, error: (fields) => logged.push(fields) } })
    const cause = new Error('a fault of its own')
    const faulty = (): never => {
      throw cause
    }
    loud.appendMembers('"request_id":"a"', { durable: faulty, notDurable: faulty }, false)
    loud.appendMembers('"request_id":"b"', waiter('b'), false)
    await settle()
    disk.onStep = () => failWith('EIO')
    loud.appendMembers('"request_id":"c"', { durable: faulty, notDurable: faulty }, false)
    loud.appendMembers('"request_id":"d"', waiter('d'), false)
    await settle()
    expect(told).toEqual(['b durable', 'd: the audit log cannot be written'])
    expect(logged).toEqual([{ cause }, { cause }])
    disk.onStep = () => undefined
    await loud.close()
  })

  it('whose write ends after it has timed out stay untold of it', async () => {
    let release = (): void => undefined
    disk.onStep = () =>
      new Promise((resolve) => {
        release = resolve
      })
    decide('a')
    await settle()
    note('b')
    await clock.advance(5_000)
    expect(told).toEqual(['a: the audit log cannot be written', 'b: the audit log cannot be written'])
    disk.onStep = () => undefined
    release()
    await settle()
    expect(told).toHaveLength(2)
    await clock.advance(250)
    decide('c')
    await settle()
    expect(told[2]).toBe('c durable')
    expect(written()).toEqual(['a', 'c'])
  })
})

describe('a line that may wait', () => {
  it('waits 5 ms for company, and is then written alone', async () => {
    note('outcome')
    await clock.advance(4)
    expect(written()).toEqual([])
    await clock.advance(1)
    expect(written()).toEqual(['outcome'])
    expect(told).toEqual(['outcome durable'])
  })

  it('goes with the next that may not, before it', async () => {
    note('outcome')
    await clock.advance(2)
    decide('decision')
    await settle()
    expect(written()).toEqual(['outcome', 'decision'])
    expect(disk.steps).toEqual(['append'])
    await clock.advance(5)
    expect(disk.steps).toEqual(['append'])
  })

  it('waits as long where the one before it went with another', async () => {
    note('first')
    decide('decision')
    await clock.advance(3)
    note('second')
    await clock.advance(4)
    expect(written()).toEqual(['first', 'decision'])
    await clock.advance(1)
    expect(written()).toEqual(['first', 'decision', 'second'])
  })

  it('is written before the log is reopened, and before it is closed', async () => {
    note('first')
    await log.reopen()
    expect(disk.steps.slice(0, 3)).toEqual(['append', 'close', 'open'])
    note('second')
    await log.close()
    expect(written()).toEqual(['first', 'second'])
    expect(told).toEqual(['first durable', 'second durable'])
  })

  it('needs one timer, however many there are, and none once the log is closed', async () => {
    const before = clock.waiting
    for (let i = 0; i < 100; i++) note(String(i))
    expect(clock.waiting).toBe(before + 1)
    await log.close()
    expect(clock.waiting).toBe(0)
  })
})

describe('a file whose appends are durable by themselves', () => {
  it('is written with one call for each batch, and never synced', async () => {
    for (let i = 0; i < 3; i++) {
      decide(String(i))
      await settle()
    }
    expect(disk.steps).toEqual(['append', 'append', 'append'])
    expect(disk.durable.equals(disk.content)).toBe(true)
  })

  it('is what a real one is, where that is asked for', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'record-log-'))
    const path = join(folder, 'audit.jsonl')
    try {
      const opened = [await nodeFileSystem.open(path, true), await nodeFileSystem.open(path, false)]
      expect(opened.map(({ isSynchronous }) => isSynchronous)).toEqual([true, false])
      for (const file of opened)
        await new Promise<void>((resolve) => {
          file.append(Buffer.from('line\n'), (error, taken) => {
            expect([error, taken]).toEqual([null, 5])
            resolve()
          })
        })
      expect(readFileSync(path, 'utf8')).toBe('line\nline\n')
      await Promise.all(opened.map((file) => file.close()))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

it('a stream may keep what it was given: later lines do not reach into it', async () => {
  const stream = new PassThrough()
  const kept: Buffer[] = []
  stream.on('data', (chunk: Buffer) => kept.push(chunk))
  const streamed = createAuditLog({ stream, clock })
  for (const name of ['first', 'second', 'third']) await streamed.append({ request_id: name })
  await streamed.close()
  expect(kept.map((chunk) => (JSON.parse(chunk.toString()) as { request_id: string }).request_id)).toEqual([
    'first',
    'second',
    'third',
  ])
})
