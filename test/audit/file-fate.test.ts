import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createAuditLog } from '../../src/audit/index.ts'
import type { AuditLog } from '../../src/audit/index.ts'
import { silentLogger } from '../../src/logical/log.ts'
import { FakeClock } from '../fakes/clock.ts'

let folder: string
let path: string
let log: AuditLog
let clock: FakeClock
let logged: string[]
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fate-'))
  path = join(folder, 'audit.jsonl')
  clock = new FakeClock()
  logged = []
  const note = (fields: object, message: string) => logged.push(`${JSON.stringify(fields)} ${message}`)
  log = createAuditLog({ path, clock, logger: { ...silentLogger, warn: note, error: note } })
  await log.append({ type: 'first' })
})
afterEach(async () => {
  await log.close()
  rmSync(folder, { recursive: true })
})

const losses: [string, () => void][] = [
  [
    'removed',
    () => {
      rmSync(path)
    },
  ],
  [
    'replaced',
    () => {
      writeFileSync(`${path}.new`, '')
      renameSync(`${path}.new`, path)
    },
  ],
  [
    'truncated',
    () => {
      truncateSync(path, 0)
    },
  ],
]

it.each(losses)(
  'a file that was %s fails the write that notices, is named in the log, and is written again after it',
  async (fate, act) => {
    act()
    await clock.advance(20)
    await expect(log.append({ type: 'lost' })).rejects.toThrow('the audit log cannot be written')
    expect(logged).toHaveLength(1)
    expect(logged[0]).toContain(`"path":"${path}","fate":"${fate}"`)
    await expect
      .poll(() =>
        clock
          .advance(300)
          .then(() => log.append({ type: 'later' }))
          .then(
            () => 'written',
            () => 'refused',
          ),
      )
      .toBe('written')
    expect(readFileSync(path, 'utf8')).toContain('"later"')
  },
)

it('a file that was renamed keeps the line that noticed, and is continued at its path', async () => {
  renameSync(path, `${path}.1`)
  await clock.advance(20)
  await log.append({ type: 'second' })
  await log.append({ type: 'third' })
  expect(readFileSync(path, 'utf8')).toContain('"third"')
  expect(readFileSync(`${path}.1`, 'utf8')).toMatch(/"first"[^]*"second"/)
  expect(logged).toHaveLength(1)
})

it.each(losses)(
  'a file that was %s is not looked for again within 20 ms of a look, and missed by the first write after them',
  async (_fate, act) => {
    act()
    await clock.advance(19)
    await log.append({ type: 'unnoticed' })
    expect(logged).toEqual([])
    await clock.advance(1)
    await expect(log.append({ type: 'lost' })).rejects.toMatchObject({ kind: 'unavailable' })
    expect(logged).toHaveLength(1)
  },
)

it.each(losses)(
  'a file that was %s is missed within a second by a log whose last write was not followed by a look',
  async (_fate, act) => {
    await clock.advance(15)
    await log.append({ type: 'second' })
    act()
    await clock.advance(985)
    await expect.poll(() => logged.length).toBe(1)
  },
)

it.each(losses)(
  'a file that was %s is missed within a second by a log nobody writes to, which refuses records until it is reopened',
  async (fate, act) => {
    act()
    await clock.advance(999)
    expect(logged).toEqual([])
    await clock.advance(1)
    await expect.poll(() => logged.length).toBe(1)
    expect(logged[0]).toContain(`"path":"${path}","fate":"${fate}"`)
    await expect(log.append({ type: 'refused' })).rejects.toMatchObject({ kind: 'unavailable' })
    await expect
      .poll(() =>
        clock
          .advance(100)
          .then(() => log.append({ type: 'later' }))
          .then(
            () => 'written',
            () => 'refused',
          ),
      )
      .toBe('written')
    expect(readFileSync(path, 'utf8')).toContain('"later"')
    expect(readFileSync(path, 'utf8')).not.toContain('"refused"')
    // And is watched again.
    act()
    await clock.advance(1_000)
    await expect.poll(() => logged.length).toBe(2)
  },
)

it('a file that was renamed is started again within a second by a log nobody writes to', async () => {
  renameSync(path, `${path}.1`)
  await clock.advance(1_000)
  await expect.poll(() => existsSync(path)).toBe(true)
  expect(logged).toHaveLength(1)
  await log.append({ type: 'second' })
  expect(readFileSync(path, 'utf8')).toContain('"second"')
  expect(readFileSync(`${path}.1`, 'utf8')).not.toContain('"second"')
})

it('a log that is closed looks no more', async () => {
  await log.close()
  expect(clock.waiting).toBe(0)
})
