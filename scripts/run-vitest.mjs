// Runs vitest and prints as the last line how it went: "N passed, N failed, N skipped".
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { readReport } from './vitest-report.mjs'

const root = resolve(import.meta.dirname, '..')

/** `args` go to `vitest run`, `env` over this process's own. Answers vitest's exit code. */
export function runVitest(args, env) {
  const scratch = mkdtempSync(join(tmpdir(), 'vitest-report-'))
  const report = join(scratch, 'report.json')
  try {
    const vitest = join(root, 'node_modules/vitest/vitest.mjs')
    const { status } = spawnSync(
      process.execPath,
      [vitest, 'run', ...args, '--reporter=minimal', '--reporter=json', `--outputFile.json=${report}`],
      {
        cwd: root,
        stdio: 'inherit',
        env: { ...process.env, ...env },
      },
    )
    const { passed, failed, skipped, failures } = readReport(report, root)
    // CI takes these lines over into its own summary.
    for (const failure of failures) console.log(`FAILED ${failure}`)
    console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
    return status ?? 1
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
