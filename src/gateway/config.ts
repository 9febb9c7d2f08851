import type { RecordLog } from '../audit/index.ts'
import type { JsonLimits } from '../http/index.ts'
import type { Clock } from '../logical/clock.ts'
import type { Logger } from '../logical/log.ts'
import type { Resolver } from './proxy/egress.ts'
import { GatewayFailure } from './error.ts'
import type { GrpcTls } from './grpc/server.ts'
import { defaultLimits } from './limits/index.ts'
import type { LimitSettings } from './limits/index.ts'
import { defaultStaleness } from './knowledge/freshness.ts'
import type { StalenessLimits } from './knowledge/freshness.ts'
import type { CheckSettings } from './http/check.ts'
import type { TlsFiles } from './http/server.ts'
import type { VaultCredentials, VaultPlace } from './vault-identity.ts'
import type { TokenGrant } from '../vault-client/index.ts'

/** A token for callers that have no Vault token, such as MCP servers. Only its hash is configured. */
export interface ServiceTokenConfig {
  /** Stands in records. */
  readonly name: string
  /** Hex SHA-256 of the token (`gst_…`). */
  readonly sha256: string
  /** Agents whose tokens it may validate, call and open sessions for; `*` = all. */
  readonly agents: readonly string[]
  /** Its own Vault identity; with neither it can only validate and call. */
  readonly vaultToken?: string
  readonly vaultLogin?: (signal: AbortSignal) => Promise<TokenGrant>
}

export interface GatewayConfig {
  /** `mount` is the engine's, without slashes: `mcp`. */
  readonly vault: VaultPlace & VaultCredentials & { readonly mount: string }
  /** `host:port`; port 0 takes a free one. */
  readonly httpAddress: string
  /** Undefined = plain HTTP. */
  readonly httpTls?: TlsFiles
  /** What the bodies of the REST API may hold; the defaults for what is not given. */
  readonly httpJson?: Partial<JsonLimits>
  /** How `/check` is served. */
  readonly httpCheck?: CheckSettings | undefined
  /** Undefined = no gRPC. */
  readonly grpcAddress?: string
  /** Undefined = gRPC in plain text: loopback, or where a service mesh encrypts. */
  readonly grpcTls?: GrpcTls
  /** Ports that stand for one upstream each, for SDKs that cannot use a path prefix. */
  readonly upstreamListeners?: readonly {
    readonly upstream: string
    readonly address: string
    readonly tls?: TlsFiles
  }[]
  /** Host values accepted in addition to those of the listening addresses: `gateway.internal`, `gateway.internal:8251`. */
  readonly allowedHosts?: readonly string[]
  /** File of decision and outcome records. */
  readonly auditPath: string
  /** Records of calls hold their paths, too, with what is known as secret or personal taken out. Default false: ids are personal data. */
  readonly auditPaths?: boolean | undefined
  /** Opens that file; a durable log of `src/audit` unless given. */
  readonly openAuditLog?: (path: string) => RecordLog
  readonly serviceTokens?: readonly ServiceTokenConfig[]
  /** False uses keys without their owners' consent. Not for production: warned of at start and in every decision record. */
  readonly requireKeyConsent?: boolean
  /** `warn` uses keys whose owners have not listed the upstream in `mcp_upstreams`, and records it: for one release. */
  readonly consentUpstreams?: 'enforce' | 'warn'
  /** Seconds a gateway may be out of contact and still act, by upstream sensitivity. */
  readonly maxStaleness?: Partial<StalenessLimits>
  /** What one session or address may take at a time; those not given stand at their defaults. */
  readonly limits?: Partial<LimitSettings> | undefined
  /** PEM certificates to trust for upstreams instead of the machine's. */
  readonly upstreamCa?: string
  /** Looks upstreams' host names up instead of the machine's resolver; what it answers is checked alike. */
  readonly resolveUpstream?: Resolver
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
  readonly logger: Logger
}

/** Throws `invalid_request` naming the first setting that is wrong. */
export function checkConfig(config: GatewayConfig): void {
  const refuse = (message: string): never => {
    throw new GatewayFailure('invalid_request', 'bad_request', message)
  }
  const { vault, serviceTokens = [] } = config
  if (!/^[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*$/.test(vault.mount))
    refuse('vault.mount: is not the path of a mount, for example mcp')
  if (vault.token === undefined && vault.login === undefined)
    refuse('vault: give a token or a login; the gateway needs a Vault identity of its own')
  checkServices(serviceTokens, refuse)
  checkLimits(config, refuse)
  for (const [sensitivity, seconds] of Object.entries(stalenessOf(config))) {
    if (!Number.isFinite(seconds) || seconds <= 0 || seconds > 3600)
      refuse(`maxStaleness.${sensitivity}: must be more than 0 and at most 3600 seconds, for example 5`)
  }
}

function checkServices(services: readonly ServiceTokenConfig[], refuse: (message: string) => never): void {
  for (const [index, { name, sha256, agents }] of services.entries()) {
    const field = `serviceTokens[${String(index)}]`
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(name))
      refuse(`${field}.name: must be 1 to 64 letters, digits, _ or -, for example billing-mcp`)
    if (!/^[0-9a-f]{64}$/.test(sha256))
      refuse(`${field}.sha256: must be the token's SHA-256 in 64 lower-case hexadecimal digits`)
    if (agents.length === 0) refuse(`${field}.agents: must name agents, or "*" for all`)
  }
}

function checkLimits({ limits }: GatewayConfig, refuse: (message: string) => never): void {
  for (const name of Object.keys(defaultLimits) as (keyof LimitSettings)[]) {
    const usual = defaultLimits[name]
    const limit = limits?.[name] ?? usual
    if (!Number.isSafeInteger(limit) || limit < 1)
      refuse(`limits.${name}: must be a whole number of at least 1, for example ${String(usual)}`)
  }
}

export const stalenessOf = ({ maxStaleness }: GatewayConfig): StalenessLimits => ({
  ...defaultStaleness,
  ...maxStaleness,
})
