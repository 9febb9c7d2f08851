/** The gateway: knows Vault only through its HTTP API, holds no state that Vault does not, and any number of it may run. */
import { createAuditLog } from '../audit/index.ts'
import type { RecordLog } from '../audit/index.ts'
import { delay } from '../logical/clock.ts'
import { checkConfig, stalenessOf } from './config.ts'
import type { GatewayConfig } from './config.ts'
import { createCore } from './core.ts'
import type { ConsentMode } from './proxy/consent.ts'
import { EXCHANGE_TIMEOUT_MS } from './proxy/token-endpoint.ts'
import type { GatewayCore } from './core.ts'
import type { FeedFollower } from './knowledge/feed-follower.ts'
import type { RefusalCode } from './knowledge/vault-refusal.ts'
import type { ServiceIdentity } from './decision/callers.ts'
import type { Counters } from './decision/records.ts'
import { unavailable } from './error.ts'
import { startGrpcServer } from './grpc/server.ts'
import type { GrpcServer } from './grpc/server.ts'
import { listenHttp } from './http/server.ts'
import type { HttpListener, HttpDependencies } from './http/server.ts'
import { VaultIdentity } from './vault-identity.ts'
import { createHealthCheck } from '../vault-client/index.ts'
import type { HealthCheck } from '../vault-client/index.ts'

export type { GatewayConfig, ServiceTokenConfig } from './config.ts'

export interface GatewayState {
  /** Within every staleness limit, the strictest included; while nothing is followed: some node of Vault is active. */
  readonly healthy: boolean
  /** Vault said no: its mount is gone, it is sealed, or it refuses this gateway. */
  readonly refusal: RefusalCode | undefined
  /** False while nobody uses the gateway: its first call then catches up with one round trip. */
  readonly following: boolean
  /** Milliseconds; Infinity before the first response of the feed. */
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
  /** `127.0.0.1:8250`; undefined where none was configured. */
  readonly grpcAddress: string | undefined
  /** By upstream name: the root of its own listener. */
  readonly upstreamUrls: Readonly<Record<string, string>>
  /** Resolves when the feed has been heard once; until then every decision is `unavailable`. */
  readonly ready: Promise<void>
  state(): GatewayState
  /** Takes no new connections and says it is not healthy, until what is under way has ended or `graceMs` are over. To be closed then. */
  drain(graceMs: number): Promise<void>
  /** Cuts what is under way, closes listeners and connections, and writes the records that wait. */
  close(): Promise<void>
}

/** An exchange, and a write that is tried again. */
const LONGEST_FINISH_MS = EXCHANGE_TIMEOUT_MS + 10_000

/** Listens, then follows the feed in the background. Rejects for wrong settings, ports in use, and an audit log that cannot be written. */
export async function startGateway(config: GatewayConfig): Promise<Gateway> {
  checkConfig(config)
  const { clock, random, logger, vault } = config
  const audit = config.openAuditLog?.(config.auditPath) ?? createAuditLog({ path: config.auditPath, clock, logger })
  await audit.open()
  const identity = new VaultIdentity({ ...vault, clock, random, logger })
  const health = createHealthCheck({ ...vault, clock })
  const services = (config.serviceTokens ?? []).map((service) => serviceIdentity(config, service))
  const core = coreOf(config, { identity, health, audit, services: services.map(({ known }) => known) })
  warnOfConsent(config)
  const listeners: HttpListener[] = []
  let grpc: GrpcServer | undefined
  const close = async () => {
    core.openCalls.closeAll(unavailable('shutting_down', 'the gateway is shutting down; try again'))
    await Promise.all([
      grpc?.close(),
      ...listeners.map((listener) => listener.close()),
      core.follower.stop(),
      core.egress.close(),
    ])
    core.ticker.stop()
    // Vault is still needed: a refresh token that was exchanged and not stored is lost.
    await Promise.race([core.keys.finished(), delay(clock, LONGEST_FINISH_MS)])
    await Promise.all([identity.close(), health.close(), ...services.map(({ close: end }) => end())])
    await core.records.flush()
    await audit.close()
  }
  let draining = false
  const drain = async (graceMs: number) => {
    draining = true
    await Promise.race([Promise.all(listeners.map((listener) => listener.drain())), delay(clock, graceMs)])
  }
  const allowedHosts = config.allowedHosts ?? []
  const dependencies = { ...core, clock, random, logger, healthy: () => !draining && isHealthy(core) }
  let upstreamUrls: Readonly<Record<string, string>>
  try {
    listeners.push(
      await listenHttp(dependencies, {
        address: config.httpAddress,
        allowedHosts,
        ...httpOptions(config),
      }),
    )
    if (config.grpcAddress !== undefined)
      grpc = await startGrpcServer({ ...dependencies, address: config.grpcAddress, tls: config.grpcTls })
    upstreamUrls = await listenForUpstreams(config, dependencies, listeners)
  } catch (error) {
    await close()
    throw error
  }
  for (const { start } of services) void start()
  return {
    httpUrl: listeners[0]!.url,
    grpcAddress: grpc?.address,
    upstreamUrls,
    ready: follow(core.follower, identity),
    state: () => stateOf(core),
    drain,
    close,
  }
}

const httpOptions = ({ httpTls: tls, httpJson: json, httpCheck: check }: GatewayConfig) => ({ tls, json, check })

function warnOfConsent({ requireKeyConsent, consentUpstreams, logger }: GatewayConfig): void {
  if (requireKeyConsent === false)
    logger.warn({}, "require_key_consent is false: keys are used without their owners' consent")
  else if (consentUpstreams === 'warn')
    logger.warn({}, 'consent_upstreams is "warn": keys are used for upstreams that their owners have not listed')
}

/** Opens the listeners that stand for one upstream each, and adds them to `listeners` as they open. Their URLs by upstream. */
async function listenForUpstreams(
  { upstreamListeners = [], allowedHosts = [] }: GatewayConfig,
  dependencies: HttpDependencies,
  listeners: HttpListener[],
): Promise<Readonly<Record<string, string>>> {
  const urls: Record<string, string> = {}
  for (const { upstream, address, tls } of upstreamListeners) {
    const listener = await listenHttp(dependencies, { address, allowedHosts, upstream, tls })
    listeners.push(listener)
    urls[upstream] = listener.url
  }
  return urls
}

/** What a core stands on beside its settings. */
export interface Connections {
  readonly identity: Pick<VaultIdentity, 'client' | 'replace'>
  readonly health: Pick<HealthCheck, 'check'>
  readonly audit: RecordLog
  readonly services: readonly ServiceIdentity[]
}

/** Of these settings. Nothing runs yet. */
export function coreOf(config: GatewayConfig, { identity, health, audit, services }: Connections): GatewayCore {
  const { vault, clock, random, logger, upstreamCa, resolveUpstream } = config
  return createCore({
    vault: identity.client,
    mount: vault.mount,
    onRefused: () => identity.replace(),
    health: (signal) => health.check(signal),
    ...(vault.namespace === undefined ? {} : { inNamespace: true }),
    gatewayId: `gw_${Buffer.from(random(8)).toString('hex')}`,
    services,
    sink: audit,
    staleness: stalenessOf(config),
    limits: config.limits,
    keyConsent: consentModeOf(config),
    auditPaths: config.auditPaths,
    upstreamCa,
    resolveUpstream,
    clock,
    random,
    logger,
  })
}

async function follow(follower: FeedFollower, identity: VaultIdentity): Promise<void> {
  await identity.start()
  follower.start()
  await follower.heardOnce
}

function serviceIdentity(config: GatewayConfig, service: NonNullable<GatewayConfig['serviceTokens']>[number]) {
  const { name, sha256, agents, vaultToken: token, vaultLogin: login } = service
  const {
    clock,
    random,
    logger,
    vault: { address, namespace, caFile },
  } = config
  const own = token !== undefined || login !== undefined
  const identity = own
    ? new VaultIdentity({
        address,
        clock,
        random,
        logger,
        ...(namespace === undefined ? {} : { namespace }),
        ...(caFile === undefined ? {} : { caFile }),
        ...(token === undefined ? {} : { token }),
        ...(login === undefined ? {} : { login }),
      })
    : undefined
  const known: ServiceIdentity = { name, sha256, agents, vault: identity?.client, refusal: () => identity?.refusal }
  return {
    known,
    start: async () => {
      await identity?.start()
    },
    close: async () => {
      await identity?.close()
    },
  }
}

const isHealthy = ({ freshness, follower }: Pick<GatewayCore, 'freshness' | 'follower'>): boolean =>
  follower.isFollowing ? freshness.isFresh(undefined) : follower.isVaultActive

function stateOf({ freshness, follower, sessionCache, openCalls, records }: GatewayCore): GatewayState {
  return {
    healthy: isHealthy({ freshness, follower }),
    refusal: follower.refusal,
    following: follower.isFollowing,
    feed_age_ms: follower.ageMs(),
    feed_failures: follower.failures,
    epoch: follower.epoch,
    sequence: follower.position.feed_sequence,
    sessions_cached: sessionCache.size,
    calls_open: openCalls.size,
    counters: { ...records.counters },
  }
}

function consentModeOf({ requireKeyConsent, consentUpstreams }: GatewayConfig): ConsentMode {
  if (requireKeyConsent === false) return 'not_required'
  return consentUpstreams === 'warn' ? 'warn_upstreams' : 'enforce'
}
