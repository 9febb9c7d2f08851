// Runs the Quint model of feed and freshness: the rules as they are must hold, and each planted fault must be found. Needs Quint 0.33, as
// `quint` on PATH or at $QUINT. The last line is the count.
import { spawnSync } from 'node:child_process'

const QUINT = process.env.QUINT || 'quint'
/** What each module of the model is, and what Quint must say of it. */
const modules = [
  ['good', 'the rules hold', 0],
  ['receipt', 'freshness counted from receipt is found', 1],
  ['noreplay', 'a look-up cached without replay is found', 1],
]

/** 0: no sequence of events breaks the promise. 1: one does. Anything else, and it has not run. */
function run(name) {
  const options = ['--backend=typescript', '--invariant=P1', '--max-steps=40', '--max-samples=3000', '--seed=1']
  const { status, stdout, stderr } = spawnSync(
    QUINT,
    ['run', ...options, `--main=${name}`, 'test/model/freshness.qnt'],
    { encoding: 'utf8', timeout: 300_000 },
  )
  const output = `${stdout ?? ''}${stderr ?? ''}`
  if (status === 0 && output.includes('No violation found')) return 0
  if (status === 1 && output.includes('Found an issue') && output.includes('violat')) return 1
  throw new Error(`quint run --main=${name} ended with ${status}: ${output.trim().slice(-400)}`)
}

if (spawnSync(QUINT, ['--version']).status !== 0) {
  console.error('check:model needs Quint 0.33: put `quint` on PATH, or its path into QUINT.')
  process.exit(1)
}
let passed = 0
for (const [name, meaning, expected] of modules) {
  try {
    const isAsExpected = run(name) === expected
    if (isAsExpected) passed++
    console.log(`${isAsExpected ? 'passed' : 'FAILED'}  ${name}: ${meaning}`)
  } catch (error) {
    console.log(`FAILED  ${name}: ${error.message}`)
  }
}
console.log(`${passed} passed, ${modules.length - passed} failed, 0 skipped`)
process.exitCode = passed === modules.length ? 0 : 1
