// Runs vitest and prints as the last line how it went: "N passed, N failed, N skipped".
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')

/** `args` go to `vitest run`, `env` over this process's own. Answers vitest's exit code. */
export function runVitest(args, env) {
  const scratch = mkdtempSync(join(tmpdir(), 'vitest-report-'))
  const report = join(scratch, 'report.json')
  try {
    const vitest = join(root, 'node_modules/vitest/vitest.mjs')
    const { status } = spawnSync(
      process.execPath,
      [vitest, 'run', ...args, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
      {
        cwd: root,
        stdio: 'inherit',
        env: { ...process.env, ...env },
      },
    )
    // Without a report it did not come to the first test.
    console.log(existsSync(report) ? counts(JSON.parse(readFileSync(report, 'utf8'))) : counts({ testResults: [] }))
    return status ?? 1
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function counts({ numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults }) {
  if (testResults.length === 0) return '0 passed, 1 failed, 0 skipped'
  // The tests of a file whose server did not start are reported as skipped: they count as failed.
  const broken = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  )
  const notRun = broken.flatMap(({ assertionResults }) => assertionResults).length
  return `${numPassedTests} passed, ${numFailedTests + Math.max(notRun, broken.length)} failed, ${numPendingTests + numTodoTests - notRun} skipped`
}
