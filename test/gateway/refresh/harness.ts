/** Gateways over the embedded server, an issuer, and an API that accepts the issuer's access tokens: all over real sockets. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuditLog } from '../../../src/audit/index.ts'
import { startGateway } from '../../../src/gateway/gateway.ts'
import type { Gateway } from '../../../src/gateway/gateway.ts'
import { createHost } from '../../../src/host/host.ts'
import { systemClock } from '../../../src/logical/clock.ts'
import { silentLogger } from '../../../src/logical/log.ts'
import { MemoryStorage } from '../../../src/logical/storage.ts'
import { mcpFactory } from '../../../src/mcp/backend.ts'
import { createVaultClient } from '../../../src/vault-client/index.ts'
import type { VaultClient } from '../../../src/vault-client/index.ts'
import { ForwardedClock } from '../../fakes/forwarded-clock.ts'
import { bearer, sendRequest } from '../http/harness.ts'
import type { HttpResponse } from '../http/harness.ts'
import { CLIENT, startIssuer, TOKEN_LIFE } from './issuer.ts'
import type { Issuer } from './issuer.ts'
import { startRelay } from './relay.ts'
import type { Relay } from './relay.ts'

export const RECORD = 'secret/data/mcp-minted/mcp/crm'
const AGENT = 'crm-agent'
const random = (bytes: number): Uint8Array => randomBytes(bytes)

/** One gateway, and its way to Vault, which can be cut. */
export interface Member {
  readonly gateway: Gateway
  readonly relay: Relay
}

export interface RefreshHarness {
  readonly clock: ForwardedClock
  readonly admin: VaultClient
  readonly issuer: Issuer
  readonly members: readonly Member[]
  /** What the gateways' operators were told: level, code and sentence. */
  readonly told: string[]
  readonly apiUrl: string
  /** The placement of the upstream. */
  readonly auth: string
  /** Access tokens the API was called with, and whether its issuer stands by them. */
  readonly received: { readonly token: string; readonly accepted: boolean }[]
  /** What the API says about a call, beside its status. */
  respond: (token: string) => string
  /** Writes the seed: an operator has authorized again. */
  writeSeed(changes?: Record<string, string>): Promise<string>
  /** What the owner of the secret agrees to. */
  consent(changes: Record<string, string>, secret?: string): Promise<void>
  call(member: number): Promise<HttpResponse>
  /** The same, told apart from its response: it has left. */
  begunCall(member: number): Promise<{ readonly response: Promise<HttpResponse> }>
  /** A call at every gateway at once, or at these: their statuses. */
  callAll(members?: readonly number[]): Promise<number[]>
  /** Time goes by, and gateways that are in use stay in contact with Vault. */
  forward(ms: number): Promise<void>
  /** Access tokens are about to end: whoever uses one asks for the next. */
  untilRenewal(): Promise<void>
  /** The keys that gateways hold are read again at the next call. */
  untilReread(): Promise<void>
  /** A gateway's next exchange has reached the issuer, which waits for `release`. */
  heldExchange(member: number): Promise<{ release(): void }>
  record(): Promise<Record<string, unknown>>
  /** `rule`: in place of the one that lets gateways keep such records. */
  addGateway(rule?: string): Promise<Member>
  close(): Promise<void>
}

export interface RefreshHarnessOptions {
  readonly gateways: number
  readonly rotates?: boolean
  /** Behind the token URL. */
  readonly parameters?: string
}

export async function startRefreshHarness(options: RefreshHarnessOptions): Promise<RefreshHarness> {
  const folder = await mkdtemp(join(tmpdir(), 'refresh-'))
  const clock = new ForwardedClock()
  const issuer = await startIssuer({ rotates: options.rotates ?? true })
  const received: RefreshHarness['received'] = []
  const api = createServer((request, response) => {
    const token = (request.headers.authorization ?? '').replace('Bearer ', '')
    void issuer.accepts(token).then((accepted) => {
      received.push({ token, accepted })
      response.writeHead(accepted ? 200 : 401, { 'content-type': 'text/plain' }).end(harness.respond(token))
    })
  })
  await new Promise<void>((resolve) => {
    api.listen(0, '127.0.0.1', resolve)
  })
  const apiUrl = `http://127.0.0.1:${String((api.address() as AddressInfo).port)}`
  const host = await createHost({
    storage: new MemoryStorage(),
    clock,
    random,
    logger: silentLogger,
    engines: { mcp: mcpFactory },
    devRootTokenId: 'root',
  })
  // Servers respond to names they know alone, so the ways to this one are there before it.
  const relays = await Promise.all(
    Array.from({ length: options.gateways + SPARE_GATEWAYS }, () => startRelay(() => Number(new URL(url).port))),
  )
  const allowedHosts = relays.map((relay) => new URL(relay.url).host)
  const { url } = await host.listen({ address: '127.0.0.1:0', allowedHosts })
  const admin = createVaultClient({ address: url, token: 'root', clock })
  await admin.write('sys/mounts/secret', { type: 'kv', options: { version: '2' } })
  await admin.write('sys/mounts/mcp', { type: 'mcp' })
  const auth = `oauth2_refresh:${issuer.url}/token${options.parameters ?? ''}`
  const upstream = { url: apiUrl, allow_private_addresses: true, sensitivity: 'high', auth }
  await admin.write('mcp/upstreams/crm', upstream)
  await admin.write('mcp/tools/crm/all', { operations: ['GET /x'] })
  await admin.write(`mcp/agents/${AGENT}`, { owner: 'platform-team', environment: 'production' })
  await admin.write(`mcp/agents/${AGENT}/scopes`, { scopes: ['read:crm:all'] })
  const members: Member[] = []
  const told: string[] = []
  const harness: RefreshHarness = {
    clock,
    admin,
    issuer,
    members,
    told,
    apiUrl,
    auth,
    received,
    respond: () => 'contacts',
    async writeSeed(changes = {}) {
      const refreshToken = await issuer.authorize()
      await admin.write('secret/data/mcp/crm', { data: { ...CLIENT, refresh_token: refreshToken, ...changes } })
      return refreshToken
    },
    async consent(changes, secret = 'mcp/crm') {
      const custom = { mcp_origins: `${apiUrl},${issuer.url}`, mcp_auth: auth, mcp_fields: FIELDS, ...changes }
      await admin.write(`secret/metadata/${secret}`, { custom_metadata: custom })
    },
    call: async (member) => (await harness.begunCall(member)).response,
    async begunCall(member) {
      const { data } = await admin.write(`mcp/creds/${AGENT}`, { purpose: 'test' })
      const { httpUrl } = members[member]!.gateway
      return { response: sendRequest(httpUrl, '/u/crm/x', { headers: bearer(String(data!.token)) }) }
    },
    callAll: async (at = members.map((_member, index) => index)) =>
      (await Promise.all(at.map((member) => harness.call(member)))).map(({ status }) => status),
    forward: (ms) => clock.forward(ms, () => members.every(isCurrent)),
    untilRenewal: () => harness.forward(TOKEN_LIFE * 800 + 1_000),
    untilReread: () => harness.forward(3_000),
    async heldExchange(member) {
      const before = issuer.exchanges
      let release = () => undefined as void
      issuer.gate = new Promise((resolve) => {
        release = resolve
      })
      harness.call(member).catch(() => undefined)
      await until(() => issuer.exchanges > before)
      return {
        release() {
          issuer.gate = undefined
          release()
        },
      }
    },
    async record() {
      return (await admin.read(RECORD))!.data!.data as Record<string, unknown>
    },
    async addGateway(rule) {
      const relay = relays[members.length]!
      const token = await tokenFor(admin, rule)
      const log = (level: string) => (fields: object, message: string) =>
        void told.push(`${level} ${'code' in fields ? String(fields.code) : ''}: ${message}`)
      const gateway = await startGateway({
        vault: { address: relay.url, token, mount: 'mcp' },
        httpAddress: '127.0.0.1:0',
        auditPath: join(folder, `audit-${String(members.length)}.jsonl`),
        // Disks keep to the machine's own time.
        openAuditLog: (path) => createAuditLog({ path, clock: systemClock, logger: silentLogger }),
        clock,
        random,
        logger: { ...silentLogger, warn: log('warn'), error: log('error') },
      })
      await gateway.ready
      members.push({ gateway, relay })
      return members.at(-1)!
    },
    async close() {
      issuer.gate = undefined
      const closing = Promise.all(members.map(({ gateway }) => gateway.close()))
      await clock.forward(60_000)
      await closing
      await Promise.all([admin.close(), ...relays.map((relay) => relay.close())])
      await host.close()
      await issuer.close()
      api.closeAllConnections()
      api.close()
      await rm(folder, { recursive: true })
    },
  }
  await harness.writeSeed()
  await harness.consent({})
  for (let count = 0; count < options.gateways; count++) await harness.addGateway()
  return harness
}

const isCurrent = ({ gateway, relay }: Member): boolean => {
  const { following, feed_age_ms: ageMs } = gateway.state()
  return relay.isCut || !following || ageMs < 2_000
}

/** Lets sockets do their work until something holds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    if (await holds()) return
    await new Promise((resolve) => {
      setTimeout(resolve, 5)
    })
  }
  throw new Error('what was waited for did not happen')
}

/** For those that tests add. */
const SPARE_GATEWAYS = 2
const FIELDS = 'client_id,client_secret,refresh_token'

async function tokenFor(admin: VaultClient, rule: string | undefined): Promise<string> {
  const shipped = await readFile(new URL('../../../vault-config/policies/mcp-gateway.hcl', import.meta.url), 'utf8')
  const policy = rule === undefined ? shipped : shipped.replace(/^path "secret\/data\/mcp-minted\/.*$/m, rule)
  const name = `gateway-${String(created++)}`
  await admin.write(`sys/policies/acl/${name}`, { policy })
  return (await admin.write('auth/token/create', { policies: [name], period: '24h' })).auth!.client_token
}

let created = 0
