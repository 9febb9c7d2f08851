// The SDK's example programs (vault-config/sdk), as their reader would use them: the packed product is installed beside the MCP SDK in
// an empty folder, the programs are compiled there, and run against the seeded server. Needs a build and the npm registry.
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { clearTimeout, setTimeout } from 'node:timers'

const root = resolve(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'mcp-examples-'))
const packages = [
  '@modelcontextprotocol/sdk@1.32.2',
  'express@5',
  'zod@4',
  'typescript@6.0.3',
  '@types/express@5',
  '@types/node@20',
]
const START_MS = 60_000
const children = []
const totals = { passed: 0, failed: 0 }

function check(name, ok, found) {
  totals[ok ? 'passed' : 'failed']++
  console.log(`${ok ? 'passed' : 'FAILED'}: ${name}${ok ? '' : `; found ${found}`}`)
}

function must(command, args, cwd = scratch) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? `${stdout}${stderr}`}`)
  return stdout
}

function install() {
  const packed = must('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', scratch], root).trim()
  writeFileSync(join(scratch, 'package.json'), '{ "type": "module", "private": true }')
  must('npm', ['i', '--silent', '--ignore-scripts', '--no-audit', '--no-fund', join(scratch, packed), ...packages])
  cpSync(join(root, 'vault-config/sdk'), scratch, { recursive: true })
  const options = ['--module', 'nodenext', '--target', 'es2022', '--strict', '--skipLibCheck', '--types', 'node']
  must('npx', ['--no', '--', 'tsc', ...options, 'mcp-server.ts', 'agent.ts'])
}

/** Resolves with the first match in what the child prints. */
function start(args, env, pattern) {
  const child = spawn(process.execPath, args, { cwd: scratch, env: { ...process.env, ...env } })
  children.push(child)
  let printed = ''
  return new Promise((found, failed) => {
    const timer = setTimeout(() => failed(new Error(`${args[0]} did not start: ${printed}`)), START_MS)
    const look = (chunk) => {
      printed += chunk
      const hit = pattern.exec(printed)
      if (!hit) return
      clearTimeout(timer)
      found(hit)
    }
    child.stdout.on('data', look)
    child.stderr.on('data', look)
    child.on('exit', (code) => failed(new Error(`${args[0]} ended with ${code}: ${printed}`)))
  })
}

async function callTool(port, token) {
  const response = await fetch(`http://127.0.0.1:${port}/mcp`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'list_invoices', arguments: { limit: 2 } },
    }),
  })
  return { status: response.status, text: await response.text() }
}

async function run() {
  install()
  check('the programs compile against the packed product', true)
  const free = (flag) => `-${flag}=127.0.0.1:0`
  const addresses = ['dev-listen-address', 'gateway-grpc-address', 'gateway-http-address', 'mcp-address'].map(free)
  const cli = join(scratch, 'node_modules/vault-plugin-secrets-mcp/dist/cli/main.js')
  const seeded = ['server', '-dev', '-dev-seed=article', ...addresses, '-gateway-upstream-address=stripe=127.0.0.1:0']
  const [, address, session, service] = await start(
    [cli, ...seeded],
    {},
    /gRPC (\S+)[\s\S]*MCP_SESSION_TOKEN=(\S+) MCP_GATEWAY_TOKEN=(\S+)/,
  )
  const env = { MCP_GATEWAY: address, MCP_GATEWAY_TOKEN: service, PORT: '0' }
  const agent = spawnSync(process.execPath, ['agent.js'], {
    cwd: scratch,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  })
  check(
    'agent.ts reads invoices and is refused a refund',
    agent.stdout === 'invoices: 200\nrefund: insufficient_scope\n',
    agent.stdout + agent.stderr,
  )
  const [, port] = await start(['mcp-server.js'], env, /listening on (\d+)/)
  const served = await callTool(port, session)
  check('mcp-server.ts serves a live session', served.status === 200 && served.text.includes('in_1'), served.text)
  const dead = await callTool(port, 'svt_prod_nobody')
  check('mcp-server.ts answers a dead token with 401', dead.status === 401, `${dead.status} ${dead.text}`)
}

if (!existsSync(join(root, 'dist/client/index.js'))) {
  console.error('There is no build: npm run build')
  process.exit(1)
}
try {
  await run()
} catch (error) {
  check('the examples run', false, error.message)
} finally {
  for (const child of children) child.kill()
  rmSync(scratch, { recursive: true, force: true })
}
console.log(`${totals.passed} passed, ${totals.failed} failed, 0 skipped`)
process.exitCode = totals.failed === 0 ? 0 : 1
