import fc from 'fast-check'
import { expect, it } from 'vitest'
import { MemoryStorage } from '../../src/logical/storage.ts'
import { Issued, TestEngine } from './engine.ts'

/** Random steps of callers, operators, hosts and time over two agents. */
const step = fc.oneof(
  fc.record({ do: fc.constant('open' as const), agent: fc.constantFrom('a', 'b') }),
  fc.record({
    do: fc.constantFrom('refresh', 'delegate', 'renew', 'revoke', 'undo', 'close', 'operatorEnd'),
    pick: fc.nat(),
  }),
  fc.record({ do: fc.constant('pass' as const), seconds: fc.integer({ min: 1, max: 700 }) }),
  fc.record({
    do: fc.constantFrom('disable', 'enable', 'deleteAgent', 'declare', 'revokeAgent'),
    agent: fc.constantFrom('a', 'b'),
  }),
  fc.record({ do: fc.constantFrom('revokeAll', 'restart', 'tidy') }),
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

class World {
  engine!: TestEngine
  readonly issued: Issued[] = []
  readonly dead = new Set<string>()
  readonly parents = new Map<string, string>()
  /** Tokens of a session that lived just before it was refreshed. */
  refreshedOver: readonly string[] = []

  async start(): Promise<this> {
    this.engine = await TestEngine.start({ storage: new MemoryStorage() })
    await this.engine.write('config', { session_max_life: 5000, max_ttl: 2000 })
    for (const agent of ['a', 'b']) await this.declare(agent)
    return this
  }

  async declare(agent: string): Promise<void> {
    await this.engine.declare(agent, ['read:stripe:invoices', 'read:stripe:refunds'])
    await this.engine.write(`agents/${agent}/scopes`, { max_ttl_seconds: 1500 })
  }

  async liveTokens(sessionId: string): Promise<string[]> {
    const held = this.issued.filter(({ session_id }) => session_id === sessionId).map(({ token }) => token)
    const responses = await Promise.all(held.map((token) => this.engine.introspect({ token })))
    return held.filter((_, index) => responses[index]!.active === true)
  }

  /** Refusals are part of life here; what must hold is checked after every step. */
  async try(work: () => Promise<unknown>): Promise<unknown> {
    return work().catch(() => undefined)
  }

  async take(one: Step): Promise<void> {
    const { engine } = this
    this.refreshedOver = []
    const target = 'pick' in one && this.issued.length > 0 ? this.issued[one.pick % this.issued.length] : undefined
    const keep = (issued: Issued, parent?: string) => {
      this.issued.push(issued)
      if (parent) this.parents.set(issued.session_id, parent)
    }
    const byTarget: Record<string, (of: Issued) => Promise<unknown>> = {
      refresh: async (of) => {
        this.refreshedOver = await this.liveTokens(of.session_id)
        keep(new Issued(await engine.write(`creds/${of.agent_id}/${of.session_id}`)))
      },
      delegate: async (of) => {
        keep(await engine.issue('b', { parent_token: of.token }), of.session_id)
      },
      renew: (of) => engine.renew(of, 900),
      revoke: (of) => engine.revoke(of),
      undo: (of) => engine.revoke(of, { registered: false }),
      close: (of) => engine.delete(`creds/${of.agent_id}/${of.session_id}`),
      operatorEnd: (of) => engine.delete(`sessions/${of.session_id}`),
    }
    const others: Record<string, () => Promise<unknown>> = {
      open: async () => {
        keep(await engine.issue('agent' in one ? one.agent : 'a'))
      },
      pass: () => engine.clock.advance('seconds' in one ? one.seconds * 1000 : 0),
      disable: () => engine.write(`agents/${'agent' in one ? one.agent : 'a'}`, { disabled: true }),
      enable: () => engine.write(`agents/${'agent' in one ? one.agent : 'a'}`, { disabled: false }),
      deleteAgent: () => engine.delete(`agents/${'agent' in one ? one.agent : 'a'}`),
      declare: () => this.declare('agent' in one ? one.agent : 'a'),
      revokeAgent: () => engine.write(`agents/${'agent' in one ? one.agent : 'a'}/revoke`),
      revokeAll: () => engine.write('sessions/revoke-all'),
      restart: () => engine.restart(),
      tidy: () => engine.write('tidy'),
    }
    const work = target ? byTarget[one.do] : undefined
    await this.try(() => (work && target ? work(target) : (others[one.do]?.() ?? Promise.resolve())))
  }

  /** Every session seen dead stays dead; no child lives without its parent; no token passes its expiry. */
  async check(): Promise<string[]> {
    const wrong: string[] = []
    const live = new Map<string, boolean>()
    for (const { session_id } of this.issued) {
      if (!live.has(session_id)) live.set(session_id, (await this.engine.introspect({ session_id })).active === true)
    }
    for (const [session, alive] of live) {
      if (alive && this.dead.has(session)) wrong.push(`${session} was revived`)
      if (!alive) this.dead.add(session)
      const parent = this.parents.get(session)
      if (alive && parent !== undefined && !live.get(parent)) wrong.push(`${session} outlives its parent`)
    }
    for (const token of this.refreshedOver)
      if ((await this.engine.introspect({ token })).active !== true) wrong.push('a refresh ended a live token')
    for (const issued of this.issued) {
      const response = await this.engine.introspect({ token: issued.token })
      if (response.active === true && !live.get(issued.session_id))
        wrong.push(`${issued.token_id} outlives its session`)
      if (response.active === true && Number(response.exp) <= this.engine.clock.now() / 1000)
        wrong.push(`${issued.token_id} outlives its expiry`)
      if (
        response.active === true &&
        (response.chain as { scopes: string[] }[]).some(
          (link, at, chain) => at > 0 && chain[0]!.scopes.some((scope) => !link.scopes.includes(scope)),
        )
      )
        wrong.push(`${issued.token_id} has a scope its ancestor lacks`)
    }
    return wrong
  }
}

it('no sequence of open, refresh, delegate, renew, expire, revoke, disable and restart revives a dead session or lets a child outlive its parent', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const world = await new World().start()
      for (const one of steps) {
        await world.take(one)
        expect(await world.check()).toEqual([])
      }
    }),
    { numRuns: 150 },
  )
}, 60_000)
