import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Writable } from 'node:stream'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAuditLog } from '../../src/audit/index.ts'
import type { AuditLog, AuditLogOptions } from '../../src/audit/index.ts'
import { RequestError } from '../../src/logical/errors.ts'
import { FakeClock, settle } from '../fakes/clock.ts'
import { failWith, FaultyFileSystem } from './faulty-file-system.ts'
import type { Step } from './faulty-file-system.ts'

let folder: string
let path: string
let clock: FakeClock
const logs: AuditLog[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'audit-'))
  path = join(folder, 'deep', 'audit.jsonl')
  clock = new FakeClock()
})
afterEach(async () => {
  await Promise.allSettled(logs.splice(0).map((log) => log.close()))
  rmSync(folder, { recursive: true })
})

function logOf(options: Partial<AuditLogOptions> = {}): AuditLog {
  const log = createAuditLog({ ...(options.stream ? {} : { path }), clock, ...options })
  logs.push(log)
  return log
}

const records = (file = path): Record<string, unknown>[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>)

async function failureOf(done: Promise<unknown>): Promise<RequestError> {
  const thrown: unknown = await done.then(
    () => 'nothing was thrown',
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(RequestError)
  expect((thrown as RequestError).kind).toBe('unavailable')
  return thrown as RequestError
}

describe('on a real file', () => {
  it('has every record in the file by the time its append resolves, in order', async () => {
    const log = logOf()
    await log.append({ type: 'decision', request_id: 'r1' })
    expect(records()).toEqual([{ time: '2026-03-15T16:00:00.000Z', type: 'decision', request_id: 'r1' }])
    await Promise.all(Array.from({ length: 1000 }, (_, i) => log.append({ request_id: String(i) })))
    expect(
      records()
        .slice(1)
        .map((record) => record.request_id),
    ).toEqual(Array.from({ length: 1000 }, (_, i) => String(i)))
  })

  it('makes file and directory for its owner alone, and keeps the mode and content of a file that is there', async () => {
    await logOf().append({})
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700)
    const other = join(folder, 'other.jsonl')
    writeFileSync(other, '{"old":1}\n')
    chmodSync(other, 0o640)
    await logOf({ path: other }).append({ request_id: 'new' })
    expect(statSync(other).mode & 0o777).toBe(0o640)
    expect(records(other)).toMatchObject([{ old: 1 }, { request_id: 'new' }])
  })

  it.each([
    ['half a line', '{"request_id":"lost'],
    ['a whole line without its end', '{"request_id":"lost"}'],
    ['a line cut within a character', Buffer.from('{"purpose":"ü').subarray(0, -1)],
    ['a line longer than one look back', `{"purpose":"${'x'.repeat(50_000)}`],
  ])('keeps %s, left by a crash, as the text of a line of its own', async (_what, tail) => {
    mkdirSync(dirname(path))
    writeFileSync(path, '{"request_id":"whole"}\n')
    appendFileSync(path, tail)
    await logOf().append({ request_id: 'next' })
    expect(records()).toEqual([
      { request_id: 'whole' },
      { time: '2026-03-15T16:00:00.000Z', type: 'torn', text: Buffer.from(tail).toString() },
      { time: '2026-03-15T16:00:00.000Z', request_id: 'next' },
    ])
  })

  it('repairs a file that holds nothing but a torn line', async () => {
    mkdirSync(dirname(path))
    writeFileSync(path, '{"a')
    await logOf().append({ request_id: 'next' })
    expect(records()).toMatchObject([{ type: 'torn', text: '{"a' }, { request_id: 'next' }])
  })

  it('only ends a tail too long to be its own, and leaves a whole file as it is', async () => {
    mkdirSync(dirname(path))
    const foreign = 'x'.repeat(2 * 1024 * 1024)
    writeFileSync(path, foreign)
    await logOf().append({ request_id: 'next' })
    expect(readFileSync(path, 'utf8')).toMatch(new RegExp(`^x{${String(foreign.length)}}\\n\\{[^\\n]+\\}\\n$`))
    const before = readFileSync(path)
    await logOf().open()
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('goes on in a new file after a rotation, with what waited in the old one', async () => {
    const log = logOf()
    await log.append({ request_id: 'first' })
    renameSync(path, `${path}.1`)
    const waiting = log.append({ request_id: 'old' })
    const reopened = log.reopen()
    const after = log.append({ request_id: 'new' })
    await Promise.all([waiting, reopened, after])
    expect(
      records(`${path}.1`)
        .map((record) => record.request_id)
        .slice(0, 2),
    ).toEqual(['first', 'old'])
    await log.append({ request_id: 'newest' })
    expect(records().at(-1)).toMatchObject({ request_id: 'newest' })
    expect([...records(`${path}.1`), ...records()]).toHaveLength(4)
  })

  it('loses nothing when rotated amid many appends', async () => {
    const log = logOf()
    await log.open()
    const appends: Promise<void>[] = []
    for (let i = 0; i < 20; i++) {
      for (let j = 0; j < 10; j++) appends.push(log.append({ request_id: `${String(i)}.${String(j)}` }))
      renameSync(path, `${path}.${String(i)}`)
      await log.reopen()
    }
    await Promise.all(appends)
    const all = [path, ...Array.from({ length: 20 }, (_, i) => `${path}.${String(i)}`)].flatMap((file) => records(file))
    expect(new Set(all.map((record) => record.request_id)).size).toBe(200)
    expect(all).toHaveLength(200)
  })

  it('writes what waits before it closes, refuses afterwards, and may be closed twice', async () => {
    const log = logOf()
    const waiting = log.append({ request_id: 'last' })
    await Promise.all([log.close(), log.close()])
    await waiting
    expect(records()).toHaveLength(1)
    await failureOf(log.append({}))
    await failureOf(log.open())
    await failureOf(log.reopen())
    expect(records()).toHaveLength(1)
  })

  it('fails to open, without making anything, where there can be no file', async () => {
    await failureOf(logOf({ path: folder }).open())
    await failureOf(logOf({ path: '/dev/null' }).open())
    writeFileSync(join(folder, 'file'), '')
    await failureOf(logOf({ path: join(folder, 'file', 'audit.jsonl') }).append({}))
    expect(existsSync(path)).toBe(false)
  })
})

describe('on storage that fails', () => {
  function faulty(options: Partial<AuditLogOptions> = {}) {
    const disk = new FaultyFileSystem()
    return { disk, log: logOf({ fileSystem: disk, ...options }) }
  }

  const failAt = (disk: FaultyFileSystem, step: Step, code: string): void => {
    disk.onStep = (at) => {
      if (at === step) failWith(code)
    }
  }

  it('shares one write and one sync among all that wait', async () => {
    const { disk, log } = faulty()
    await log.open()
    disk.steps.length = 0
    await Promise.all(Array.from({ length: 500 }, (_, i) => log.append({ request_id: String(i) })))
    expect(disk.steps).toEqual(['append', 'sync'])
    expect(disk.lines).toHaveLength(500)
  })

  it('takes aboard the next batch what comes while one is under way', async () => {
    const { disk, log } = faulty()
    await log.open()
    disk.steps.length = 0
    let release = (): void => undefined
    disk.onStep = (step) =>
      step === 'sync' && disk.steps.length === 2
        ? new Promise((resolve) => {
            release = resolve
          })
        : undefined
    const first = log.append({ request_id: '1' })
    while (disk.steps.length < 2) await settle()
    const later = [log.append({ request_id: '2' }), log.append({ request_id: '3' })]
    await settle()
    expect(disk.lines).toHaveLength(1)
    release()
    await Promise.all([first, ...later])
    expect(disk.steps).toEqual(['append', 'sync', 'append', 'sync'])
  })

  it('does not resolve before the sync has, and with fsync off does not sync', async () => {
    const { disk, log } = faulty()
    let release = (): void => undefined
    let done = false
    disk.onStep = (step) =>
      step === 'sync'
        ? new Promise((resolve) => {
            release = resolve
          })
        : undefined
    const appended = log.append({ request_id: '1' }).then(() => {
      done = true
    })
    while (!disk.steps.includes('sync')) await settle()
    await settle()
    expect([disk.lines.length, disk.durable.length, done]).toEqual([1, 0, false])
    release()
    await appended
    expect(disk.durable.equals(disk.content)).toBe(true)

    const without = faulty({ fsync: false })
    await without.log.append({})
    expect(without.disk.steps).not.toContain('sync')
  })

  it.each<[string, Step, string]>([
    ['a full disk', 'append', 'ENOSPC'],
    ['a failing disk', 'append', 'EIO'],
    ['a closed descriptor', 'append', 'EBADF'],
    ['a failing sync', 'sync', 'EIO'],
    ['a path that cannot be opened', 'open', 'EACCES'],
  ])(
    'rejects all that wait on %s, refuses for a moment, and recovers on the file opened again',
    async (_what, step, code) => {
      const { disk, log } = faulty()
      failAt(disk, step, code)
      const errors = await Promise.all(
        Array.from({ length: 5 }, () => failureOf(log.append({ purpose: 'secret-purpose' }))),
      )
      expect(errors.map((error) => (error.cause as { code: string }).code)).toEqual(Array(5).fill(code))
      expect(errors[0]!.message).toBe('the audit log cannot be written')
      await settle()
      expect(disk.opened).toBe(0)

      disk.onStep = () => undefined
      const steps = disk.steps.length
      await failureOf(log.append({ request_id: 'too early' }))
      expect(disk.steps).toHaveLength(steps)
      await clock.advance(250)
      await log.append({ request_id: 'recovered' })
      expect(disk.lines.map((line) => JSON.parse(line) as unknown).at(-1)).toMatchObject({ request_id: 'recovered' })
      expect(disk.durable.equals(disk.content)).toBe(true)
    },
  )

  it('stays refusing while the disk stays full, trying now and then', async () => {
    const { disk, log } = faulty()
    failAt(disk, 'append', 'ENOSPC')
    for (let i = 0; i < 4; i++) {
      await failureOf(log.append({}))
      await settle()
      await clock.advance(250)
    }
    expect(disk.steps.filter((step) => step === 'open')).toHaveLength(4)
    expect(disk.content).toHaveLength(0)
  })

  it('rejects a short write, and repairs the torn line before it writes again', async () => {
    const { disk, log } = faulty()
    await log.append({ request_id: 'whole' })
    disk.take = (length) => length - 10
    const torn = [failureOf(log.append({ request_id: 'a' })), failureOf(log.append({ request_id: 'b' }))]
    await Promise.all(torn)
    await settle()
    disk.take = (length) => length
    await clock.advance(250)
    await log.append({ request_id: 'next' })
    expect(disk.lines.map((line) => JSON.parse(line) as { request_id?: string; type?: string })).toMatchObject([
      { request_id: 'whole' },
      { request_id: 'a' },
      { type: 'torn' },
      { request_id: 'next' },
    ])
  })

  it('ends a torn line with a newline where the file may only grow', async () => {
    const { disk, log } = faulty()
    disk.content = Buffer.from('{"torn')
    failAt(disk, 'truncate', 'EPERM')
    await log.append({ request_id: 'next' })
    expect(disk.lines).toEqual(['{"torn', '{"time":"2026-03-15T16:00:00.000Z","request_id":"next"}'])
  })

  it('rejects what came during a failing batch along with it', async () => {
    const { disk, log } = faulty()
    await log.open()
    let fail = (): void => undefined
    disk.onStep = (step) =>
      step === 'sync'
        ? new Promise((_resolve, reject) => {
            fail = () => {
              reject(new Error('EIO'))
            }
          })
        : undefined
    const first = failureOf(log.append({ request_id: '1' }))
    while (!disk.steps.includes('sync')) await settle()
    const second = failureOf(log.append({ request_id: '2' }))
    fail()
    await Promise.all([first, second])
    expect(disk.lines).toHaveLength(1)
  })

  it('gives up waiting for hanging storage, and touches the file no more until the hanging call has ended', async () => {
    const { disk, log } = faulty({ timeoutMs: 1000 })
    await log.open()
    let release = (): void => undefined
    disk.onStep = (step) =>
      step === 'sync'
        ? new Promise((resolve) => {
            release = resolve
          })
        : undefined
    const appended = failureOf(log.append({ request_id: '1' }))
    while (!disk.steps.includes('sync')) await settle()
    await clock.advance(1000)
    expect(String((await appended).cause)).toContain('within 1000 ms')
    const steps = [...disk.steps]
    await clock.advance(60_000)
    await failureOf(log.append({ request_id: '2' }))
    const reopened = log.reopen()
    await settle()
    expect(disk.steps).toEqual(steps)
    disk.onStep = () => undefined
    release()
    await reopened
    await log.append({ request_id: '3' })
    expect(disk.steps.slice(steps.length)).toEqual(['close', 'open', 'size', 'read', 'append', 'sync'])
  })

  it('refuses at once when too much waits', async () => {
    const { disk, log } = faulty({ maxQueuedBytes: 1000 })
    await log.open()
    disk.onStep = (step) => (step === 'append' ? new Promise(() => undefined) : undefined)
    void log.append({ request_id: 'under way' }).catch(() => undefined)
    while (!disk.steps.includes('append')) await settle()
    const waiting = log.append({ purpose: 'x'.repeat(900) })
    void waiting.catch(() => undefined)
    const error = await failureOf(log.append({ purpose: 'x'.repeat(900) }))
    expect(error.message).toContain('too many records wait')
    logs.length = 0
  })

  it('rejects a reopening that fails, and what comes after it, until the path can be opened again', async () => {
    const { disk, log } = faulty()
    await log.append({ request_id: '1' })
    failAt(disk, 'open', 'EACCES')
    await failureOf(log.reopen())
    expect(disk.opened).toBe(0)
    await failureOf(log.append({}))
    disk.onStep = () => undefined
    await log.reopen()
    await log.append({ request_id: '2' })
    expect(disk.lines).toHaveLength(2)
  })

  it('closes the file when its repair fails', async () => {
    const { disk, log } = faulty()
    disk.content = Buffer.from('{"torn')
    failAt(disk, 'read', 'EIO')
    await failureOf(log.open())
    expect(disk.opened).toBe(0)
  })

  it('rejects a record that cannot be read without harming the others, and says nothing of its content', async () => {
    const { disk, log } = faulty()
    const hostile = {
      request_id: 'x',
      get purpose(): string {
        throw new Error('no')
      },
    }
    const good = log.append({ request_id: 'good' })
    const error = await failureOf(log.append(hostile))
    expect(inspect(error)).not.toContain('request_id')
    await good
    expect(disk.lines).toHaveLength(1)
  })
})

describe('on a stream', () => {
  it('writes whole lines and leaves the stream open', async () => {
    const chunks: string[] = []
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks.push(chunk.toString())
        done()
      },
    })
    const log = logOf({ stream })
    await Promise.all([log.append({ request_id: '1' }), log.append({ request_id: '2' })])
    await log.close()
    expect(
      chunks
        .join('')
        .split('\n')
        .slice(0, -1)
        .map((line) => (JSON.parse(line) as { request_id: string }).request_id),
    ).toEqual(['1', '2'])
    expect(stream.writable).toBe(true)
  })

  it('rejects when the stream breaks, and does not bring the process down', async () => {
    const stream = new Writable({
      write(_chunk, _encoding, done) {
        done(new Error('EPIPE'))
      },
    })
    const log = logOf({ stream })
    await failureOf(log.append({}))
    await settle()
    await clock.advance(250)
    await failureOf(log.append({}))
    expect(stream.listenerCount('error')).toBe(1)
  })
})

describe('its options', () => {
  it('must name exactly one of path and stream', () => {
    const stream = new Writable()
    expect(() => createAuditLog({ clock })).toThrow(RequestError)
    expect(() => createAuditLog({ clock, path, stream })).toThrow(RequestError)
  })

  it('redact by default and as configured', async () => {
    const log = logOf()
    await log.append({ purpose: 'for bob@example.com' })
    const other = logOf({ path: join(folder, 'other.jsonl'), redact: (text) => text.toUpperCase() })
    await other.append({ purpose: 'for bob@example.com' })
    expect(records()[0]!.purpose).toBe('for [redacted:email]')
    expect(records(join(folder, 'other.jsonl'))[0]!.purpose).toBe('FOR BOB@EXAMPLE.COM')
  })
})
