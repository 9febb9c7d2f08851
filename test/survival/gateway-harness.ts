/** A station with a gateway beside its server, an upstream, and an agent that may read a little of it. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { VaultClient } from '../../src/vault-client/index.ts'
import { freePorts } from './process.ts'
import type { Running } from './process.ts'
import { startSurvivalHarness } from './harness.ts'
import type { SurvivalHarness } from './harness.ts'
import { REAL_KEY, startUpstream } from './upstream.ts'
import type { CountingUpstream } from './upstream.ts'

export const AGENT = 'claude-billing-agent'

export interface GatewaySurvivalHarness extends SurvivalHarness {
  readonly root: VaultClient
  readonly upstream: CountingUpstream
  /** The server that runs when the station opens; killed and started again by the tests. */
  server: Running
  /** Resolves when it is in contact with the server. `audit` names its log; `maxFileBlocks` (of 512 bytes or 1 KiB) limits the files it writes. */
  startGateway(audit: string, maxFileBlocks?: number): Promise<Running>
  /** A new Vault token under the gateway's policy. */
  tokenOfGateway(): Promise<string>
  open(): Promise<IssuedToken>
  /** One call through `/u/`. */
  call(token: string, path: string, requestId?: string): Promise<Response>
  /** A gateway's records so far; throws when a whole line does not parse. */
  records(audit: string): Promise<Record<string, unknown>[]>
}

export interface IssuedToken {
  readonly token: string
  readonly session_id: string
  readonly lease_id: string
}

/** Upstreams `stripe` (sensitivity high, acted on for two seconds without contact) and `github` (standard, thirty), both the same API. */
export async function startGatewaySurvivalHarness(script: string): Promise<GatewaySurvivalHarness> {
  const harness = await startSurvivalHarness(script)
  const upstream = await startUpstream()
  const [httpPort, grpcPort] = await freePorts(2)
  const http = `http://127.0.0.1:${String(httpPort)}`
  const server = await harness.startServer()
  const root = await harness.asRoot()
  await provision(root, upstream.url)
  await harness.workshop.write('gateway.token', await tokenOfGateway(root))
  const configuration = (audit: string): string => `
    vault { address = "${harness.address}" token_file = "gateway.token" }
    listener "http" { address = "127.0.0.1:${String(httpPort)}" }
    listener "grpc" { address = "127.0.0.1:${String(grpcPort)}" }
    audit_path = "${audit}"
    max_staleness { high = 2 standard = "30s" }
    log_level = "error"
    rehearsal = false
  `
  return {
    ...harness,
    root,
    upstream,
    server,
    async startGateway(audit, maxFileBlocks) {
      await harness.workshop.write('gateway.hcl', configuration(audit))
      const gateway = await harness.workshop.start(['gateway', '-config=gateway.hcl'], maxFileBlocks)
      while ((await fetch(`${http}/healthz`)).status !== 200)
        await new Promise((done) => {
          setTimeout(done, 20)
        })
      return gateway
    },
    tokenOfGateway: () => tokenOfGateway(root),
    async open() {
      const { data, lease_id } = await root.write(`mcp/creds/${AGENT}`, { purpose: 'survival' })
      return { token: String(data?.token), session_id: String(data?.session_id), lease_id: lease_id ?? '' }
    },
    call: (token, path, requestId) =>
      fetch(`${http}/u/${path}`, {
        headers: { authorization: `Bearer ${token}`, ...(requestId !== undefined && { 'x-request-id': requestId }) },
      }),
    async records(audit) {
      const text = await readFile(harness.workshop.path(audit), 'utf8')
      return text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>)
    },
    async close() {
      await harness.close()
      await upstream.close()
    },
  }
}

async function provision(root: VaultClient, url: string): Promise<void> {
  await root.write('sys/mounts/mcp', { type: 'mcp' })
  await root.write('sys/mounts/secret', { type: 'kv', options: { version: '2' } })
  for (const [name, sensitivity] of [
    ['stripe', 'high'],
    ['github', 'standard'],
  ] as const) {
    await root.write(`secret/data/mcp/${name}`, { data: { api_key: REAL_KEY } })
    await root.write(`secret/metadata/mcp/${name}`, { custom_metadata: { mcp_origins: url } })
    await root.write(`mcp/upstreams/${name}`, { url, sensitivity, allow_private_addresses: true })
    await root.write(`mcp/tools/${name}/all`, { operations: ['GET /v1/invoices', 'GET /v1/events', 'GET /v1/slow'] })
  }
  await root.write(`mcp/agents/${AGENT}`, { owner: 'platform-team', environment: 'production' })
  await root.write(`mcp/agents/${AGENT}/scopes`, { scopes: ['read:stripe:all', 'read:github:all'] })
}

/** Under the policy the package ships, so that this also shows that it is enough. */
async function tokenOfGateway(root: VaultClient): Promise<string> {
  const policy = await readFile(resolve(import.meta.dirname, '../../vault-config/policies/mcp-gateway.hcl'), 'utf8')
  await root.write('sys/policies/acl/mcp-gateway', { policy })
  const { auth } = await root.write('auth/token/create', { policies: ['mcp-gateway'], period: '1h', no_parent: true })
  return String(auth?.client_token)
}
