/** The gateway: knows Vault only through its HTTP API, holds no state that Vault does not, and any number of it may run. */
import { createAuditLog } from '../audit/index.ts'
import type { AuditLog } from '../audit/index.ts'
import { Egress } from './call/egress.ts'
import { checkConfig, stalenessOf } from './config.ts'
import type { GatewayConfig } from './config.ts'
import { Callers } from './decision/callers.ts'
import type { ServiceIdentity } from './decision/callers.ts'
import { Decisions } from './decision/decide.ts'
import { Documents } from './decision/documents.ts'
import { FeedFollower } from './decision/feed-follower.ts'
import { Freshness } from './decision/freshness.ts'
import { Grants } from './decision/grants.ts'
import { Keys } from './decision/keys.ts'
import { OpenCalls } from './decision/open-call.ts'
import { Records } from './decision/records.ts'
import type { Counters } from './decision/records.ts'
import { SessionService } from './decision/session-service.ts'
import { Sessions } from './decision/sessions.ts'
import { UpstreamCalls } from './decision/upstream-calls.ts'
import { unavailable } from './error.ts'
import { listenHttp } from './http/server.ts'
import type { HttpListener } from './http/server.ts'
import { VaultIdentity } from './vault-identity.ts'

export type { GatewayConfig, ServiceTokenConfig } from './config.ts'

export interface GatewayState {
  /** Within every staleness limit, the strictest included. */
  readonly healthy: boolean
  /** Milliseconds; Infinity before the first answer of the feed. */
  readonly feed_age_ms: number
  readonly feed_failures: number
  readonly epoch: string | undefined
  readonly sequence: number
  readonly sessions_cached: number
  readonly calls_open: number
  readonly counters: Readonly<Counters>
}

export interface Gateway {
  /** `http://127.0.0.1:8251` */
  readonly httpUrl: string
  /** By upstream name: the root of its own listener. */
  readonly upstreamUrls: Readonly<Record<string, string>>
  /** Resolves when the feed has been heard once; until then every decision is `unavailable`. */
  readonly ready: Promise<void>
  state(): GatewayState
  /** Cuts what is under way, closes listeners and connections, and writes the records that wait. */
  close(): Promise<void>
}

/** Everything that decides and acts, without a transport: what every face of the gateway is built on. */
export interface GatewayCore {
  readonly mount: string
  readonly follower: FeedFollower
  readonly sessionCache: Sessions
  readonly documents: Documents
  readonly grants: Grants
  readonly freshness: Freshness
  readonly callers: Callers
  readonly records: Records
  readonly decisions: Decisions
  readonly sessions: SessionService
  readonly calls: UpstreamCalls
  readonly openCalls: OpenCalls
  readonly egress: Egress
}

/** Listens, then follows the feed in the background. Rejects for wrong settings, ports in use, and an audit log that cannot be written. */
export async function startGateway(config: GatewayConfig): Promise<Gateway> {
  checkConfig(config)
  const { clock, random, logger, vault } = config
  const audit = createAuditLog({ path: config.auditPath, clock })
  await audit.open()
  const identity = new VaultIdentity({ ...vault, clock, random, logger })
  const services = (config.serviceTokens ?? []).map((service) => serviceIdentity(config, service))
  const core = createCore(config, identity, services.map(({ known }) => known), audit)
  if (config.requireKeyConsent === false) logger.warn({}, 'require_key_consent is false: keys are used without their owners\' consent')
  const listeners: HttpListener[] = []
  const close = async () => {
    core.openCalls.closeAll(unavailable('shutting_down', 'the gateway is shutting down; try again'))
    await Promise.all([...listeners.map((listener) => listener.close()), core.follower.stop(), core.egress.close()])
    await Promise.all([identity.close(), ...services.map(({ close: end }) => end())])
    await audit.close()
  }
  const allowedHosts = config.allowedHosts ?? []
  const parts = { ...core, random, logger, healthy: () => core.freshness.isFresh(undefined) }
  const upstreamUrls: Record<string, string> = {}
  try {
    listeners.push(await listenHttp(parts, { address: config.httpAddress, allowedHosts }))
    for (const { upstream, address } of config.upstreamListeners ?? []) {
      const listener = await listenHttp(parts, { address, allowedHosts, upstream })
      listeners.push(listener)
      upstreamUrls[upstream] = listener.url
    }
  } catch (error) {
    await close()
    throw error
  }
  for (const { start } of services) void start()
  return { httpUrl: listeners[0]!.url, upstreamUrls, ready: follow(core.follower, identity), state: () => stateOf(core), close }
}

async function follow(follower: FeedFollower, identity: VaultIdentity): Promise<void> {
  await identity.start()
  follower.start()
  await follower.heardOnce
}

function createCore(config: GatewayConfig, identity: VaultIdentity, services: readonly ServiceIdentity[], audit: AuditLog): GatewayCore {
  const { clock, logger, vault: { mount }, requireKeyConsent = true } = config
  const vault = identity.client
  const follower = new FeedFollower({ vault, mount, clock, logger, onRefused: () => identity.replace() })
  const sessionCache = new Sessions({ vault, mount, follower, clock, logger })
  const documents = new Documents({ vault, mount, clock, logger })
  const grants = new Grants(documents)
  const freshness = new Freshness(follower, stalenessOf(config))
  const openCalls = new OpenCalls({ sessions: sessionCache, freshness, clock, nextAnswer: (ms) => follower.nextAnswer(ms) })
  // Caches first: who acts on a change must find it applied.
  for (const listener of [documents, sessionCache, openCalls]) follower.subscribe(listener)
  const callers = new Callers({ vault, mount, clock, services })
  const records = new Records(audit, requireKeyConsent ? {} : { key_consent: 'not_required' })
  const decisions = new Decisions({ follower, sessions: sessionCache, documents, grants, freshness, callers, records, openCalls })
  const egress = new Egress({ clock, ...(config.upstreamCa === undefined ? {} : { ca: config.upstreamCa }) })
  const keys = new Keys({ vault, clock, requireConsent: requireKeyConsent })
  return {
    mount, follower, sessionCache, documents, grants, freshness, callers, records, decisions, openCalls, egress,
    sessions: new SessionService(decisions, mount),
    calls: new UpstreamCalls({ decisions, keys, records, egress, clock }),
  }
}

function serviceIdentity(config: GatewayConfig, service: NonNullable<GatewayConfig['serviceTokens']>[number]) {
  const { name, sha256, agents, vaultToken: token, vaultLogin: login } = service
  const { clock, random, logger, vault: { address, namespace, caFile } } = config
  const own = token !== undefined || login !== undefined
  const identity = own ? new VaultIdentity({
    address, clock, random, logger,
    ...(namespace === undefined ? {} : { namespace }), ...(caFile === undefined ? {} : { caFile }), ...(token === undefined ? {} : { token }), ...(login === undefined ? {} : { login }),
  }) : undefined
  const known: ServiceIdentity = { name, sha256, agents, vault: identity?.client }
  return { known, start: async () => { await identity?.start() }, close: async () => { await identity?.close() } }
}

function stateOf({ freshness, follower, sessionCache, openCalls, records }: GatewayCore): GatewayState {
  return {
    healthy: freshness.isFresh(undefined),
    feed_age_ms: follower.ageMs(),
    feed_failures: follower.failures,
    epoch: follower.epoch,
    sequence: follower.sequence,
    sessions_cached: sessionCache.size,
    calls_open: openCalls.size,
    counters: { ...records.counters },
  }
}
