// The processes of check-stripe-mock.mjs: stripe-mock, built with Go, a relay before it, and the development server of this build.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { clearTimeout, setTimeout } from 'node:timers'

const START_MS = 30_000
const root = resolve(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'mcp-stripe-mock-'))
const children = []

export const cli = join(root, 'dist/cli/main.js')
export const auditPath = join(scratch, 'audit.jsonl')

/** Ends what was started and removes what it wrote. */
export function endAll() {
  for (const child of children) child.kill('SIGKILL')
  rmSync(scratch, { recursive: true, force: true })
}

/** Resolves with the first match in what the child prints; `log()` is all of it so far. */
async function start(command, args, pattern) {
  const child = spawn(command, args, { cwd: scratch, stdio: ['ignore', 'pipe', 'pipe'] })
  children.push(child)
  const printed = []
  const log = () => printed.join('')
  const match = await new Promise((found, failed) => {
    const timer = setTimeout(
      () => failed(new Error(`${command} did not start within ${START_MS / 1000} s:\n${log()}`)),
      START_MS,
    )
    const look = (chunk) => {
      printed.push(chunk.toString())
      const hit = pattern.exec(log())
      if (hit) {
        clearTimeout(timer)
        found(hit)
      }
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
    child.on('error', failed)
    child.on('exit', (code) => failed(new Error(`${command} ended with ${code}:\n${log()}`)))
  })
  return { child, match, log }
}

export async function startStripeMock() {
  const binary = join(scratch, 'stripe-mock')
  const built = spawnSync(
    'go',
    ['build', '-modfile=stripe-mock.mod', '-mod=readonly', '-o', binary, 'github.com/stripe/stripe-mock'],
    { cwd: join(root, 'test/conformance'), env: { ...process.env, CGO_ENABLED: '0' }, stdio: 'inherit' },
  )
  if (built.error !== undefined)
    throw new Error('stripe-mock is built with Go, and `go` cannot be started: install Go 1.24 or newer')
  if (built.status !== 0) throw new Error('go build of stripe-mock failed')
  // Without an HTTPS address of its own it would listen on every interface.
  const mock = await start(
    binary,
    ['-verbose', '-http-addr', '127.0.0.1:0', '-https-addr', '127.0.0.1:0'],
    /Listening for HTTP at address: 127\.0\.0\.1:(\d+)/,
  )
  return { port: Number(mock.match[1]), log: mock.log }
}

/** stripe-mock prints no headers: a relay before it keeps every byte that the gateway sends. */
export async function startRelay(port) {
  const seen = []
  const relay = createServer((from) => {
    const to = connect(port, '127.0.0.1')
    from.on('data', (chunk) => seen.push(chunk))
    from.pipe(to).pipe(from)
    from.on('error', () => to.destroy())
    to.on('error', () => from.destroy())
  })
  await new Promise((listening) => relay.listen(0, '127.0.0.1', listening))
  relay.unref()
  return { url: `http://127.0.0.1:${relay.address().port}`, seen: () => Buffer.concat(seen).toString('latin1') }
}

export async function startServer() {
  const addresses = [
    '-dev-listen-address=127.0.0.1:0',
    '-gateway-grpc-address=127.0.0.1:0',
    '-gateway-http-address=127.0.0.1:0',
    '-gateway-upstream-address=stripe=127.0.0.1:0',
  ]
  const args = [cli, 'server', '-dev', '-dev-root-token-id=root', `-audit-path=${auditPath}`, ...addresses]
  const server = await start(
    process.execPath,
    args,
    /Vault API\s+(http:\S+)[\s\S]*stripe at (http:\S+)[\s\S]*path-help/,
  )
  return { child: server.child, vaultUrl: server.match[1], stripeUrl: server.match[2], log: server.log }
}
