/** What gateways rely on in an engine, of the fake they are tested with and of the real one: where they differ, the fake has drifted. */
import { describe, expect, it } from 'vitest'
import {
  readAgent,
  readFeedResponse,
  readIntrospection,
  readIntrospectionBatch,
  readScopes,
  readTools,
  readUpstream,
} from '../../src/document/index.ts'
import type { FeedResponse, Introspection, NumberedEvent } from '../../src/document/index.ts'
import { RequestError } from '../../src/logical/errors.ts'
import type { Operation } from '../../src/logical/request.ts'
import { mintToken, tokenDigest } from '../../src/scope/index.ts'
import { TestEngine } from '../mcp/engine.ts'
import { FakeClock } from './clock.ts'
import { FakeEngine } from './engine.ts'

type Data = Record<string, unknown>

/** An engine through its API, as a gateway and its callers use it. */
class Subject {
  readonly clock: FakeClock
  readonly #request: (method: string, path: string, body: Data) => Promise<Data | undefined>
  readonly #feed: (query: Data, signal?: AbortSignal) => Promise<Data | undefined>

  constructor(
    clock: FakeClock,
    request: (method: string, path: string, body: Data) => Promise<Data | undefined>,
    feed: (query: Data, signal?: AbortSignal) => Promise<Data | undefined>,
  ) {
    this.clock = clock
    this.#request = request
    this.#feed = feed
  }

  write = (path: string, body: Data = {}) => this.#request('POST', path, body)
  read = (path: string) => this.#request('GET', path, {})
  list = (path: string) => this.#request('LIST', path, {})
  remove = (path: string) => this.#request('DELETE', path, {})

  async issue(path: string, body: Data = {}): Promise<{ token: string; token_id: string; session_id: string }> {
    return (await this.write(path, body)) as { token: string; token_id: string; session_id: string }
  }

  async introspect(about: Data): Promise<Introspection> {
    const read = readIntrospection(await this.write('introspect', about))
    if (!read) throw new Error('the response of introspection does not read')
    return read
  }

  ofToken = (token: string) => this.introspect({ token_sha256: tokenDigest(token) })

  async feed(query: { epoch?: string; after?: number; wait?: number }): Promise<FeedResponse> {
    const read = readFeedResponse(await this.#feed({ epoch: '', after: 0, wait: 0, ...query }))
    if (!read) throw new Error('the response of the feed does not read')
    return read
  }

  /** A poll that the engine holds by the time this resolves. */
  async waits(query: { epoch: string; after: number }): Promise<{ response: Promise<FeedResponse> }> {
    const before = this.clock.waiting
    const response = this.feed({ ...query, wait: 1 })
    await expect.poll(() => this.clock.waiting).toBeGreaterThan(before)
    return { response }
  }

  /** What the feed tells of what `work` does. */
  async eventsOf(work: () => Promise<unknown>): Promise<readonly NumberedEvent[]> {
    const { epoch, sequence } = await this.feed({})
    await work()
    return (await this.feed({ epoch, after: sequence })).events
  }

  async kindOfRefusal(work: Promise<unknown>): Promise<string> {
    const outcome: unknown = await work.then(
      () => 'it was not refused',
      (thrown: unknown) => thrown,
    )
    return outcome instanceof RequestError ? outcome.kind : String(outcome)
  }

  /** An agent that may read invoices of an upstream. */
  async prepare(): Promise<void> {
    await this.write('upstreams/stripe', { url: 'https://api.stripe.com' })
    await this.write('tools/stripe/invoices', { operations: ['GET /v1/invoices'], fields: ['id'] })
    await this.write('agents/billing', { owner: 'platform-team', environment: 'production' })
    await this.write('agents/billing/scopes', { scopes: ['read:stripe:invoices'] })
  }
}

const operations: Readonly<Record<string, Operation>> = { POST: 'update', GET: 'read', LIST: 'list', DELETE: 'delete' }

async function realEngine(): Promise<Subject> {
  const engine = await TestEngine.start()
  return new Subject(
    engine.clock,
    async (method, path, body) => (await engine.call(operations[method]!, path, body))?.data,
    async (query, signal) => (await engine.call('read', 'feed', query, {}, undefined, signal))?.data,
  )
}

function fakeEngine(): Promise<Subject> {
  const clock = new FakeClock()
  const engine = new FakeEngine(clock)
  return Promise.resolve(
    new Subject(
      clock,
      // The client sends `LIST x` for the engine's `x/`.
      (method, path, body) =>
        Promise.resolve().then(() => engine.handle(method, path.replace(/\/$/, ''), body, 'hvs.opener')),
      (query, signal) => engine.feed(query, signal),
    ),
  )
}

describe.each([
  ['the real engine', realEngine],
  ['the fake engine', fakeEngine],
])('%s', (_name, start) => {
  const prepared = async (): Promise<Subject> => {
    const engine = await start()
    await engine.prepare()
    return engine
  }

  describe('documents', () => {
    it('read in the shapes the gateway parses', async () => {
      const engine = await prepared()
      const upstream = readUpstream('upstreams/stripe', await engine.read('upstreams/stripe')).value
      expect(upstream).toMatchObject({ name: 'stripe', kv_path: 'mcp/stripe', auth: 'bearer', sensitivity: 'standard' })
      expect(upstream).toMatchObject({ timeout: 60, max_request_bytes: 10_485_760, headers: {} })
      expect(readAgent('agents/billing', await engine.read('agents/billing')).value).toMatchObject({
        agent_id: 'billing',
        disabled: false,
        policies: null,
      })
      expect(readScopes('agents/billing/scopes', await engine.read('agents/billing/scopes')).value.scopes).toEqual([
        'read:stripe:invoices',
      ])
      const tools = readTools('tools/stripe', await engine.list('tools/stripe/'))
      expect(tools.value).toMatchObject([{ upstream: 'stripe', name: 'invoices', fields: ['id'] }])
    })

    it('are nothing where there are none', async () => {
      const engine = await prepared()
      expect(await engine.read('upstreams/other')).toBeUndefined()
      expect(await engine.list('tools/other/')).toBeUndefined()
    })

    it('are announced with the version they then have', async () => {
      const engine = await prepared()
      const events = await engine.eventsOf(() => engine.write('upstreams/stripe', { timeout: 7 }))
      const { versions, value } = readUpstream('upstreams/stripe', await engine.read('upstreams/stripe'))
      expect(value.timeout).toBe(7)
      expect(events).toMatchObject([
        { type: 'document', path: 'upstreams/stripe', version: versions.get('upstreams/stripe'), deleted: false },
      ])
    })

    it('are announced when they go, with a version above any before', async () => {
      const engine = await prepared()
      const { versions } = readUpstream('upstreams/stripe', await engine.read('upstreams/stripe'))
      const [event] = await engine.eventsOf(() => engine.remove('upstreams/stripe'))
      expect(event).toMatchObject({ type: 'document', path: 'upstreams/stripe', deleted: true })
      expect((event as { version: number }).version).toBeGreaterThan(versions.get('upstreams/stripe')!)
      expect(await engine.read('upstreams/stripe')).toBeUndefined()
    })
  })

  describe('introspection', () => {
    it('of a live token names session, agent, life and the versions of the documents it rests on', async () => {
      const engine = await prepared()
      const { token, token_id, session_id } = await engine.issue('creds/billing', { purpose: 'audit' })
      const scopes = readScopes('agents/billing/scopes', await engine.read('agents/billing/scopes')).versions
      expect(await engine.ofToken(token)).toMatchObject({
        active: true,
        session_id,
        token_id,
        agent_id: 'billing',
        owner: 'platform-team',
        environment: 'production',
        purpose: 'audit',
        expires_at_unix: engine.clock.now() / 1000 + 900,
        iat: engine.clock.now() / 1000,
        refresh_possible_unix: 0,
        mount_generation: 0,
        chain: [{ session_id, agent_id: 'billing', own_environment: true, generation: expect.any(Number) as number }],
        documents: { 'agents/billing/scopes': scopes.get('agents/billing/scopes') },
      })
    })

    it('by the id of a session speaks of no token', async () => {
      const engine = await prepared()
      const { session_id } = await engine.issue('creds/billing')
      const response = await engine.introspect({ session_id })
      expect(response).toMatchObject({ active: true, session_id })
      expect(Object.keys(response)).not.toEqual(expect.arrayContaining(['token_id']))
      expect(Object.keys(response)).not.toEqual(expect.arrayContaining(['expires_at_unix']))
    })

    it('of a token nobody issued is unknown', async () => {
      const engine = await prepared()
      const token = mintToken({ prefix: 'svt', label: 'prod', random: (bytes) => new Uint8Array(bytes).fill(250) })
      expect(await engine.ofToken(token)).toMatchObject({ active: false, reason: 'unknown' })
    })

    it('of a token at its end is expired, and before it is not', async () => {
      const engine = await prepared()
      const { token } = await engine.issue('creds/billing', { ttl: 60 })
      await engine.clock.advance(59_000)
      expect((await engine.ofToken(token)).active).toBe(true)
      await engine.clock.advance(1_000)
      expect(await engine.ofToken(token)).toMatchObject({ active: false, reason: 'expired' })
    })

    it('of several at once says of each what it says of it alone', async () => {
      const engine = await prepared()
      const live = await engine.issue('creds/billing')
      const closed = await engine.issue('creds/billing')
      await engine.remove(`creds/billing/${closed.session_id}`)
      const batch: Data[] = [
        { token_sha256: tokenDigest(live.token) },
        { token_sha256: tokenDigest(closed.token) },
        { token_sha256: 'ab'.repeat(32) },
        { session_id: live.session_id },
      ]
      const response = await engine.write('introspect', { batch_input: batch })
      const alone: Introspection[] = []
      for (const about of batch) alone.push(await engine.introspect(about))
      expect(readIntrospectionBatch(response, batch.length)).toEqual(alone)
      expect((await engine.feed({})).introspection_batch).toBe(64)
    })

    it('stands at the position of the feed', async () => {
      const engine = await prepared()
      const { token } = await engine.issue('creds/billing')
      const { epoch, sequence } = await engine.feed({})
      expect(await engine.ofToken(token)).toMatchObject({ epoch, sequence })
    })
  })

  describe('a session', () => {
    it('that is closed ends at once, and the feed says so', async () => {
      const engine = await prepared()
      const { token, session_id } = await engine.issue('creds/billing')
      const events = await engine.eventsOf(() => engine.remove(`creds/billing/${session_id}`))
      expect(events).toMatchObject([{ type: 'session_ended', session_id }])
      expect(await engine.ofToken(token)).toMatchObject({ active: false, reason: 'revoked', session_id })
    })

    it('keeps its old token when it is refreshed, and the feed tells the new end', async () => {
      const engine = await prepared()
      const { token, session_id } = await engine.issue('creds/billing')
      await engine.clock.advance(10_000)
      let next = { token: '', token_id: '' }
      const events = await engine.eventsOf(async () => {
        next = await engine.issue(`creds/billing/${session_id}`)
      })
      const end = engine.clock.now() / 1000 + 900
      expect(events).toMatchObject([
        {
          type: 'expiry',
          session_id,
          token_id: next.token_id,
          expires_at_unix: end,
          newest: true,
          tokens_end_unix: end,
        },
      ])
      expect((await engine.ofToken(token)).active).toBe(true)
      expect((await engine.ofToken(next.token)).active).toBe(true)
    })

    it('with eight live tokens is refreshed no more, and tells when it can be', async () => {
      const engine = await prepared()
      const { token, session_id } = await engine.issue('creds/billing')
      for (let count = 1; count < 8; count++) await engine.issue(`creds/billing/${session_id}`)
      expect(await engine.kindOfRefusal(engine.issue(`creds/billing/${session_id}`))).toBe('rate_limited')
      expect(await engine.ofToken(token)).toMatchObject({ refresh_possible_unix: engine.clock.now() / 1000 + 900 })
    })

    it('that is over cannot be refreshed', async () => {
      const engine = await prepared()
      const { session_id } = await engine.issue('creds/billing')
      await engine.remove(`creds/billing/${session_id}`)
      expect(await engine.kindOfRefusal(engine.issue(`creds/billing/${session_id}`))).toBe('bad_request')
    })

    it('is not opened for an agent that is not registered', async () => {
      const engine = await prepared()
      expect(await engine.kindOfRefusal(engine.issue('creds/nobody'))).toBe('bad_request')
    })

    it('ends with the generation of its agent', async () => {
      const engine = await prepared()
      const { token } = await engine.issue('creds/billing')
      const events = await engine.eventsOf(() => engine.write('agents/billing/revoke'))
      // The generation stands in the agent's document too.
      expect(events).toMatchObject([
        { type: 'generation', agent_id: 'billing' },
        { type: 'document', path: 'agents/billing', deleted: false },
      ])
      expect(await engine.ofToken(token)).toMatchObject({ active: false, reason: 'revoked' })
      expect((await engine.ofToken((await engine.issue('creds/billing')).token)).active).toBe(true)
    })

    it('that was delegated has its parent in the chain, and ends with it', async () => {
      const engine = await prepared()
      const parent = await engine.issue('creds/billing')
      const child = await engine.issue('creds/billing', { parent_token: parent.token })
      expect(await engine.ofToken(child.token)).toMatchObject({
        active: true,
        chain: [{ session_id: child.session_id }, { session_id: parent.session_id }],
      })
      await engine.remove(`creds/billing/${parent.session_id}`)
      expect(await engine.ofToken(child.token)).toMatchObject({ active: false, reason: 'revoked' })
    })
  })

  describe('the feed', () => {
    it('is a reset to anyone who comes from another epoch', async () => {
      const engine = await prepared()
      const { sequence, epoch } = await engine.feed({})
      expect(await engine.feed({ epoch: 'another', after: sequence })).toMatchObject({ reset: true, events: [], epoch })
    })

    it('is a reset to anyone who is ahead of it', async () => {
      const engine = await prepared()
      const { sequence, epoch } = await engine.feed({})
      expect(await engine.feed({ epoch, after: sequence + 1 })).toMatchObject({ reset: true, events: [] })
    })

    it('tells only what is later than what was heard, in order', async () => {
      const engine = await prepared()
      const { sequence, epoch } = await engine.feed({})
      await engine.write('upstreams/a', { url: 'https://a.example' })
      await engine.write('upstreams/b', { url: 'https://b.example' })
      const all = await engine.feed({ epoch, after: sequence })
      expect(all.events.map((event) => event.sequence)).toEqual([sequence + 1, sequence + 2])
      const later = await engine.feed({ epoch, after: sequence + 1 })
      expect(later).toMatchObject({ reset: false, sequence: sequence + 2, events: [{ path: 'upstreams/b' }] })
    })

    it('that waits responds at the first event, and says how long it was held', async () => {
      const engine = await prepared()
      const { sequence, epoch } = await engine.feed({})
      const waiting = await engine.waits({ epoch, after: sequence })
      await engine.clock.advance(200)
      await engine.write('upstreams/stripe', { timeout: 8 })
      expect(await waiting.response).toMatchObject({ held_ms: 200, events: [{ path: 'upstreams/stripe' }] })
    })

    it('that waits in vain responds when the time is up', async () => {
      const engine = await prepared()
      const { sequence, epoch } = await engine.feed({})
      const waiting = await engine.waits({ epoch, after: sequence })
      await engine.clock.advance(1_000)
      expect(await waiting.response).toMatchObject({ held_ms: 1_000, events: [], reset: false })
    })
  })
})
