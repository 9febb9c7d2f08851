/** What one session, one address and one caller may take of this gateway at a time, so that none can take what others need. */
import type { Clock } from '../../logical/clock.ts'
import { limited } from '../error.ts'
import { ByteBudget } from './byte-budget.ts'
import { RateLimit } from './rate-limit.ts'
import { UnderWay } from './under-way.ts'
import { UpstreamShares } from './upstream-shares.ts'

/** Settings of the block `limits` in the gateway's file. Per session and per address are over all gateways together. */
export interface LimitSettings {
  /** Calls to upstreams under way at a time. */
  readonly calls_per_session: number
  readonly calls_per_address: number
  /** gRPC streams that watch a session. */
  readonly streams_per_session: number
  /** gRPC streams by which one authenticated caller validates tokens. */
  readonly streams_per_caller: number
  /** Tokens being looked up in Vault at a time. */
  readonly lookups_per_address: number
  /** Tokens that turn out unknown, each second; for authenticated callers ten times as many. */
  readonly unknown_tokens_per_second: number
  /** Refused requests of a session that are recorded in full, each second. */
  readonly refusals_per_second: number
  /** Bytes of bodies held by all calls together: projected responses, and requests a parameter rule must see. */
  readonly buffered_bytes: number
}

export const defaultLimits: LimitSettings = {
  calls_per_session: 128,
  calls_per_address: 1024,
  streams_per_session: 32,
  streams_per_caller: 128,
  lookups_per_address: 64,
  unknown_tokens_per_second: 20,
  refusals_per_second: 20,
  buffered_bytes: 64 * 1024 * 1024,
}

/** Where a request comes from: an address, or an authenticated caller. */
export interface Origin {
  readonly key: string
  readonly authenticated: boolean
}

export interface LimitsConfig {
  readonly settings: LimitSettings
  readonly clock: Clock
  /** Connections an upstream's pool holds. */
  readonly connectionsPerUpstream: number
  /** How many gateways share the limits; each enforces its part. */
  readonly gateways?: () => number
}

export class Limits {
  readonly buffers: ByteBudget
  readonly #config: LimitsConfig
  readonly #calls = new UnderWay()
  readonly #addresses = new UnderWay()
  readonly #streams = new UnderWay()
  readonly #callerStreams = new UnderWay()
  readonly #lookups = new UnderWay()
  readonly #unknown: RateLimit
  readonly #refusals: RateLimit
  readonly #shares: UpstreamShares

  constructor(config: LimitsConfig) {
    this.#config = config
    this.buffers = new ByteBudget(config.settings.buffered_bytes)
    this.#unknown = new RateLimit(config.clock)
    this.#refusals = new RateLimit(config.clock)
    this.#shares = new UpstreamShares(config.connectionsPerUpstream)
  }

  /** A call begins; what comes back is to be called once when it is over. Throws 429. */
  call(sessionId: string, upstream: string, origin: Origin): () => void {
    const { calls_per_session, calls_per_address } = this.#config.settings
    if (!this.#calls.add(sessionId, this.#part(calls_per_session)))
      throw limited('calls_limit', 'this session has too many calls under way; wait for one to end (calls_per_session)')
    // Callers that authenticate stand for many agents behind one address.
    const address = origin.authenticated ? undefined : origin.key
    if (address !== undefined && !this.#addresses.add(address, this.#part(calls_per_address))) {
      this.#calls.remove(sessionId)
      throw limited(
        'calls_limit',
        'too many calls from this address are under way; wait for one to end (calls_per_address)',
      )
    }
    const leave = () => {
      this.#calls.remove(sessionId)
      if (address !== undefined) this.#addresses.remove(address)
    }
    if (!this.#shares.take(upstream, sessionId)) {
      leave()
      throw limited(
        'upstream_share_limit',
        `this session already has its share of the connections to upstream ${upstream}; wait for a call to end`,
      )
    }
    let over = false
    return () => {
      if (over) return
      over = true
      leave()
      this.#shares.giveUp(upstream, sessionId)
    }
  }

  /** A stream begins to watch a session. Throws 429. */
  stream(sessionId: string): () => void {
    const leave = this.#streams.enter(sessionId, this.#part(this.#config.settings.streams_per_session))
    if (!leave)
      throw limited('streams_limit', 'this session is watched by too many streams; end one first (streams_per_session)')
    return leave
  }

  /** A caller opens a stream to validate tokens on. Throws 429. */
  validateStream(origin: Origin): () => void {
    const leave = this.#callerStreams.enter(origin.key, this.#part(this.#config.settings.streams_per_caller))
    if (!leave)
      throw limited('streams_limit', 'this caller has too many streams open; end one first (streams_per_caller)')
    return leave
  }

  /** A token that is not known here is looked up. Throws 429 where too many from there are, or turned out unknown. */
  lookup(origin: Origin): { readonly done: (unknown: boolean) => void } {
    const { lookups_per_address, unknown_tokens_per_second } = this.#config.settings
    const rate = this.#part(unknown_tokens_per_second) * (origin.authenticated ? 10 : 1)
    if (!this.#unknown.has(origin.key, rate))
      throw limited(
        'lookups_limit',
        'too many unknown tokens came from here; a token this gateway has not seen yet must wait (unknown_tokens_per_second)',
      )
    const leave = this.#lookups.enter(origin.key, this.#part(lookups_per_address) * (origin.authenticated ? 4 : 1))
    if (!leave)
      throw limited('lookups_limit', 'too many tokens from here are being looked up; try again (lookups_per_address)')
    return {
      done: (unknown) => {
        leave()
        if (unknown) this.#unknown.take(origin.key, rate)
      },
    }
  }

  /** A request was refused: may that be recorded in full? */
  recordRefusal(key: string): boolean {
    return this.#refusals.take(key, this.#part(this.#config.settings.refusals_per_second))
  }

  #part(limit: number): number {
    return Math.max(1, Math.ceil(limit / Math.max(1, this.#config.gateways?.() ?? 1)))
  }
}
