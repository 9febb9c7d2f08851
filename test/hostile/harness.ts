/** Everything on real listeners: host, engine, KV, gateway over HTTP and gRPC, a listener for one upstream, and a hostile upstream. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { startGateway } from '../../src/gateway/gateway.ts'
import type { Gateway } from '../../src/gateway/gateway.ts'
import { createHost } from '../../src/host/index.ts'
import { systemClock } from '../../src/logical/clock.ts'
import { silentLogger } from '../../src/logical/log.ts'
import { MemoryStorage } from '../../src/logical/storage.ts'
import type { StorageEntry } from '../../src/logical/storage.ts'
import { mcpFactory } from '../../src/mcp/backend.ts'
import { mintToken, tokenDigest } from '../../src/scope/index.ts'
import { createVaultClient } from '../../src/vault-client/index.ts'
import type { VaultClient } from '../../src/vault-client/index.ts'
import { startHostileUpstream } from './upstream.ts'
import type { HostileUpstream } from './upstream.ts'
import { startVaultFront } from './vault-front.ts'

/** What a refusal must leave as it was. */
export interface Mark {
  /** Puts and deletes in the host's storage. */
  readonly writes: number
  /** Requests the upstream got. */
  readonly calls: number
  /** Decisions recorded as allowed. */
  readonly allowed: number
  /** Logged as unforeseen. */
  readonly faults: number
}

export interface HostileHarness {
  /** Origins of the four listeners: `vault`, `gateway`, `stripe` (the upstream's own listener), and `grpc` (host:port). */
  readonly vault: string
  readonly gateway: string
  readonly stripe: string
  readonly grpc: string
  readonly root: VaultClient
  readonly upstream: HostileUpstream
  /** Fills `<root>`, `<phantom>` … in. */
  fill(text: string): string
  /** Texts that no response, record or log line may hold. */
  readonly secrets: readonly string[]
  mark(): Mark
  /** Decision and outcome records, as written. */
  records(): Promise<string>
  /** Writes an upstream with a tool `probe`, its key, and its owner's consent to `origins`; the agent may read it. */
  declareUpstream(name: string, document: object, options?: { origins?: string; key?: string | null }): Promise<void>
  close(): Promise<void>
}

class CountingStorage extends MemoryStorage {
  writes = 0

  override put(entry: StorageEntry): Promise<void> {
    this.writes++
    return super.put(entry)
  }
  override delete(key: string): Promise<void> {
    this.writes++
    return super.delete(key)
  }
}

const random = (bytes: number): Uint8Array => randomBytes(bytes)
const secret = (prefix: string): string => `${prefix}${randomBytes(16).toString('hex')}`

const grown = [
  'read:stripe:invoices',
  'read:stripe:customers:id-only',
  'read:stripe:faults',
  'read:stripe:projected',
  'create:stripe:refunds',
]

export async function startHostileHarness(): Promise<HostileHarness> {
  const rootToken = secret('hvs.root')
  const key = secret('sk_live_')
  const storage = new CountingStorage()
  const logged: string[] = []
  const log = (level: string) => (fields: object, message: string) => {
    logged.push(
      `${level} ${message} ${JSON.stringify(fields, (_name, value: unknown) => (value instanceof Error ? value.stack : value))}`,
    )
  }
  const logger = { ...silentLogger, warn: log('warn'), error: log('error') }
  const folder = await mkdtemp(join(tmpdir(), 'hostile-'))
  const upstream = await startHostileUpstream(key)
  const host = await createHost({
    storage,
    clock: systemClock,
    random,
    logger,
    engines: { mcp: mcpFactory },
    devRootTokenId: rootToken,
  })
  const { url: vault } = await host.listen({ address: '127.0.0.1:0' })
  const front = await startVaultFront(vault)
  const root = createVaultClient({ address: vault, token: rootToken, clock: systemClock })
  await root.write('sys/mounts/secret', { type: 'kv', options: { version: '2' } })
  await root.write('sys/mounts/mcp', { type: 'mcp' })

  const names: Record<string, string> = {
    root: rootToken,
    key,
    service: secret('gst_'),
    bound: secret('gst_'),
    stray: secret('gst_'),
  }
  for (const policy of ['mcp-gateway', 'mcp-service', 'mcp-operator']) names[policy] = await tokenFor(root, policy)
  names.nobody = (await root.write('auth/token/create', { policies: ['default'] })).auth!.client_token
  const auditPath = join(folder, 'audit.jsonl')
  const gateway = await startGateway({
    vault: { address: front.url, token: names['mcp-gateway']!, mount: 'mcp' },
    httpAddress: '127.0.0.1:0',
    grpcAddress: '127.0.0.1:0',
    upstreamListeners: [{ upstream: 'stripe', address: '127.0.0.1:0' }],
    auditPath,
    serviceTokens: [
      { name: 'everyone', sha256: tokenDigest(names.service!), agents: ['*'], vaultToken: names['mcp-service']! },
      { name: 'bound', sha256: tokenDigest(names.bound!), agents: ['someone-else'] },
    ],
    resolveUpstream: (hostname) =>
      Promise.resolve(hostname.endsWith('.example') ? addressesOf(hostname) : ['127.0.0.1']),
    clock: systemClock,
    random,
    logger,
  })
  await gateway.ready

  const scopes = [...grown]
  const declareUpstream: HostileHarness['declareUpstream'] = async (name, document, options = {}) => {
    await root.write(`mcp/upstreams/${name}`, document)
    await root.write(`mcp/tools/${name}/probe`, { operations: ['GET /{x}', 'GET /v1/{x}'] })
    const path = (document as { kv_path?: string }).kv_path ?? `mcp/${name}`
    if (options.key !== null) await root.write(`secret/data/${path}`, { data: { api_key: options.key ?? key } })
    await root.write(`secret/metadata/${path}`, { custom_metadata: { mcp_origins: options.origins ?? '' } })
    scopes.push(`read:${name}:probe`)
    await root.write('mcp/agents/billing/scopes', { scopes })
  }
  await seed(root, upstream.url, key)
  Object.assign(names, await sessions(root), tokensThatAreNone())
  return {
    vault,
    gateway: gateway.httpUrl,
    stripe: gateway.upstreamUrls.stripe!,
    grpc: gateway.grpcAddress!,
    root,
    upstream,
    declareUpstream,
    fill: (text) => text.replaceAll(/<([a-z-]+)>/g, (whole, name: string) => names[name] ?? whole),
    secrets: Object.entries(names).flatMap(([name, text]) => (name === 'session' ? [] : [text])),
    mark: () => ({
      writes: storage.writes,
      calls: upstream.calls,
      allowed: allowedBy(gateway),
      faults: logged.filter((line) => line.startsWith('error')).length,
    }),
    records: async () => `${await readFile(auditPath, 'utf8')}\n${logged.join('\n')}`,
    async close() {
      await gateway.close()
      await root.close()
      await front.close()
      await host.close()
      await upstream.close()
      await rm(folder, { recursive: true })
    },
  }
}

const allowedBy = (gateway: Gateway): number => gateway.state().counters.allowed

/** `169-254-169-254.example` resolves to that address, `10-0-0-1.93-184-216-34.example` to both. */
const addressesOf = (hostname: string): string[] =>
  hostname
    .split('.')
    .slice(0, -1)
    .map((label) => (/^\d+(?:-\d+){3}$/.test(label) ? label.replaceAll('-', '.') : label.replaceAll('-', ':')))

async function tokenFor(root: VaultClient, policy: string): Promise<string> {
  await root.write(`sys/policies/acl/${policy}`, {
    policy: await readFile(new URL(`../../vault-config/policies/${policy}.hcl`, import.meta.url), 'utf8'),
  })
  return (await root.write('auth/token/create', { policies: [policy], period: '1h' })).auth!.client_token
}

async function seed(root: VaultClient, url: string, key: string): Promise<void> {
  await root.write('secret/data/mcp/stripe', { data: { api_key: key } })
  await root.write('secret/metadata/mcp/stripe', { custom_metadata: { mcp_origins: url } })
  await root.write('mcp/upstreams/stripe', {
    url,
    allow_private_addresses: true,
    timeout: 1,
    idle_timeout: 1,
    max_request_bytes: 1024,
    max_response_bytes: 4096,
  })
  await root.write('mcp/tools/stripe/invoices', {
    operations: ['GET /v1/invoices', { method: 'GET', path: '/v1/invoices/{id}', parameters: ['expand'] }],
  })
  await root.write('mcp/tools/stripe/customers/id-only', { operations: ['GET /v1/customers'], fields: ['data[].id'] })
  await root.write('mcp/tools/stripe/faults', { operations: ['GET /v1/faults/{name}', 'HEAD /v1/faults/{name}'] })
  await root.write('mcp/tools/stripe/projected', { operations: ['GET /v1/projected/{name}'], fields: ['data[].id'] })
  await root.write('mcp/tools/stripe/refunds', { operations: ['POST /v1/refunds', 'POST /v1/invoices'] })
  await root.write('mcp/tools/stripe/payouts', { operations: ['POST /v1/payouts'] })
  await root.write('mcp/policies/refunds-small', {
    policy:
      'path "tools/stripe/refunds" { capabilities = ["create"], allowed_parameters = { "amount" = ["100"], "charge" = [] } }',
  })
  await root.write('mcp/agents/billing', { owner: 'platform-team', environment: 'production' })
  await root.write('mcp/agents/billing/scopes', { scopes: grown })
  await root.write('mcp/agents/refunder', {
    owner: 'platform-team',
    environment: 'production',
    policies: ['refunds-small'],
  })
  await root.write('mcp/agents/disabled', { owner: 'platform-team', environment: 'production', disabled: true })
  await root.write('mcp/agents/silent', { owner: 'platform-team', environment: 'production' })
}

/** Tokens that are, or were, good. */
async function sessions(root: VaultClient): Promise<Record<string, string>> {
  const open = async (agent: string, request: object = {}) => {
    const { data, lease_id = '' } = await root.write(`mcp/creds/${agent}`, request)
    return { ...(data as { token: string; session_id: string }), lease_id }
  }
  const [live, refunder, revoked, expired] = [
    await open('billing'),
    await open('refunder'),
    await open('billing'),
    await open('billing', { ttl: 1 }),
  ]
  await root.delete(`mcp/creds/billing/${revoked.session_id}`)
  // Its lease goes a moment after it; from then on nothing writes unasked.
  while (await leaseExists(root, expired.lease_id))
    await new Promise((resolve) => {
      setTimeout(resolve, 50)
    })
  return {
    phantom: live.token,
    refunder: refunder.token,
    revoked: revoked.token,
    expired: expired.token,
    session: live.session_id,
  }
}

const leaseExists = (root: VaultClient, lease_id: string): Promise<boolean> =>
  root.write('sys/leases/lookup', { lease_id }).then(
    () => true,
    () => false,
  )

function tokensThatAreNone(): Record<string, string> {
  const unknown = mintToken({ prefix: 'svt', label: 'prod', random })
  const last = unknown.at(-1) === 'a' ? 'b' : 'a'
  return {
    unknown,
    cut: unknown.slice(0, -7),
    typo: unknown.slice(0, -1) + last,
    foreign: mintToken({ prefix: 'xyz', label: 'prod', random }),
  }
}

/** Ends the stage; nothing it recorded or logged may hold a token or a key. */
export async function closeClean(harness: HostileHarness): Promise<void> {
  const records = await harness.records()
  const leaked = harness.secrets.filter((text) => records.includes(text))
  await harness.close()
  expect(leaked).toEqual([])
}
