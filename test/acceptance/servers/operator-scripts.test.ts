/** What vault-config offers to run, run: the scripts, with the server's own client, and its agent. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { findServer } from '../../../scripts/find-server.mjs'
import { Engine } from '../engine.ts'
import { eventually } from '../eventually.ts'
import { scratchBuild } from '../target/plugin-build.ts'
import { startTarget } from '../target/index.ts'
import type { Server } from '../target/index.ts'
import { must } from '../target/server.ts'
import { policyText } from '../policy-table.ts'

const NEXT = '0.2.0'
const AGENT = 'scripted-agent'
const vaultConfig = (path: string) => fileURLToPath(new URL(`../../../vault-config/${path}`, import.meta.url))

let server: Server
let engine: Engine
let folder: string
let cli: string
/** The same file as the server has registered under NEXT. */
let nextFile: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'operator-scripts-'))
  cli = findServer(process.env.TARGET as 'openbao' | 'vault').binary
  server = await startTarget()
  engine = await Engine.at(server)
  // Its tokens are replaced every few seconds; the other's stay.
  await engine.declare(AGENT, ['read:stripe:invoices'], 4)
  await engine.declare('lasting-agent')
  await server.plugin!.register(NEXT)
  nextFile = join(folder, 'vault-plugin-secrets-mcp')
  await scratchBuild(NEXT, (path) => copyFile(path, nextFile))
})
afterAll(async () => {
  await server.stop()
  await rm(folder, { recursive: true })
})

const clientEnv = (token: string) => ({
  PATH: process.env.PATH,
  HOME: folder,
  VAULT_CLI: cli,
  VAULT_ADDR: server.address,
  VAULT_TOKEN: token,
})

interface Ran {
  readonly status: number
  readonly output: string
}

function run(script: string, args: readonly string[], token = server.rootToken): Promise<Ran> {
  return new Promise((resolve) => {
    execFile('sh', [vaultConfig(script), ...args], { env: clientEnv(token) }, (error, stdout, stderr) => {
      resolve({ status: error ? Number(error.code) : 0, output: `${stdout}${stderr}` })
    })
  })
}

it('register.sh mounts a registered version where nothing is mounted, and may run again', async () => {
  for (const said of ['Enabled the mcp secrets engine', 'is mounted already']) {
    const { status, output } = await run('plugin/register.sh', [nextFile, `v${NEXT}`, 'scripted'])
    expect(output).toContain('is registered already')
    expect(output).toContain(said)
    expect(status).toBe(0)
  }
  expect(await server.plugin!.running('scripted')).toBe(`v${NEXT}`)
  const { body } = await server.api('GET', 'sys/mounts/scripted/tune')
  expect((body as { data: { audit_non_hmac_response_keys: string[] } }).data.audit_non_hmac_response_keys).toContain(
    'session_id',
  )
})

it('register.sh refuses another file under a version that is registered', async () => {
  const other = join(folder, 'other')
  await writeFile(other, '#!/bin/sh\n')
  const { status, output } = await run('plugin/register.sh', [other, `v${NEXT}`, 'scripted'])
  expect(output).toContain('a new file needs a version of its own')
  expect(status).toBe(1)
})

it('register.sh registers nothing when it cannot see what is registered', async () => {
  const { body } = await must(server.api('POST', 'auth/token/create', { body: { policies: ['default'] } }), 'a token')
  const weak = (body as { auth: { client_token: string } }).auth.client_token
  const ran = await run('plugin/register.sh', [nextFile, 'v9.0.0', 'elsewhere'], weak)
  expect(ran.output).toContain('permission denied')
  expect(ran.status).toBe(1)
  expect((await server.api('GET', 'sys/plugins/catalog/secret/mcp?version=v9.0.0')).status).toBe(404)
})

it('upgrade.sh and rollback.sh change what a mount runs, and sessions stay', async () => {
  const token = await engine.issue('lasting-agent')
  const before = server.plugin!.version
  const upgraded = await run('plugin/upgrade.sh', [nextFile, `v${NEXT}`, engine.mount])
  expect(upgraded.output).toMatch(new RegExp(`To go back: .*rollback\\.sh ${before} ${engine.mount}\n`))
  expect(upgraded.status).toBe(0)
  expect(await server.plugin!.running(engine.mount)).toBe(`v${NEXT}`)
  const back = await run('plugin/rollback.sh', [before, engine.mount])
  expect(back.status).toBe(0)
  expect(await server.plugin!.running(engine.mount)).toBe(before)
  expect(await engine.leases('creds/lasting-agent')).toContain(token.lease_id.split('/').at(-1))
})

it('upgrade.sh takes back a version that does not start', async () => {
  const { body } = await must(server.api('GET', 'sys/config/state/sanitized'), "the server's configuration")
  const plugins = (body as { data: { plugin_directory: string } }).data.plugin_directory
  const broken = join(plugins, 'broken')
  await writeFile(broken, '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  const { status, output } = await run('plugin/upgrade.sh', [broken, 'v0.3.0', engine.mount])
  expect(output).toContain('v0.3.0 does not start here')
  expect(status).toBe(1)
  const { data } = (await server.api('GET', `sys/mounts/${engine.mount}`)).body as { data: object }
  expect(data).toMatchObject({ plugin_version: server.plugin!.version, running_plugin_version: server.plugin!.version })
  expect((await engine.read('config')).status).toBe(200)
})

it('rollback.sh refuses a version that is not registered, and the mount stays as it is', async () => {
  const { status, output } = await run('plugin/rollback.sh', ['v8.0.0', engine.mount])
  expect(output).toContain('mcp v8.0.0 is not registered')
  expect(status).toBe(1)
  const { body } = await server.api('GET', `sys/mounts/${engine.mount}`)
  expect((body as { data: { plugin_version: string } }).data.plugin_version).toBe(server.plugin!.version)
})

it('add-agent.sh gives an identity agent.hcl keeps a live token with', async () => {
  const policy = policyText('mcp-agent').replaceAll('"mcp/', `"${engine.mount}/`)
  await must(server.api('PUT', 'sys/policies/acl/mcp-agent', { body: { policy } }), 'the policy')
  await must(server.api('POST', 'sys/auth/approle', { body: { type: 'approle' } }), 'approle')
  for (const _again of [1, 2])
    expect(await run('agent/add-agent.sh', [AGENT, join(folder, 'agent')])).toMatchObject({ status: 0 })
  expect((await stat(join(folder, 'agent/secret-id'))).mode & 0o777).toBe(0o600)

  const config = (await readFile(vaultConfig('agent/agent.hcl'), 'utf8'))
    .replace('https://vault.internal:8200', server.address)
    .replace('mcp/creds/claude-billing-agent', `${engine.mount}/creds/${AGENT}`)
    .replaceAll('/etc/mcp-agent', join(folder, 'agent'))
    .replaceAll('/run/mcp-agent', join(folder, 'run'))
  await writeFile(join(folder, 'agent.hcl'), config)
  const agent = spawn(cli, ['agent', `-config=${join(folder, 'agent.hcl')}`], {
    env: { PATH: process.env.PATH, HOME: folder },
    stdio: 'ignore',
  })
  const rendered = () => readFile(join(folder, 'run/token'), 'utf8').catch(() => 'none yet')
  try {
    await eventually('a token is in the file', async () => engine.state({ token: await rendered() }), 'active')
    const first = await rendered()
    await eventually(
      'another one follows',
      async () => (await rendered()) !== first && engine.state({ token: await rendered() }),
      'active',
    )
    expect((await stat(join(folder, 'run/token'))).mode & 0o777).toBe(0o600)
  } finally {
    const exited = once(agent, 'exit')
    agent.kill('SIGTERM')
    await exited
  }
})
