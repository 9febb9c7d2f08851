import { mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
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

it.each<[string, () => void]>([
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
])(
  'a file that was %s fails the write that notices, is named in the log, and is written again after it',
  async (fate, act) => {
    act()
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
  await log.append({ type: 'second' })
  await log.append({ type: 'third' })
  expect(readFileSync(path, 'utf8')).toContain('"third"')
  expect(readFileSync(`${path}.1`, 'utf8')).toMatch(/"first"[^]*"second"/)
  expect(logged).toHaveLength(1)
})
