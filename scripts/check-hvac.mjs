// Runs the operator's flow through hvac (Debian: python3-hvac) against a dev server of its own.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const scratch = mkdtempSync(join(tmpdir(), 'mcp-hvac-'))
const addresses = [
  '-dev-listen-address=127.0.0.1:0',
  '-gateway-grpc-address=127.0.0.1:0',
  '-gateway-http-address=127.0.0.1:0',
]
const server = spawn(
  process.execPath,
  [resolve(root, 'dist/cli/main.js'), 'server', '-dev', '-dev-root-token-id=root', ...addresses],
  { cwd: scratch, stdio: ['ignore', 'pipe', 'inherit'] },
)
let printed = ''
const address = await new Promise((found) => {
  server.stdout.on('data', (chunk) => {
    printed += chunk
    const match = /Vault API\s+(http:\/\/\S+)/.exec(printed)
    if (match && printed.includes('VAULT_ADDR')) found(match[1])
  })
  server.on('exit', () => found(undefined))
})
const python = address
  ? spawnSync('/usr/bin/python3', [resolve(root, 'test/clients/operator_flow.py'), address, 'root'], {
      stdio: 'inherit',
    })
  : { status: 1 }
if (!address) console.error(`the dev server did not start:\n${printed}`)
server.kill('SIGTERM')
rmSync(scratch, { recursive: true, force: true })
process.exitCode = python.status ?? 1
