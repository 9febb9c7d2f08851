// Runs every command the README prints, in its order. Fenced blocks marked `sh` are run with bash; words after `sh` say how:
//   terminal   stays running in the background (a server); the next blocks start when it answers
//   needs=X    skipped by name where the tool X is not on PATH; needs=X|Y: run with Y in place of X where only Y is
//   ci=no      covered by a step of its own (npm ci, npm test, npm start), not run again here
// A line whose output matters is followed by `# → text`; the block's output must contain every such text.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'mcp-readme-'))
const blocks = [...readFileSync(resolve(root, 'README.md'), 'utf8').matchAll(/^```sh([^\n]*)\n([\s\S]*?)^```$/gm)].map(
  ([, marks, text]) => ({ marks: marks.trim().split(/\s+/), text }),
)
// Terraform asks its maker for newer versions of itself unless told not to.
const env = {
  ...process.env,
  HOME: scratch,
  TMPDIR: scratch,
  CHECKPOINT_DISABLE: '1',
  VAULT_ADDR: '',
  VAULT_TOKEN: '',
  README_SCRATCH: scratch,
}
const totals = { passed: 0, failed: 0, skipped: 0 }
let servers = []

const healthy = () =>
  fetch('http://127.0.0.1:8200/v1/sys/health').then(
    (answer) => answer.status === 200,
    () => false,
  )

async function startTerminal(text) {
  await stopTerminals()
  // npx may be gone before the server it started, which would be taken for the next one.
  for (let tries = 0; await healthy(); tries++) {
    if (tries === 150) {
      console.error('another server answers on port 8200')
      return false
    }
    await new Promise((wait) => setTimeout(wait, 100))
  }
  // A process group of its own: npx starts the server as a child and does not always end it.
  const child = spawn('bash', ['-c', `exec ${text.trim()}`], {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
  })
  servers.push(child)
  for (let tries = 0; tries < 300; tries++) {
    if (await healthy()) return true
    if (child.exitCode !== null) return false
    await new Promise((wait) => setTimeout(wait, 100))
  }
  return false
}

async function stopTerminals() {
  for (const child of servers) {
    if (child.exitCode !== null) continue
    const gone = new Promise((done) => child.once('exit', done))
    process.kill(-child.pid, 'SIGTERM')
    await gone
  }
  servers = []
}

function runBlock(text) {
  const run = spawnSync('bash', ['-euo', 'pipefail', '-c', text], {
    cwd: root,
    env,
    encoding: 'utf8',
    timeout: 300_000,
  })
  const printed = `${run.stdout}${run.stderr}`
  process.stdout.write(printed)
  const missing = [...text.matchAll(/# → (.*)$/gm)]
    .map(([, expected]) => expected.trim())
    .filter((expected) => !printed.includes(expected))
  for (const expected of missing) console.error(`expected in the output, and not there: ${expected}`)
  return run.status === 0 && missing.length === 0
}

for (const { marks, text } of blocks) {
  const first = text.trim().split('\n')[0]
  const tools = marks
    .find((mark) => mark.startsWith('needs='))
    ?.slice('needs='.length)
    .split('|')
  const tool = tools?.find((name) => spawnSync('bash', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status === 0)
  console.log(`\n--- README: ${first}`)
  if (marks.includes('ci=no')) {
    console.log('    has a step of its own')
    continue
  }
  if (tools && tool === undefined) {
    totals.skipped++
    console.log(`    skipped: ${tools.join(' or ')} is not on PATH`)
    continue
  }
  const commands = tools ? text.replaceAll(new RegExp(`\\b${tools[0]}\\b`, 'g'), tool) : text
  const ok = marks.includes('terminal') ? await startTerminal(commands) : runBlock(commands)
  totals[ok ? 'passed' : 'failed']++
  if (!ok) console.error(`    FAILED: ${first}`)
}
await stopTerminals()
rmSync(scratch, { recursive: true, force: true })
console.log(`\nREADME: ${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
process.exitCode = totals.failed === 0 && totals.passed > 0 ? 0 : 1
