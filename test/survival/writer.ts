/** Somebody who does ordinary work with a server that may die at any moment, and remembers what it was told. */
import { RequestError } from '../../src/logical/errors.ts'
import type { VaultResponse, VaultClient } from '../../src/vault-client/index.ts'

/**
 * What may be true of a session. `live`: all that was acknowledged says so. `doubtful`: a request that ends it got no response.
 * `ending`: its Vault token was revoked, which ends it soon after. `stale`: revoking its Vault token got no response, so it may end
 * at any time or not. `ended`: its end was acknowledged, and is final.
 */
export type Standing = 'live' | 'doubtful' | 'ending' | 'adrift' | 'ended'

export interface HeldSession {
  readonly session_id: string
  /** Oldest first, each with its lease. All are good: a refresh ends none. */
  readonly tokens: { readonly token: string; readonly lease_id: string; readonly token_id: string }[]
  standing: Standing
  /** A refresh got no response: its token may be there, unknown to anyone. */
  refreshing: boolean
}

const MOST_TOKENS = 8

/** A value that was acknowledged, and those sent after it without a response: what is stored is one of them. */
export class Remembered<T> {
  #possible: T[]
  constructor(first: T) {
    this.#possible = [first]
  }
  sent(value: T): void {
    this.#possible.push(value)
  }
  acknowledged(value: T): void {
    this.#possible = [value]
  }
  get possible(): readonly T[] {
    return this.#possible
  }
}

/** Small, seeded, good enough to mix work: the same seed does the same work until the server dies. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export class Writer {
  readonly agent: string
  readonly sessions: HeldSession[] = []
  readonly description = new Remembered('')
  readonly maxTtl = new Remembered(900)
  /** Version of the KV secret, whose value is the version's own number. */
  readonly secret = new Remembered(0)
  readonly #vault: VaultClient
  readonly #random: () => number
  #count = 0
  acknowledged = 0

  constructor(vault: VaultClient, name: string, random: () => number) {
    this.#vault = vault
    this.#random = random
    this.agent = name
  }

  async setUp(): Promise<void> {
    await this.#vault.write(`mcp/agents/${this.agent}`, {
      owner: 'survival',
      environment: 'production',
      description: '',
    })
    await this.#vault.write(`mcp/agents/${this.agent}/scopes`, {
      scopes: ['read:stripe:invoices'],
      max_ttl_seconds: 900,
    })
  }

  /** Works until a request gets no response. Any refusal is an error: nobody else touches what is this writer's. */
  async workUntilItDies(): Promise<void> {
    try {
      for (;;) {
        await this.#step()
        this.acknowledged++
      }
    } catch (thrown) {
      if (!(thrown instanceof RequestError && thrown.kind === 'unavailable')) throw thrown
    }
  }

  #step(): Promise<unknown> {
    const live = this.sessions.filter(({ standing, refreshing }) => standing === 'live' && !refreshing)
    const session = live[Math.floor(this.#random() * live.length)]
    const dice = this.#random()
    if (!session || dice < 0.35) return this.#open()
    // A ninth live token would be refused.
    if (dice < 0.5) return session.tokens.length < MOST_TOKENS ? this.#refresh(session) : this.#open()
    if (dice < 0.6)
      return this.#end(session, () =>
        this.#vault.write('sys/leases/revoke', { lease_id: session.tokens.at(-1)!.lease_id, sync: true }),
      )
    if (dice < 0.68) return this.#end(session, () => this.#vault.delete(`mcp/sessions/${session.session_id}`))
    if (dice < 0.74) return this.#disable()
    if (dice < 0.79) return this.#throughTokenOfItsOwn()
    if (dice < 0.87) return this.#describe()
    if (dice < 0.92) return this.#limit()
    return this.#keepSecret()
  }

  async #open(vault = this.#vault): Promise<HeldSession> {
    const { data, lease_id } = await vault.write(`mcp/creds/${this.agent}`, { purpose: 'survival' })
    const session: HeldSession = {
      session_id: String(data?.session_id),
      tokens: [tokenOf(data, lease_id)],
      standing: 'live',
      refreshing: false,
    }
    this.sessions.push(session)
    return session
  }

  async #refresh(session: HeldSession): Promise<void> {
    session.refreshing = true
    const { data, lease_id } = await this.#vault.write(`mcp/creds/${this.agent}/${session.session_id}`, {})
    session.tokens.push(tokenOf(data, lease_id))
    session.refreshing = false
  }

  async #end(session: HeldSession, end: () => Promise<VaultResponse>): Promise<void> {
    session.standing = 'doubtful'
    await end()
    session.standing = 'ended'
  }

  /** Ends every session the agent ever had. */
  async #disable(): Promise<void> {
    for (const session of this.sessions) if (session.standing === 'live') session.standing = 'doubtful'
    await this.#vault.write(`mcp/agents/${this.agent}`, { disabled: true })
    for (const session of this.sessions) session.standing = 'ended'
    await this.#vault.write(`mcp/agents/${this.agent}`, { disabled: false })
  }

  /** A session opened under a Vault token dies with that token. */
  async #throughTokenOfItsOwn(): Promise<void> {
    const { auth } = await this.#vault.write('auth/token/create', { policies: ['root'], ttl: '1h' })
    const token = String(auth?.client_token)
    const session = await this.#open(this.#vault.withToken(token))
    session.standing = 'adrift'
    await this.#vault.write('auth/token/revoke', { token })
    session.standing = 'ending'
  }

  async #describe(): Promise<void> {
    const text = `description ${String(++this.#count)}`
    this.description.sent(text)
    await this.#vault.write(`mcp/agents/${this.agent}`, { description: text })
    this.description.acknowledged(text)
  }

  async #limit(): Promise<void> {
    const seconds = 600 + (++this.#count % 300)
    this.maxTtl.sent(seconds)
    await this.#vault.write(`mcp/agents/${this.agent}/scopes`, { max_ttl_seconds: seconds })
    this.maxTtl.acknowledged(seconds)
  }

  async #keepSecret(): Promise<void> {
    const version = this.secret.possible.at(-1)! + 1
    this.secret.sent(version)
    await this.#vault.write(`secret/data/${this.agent}`, { data: { version }, options: { cas: version - 1 } })
    this.secret.acknowledged(version)
  }

  /** What the server said last counts from here on. */
  settle(now: { description: string; maxTtl: number; secret: number }): void {
    this.description.acknowledged(now.description)
    this.maxTtl.acknowledged(now.maxTtl)
    this.secret.acknowledged(now.secret)
  }
}

const tokenOf = (data: VaultResponse['data'], leaseId: string | undefined): HeldSession['tokens'][number] => ({
  token: String(data?.token),
  token_id: String(data?.token_id),
  lease_id: leaseId ?? '',
})
