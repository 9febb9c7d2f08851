// The provider and the modules under the real command line: npm run test:terraform. Needs Terraform or OpenTofu 1.11 (TERRAFORM_BIN or PATH).
//   TARGET=embedded|openbao|vault|containers   the server; the embedded host unless said otherwise
//   VAULT_BIN=/path/to/binary                  of TARGET=openbao or vault
//   VAULT_PROVIDER_BIN=/path/to/terraform-provider-vault   for the route of the official provider, which is skipped without
// Arguments go to vitest: file names to run only those. The last line is the count.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { findTerraform } from './find-terraform.mjs'

const root = resolve(import.meta.dirname, '..')

function run({ binary, version }) {
  console.log(`${binary} ${version}, against ${process.env.TARGET || 'embedded'}`)
  const scratch = mkdtempSync(join(tmpdir(), 'terraform-report-'))
  const report = join(scratch, 'report.json')
  try {
    const vitest = join(root, 'node_modules/vitest/vitest.mjs')
    const { status } = spawnSync(process.execPath, [vitest, 'run', '--config', 'test/terraform/vitest.config.ts', ...process.argv.slice(2), '--reporter=default', '--reporter=json', `--outputFile.json=${report}`], {
      cwd: root, stdio: 'inherit', env: { ...process.env, TERRAFORM_BIN: binary },
    })
    console.log(existsSync(report) ? counts(JSON.parse(readFileSync(report, 'utf8'))) : '0 passed, 1 failed, 0 skipped')
    return status ?? 1
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function counts({ numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults }) {
  if (testResults.length === 0) return '0 passed, 1 failed, 0 skipped'
  // A file that did not come to its first test counts as one that failed.
  const broken = testResults.filter(({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed')).length
  return `${numPassedTests} passed, ${numFailedTests + broken} failed, ${numPendingTests + numTodoTests} skipped`
}

try {
  process.exitCode = run(findTerraform())
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
