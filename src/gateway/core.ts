import type { Clock } from '../logical/clock.ts'
import type { Logger } from '../logical/log.ts'
import type { VaultClient, VaultHealth } from '../vault-client/index.ts'
import { CONNECTIONS_PER_UPSTREAM, Egress } from './proxy/egress.ts'
import type { Resolver } from './proxy/egress.ts'
import type { MintingDependencies } from './proxy/minter.ts'
import { tokenExchange } from './proxy/token-endpoint.ts'
import { Callers } from './decision/callers.ts'
import type { ServiceIdentity } from './decision/callers.ts'
import { Decisions } from './decision/decide.ts'
import { Documents } from './knowledge/documents.ts'
import { FeedFollower } from './knowledge/feed-follower.ts'
import { Freshness } from './knowledge/freshness.ts'
import type { StalenessLimits } from './knowledge/freshness.ts'
import { Grants } from './decision/grants.ts'
import type { ConsentMode } from './proxy/consent.ts'
import { Keys } from './proxy/keys.ts'
import { OpenCalls } from './decision/open-call.ts'
import { DecisionRecords } from './decision/records.ts'
import type { RecordSink } from './decision/records.ts'
import { SessionService } from './session-service.ts'
import { SessionCache } from './knowledge/session-cache.ts'
import { Limits, defaultLimits } from './limits/index.ts'
import type { LimitSettings } from './limits/index.ts'
import { UpstreamCalls } from './proxy/upstream-calls.ts'
import { Ticker } from './ticker.ts'

export interface GatewayCoreConfig {
  /** Under the gateway's own Vault identity. */
  readonly vault: VaultClient
  readonly mount: string
  /** Vault refused that identity: get a new token. */
  readonly onRefused?: () => Promise<void>
  /** Which of Vault's nodes serve. */
  readonly health?: (signal: AbortSignal) => Promise<VaultHealth>
  /** Must changes be heard of at once? Unless given: while a call is under way, or somebody listens for the end of a session. */
  readonly inUse?: () => boolean
  /** The mount lies in a namespace. Unless given: where its path has several segments, of which the first may be one. */
  readonly inNamespace?: boolean
  /** Random name of this process, by which the engine counts gateways. */
  readonly gatewayId?: string
  readonly services: readonly ServiceIdentity[]
  readonly sink: RecordSink
  readonly staleness: StalenessLimits
  /** Those not given stand at their defaults. */
  readonly limits?: Partial<LimitSettings> | undefined
  readonly keyConsent: ConsentMode
  /** Records of calls hold their paths, too. */
  readonly auditPaths?: boolean | undefined
  readonly upstreamCa?: string | undefined
  readonly resolveUpstream?: Resolver | undefined
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
  readonly logger: Logger
}

/** Everything that decides and acts, without a transport: what both of the gateway's APIs are built on. */
export interface GatewayCore {
  readonly mount: string
  readonly follower: FeedFollower
  readonly sessionCache: SessionCache
  readonly documents: Documents
  readonly grants: Grants
  readonly freshness: Freshness
  readonly callers: Callers
  readonly records: DecisionRecords
  readonly decisions: Decisions
  readonly sessions: SessionService
  readonly calls: UpstreamCalls
  readonly openCalls: OpenCalls
  readonly keys: Keys
  readonly egress: Egress
  readonly ticker: Ticker
  readonly limits: Limits
}

const limitsOf = ({ limits, clock }: GatewayCoreConfig, follower: FeedFollower): Limits =>
  new Limits({
    settings: { ...defaultLimits, ...limits },
    clock,
    connectionsPerUpstream: CONNECTIONS_PER_UPSTREAM,
    gateways: () => follower.terms.gateways,
  })

const egressOf = ({ clock, upstreamCa, resolveUpstream }: GatewayCoreConfig): Egress =>
  new Egress({
    clock,
    ...(upstreamCa === undefined ? {} : { ca: upstreamCa }),
    ...(resolveUpstream === undefined ? {} : { resolve: resolveUpstream }),
  })

const mintingOf = (
  { clock, random, gatewayId = 'gw' }: GatewayCoreConfig,
  follower: FeedFollower,
  egress: Egress,
): MintingDependencies => ({
  exchange: tokenExchange(egress, clock),
  random,
  unixMs: () => follower.engineClock.nowUnixMs(),
  gatewayId,
})

const recordsOf = ({ sink, clock, keyConsent, auditPaths }: GatewayCoreConfig): DecisionRecords =>
  new DecisionRecords(sink, clock, keyConsent === 'not_required' ? { key_consent: 'not_required' } : {}, auditPaths)

const callersOf = ({ vault, mount, clock, services }: GatewayCoreConfig, records: DecisionRecords): Callers =>
  new Callers({
    vault,
    mount,
    clock,
    services,
    onUnauthenticated: () => {
      records.unauthenticated()
    },
  })

/** Joins the parts. Nothing runs until `follower.start()`. */
export function createCore(config: GatewayCoreConfig): GatewayCore {
  const { vault, mount, clock, logger, keyConsent } = config
  const follower: FeedFollower = createFollower(config, config.inUse ?? (() => sessionCache.watched > 0))
  const freshness = new Freshness(follower, config.staleness)
  const sessionCache: SessionCache = new SessionCache({ vault, mount, follower, clock, logger })
  const documents = new Documents({ vault, mount, clock, logger })
  const grants = new Grants(documents)
  const openCalls = new OpenCalls({
    sessions: sessionCache,
    freshness,
    clock,
    nextResponse: (ms) => follower.nextResponse(ms),
  })
  const limitMs = (sensitivity: string) => freshness.limitMs(sensitivity)
  const egress = egressOf(config)
  const minting = mintingOf(config, follower, egress)
  const keys = new Keys({ vault, mount, clock, logger, consent: keyConsent, limitMs, minting })
  // Caches first: who acts on a change must find it applied.
  for (const listener of [documents, sessionCache, keys, openCalls]) follower.subscribe(listener)
  const limits = limitsOf(config, follower)
  const records = recordsOf(config)
  const callers = callersOf(config, records)
  const decisions = new Decisions({
    follower,
    sessions: sessionCache,
    documents,
    grants,
    freshness,
    callers,
    records,
    openCalls,
    limits,
  })
  return {
    mount,
    follower,
    sessionCache,
    documents,
    grants,
    freshness,
    callers,
    records,
    decisions,
    openCalls,
    keys,
    egress,
    ticker: new Ticker(clock, logger),
    limits,
    sessions: new SessionService(decisions, mount),
    calls: new UpstreamCalls({ decisions, keys, records, egress, limits, clock }),
  }
}

function createFollower(config: GatewayCoreConfig, inUse: () => boolean): FeedFollower {
  const { vault, mount, clock, logger, onRefused, health, gatewayId } = config
  return new FeedFollower({
    vault,
    mount,
    clock,
    logger,
    // A call under way watches its session, and so does anyone who listens for its end.
    inUse,
    inNamespace: config.inNamespace ?? mount.includes('/'),
    ...(onRefused ? { onRefused } : {}),
    ...(health ? { health } : {}),
    ...(gatewayId === undefined ? {} : { gatewayId }),
  })
}
