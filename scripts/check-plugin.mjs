// The plugin's executable under the hosts' own code: the Go SDKs of Vault and OpenBao, those of today and older ones, drive it through
// test/conformance. Needs Go 1.25 (1.24 fetches it by itself). MCP_PLUGIN=<file> checks that file instead of building one.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { buildPlugin } from './build-plugin.mjs'

const root = resolve(import.meta.dirname, '..')
const conformance = join(root, 'test/conformance')
const LIMIT_SECONDS = 150

const suites = [
  { sdk: 'github.com/openbao/openbao/sdk/v2', modules: 'go.mod', args: [] },
  { sdk: 'github.com/hashicorp/vault/sdk', modules: 'go.mod', args: ['-tags=vault'] },
  { sdk: 'github.com/openbao/openbao/sdk/v2', modules: 'older.mod', args: ['-modfile=older.mod'] },
  { sdk: 'github.com/hashicorp/vault/sdk', modules: 'older.mod', args: ['-modfile=older.mod', '-tags=vault'] },
]

/** What a module file requires of a module, for people. */
function versionIn(modules, module) {
  const line = readFileSync(join(conformance, modules), 'utf8')
    .split('\n')
    .find((text) => text.trim().startsWith(`${module} `))
  return line?.trim().split(' ')[1] ?? 'unknown'
}

/** Runs one suite; resolves with its counts and prints what failed. */
async function run({ sdk, modules, args }, plugin) {
  const name = `${sdk.replace('github.com/', '')} ${versionIn(modules, sdk)} on go-plugin ${versionIn(modules, 'github.com/hashicorp/go-plugin')}`
  const flags = ['test', '-json', '-count=1', `-timeout=${LIMIT_SECONDS}s`, '-mod=readonly', ...args, '.']
  const child = spawn('go', flags, {
    cwd: conformance,
    env: { ...process.env, MCP_PLUGIN: plugin },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise((end) => child.on('close', end))
  const count = { pass: 0, fail: 0, skip: 0 }
  const printed = new Map()
  const print = (test, text) => printed.set(test, (printed.get(test) ?? '') + text)
  child.stderr.on('data', (chunk) => print('', chunk.toString()))
  for await (const line of createInterface({ input: child.stdout })) {
    const event = parse(line)
    const test = event.Test?.split('/')[0] ?? ''
    if (event.Output !== undefined) print(test, event.Output)
    if (event.Test === undefined || event.Test.includes('/') || !(event.Action in count)) continue
    count[event.Action]++
    if (event.Action === 'fail') console.log(`${name}\n${printed.get(test)}`)
    printed.delete(test)
  }
  const code = await ended
  if (code !== 0 && count.fail === 0) {
    // It did not compile, panicked or ran out of time: no test says so.
    count.fail++
    console.log(`${name}\n${[...printed.values()].join('')}`)
  }
  return count
}

function parse(line) {
  try {
    return JSON.parse(line)
  } catch {
    return { Output: `${line}\n` }
  }
}

async function main() {
  if (spawnSync('go', ['version']).status !== 0) {
    console.error(
      'test:plugin needs Go 1.25 or newer on the PATH, to drive the plugin with the SDKs of Vault and OpenBao.',
    )
    return 1
  }
  const scratch = mkdtempSync(join(tmpdir(), 'mcp-plugin-'))
  try {
    const plugin = process.env.MCP_PLUGIN
      ? resolve(process.env.MCP_PLUGIN)
      : (await buildPlugin({ outDir: scratch })).path
    const total = { pass: 0, fail: 0, skip: 0 }
    for (const suite of suites) {
      const count = await run(suite, plugin)
      for (const result of Object.keys(total)) total[result] += count[result]
    }
    console.log(`${total.pass} passed, ${total.fail} failed, ${total.skip} skipped`)
    return total.fail === 0 && total.pass > 0 ? 0 : 1
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

process.exitCode = await main()
