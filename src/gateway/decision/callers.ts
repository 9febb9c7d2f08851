import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../logical/clock.ts'
import { RequestError } from '../../logical/errors.ts'
import { tokenDigest, tokenShape } from '../../scope/index.ts'
import type { VaultClient } from '../../vault-client/index.ts'
import { GatewayFailure, unavailable } from '../error.ts'
import type { Origin } from '../limits/index.ts'

/** Who asks. `vault` is the caller's own Vault identity; everything but checking tokens and calling upstreams runs as it. */
export type Caller = (
  | {
      readonly kind: 'service'
      readonly name: string
      readonly agents: readonly string[]
      readonly vault: VaultClient | undefined
      readonly refusal?: ServiceIdentity['refusal']
    }
  | { readonly kind: 'vault'; readonly digest: string; readonly vault: VaultClient }
  /** The phantom token itself, on `/u/`. */
  | { readonly kind: 'session' }
) & {
  /** The network address the request came from, where it is known. */
  readonly address?: string | undefined
}

/** A service token as configured: stored hashed, bound to agents (`*` = all) and to a Vault login of its own, if it has one. */
export interface ServiceIdentity {
  readonly name: string
  /** Hex SHA-256 of the token. */
  readonly sha256: string
  readonly agents: readonly string[]
  readonly vault: VaultClient | undefined
  /** Why Vault refuses that login, where it does; waiting does not fix it. */
  readonly refusal?: () => string | undefined
}

export interface CallersConfig {
  /** Its connections are used, never its token. */
  readonly vault: VaultClient
  readonly mount: string
  readonly clock: Clock
  readonly services: readonly ServiceIdentity[]
  /** Somebody asked who did not authenticate. */
  readonly onUnauthenticated: () => void
}

const CAPABILITY_MS = 5_000
const CAPABILITIES_KEPT = 10_000
const TIMEOUT_MS = 5_000
const SERVICE_PREFIX = 'gst_'

/** Every code of this file begins with `caller_`: by that, MCP servers tell that their own credential was refused and the agent's token was not. */
const unknownCaller = (message: string): GatewayFailure =>
  new GatewayFailure('invalid_token', 'caller_unknown', message)

/** Tells callers apart by the shape of their bearer value. A phantom or service token is never sent to Vault as its token. */
export class Callers {
  readonly #config: CallersConfig
  readonly #allowed = new Map<string, { readonly atMs: number; readonly allowed: boolean }>()

  readonly #services: readonly { readonly service: ServiceIdentity; readonly expected: Buffer }[]

  constructor(config: CallersConfig) {
    this.#config = config
    this.#services = config.services.map((service) => ({ service, expected: Buffer.from(service.sha256, 'hex') }))
  }

  /** The caller a bearer value stands for. Throws `invalid_token` for none, an unknown service token, and what is not a caller here. */
  identify(bearer: string | undefined): Caller {
    try {
      return this.#known(bearer)
    } catch (error) {
      this.#config.onUnauthenticated()
      throw error
    }
  }

  #known(bearer: string | undefined): Caller {
    if (bearer === undefined || bearer === '')
      throw new GatewayFailure(
        'invalid_token',
        'caller_missing',
        'send the caller\'s own token: "Authorization: Bearer <Vault token or service token>"',
      )
    if (bearer.startsWith(SERVICE_PREFIX)) return this.#service(bearer)
    if (bearer.startsWith('svt_') || tokenShape(bearer)) {
      throw new GatewayFailure(
        'invalid_token',
        'caller_phantom_token',
        'a phantom token cannot authenticate a caller: authenticate with a Vault or service token and put the phantom token into the body',
      )
    }
    if (isJwt(bearer))
      throw new GatewayFailure(
        'invalid_token',
        'caller_jwt_not_configured',
        'this gateway is not configured for JWT callers; use a Vault token or a service token',
      )
    // Vault tokens are printable; anything else would only be refused further down, with less of a reason.
    if (bearer.length > 4096 || !/^[\x21-\x7e]+$/.test(bearer)) throw unknownCaller("the caller's token is malformed")
    return { kind: 'vault', digest: tokenDigest(bearer), vault: this.#config.vault.withToken(bearer) }
  }

  /** What `requireIntrospection` would find is at hand: the caller may. */
  mayIntrospect(caller: Caller): boolean {
    if (caller.kind !== 'vault') return true
    const known = this.#allowed.get(caller.digest)
    return known?.allowed === true && this.#config.clock.monotonic() - known.atMs < CAPABILITY_MS
  }

  /** May this caller check tokens and call upstreams? A Vault token must itself hold `update` on introspection. */
  async requireIntrospection(caller: Caller): Promise<void> {
    if (caller.kind !== 'vault') return
    const { clock } = this.#config
    const known = this.#allowed.get(caller.digest)
    const allowed =
      known && clock.monotonic() - known.atMs < CAPABILITY_MS ? known.allowed : await this.#askCapability(caller)
    if (!allowed)
      throw new GatewayFailure(
        'insufficient_scope',
        'caller_denied',
        `the caller's Vault policies do not allow this: it needs "update" on ${this.#config.mount}/introspect`,
      )
  }

  #service(bearer: string): Caller {
    const given = Buffer.from(tokenDigest(bearer), 'hex')
    let found: ServiceIdentity | undefined
    // Every one is compared, whichever matches.
    for (const { service, expected } of this.#services) {
      if (expected.length === given.length && timingSafeEqual(expected, given)) found = service
    }
    if (!found) throw unknownCaller('the service token is not known to this gateway')
    const { name, agents, vault, refusal } = found
    return { kind: 'service', name, agents, vault, ...(refusal && { refusal }) }
  }

  async #askCapability(caller: Caller & { kind: 'vault' }): Promise<boolean> {
    const { mount, clock } = this.#config
    const path = `${mount}/introspect`
    const atMs = clock.monotonic()
    const response = await caller.vault
      .write('sys/capabilities-self', { paths: [path] }, { timeoutMs: TIMEOUT_MS })
      .catch((error: unknown) => {
        if (error instanceof RequestError && (error.kind === 'permission_denied' || error.kind === 'unauthenticated')) {
          this.#config.onUnauthenticated()
          throw unknownCaller("Vault does not know the caller's token, or does not let it ask sys/capabilities-self")
        }
        throw unavailable('vault_unavailable', 'the caller cannot be checked with Vault right now; try again', error)
      })
    const capabilities = response.data?.[path] ?? response.data?.capabilities
    const allowed = Array.isArray(capabilities) && (capabilities.includes('update') || capabilities.includes('root'))
    if (this.#allowed.size >= CAPABILITIES_KEPT) this.#allowed.clear()
    this.#allowed.set(caller.digest, { atMs, allowed })
    return allowed
  }
}

/** A service token may touch only the agents it is bound to. Others run with the rights of their own Vault token. */
export function requireAgent(caller: Caller, agentId: string): void {
  if (caller.kind !== 'service' || caller.agents.includes('*') || caller.agents.includes(agentId)) return
  throw new GatewayFailure(
    'insufficient_scope',
    'caller_not_bound',
    `service token ${caller.name} is not bound to agent ${agentId}`,
  )
}

/** Vault refuses the identity a caller acts under. That is not an outage: it lasts until the operator of the caller fixes it. */
export function vaultRefused(caller: Caller, reason: string): GatewayFailure {
  if (caller.kind === 'service')
    return new GatewayFailure(
      'insufficient_scope',
      'caller_vault_refused',
      `service token ${caller.name} is known, but Vault refuses the login it acts under (${reason}); the operator of this gateway must renew that login`,
    )
  return unknownCaller(
    `Vault does not know the caller's token, or does not let it look itself up (${reason}); log in to Vault again`,
  )
}

/** Whose a request is, for limits: authenticated callers by name, others by address. */
export function originOf(caller: Caller): Origin {
  if (caller.kind === 'service') return { key: `service ${caller.name}`, authenticated: true }
  if (caller.kind === 'vault') return { key: `vault ${caller.digest}`, authenticated: true }
  return { key: caller.address ?? '', authenticated: false }
}

/** The Vault identity a caller's own requests run under. */
export function vaultOf(caller: Caller): VaultClient {
  const refusal = caller.kind === 'service' ? caller.refusal?.() : undefined
  if (refusal !== undefined) throw vaultRefused(caller, refusal)
  if (caller.kind !== 'session' && caller.vault) return caller.vault
  throw new GatewayFailure(
    'insufficient_scope',
    'caller_without_vault',
    "this caller has no Vault login of its own, so it can only validate tokens and call upstreams; its operator gives it one in the gateway's configuration: vault_token_file or vault_approle of its service_token",
  )
}

/** Three dot-parted segments, the first a JSON object in base64url. Vault's own namespaced tokens (`hvs.….nsid`) have three too. */
const isJwt = (text: string): boolean => /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/.test(text)
