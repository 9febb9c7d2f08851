import { describe, expect, it } from 'vitest'
import { TestEngine } from './engine.ts'
import type { Issued } from './engine.ts'

const scopes = ['read:stripe:invoices', 'read:stripe:subscriptions']

async function start(): Promise<{ engine: TestEngine; parent: Issued }> {
  const engine = await TestEngine.start()
  await engine.declare('lead', scopes)
  await engine.declare('helper', [...scopes, 'read:github:prs:status'])
  return { engine, parent: await engine.issue('lead', { requested_scopes: 'read:stripe:invoices' }) }
}

describe('a delegated session', () => {
  it('is granted what its agent declares and its parent has', async () => {
    const { engine, parent } = await start()
    const child = await engine.issue('helper', { parent_token: parent.token })
    expect(child.data.scopes).toEqual(['read:stripe:invoices'])
    expect(await engine.introspect({ token: child.token })).toMatchObject({
      active: true,
      scope: 'read:stripe:invoices',
      chain: [
        { session_id: child.session_id, agent_id: 'helper' },
        { session_id: parent.session_id, agent_id: 'lead' },
      ],
    })
  })

  it.each(['read:stripe:subscriptions', 'read:github:prs:status'])(
    'asking for %s, which the parent lacks, is refused',
    async (scope) => {
      const { engine, parent } = await start()
      expect(
        await engine.refusal(engine.write('creds/helper', { parent_token: parent.token, requested_scopes: scope })),
      ).toEqual({ kind: 'bad_request', message: `requested_scopes: "${scope}" is more than the parent session has.` })
    },
  )

  it('of an agent with nothing in common with the parent is refused', async () => {
    const { engine, parent } = await start()
    await engine.declare('stranger', ['read:github:prs:status'])
    expect((await engine.refusal(engine.write('creds/stranger', { parent_token: parent.token }))).message).toBe(
      'the parent session has none of the scopes this agent declares; nothing can be delegated.',
    )
  })

  it("ends no later than its parent's newest token and follows the parent's refresh only by its own", async () => {
    const { engine, parent } = await start()
    await engine.clock.advance(600_000)
    const child = await engine.issue('helper', { parent_token: parent.token })
    expect(child.data.ttl_seconds).toBe(300)
    await engine.write(`creds/lead/${parent.session_id}`)
    const again = await engine.write(`creds/helper/${child.session_id}`)
    expect(again!.data!.ttl_seconds).toBe(900)
  })

  it('is dead once its parent outlived its newest token', async () => {
    const { engine, parent } = await start()
    const child = await engine.issue('helper', { parent_token: parent.token })
    await engine.clock.advance(900_000)
    expect(await engine.introspect({ session_id: child.session_id })).toMatchObject({
      active: false,
      reason: 'expired',
    })
  })

  it('loses what its parent loses', async () => {
    const { engine, parent } = await start()
    const child = await engine.issue('helper', { parent_token: parent.token })
    await engine.write('agents/lead/scopes', { scopes: ['read:stripe:subscriptions'] })
    expect(await engine.introspect({ token: child.token, required_scope: 'read:stripe:invoices' })).toMatchObject({
      active: true,
      scope_match: false,
      scope: '',
    })
  })

  it("stays in its parent's environment", async () => {
    const { engine, parent } = await start()
    await engine.write('agents/helper/scopes/staging', { scopes })
    expect(
      (await engine.refusal(engine.write('creds/helper', { parent_token: parent.token, environment: 'staging' }))).kind,
    ).toBe('bad_request')
  })

  it.each([
    [
      'revoked',
      async (engine: TestEngine, parent: Issued) => {
        await engine.revoke(parent)
      },
    ],
    [
      'expired',
      async (engine: TestEngine) => {
        await engine.clock.advance(900_000)
      },
    ],
  ])('cannot be opened from a token that is %s', async (_how, end) => {
    const { engine, parent } = await start()
    await end(engine, parent)
    expect((await engine.refusal(engine.write('creds/helper', { parent_token: parent.token }))).message).toBe(
      'parent_token is not a live token; delegate from a live session, or omit parent_token.',
    )
  })

  it("goes eight levels deep and no further, and the root's end reaches the deepest", async () => {
    const { engine, parent } = await start()
    let deepest = parent
    for (let depth = 1; depth <= 8; depth++) deepest = await engine.issue('lead', { parent_token: deepest.token })
    expect((await engine.refusal(engine.write('creds/lead', { parent_token: deepest.token }))).message).toBe(
      'parent_token belongs to a session delegated 8 times already; delegation cannot go deeper.',
    )
    expect(await engine.introspect({ token: deepest.token })).toMatchObject({ active: true })
    await engine.delete(`sessions/${parent.session_id}`)
    expect(await engine.introspect({ token: deepest.token })).toMatchObject({ active: false, reason: 'revoked' })
  })
})

describe('an agent bound by tool policies', () => {
  const policy = 'path "tools/stripe/invoices" { capabilities = ["read"] }'

  async function governed(): Promise<TestEngine> {
    const engine = await TestEngine.start()
    await engine.write('policies/billing-read', { policy })
    await engine.write('agents/governed', { owner: 'x', environment: 'production', policies: 'billing-read' })
    return engine
  }

  it('may do what its policies allow, and a policy edit narrows a live session', async () => {
    const engine = await governed()
    const issued = await engine.issue('governed')
    const may = async (scope: string) =>
      (await engine.introspect({ token: issued.token, required_scope: scope })).scope_match
    expect([
      await may('read:stripe:invoices'),
      await may('read:stripe:refunds'),
      await may('create:stripe:invoices'),
    ]).toEqual([true, false, false])
    await engine.write('policies/billing-read', { policy: 'path "tools/stripe/refunds" { capabilities = ["read"] }' })
    expect(await may('read:stripe:invoices')).toBe(false)
  })

  it('hands on what its policies allow and no more, spelled out', async () => {
    const engine = await governed()
    await engine.declare('helper', ['read:stripe:invoices', 'read:stripe:refunds'])
    const parent = await engine.issue('governed')
    expect((await engine.issue('helper', { parent_token: parent.token })).data.scopes).toEqual(['read:stripe:invoices'])
    expect((await engine.issue('governed', { parent_token: parent.token })).data.scopes).toEqual([
      'read:stripe:invoices',
    ])
    await engine.declare('stranger', ['read:stripe:refunds'])
    expect((await engine.refusal(engine.write('creds/stranger', { parent_token: parent.token }))).message).toBe(
      'the parent session has none of the scopes this agent declares; nothing can be delegated.',
    )
  })

  it('has no scope in its introspection that is denied, and the part of a write scope that is left', async () => {
    const engine = await governed()
    await engine.write('policies/billing-read', {
      policy:
        'path "tools/stripe/invoices" { capabilities = ["read", "update"] }\npath "tools/stripe/refunds" { capabilities = ["deny"] }',
    })
    await engine.write('agents/governed/scopes', {
      scopes: ['read:stripe:invoices', 'write:stripe:invoices', 'read:stripe:refunds'],
    })
    expect(await engine.introspect({ token: (await engine.issue('governed')).token })).toMatchObject({
      scope: 'read:stripe:invoices update:stripe:invoices',
    })
  })

  it('may ask for scopes within its policies and no others', async () => {
    const engine = await governed()
    expect((await engine.issue('governed', { requested_scopes: 'read:stripe:invoices' })).data.scopes).toEqual([
      'read:stripe:invoices',
    ])
    expect(
      (await engine.refusal(engine.write('creds/governed', { requested_scopes: 'create:stripe:invoices' }))).kind,
    ).toBe('bad_request')
  })

  it('has the intersection where scopes are declared too', async () => {
    const engine = await governed()
    await engine.write('agents/governed/scopes', { scopes: ['read:stripe:invoices', 'read:stripe:refunds'] })
    expect(await engine.introspect({ token: (await engine.issue('governed')).token })).toMatchObject({
      scope: 'read:stripe:invoices',
    })
  })

  it('has nothing with an empty list of policies, and is unbound by null only if scopes are declared', async () => {
    const engine = await governed()
    const issued = await engine.issue('governed')
    await engine.write('agents/governed', { policies: [] })
    expect(await engine.introspect({ token: issued.token, required_scope: 'read:stripe:invoices' })).toMatchObject({
      scope_match: false,
    })
    await engine.write('agents/governed', { policies: null })
    expect((await engine.refusal(engine.write('creds/governed'))).message).toContain(
      'has declared no scopes or policies',
    )
  })

  it('loses a policy from its sessions when the policy is deleted or taken away', async () => {
    const engine = await governed()
    const issued = await engine.issue('governed', { policies: 'billing-read' })
    await engine.delete('policies/billing-read')
    expect(await engine.introspect({ token: issued.token, required_scope: 'read:stripe:invoices' })).toMatchObject({
      scope_match: false,
    })
  })
})
