/** Asks the engine about tokens and sessions: those that nobody knows of at the same moment together, in one request. */
import { momentOf } from '../../logical/clock.ts'
import type { Clock } from '../../logical/clock.ts'
import { RequestError } from '../../logical/errors.ts'
import type { ErrorKind } from '../../logical/errors.ts'
import { tokenDigest } from '../../scope/index.ts'
import type { VaultClient } from '../../vault-client/index.ts'
import { unavailable } from '../error.ts'
import type { GatewayFailure } from '../error.ts'
import { DocumentError, INTROSPECTION_BATCH, readIntrospection, readIntrospectionBatch } from '../../document/index.ts'
import type { Introspection, IntrospectionResult } from '../../document/index.ts'
import type { FeedFollower } from './feed-follower.ts'
import type { PendingLookup } from './listeners.ts'

/** What a session is asked for by: the digest of a token, or its id. */
export type SessionKey = { readonly token_sha256: string } | { readonly session_id: string }

/** Ids come from callers: none may hit the entry of a token whose digest it is spelled like. */
export const textOf = (key: SessionKey): string => ('session_id' in key ? `id ${key.session_id}` : key.token_sha256)

/** What callers name a session by. */
export type SessionName = { readonly token: string } | { readonly session_id: string }

export const keyOf = (name: SessionName): SessionKey =>
  'token' in name ? { token_sha256: tokenDigest(name.token) } : name

interface IntrospectionDependencies {
  readonly vault: VaultClient
  readonly mount: string
  readonly follower: FeedFollower
  readonly clock: Clock
}

interface Inquiry {
  readonly key: SessionKey
  readonly take: (response: Introspection, lookup: PendingLookup) => void
  readonly failed: (error: unknown) => void
}

const TIMEOUT_MS = 5_000
/** Requests of which any may hold many. */
const MOST_UNDER_WAY = 4
/** So many do not wait for one under way to end: what they share is shared by enough, and both sides work at the same time. */
const WORTH_A_REQUEST = 8
/** Nor does any wait longer than this: the one under way is slow, or Vault is far away. */
const LONGEST_WAIT_MS = 25
/** No id of a session is longer; a text that is may be as long as its caller likes, and goes by itself. */
const LONGEST_ID = 64

/** What Vault says to a request as a whole and may not say to each of what it holds. */
const refusals: ReadonlySet<ErrorKind> = new Set(['bad_request', 'invalid_request', 'permission_denied', 'too_large'])

/**
 * The first inquiry goes out at once. Those that come while it is under way wait for its end, or for others, and then go together: how many
 * a request holds follows from how many there are, and one that comes alone waits for nobody.
 */
export class Introspections {
  readonly #dependencies: IntrospectionDependencies
  #waiting: Inquiry[] = []
  #underWay = 0
  #sentAtMs = -Infinity
  #cancelTimer: (() => void) | undefined
  /** Vault refused a batch while the feed was in this epoch: there they go one by one. */
  #refusedIn: string | undefined

  constructor(dependencies: IntrospectionDependencies) {
    this.#dependencies = dependencies
  }

  /**
   * Asks about one. `take` is called with the response in the very turn in which it came, so that no change learnt since it was asked is
   * missed in `lookup`. Rejects with `unavailable`, or what `take` throws.
   */
  ask<T>(key: SessionKey, take: (response: Introspection, lookup: PendingLookup) => T): Promise<T> {
    return new Promise((resolve, failed) => {
      const inquiry: Inquiry = {
        key,
        take: (response, lookup) => {
          resolve(take(response, lookup))
        },
        failed,
      }
      if (this.#batchSize === 1 || isLong(key)) {
        void this.#send([inquiry])
        return
      }
      this.#waiting.push(inquiry)
      this.#sendWaiting()
    })
  }

  get #batchSize(): number {
    const { follower } = this.#dependencies
    if (this.#refusedIn !== undefined && this.#refusedIn === follower.epoch) return 1
    return Math.min(INTROSPECTION_BATCH, follower.terms.introspectionBatch)
  }

  #sendWaiting(): void {
    while (this.#waiting.length > 0 && this.#mayGo()) void this.#send(this.#waiting.splice(0, this.#batchSize))
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (this.#waiting.length === 0 || this.#underWay >= MOST_UNDER_WAY) return
    this.#cancelTimer = this.#dependencies.clock.after(LONGEST_WAIT_MS, () => {
      this.#cancelTimer = undefined
      this.#sendWaiting()
    })
  }

  #mayGo(): boolean {
    if (this.#underWay === 0) return true
    if (this.#underWay >= MOST_UNDER_WAY) return false
    const waitedMs = this.#dependencies.clock.monotonic() - this.#sentAtMs
    return waitedMs >= LONGEST_WAIT_MS || this.#waiting.length >= WORTH_A_REQUEST
  }

  async #send(inquiries: readonly Inquiry[]): Promise<void> {
    const { clock, follower } = this.#dependencies
    this.#underWay++
    const sent = momentOf(clock)
    this.#sentAtMs = sent.monotonicMs
    const lookup = follower.openLookup()
    try {
      const results = await this.#results(inquiries)
      for (const [index, result] of results.entries()) this.#deliver(inquiries[index]!, result, lookup, sent)
    } catch (error) {
      this.#failed(inquiries, error)
    } finally {
      lookup.close()
      this.#underWay--
      this.#sendWaiting()
    }
  }

  async #results(inquiries: readonly Inquiry[]): Promise<readonly IntrospectionResult[]> {
    const { vault, mount } = this.#dependencies
    const write = async (body: object) =>
      (await vault.write(`${mount}/introspect`, body, { timeoutMs: TIMEOUT_MS })).data
    const [first, ...others] = inquiries
    if (first && others.length === 0) return [readIntrospection(await write(first.key))]
    return readIntrospectionBatch(await write({ batch_input: inquiries.map(({ key }) => key) }), inquiries.length)
  }

  #deliver(
    inquiry: Inquiry,
    result: IntrospectionResult,
    lookup: PendingLookup,
    sent: ReturnType<typeof momentOf>,
  ): void {
    const { follower } = this.#dependencies
    if ('error' in result) {
      inquiry.failed(cannotBeChecked(new RequestError('unavailable', `Vault: ${result.error}`)))
      return
    }
    if (result.epoch === follower.epoch)
      follower.engineClock.observe({ sent, serverUnixMs: result.server_time_unix_ms, heldMs: 0 })
    try {
      inquiry.take(result, lookup)
    } catch (error) {
      inquiry.failed(error)
    }
  }

  #failed(inquiries: readonly Inquiry[], error: unknown): void {
    if (inquiries.length > 1 && error instanceof RequestError && refusals.has(error.kind)) {
      this.#refusedIn = this.#dependencies.follower.epoch
      for (const inquiry of inquiries) void this.#send([inquiry])
      return
    }
    const failure =
      error instanceof DocumentError
        ? unavailable('vault_unavailable', 'the introspection response cannot be parsed', error)
        : cannotBeChecked(error)
    for (const inquiry of inquiries) inquiry.failed(failure)
  }
}

const isLong = (key: SessionKey): boolean => 'session_id' in key && key.session_id.length > LONGEST_ID

/** Refused or out of reach, the fault is ours: nothing is known about the token. */
const cannotBeChecked = (cause: unknown): GatewayFailure =>
  unavailable('vault_unavailable', 'this token cannot be checked with Vault right now; keep it and try again', cause)
