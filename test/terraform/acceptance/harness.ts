/**
 * The real command line with the built provider in a folder of its own, before a server of its own. After every test the rig itself
 * looks for what must never be left: a secret in any file or output, a lease, a token, a provider process.
 */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { buildProvider, providerFile } from '../../../scripts/build-provider.mjs'
import { findServer } from '../../../scripts/find-server.mjs'
import { eventually } from '../../acceptance/eventually.ts'
import { startTarget } from '../../acceptance/target/index.ts'
import type { ApiResponse, Server } from '../../acceptance/target/index.ts'
import { must } from '../../acceptance/target/server.ts'
import { holders } from './search.ts'
import { Workspace } from './workspace.ts'

const execute = promisify(execFile)

/** Of this machine, as Terraform calls it. */
export const platform = `${process.platform}_${process.arch === 'x64' ? 'amd64' : process.arch}`

/** Without a version: whatever is in the mirror. */
export const requirement = `terraform {
  required_version = ">= 1.11"
  required_providers {
    mcp = {
      source = "terraform.local/mcp/mcp"
    }
  }
}
`
export const header = `${requirement}provider "mcp" {}\n`

export interface TerraformHarness {
  readonly server: Server
  /** The folder of this test, with no file in it. */
  readonly workspace: Workspace
  /** A mirror that holds the provider as version 0.1.0. */
  readonly mirror: string
  /** What must stand in no file and no output from now on; answers it. */
  secret(value: string): string
  /** Below the engine's mount, with the root token; anything but success is an error. */
  engine(method: string, path: string, body?: unknown): Promise<ApiResponse>
  /** Ids of all leases of the engine. */
  leases(): Promise<readonly string[]>
  /** Accessors of tokens that were not there when the test began. */
  tokens(): Promise<readonly string[]>
  /** A token under one policy with this text. */
  tokenWith(policy: string, more?: object): Promise<string>
  /** `update mcp/creds/billing` for every request that was let through to some engine since the test began. */
  requests(): Promise<readonly string[]>
  /** A folder of this file's tests, which nothing looks into. */
  readonly scratch: string
}

/** The embedded server, and a real one where there is one (VAULT_BIN, set by scripts/check-terraform.mjs). */
export const targets: readonly Readonly<Record<string, string>>[] = [
  { TARGET: 'embedded' },
  ...(process.env.VAULT_BIN
    ? [
        {
          TARGET: findServer(undefined, { VAULT_BIN: process.env.VAULT_BIN }).product,
          VAULT_BIN: process.env.VAULT_BIN,
        },
      ]
    : []),
]

/** To be called where tests are declared: it starts the server before the first of them and ends it after the last. */
export function terraformHarness(target: Readonly<Record<string, string>> = { TARGET: 'embedded' }): TerraformHarness {
  let scratch: string
  let server: Server
  let workspace: Workspace
  let secrets: string[]
  let before: ReadonlySet<string>
  let audited: number
  const auditFile = (): string => join(scratch, 'audit.log')
  const call = (method: string, path: string, body?: unknown) =>
    must(server.api(method, path, body === undefined ? {} : { body }), `${method} ${path}`)
  const keysBelow = async (path: string): Promise<readonly string[]> =>
    ((await server.api('LIST', path)).body as { data?: { keys?: string[] } } | undefined)?.data?.keys ?? []

  const harness: TerraformHarness = {
    get server() {
      return server
    },
    get workspace() {
      return workspace
    },
    get scratch() {
      return scratch
    },
    get mirror() {
      return join(scratch, 'mirror')
    },
    secret(value) {
      secrets.push(value)
      return value
    },
    engine: (method, path, body) => call(method, `mcp/${path}`, body),
    async leases() {
      const agents = await keysBelow('sys/leases/lookup/mcp/creds')
      return (
        await Promise.all(
          agents.map(async (agent) =>
            (await keysBelow(`sys/leases/lookup/mcp/creds/${agent}`)).map((id) => `mcp/creds/${agent}${id}`),
          ),
        )
      ).flat()
    },
    async tokens() {
      return (await keysBelow('auth/token/accessors')).filter((accessor) => !before.has(accessor))
    },
    async tokenWith(policy, more = {}) {
      const name = `terraform-${String(++policies)}`
      await call('PUT', `sys/policies/acl/${name}`, { policy })
      const { body } = await call('POST', 'auth/token/create', { policies: [name], ...more })
      const { client_token: token, accessor } = (body as { auth: { client_token: string; accessor: string } }).auth
      before = new Set([...before, accessor])
      return harness.secret(token)
    },
    async requests() {
      return (await auditedRequests(server, auditFile())).slice(audited)
    },
  }

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'terraform-rig-'))
    await installed(harness.mirror, '0.1.0')
    server = await startTarget(target)
    await call('POST', 'sys/audit/rig', { type: 'file', options: { file_path: auditFile() } })
  })
  afterAll(async () => {
    await server.stop()
    await rm(scratch, { recursive: true })
  })
  beforeEach(async () => {
    secrets = [server.rootToken]
    await freshMounts(server, call)
    before = new Set(await keysBelow('auth/token/accessors'))
    audited = (await auditedRequests(server, auditFile())).length
    const folder = join(scratch, `test-${String(++folders)}`)
    await mkdir(join(folder, 'home'), { recursive: true })
    workspace = await Workspace.in(folder, harness.mirror, {
      VAULT_ADDR: server.address,
      VAULT_TOKEN: server.rootToken,
    })
  })
  afterEach(async () => {
    const said = workspace.endAll()
    try {
      expect(await holders(workspace.dir, secrets, said), 'files and outputs that hold a secret').toEqual([])
      await eventually('leases that live on', harness.leases, [])
      await eventually('tokens that live on', harness.tokens, [])
      await eventually('processes that live on', () => processesIn(workspace.dir), [])
    } finally {
      for (const mount of ['mcp', 'secret']) await server.api('DELETE', `sys/mounts/${mount}`)
    }
  })
  return harness
}

let policies = 0
let folders = 0

/** Builds the provider as `version` into a mirror. */
export async function installed(mirror: string, version: string): Promise<string> {
  const folder = join(mirror, 'terraform.local/mcp/mcp', version, platform)
  const { path } = await buildProvider({ outDir: folder, version })
  // A link or a copy under another name would be part of the checksum.
  await rm(join(folder, `${providerFile}_v${version}`), { force: true })
  return path
}

async function freshMounts(
  server: Server,
  call: (method: string, path: string, body?: unknown) => Promise<ApiResponse>,
): Promise<void> {
  for (const mount of ['mcp', 'secret']) await server.api('DELETE', `sys/mounts/${mount}`)
  await call('POST', 'sys/mounts/mcp', {
    type: 'mcp',
    ...(server.plugin && { config: { plugin_version: server.plugin.version } }),
  })
  await call('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } })
  await eventually('KV serves', async () => (await server.api('GET', 'secret/config')).status, 200)
}

async function auditedRequests(server: Server, file: string): Promise<readonly string[]> {
  const lines = (await server.readFile(file))
    .trim()
    .split('\n')
    .filter((line) => line !== '')
  return lines.flatMap((line) => {
    const { type, request } = JSON.parse(line) as { type: string; request: { operation: string; path: string } }
    return type === 'request' ? [`${request.operation} ${request.path}`] : []
  })
}

export async function processesIn(folder: string): Promise<readonly string[]> {
  const { stdout } = await execute('ps', ['-A', '-ww', '-o', 'stat=,args='])
  return stdout.split('\n').filter((line) => line.includes(folder) && !line.startsWith('Z'))
}
