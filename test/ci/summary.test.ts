import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { countsIn, summarize } from '../../.ci/summary.mjs'
import { readReport } from '../../scripts/vitest-report.mjs'

const fine = { name: 'lint', passed: 1, failed: 0, skipped: 0, seconds: 9 }
const linesOf = (text: string) => text.split('\n')

describe('the end of the CI log', () => {
  test('has a line for each step, and the total alone in the last line', () => {
    const { text } = summarize([
      fine,
      { name: 'npm test', passed: 7070, failed: 0, skipped: 2, seconds: 149 },
      { name: 'hvac', passed: 0, failed: 0, skipped: 1, seconds: 0, why: 'python3-hvac is not installed' },
    ])
    expect(linesOf(text).slice(-5)).toEqual([
      '  ok     lint: 1 passed, 0 failed, 0 skipped (9 s)',
      '  ok     npm test: 7070 passed, 0 failed, 2 skipped (149 s)',
      '  skip   hvac: python3-hvac is not installed',
      '',
      '7071 passed, 0 failed, 3 skipped',
    ])
  })

  test('names the failed tests of a step that counts tests', () => {
    const failures = ['test/a.test.ts > one: expected 1 to be 2']
    const { text, failed } = summarize([fine, { ...fine, name: 'npm test', failed: 1, failures, output: 'noise' }])
    expect(failed).toBe(1)
    expect(text).toContain('FAILED npm test\n  test/a.test.ts > one: expected 1 to be 2\n')
    expect(text).not.toContain('noise')
  })

  test('takes the lines that name a failure from the output of any other step', () => {
    const output = 'ok   first\n\x1b[31mFAIL second\x1b[0m (3 s)\nok   third\n2 passed, 1 failed, 0 skipped\n'
    const { text } = summarize([{ ...fine, name: 'test:hostile', failed: 1, output }])
    expect(text).toContain('FAILED test:hostile\n  FAIL second (3 s)\n\n')
  })

  test('ends with the last lines of a failed step whose output names no failure', () => {
    const output = Array.from({ length: 40 }, (_, index) => `line ${index + 1}`).join('\n')
    const { text } = summarize([{ ...fine, name: 'types', failed: 1, output: `${output}\n` }])
    expect(text).toContain('FAILED types\n  line 26\n')
    expect(text).toContain('\n  line 40\n\nSteps:')
  })

  test('stays short, however much has failed and however wide the lines are', () => {
    const failures = Array.from({ length: 500 }, (_, index) => `${index} ${'x'.repeat(10_000)}`)
    const { text } = summarize([{ ...fine, name: 'npm test', failed: 500, failures }])
    expect(text.length).toBeLessThan(6_000)
    expect(text).toContain('\n  and 480 more\n')
  })

  test('counts by the last line of counts, which colour does not hide', () => {
    expect(countsIn('1 passed, 0 failed, 0 skipped\n\x1b[32m5 passed, 2 failed, 1 skipped\x1b[39m\n')).toEqual({
      passed: 5,
      failed: 2,
      skipped: 1,
    })
    expect(countsIn('it said: 5 passed, 2 failed, 1 skipped today')).toBeUndefined()
  })
})

describe("vitest's report", () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'report-'))
  })
  afterAll(() => {
    rmSync(folder, { recursive: true })
  })

  test('gives the counts and the first line of each failure', () => {
    const path = join(folder, 'report.json')
    const failed = {
      status: 'failed',
      fullName: 'a token ends',
      failureMessages: ['\x1b[31mAssertionError: late\x1b[39m\n at x'],
    }
    const testResults = [
      { name: '/repo/test/a.test.ts', status: 'failed', message: '', assertionResults: [failed, { status: 'passed' }] },
      {
        name: '/repo/test/b.test.ts',
        status: 'failed',
        message: 'connect ECONNREFUSED\n at y',
        assertionResults: [{ status: 'skipped' }, { status: 'skipped' }],
      },
    ]
    const counts = { numPassedTests: 1, numFailedTests: 1, numPendingTests: 3, numTodoTests: 0 }
    writeFileSync(path, JSON.stringify({ ...counts, testResults }))
    expect(readReport(path, '/repo')).toEqual({
      passed: 1,
      failed: 3,
      skipped: 1,
      failures: ['test/a.test.ts > a token ends: AssertionError: late', 'test/b.test.ts: connect ECONNREFUSED'],
    })
  })

  test('counts as one failure where it is missing or empty', () => {
    expect(readReport(join(folder, 'absent.json'), '/repo')).toMatchObject({ passed: 0, failed: 1 })
  })
})
