// Reads what vitest's JSON reporter wrote.
import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { stripVTControlCharacters as plain } from 'node:util'

const firstLine = (text) => plain(text ?? '').split('\n')[0]

/**
 * { passed, failed, skipped, failures }; a failure is `file > test: first line of its message`. The tests of a file that could not
 * be prepared are reported as skipped: they have failed. Without a report vitest did not come to the first test.
 */
export function readReport(path, root) {
  const report = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { testResults: [] }
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = report
  if (testResults.length === 0) return { passed: 0, failed: 1, skipped: 0, failures: ['no test was run'] }
  const failedIn = ({ assertionResults }) => assertionResults.filter(({ status }) => status === 'failed')
  const unprepared = testResults.filter((file) => file.status === 'failed' && failedIn(file).length === 0)
  const notRun = unprepared.flatMap(({ assertionResults }) => assertionResults).length
  const failures = testResults.flatMap((file) => {
    const name = relative(root, file.name)
    if (unprepared.includes(file)) return [`${name}: ${firstLine(file.message)}`]
    return failedIn(file).map((test) => `${name} > ${test.fullName}: ${firstLine(test.failureMessages?.[0])}`)
  })
  return {
    passed: numPassedTests,
    failed: numFailedTests + Math.max(notRun, unprepared.length),
    skipped: numPendingTests + numTodoTests - notRun,
    failures,
  }
}
