// The acceptance suite against a real server: npm run test:vault. Needs bao or vault (VAULT_BIN or PATH) or Docker.
//   TARGET=openbao|vault|containers   which; without it, whichever server is found
//   VAULT_BIN=/path/to/binary         the server's binary
//   SERVER_IMAGE=openbao/openbao:2.6.2  the image of TARGET=containers
// Arguments go to vitest: file names to run only those. The last line is the count.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { findServer, requireDocker, targets } from './find-server.mjs'

const root = resolve(import.meta.dirname, '..')

/** What to run against, told before anything is started. */
async function chosen() {
  const asked = process.env.TARGET || undefined
  if (asked !== undefined && !targets.includes(asked)) throw new Error(`TARGET=${asked} is no target: it is one of ${targets.join(', ')}.`)
  if (asked === 'containers') await requireDocker()
  if (asked === 'embedded' || asked === 'containers') return { target: asked }
  const { product, binary } = findServer(asked)
  return { target: product, binary }
}

function run({ target, binary }) {
  console.log(`acceptance against ${target}${binary === undefined ? '' : ` (${binary})`}`)
  const scratch = mkdtempSync(join(tmpdir(), 'acceptance-report-'))
  const report = join(scratch, 'report.json')
  try {
    const vitest = join(root, 'node_modules/vitest/vitest.mjs')
    const files = process.argv.slice(2)
    const { status } = spawnSync(process.execPath, [vitest, 'run', ...(files.length > 0 ? files : ['test/acceptance/']), '--reporter=default', '--reporter=json', `--outputFile.json=${report}`], {
      cwd: root, stdio: 'inherit', env: { ...process.env, TARGET: target, ...(binary !== undefined && { VAULT_BIN: binary }) },
    })
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
  const broken = testResults.filter(({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'))
  const notRun = broken.flatMap(({ assertionResults }) => assertionResults).length
  return `${numPassedTests} passed, ${numFailedTests + Math.max(notRun, broken.length)} failed, ${numPendingTests + numTodoTests - notRun} skipped`
}

try {
  process.exitCode = run(await chosen())
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
