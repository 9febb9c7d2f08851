// Runs every check in turn and counts. Optional ones name the tool they miss and count as skipped, never as passed.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { requireContainers } from '../scripts/containers.mjs'
import { readReport } from '../scripts/vitest-report.mjs'
import { countsIn, summarize } from './summary.mjs'

const root = resolve(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'mcp-ci-'))
const steps = []

/** Runs a command and shows its output, which is kept too: `output` is both streams. */
function sh(name, command, timeoutMinutes = 10) {
  const log = join(scratch, `${name.replaceAll(/\W/g, '-')}.log`)
  console.log(`\n--- ${name}: ${command}`)
  const started = Date.now()
  const piped = `set -o pipefail; { ${command}; } 2>&1 | tee '${log}'`
  const run = spawnSync('bash', ['-c', piped], { cwd: root, stdio: 'inherit', timeout: timeoutMinutes * 60_000 })
  const output = existsSync(log) ? readFileSync(log, 'utf8') : ''
  const late = run.error?.code === 'ETIMEDOUT' ? `\nnot over after ${timeoutMinutes} minutes` : ''
  return { ok: run.status === 0, seconds: Math.round((Date.now() - started) / 1000), output: output + late }
}

function record(result) {
  steps.push(result)
  const { name, passed, failed, skipped, seconds } = result
  console.log(`--- ${name}: ${passed} passed, ${failed} failed, ${skipped} skipped (${seconds} s)`)
}

/** What exits with another code than 0, or without a single test, has failed, whatever it counted. */
const atLeastOne = (ok, { passed, failed }) => (failed > 0 ? failed : ok && passed > 0 ? 0 : 1)

function step(name, command, timeoutMinutes) {
  const { ok, seconds, output } = sh(name, command, timeoutMinutes)
  record({ name, passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0, seconds, output })
}

function skip(name, why) {
  steps.push({ name, passed: 0, failed: 0, skipped: 1, seconds: 0, why })
  console.log(`\n--- ${name}: skipped, ${why}`)
}

/** A step whose last line is `N passed, N failed, N skipped`: the counts are taken over. */
function counted(name, command, timeoutMinutes) {
  const { ok, seconds, output } = sh(name, command, timeoutMinutes)
  const counts = countsIn(output) ?? { passed: 0, failed: 0, skipped: 0 }
  record({ name, ...counts, failed: atLeastOne(ok, counts), seconds, output })
}

/** A vitest run: the counts and the names of its failures are taken from its report. */
function vitest(name, command) {
  const report = join(scratch, `${name.replaceAll(/\W/g, '-')}.json`)
  const reporters = `--reporter=minimal --reporter=json --outputFile.json=${report}`
  const { ok, seconds, output } = sh(name, `${command} ${reporters}`, 15)
  const result = readReport(report, root)
  record({ name, ...result, failed: atLeastOne(ok, result), seconds, output })
}

const exits = (code, command) => `{ ${command}; test $? -eq ${code}; }`
const has = (tool) => spawnSync('bash', ['-c', tool], { stdio: 'ignore' }).status === 0

step('lint', 'npm run --silent lint')
step('format', 'npm run --silent format:check')
step('types', 'npm run --silent typecheck')
step('layers', 'npm run --silent check:layers')
step('generated files', 'npm run --silent check:generated')
vitest('npm test', 'npm test --')
counted('sim', 'npm run --silent sim -- -seed=1 -episodes=500')
counted('sim:faults', 'npm run --silent sim:faults')
const quint = join(scratch, 'quint')
mkdirSync(quint)
// Its parser's package has no release that npm takes for one.
writeFileSync(join(quint, 'package.json'), '{ "overrides": { "antlr4ts": "0.5.0-alpha.4" } }')
if (has(`npm i --prefix ${quint} --ignore-scripts --no-audit --no-fund @informalsystems/quint@0.33.1`))
  counted('check:model', `QUINT=${join(quint, 'node_modules', '.bin', 'quint')} npm run --silent check:model`)
else skip('check:model', 'Quint cannot be installed here')
step('npm start', 'npm start --silent -- --once')
counted('test:hostile', 'npm run --silent test:hostile')
step('plugin', 'npm run --silent build:plugin')
step(
  'plugin as a single executable',
  `npm run --silent build:plugin:sea && ${exits(1, 'dist/sea/vault-plugin-secrets-mcp 2>/dev/null')}`,
)
counted('check:examples', 'npm run --silent check:examples')
counted('test:sdk', 'npm run --silent test:sdk')
counted('test:clients', 'npm run --silent test:clients', 20)
if (has('npm view @octokit/openapi@23.0.2 version')) counted('test:openapi', 'npm run --silent test:openapi')
else skip('test:openapi', 'the package registry cannot be reached')
step('README commands', 'node scripts/check-readme.mjs')
const buf = join(scratch, 'buf', 'node_modules', '.bin', 'buf')
if (has(`npm i --prefix ${join(scratch, 'buf')} --ignore-scripts --no-audit --no-fund @bufbuild/buf@1.75.0`)) {
  has('python3 -c "import grpc_tools" || python3 -m pip install -q grpcio-tools')
  counted('check:proto', `BUF=${buf} npm run --silent check:proto`)
} else skip('check:proto', 'buf cannot be installed here')
if (
  has('/usr/bin/python3 -c "import hvac"') ||
  has('apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-hvac')
)
  step('hvac', 'node scripts/check-hvac.mjs')
else skip('hvac', 'python3-hvac is not installed and cannot be installed here')
if (has("go version | grep -Eq 'go(1\\.(2[4-9]|[3-9][0-9])|[2-9])'")) {
  step('stripe-mock', 'npm run --silent test:stripe-mock')
  counted('test:plugin', 'npm run --silent test:plugin', 12)
} else {
  skip('stripe-mock', 'Go 1.24 or newer is not on PATH')
  skip('test:plugin', 'Go 1.24 or newer is not on PATH')
}
if (has('test -n "$VAULT_BIN" || command -v bao || command -v vault'))
  counted('test:vault', 'npm run --silent test:vault', 12)
else skip('test:vault', 'neither bao nor vault is on PATH, and VAULT_BIN is not set')
try {
  requireContainers()
  counted('test:vault in containers', 'TARGET=containers npm run --silent test:vault', 20)
} catch (missing) {
  skip('test:vault in containers', missing.message)
}
if (has('command -v terraform || command -v tofu')) counted('test:terraform', 'npm run --silent test:terraform', 12)
else skip('test:terraform', 'neither terraform nor tofu is on PATH')

rmSync(scratch, { recursive: true, force: true })
const { passed, failed, text } = summarize(steps)
console.log(text)
process.exit(failed === 0 && passed > 0 ? 0 : 1)
