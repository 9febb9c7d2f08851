// Holds the gateway's gRPC contract to its rules (proto/buf.yaml) and to what was released (proto/gateway-v1.released.json), and
// generates the Python client beside the MCP SDK's own package. Needs buf (BUF, on PATH, or npm's @bufbuild/buf); Python with
// grpcio-tools for the last check. `--release` records today's contract as the released one.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const proto = join(root, 'proto')
const buf = process.env.BUF || 'buf'
const python = process.env.PYTHON || 'python3'
const released = join(proto, 'gateway-v1.released.json')
const totals = { passed: 0, failed: 0, skipped: 0 }

const run = (command, args, cwd) => spawnSync(command, args, { cwd, encoding: 'utf8' })

function check(name, { status, error, stdout, stderr }) {
  const ok = status === 0
  totals[ok ? 'passed' : 'failed']++
  console.log(`${ok ? 'passed' : 'FAILED'}: ${name}`)
  if (!ok) console.log(error?.message ?? `${stdout}${stderr}`.trim())
}

function skip(name, why) {
  totals.skipped++
  console.log(`skipped: ${name}; ${why}`)
}

/** Below a package of its own: `mcp` is the MCP SDK's, and both must be importable in one program. */
function checkPython() {
  const out = mkdtempSync(join(tmpdir(), 'mcp-proto-'))
  const paths = ['-I', 'vault_mcp=mcp', `--python_out=${out}`, `--grpc_python_out=${out}`]
  const generated = run(python, ['-m', 'grpc_tools.protoc', ...paths, 'vault_mcp/gateway/v1/gateway.proto'], proto)
  check('the Python client is generated', generated)
  // Stands for the MCP SDK: a package of that name that is imported first.
  mkdirSync(join(out, 'mcp'))
  writeFileSync(join(out, 'mcp', '__init__.py'), 'SDK = True\n')
  const program = 'import mcp; from vault_mcp.gateway.v1 import gateway_pb2_grpc as g; assert mcp.SDK; g.TokensStub'
  check('the Python client and a package named mcp are imported together', run(python, ['-c', program], out))
  rmSync(out, { recursive: true })
}

if (run(buf, ['--version']).status !== 0) {
  console.error('buf is not installed: npm i -g --ignore-scripts @bufbuild/buf, or set BUF to its path')
  process.exit(1)
}
if (process.argv.includes('--release')) {
  const built = run(buf, ['build', '--path', 'mcp', '--exclude-source-info', '-o', released], proto)
  console.log(built.status === 0 ? `written: ${released}` : built.stderr)
  process.exit(built.status ?? 1)
}
check('buf lint', run(buf, ['lint'], proto))
check('buf breaking', run(buf, ['breaking', '--path', 'mcp', '--against', released], proto))
if (run(python, ['-c', 'import grpc_tools']).status === 0) checkPython()
else skip('the Python client', `${python} has no grpcio-tools (pip install grpcio-tools)`)
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
process.exitCode = totals.failed === 0 ? 0 : 1
