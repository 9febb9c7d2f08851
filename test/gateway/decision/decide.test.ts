import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tokenDigest } from '../../../src/scope/index.ts'
import type { Caller } from '../../../src/gateway/decision/callers.ts'
import { authorize, itself, openSession, service, startHarness, tokenOf, validate, outcomeOf } from '../harness.ts'
import type { GatewayHarness } from '../harness.ts'

let harness: GatewayHarness
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.stop())

const bound: Caller = { kind: 'service', name: 'bound', agents: ['other-agent'], vault: undefined }

describe('validate', () => {
  it('answers with who the session is and that the scope is covered', async () => {
    const session = openSession(harness)
    expect(await validate(harness, tokenOf(session))).toEqual({
      active: true,
      scope_match: true,
      required_scope: 'read:stripe:invoices',
      session_id: session.session_id,
      agent_id: 'claude-billing-agent',
      token_id: session.tokens[0]!.token_id,
      owner: 'platform-team',
      environment: 'production',
      purpose: 'test',
      scopes: ['read:stripe:invoices', 'read:stripe:customers:id-only'],
      expires_at_unix: session.tokens[0]!.expires_at_unix,
      issued_at_unix: session.tokens[0]!.issued_at_unix,
      vouched_ms: 5_000,
      position: harness.core.follower.position,
    })
  })

  it('answers scope_match false for a live token that lacks the scope, and records a denial', async () => {
    const response = await validate(harness, tokenOf(openSession(harness)), 'create:stripe:refunds')
    expect(response.scope_match).toBe(false)
    expect(harness.sink.last).toMatchObject({
      decision: 'deny',
      validation_result: 'insufficient_scope',
      required_scope: 'create:stripe:refunds',
    })
  })

  it('never says that an omitted scope is covered', async () => {
    expect(await validate(harness, tokenOf(openSession(harness)), undefined)).toMatchObject({ active: true })
    const response = await harness.core.decisions.validate({
      token: tokenOf(openSession(harness)),
      requiredScope: undefined,
      requestId: 'r',
      caller: itself,
    })
    expect(response).toMatchObject({ active: true, scope_match: false, required_scope: null })
  })

  it.each([
    ['no token', () => '', 'invalid_token missing', 'unknown'],
    ['noise', () => 'svt_prod_notatoken', 'invalid_token malformed', 'unknown'],
    [
      'a token with one character changed',
      () => `${tokenOf(openSession(harness)).slice(0, -1)}!`,
      'invalid_token malformed',
      'unknown',
    ],
    [
      'a token nobody issued',
      () => {
        const token = tokenOf(openSession(harness))
        harness.engine.sessions.clear()
        return token
      },
      'invalid_token unknown',
      'unknown',
    ],
    ['an expired token', () => tokenOf(openSession(harness, { ttl: 0 })), 'invalid_token expired', 'expired'],
    [
      'a revoked token',
      () => {
        const session = openSession(harness)
        harness.engine.end(session)
        return tokenOf(session)
      },
      'invalid_token reuse_after_revocation',
      'revoked',
    ],
    [
      'a token of a revoked agent',
      () => {
        const session = openSession(harness)
        harness.engine.revokeAgent('claude-billing-agent')
        return tokenOf(session)
      },
      'invalid_token reuse_after_revocation',
      'revoked',
    ],
    [
      'a token of an ended ancestor',
      () => {
        const parent = openSession(harness)
        harness.engine.end(parent)
        return tokenOf(openSession(harness, { parent }))
      },
      'invalid_token reuse_after_revocation',
      'revoked',
    ],
  ])('refuses %s and records it', async (_case, token, refusal, result) => {
    expect(await outcomeOf(validate(harness, token()))).toBe(refusal)
    expect(harness.sink.last).toMatchObject({
      decision: 'deny',
      validation_result: result,
      reason: refusal.split(' ')[1],
    })
  })

  it('names session, agent and token in the record of a reused token', async () => {
    const session = openSession(harness, { ttl: 0 })
    await outcomeOf(validate(harness, tokenOf(session)))
    expect(harness.sink.last).toMatchObject({
      session_id: session.session_id,
      agent_id: 'claude-billing-agent',
      token_id: session.tokens[0]!.token_id,
      owner: 'platform-team',
    })
  })

  it.each([
    ['a wildcard', 'read:*'],
    ['no scope at all', 'invoices'],
    ['an unknown capability', 'pay:stripe:invoices'],
  ])('refuses %s as required scope as a bad request', async (_case, scope) => {
    expect(await outcomeOf(validate(harness, tokenOf(openSession(harness)), scope))).toBe('invalid_request bad_request')
    expect(harness.sink.last).toMatchObject({ decision: 'deny', validation_result: 'unknown', reason: 'bad_request' })
  })

  it('refuses a service token that is bound to other agents', async () => {
    expect(await outcomeOf(validate(harness, tokenOf(openSession(harness)), 'read:stripe:invoices', bound))).toBe(
      'insufficient_scope caller_not_bound',
    )
  })

  it('denies at the very second of expiry and allows the one before', async () => {
    const token = tokenOf(openSession(harness, { ttl: 100 }))
    await harness.clock.advance(99_000)
    expect(await outcomeOf(validate(harness, token))).toBe('allowed')
    await harness.clock.advance(1_000)
    expect(await outcomeOf(validate(harness, token))).toBe('invalid_token expired')
  })

  it("judges expiry on the engine's clock, not on its own", async () => {
    harness.engine.clockAheadMs = 600_000
    harness.engine.restart()
    await harness.flush()
    const token = tokenOf(openSession(harness, { ttl: 100 }))
    expect(await outcomeOf(validate(harness, token))).toBe('allowed')
    await harness.clock.advance(100_000)
    expect(await outcomeOf(validate(harness, token))).toBe('invalid_token expired')
  })
})

describe('what is declared now', () => {
  it.each([
    [
      'a removed scope',
      (r: GatewayHarness) => {
        r.engine.agent('claude-billing-agent', { scopes: ['read:stripe:customers:id-only'] })
      },
    ],
    [
      'scopes set to nothing',
      (r: GatewayHarness) => {
        r.engine.agent('claude-billing-agent', { scopes: [] })
      },
    ],
    [
      'unset scopes without policies',
      (r: GatewayHarness) => {
        r.engine.remove('agents/claude-billing-agent/scopes')
      },
    ],
    [
      'a deleted agent',
      (r: GatewayHarness) => {
        r.engine.remove('agents/claude-billing-agent')
      },
    ],
    [
      'a policy that does not grant it',
      (r: GatewayHarness) => {
        r.engine.put('policies/p', {
          name: 'p',
          policy: 'path "tools/stripe/customers/id-only" { capabilities = ["read"] }',
        })
        r.engine.agent('claude-billing-agent', { policies: ['p'] })
      },
    ],
    [
      'a policy that denies it',
      (r: GatewayHarness) => {
        r.engine.put('policies/p', {
          name: 'p',
          policy:
            'path "tools/stripe/+" { capabilities = ["read"] }\npath "tools/stripe/invoices" { capabilities = ["deny"] }',
        })
        r.engine.agent('claude-billing-agent', { policies: ['p'] })
      },
    ],
    [
      'a policy that does not exist',
      (r: GatewayHarness) => {
        r.engine.agent('claude-billing-agent', { policies: ['ghost'] })
      },
    ],
  ])('takes %s away from a live session', async (_case, change) => {
    const token = tokenOf(openSession(harness))
    expect((await validate(harness, token)).scope_match).toBe(true)
    change(harness)
    await harness.flush()
    expect((await validate(harness, token)).scope_match).toBe(false)
  })

  it('keeps a scope that policies grant too', async () => {
    harness.engine.put('policies/p', { name: 'p', policy: 'path "tools/stripe/*" { capabilities = ["read"] }' })
    harness.engine.agent('claude-billing-agent', { policies: ['p'] })
    await harness.flush()
    expect((await validate(harness, tokenOf(openSession(harness)))).scope_match).toBe(true)
  })

  it.each<[string, string]>([
    ['does not parse', 'path {'],
    ['names no tool', 'path "secret/a" { capabilities = ["read"] }'],
    ['is for an identity, which no session has', 'path "tools/{{identity.entity.name}}/a" { capabilities = ["deny"] }'],
    ['is empty', ''],
  ])('is unavailable for the operator to fix, not denied, when a policy %s', async (_what, policy) => {
    harness.engine.put('policies/p', { name: 'p', policy })
    harness.engine.agent('claude-billing-agent', { policies: ['p'] })
    await harness.flush()
    expect(await outcomeOf(validate(harness, tokenOf(openSession(harness))))).toBe('unavailable document_unreadable')
  })

  it('narrows by every ancestor', async () => {
    const parent = openSession(harness, { scopes: ['read:stripe:customers:id-only'] })
    const child = openSession(harness, { parent })
    expect((await validate(harness, tokenOf(child))).scope_match).toBe(false)
    expect((await validate(harness, tokenOf(child), 'read:stripe:customers:id-only')).scope_match).toBe(true)
  })
})

describe('a token used after its expiry', () => {
  const late = async (token: string, caller?: Caller) => outcomeOf(validate(harness, token, undefined, caller))

  it('is expired at first, whatever its age, and reuse from the second use on', async () => {
    const token = tokenOf(openSession(harness, { ttl: 60 }))
    await harness.clock.advance(7_000_000)
    expect([await late(token), await late(token), await late(token)]).toEqual([
      'invalid_token expired',
      'invalid_token reuse_after_expiry',
      'invalid_token reuse_after_expiry',
    ])
  })

  it('is counted for itself, not for its session', async () => {
    const session = openSession(harness, { ttl: 60 })
    harness.engine.refresh(session, 60)
    await harness.clock.advance(61_000)
    expect([await late(session.tokens[0]!.token), await late(session.tokens[1]!.token)]).toEqual([
      'invalid_token expired',
      'invalid_token expired',
    ])
  })

  it('is recorded each time with its age and where it came from', async () => {
    const token = tokenOf(openSession(harness, { ttl: 60 }))
    await harness.clock.advance(100_000)
    for (const address of ['192.0.2.1', '192.0.2.2']) {
      await late(token, { kind: 'service', name: 'test', agents: ['*'], vault: undefined, address })
      expect(harness.sink.last).toMatchObject({ late_seconds: 40, address, validation_result: 'expired' })
    }
    expect(harness.sink.last).toMatchObject({ reason: 'reuse_after_expiry' })
  })
})

describe('the scopes a live token is answered with', () => {
  it('are the narrowed ones once the agent was narrowed', async () => {
    const token = tokenOf(openSession(harness))
    await validate(harness, token)
    harness.engine.put('agents/claude-billing-agent/scopes', { scopes: ['read:stripe:customers:id-only'] })
    await harness.flush()
    expect((await validate(harness, token, undefined)).scopes).toEqual(['read:stripe:customers:id-only'])
  })

  it('are those of the policies where policies alone bind the agent', async () => {
    harness.engine.put('policies/p', { policy: 'path "tools/stripe/invoices" { capabilities = ["read"] }' })
    harness.engine.agent('governed', { policies: ['p'] })
    const token = tokenOf(harness.engine.open('governed'))
    expect((await validate(harness, token)).scopes).toEqual(['read:stripe:invoices'])
  })

  it('are none where the only policy denies', async () => {
    harness.engine.put('policies/p', { policy: 'path "tools/stripe/invoices" { capabilities = ["deny"] }' })
    harness.engine.agent('governed', { policies: ['p'] })
    const token = tokenOf(harness.engine.open('governed'))
    expect((await validate(harness, token)).scopes).not.toContain('read:stripe:invoices')
  })

  it('are cut to what every ancestor may do now', async () => {
    harness.engine.agent('child', { scopes: ['read:stripe:invoices', 'read:stripe:customers:id-only'] })
    const parent = openSession(harness)
    const token = tokenOf(harness.engine.open('child', { parent, scopes: ['read:stripe:invoices'] }))
    harness.engine.put('agents/claude-billing-agent/scopes', { scopes: ['read:stripe:customers:id-only'] })
    await harness.flush()
    expect((await validate(harness, token, undefined)).scopes).toEqual([])
  })
})

describe('authorizeCall', () => {
  it('allows a granted operation and records tools, template, risk and platform', async () => {
    const session = openSession(harness)
    const call = await authorize(harness, tokenOf(session), { segments: ['v1', 'invoices', 'in_123'] })
    expect(call.allowed.judgement.tools.map(({ tool }) => tool.name)).toEqual(['invoices'])
    expect(harness.sink.last).toMatchObject({
      decision: 'allow',
      validation_result: 'valid',
      upstream: 'stripe',
      platform: 'stripe',
      method: 'GET',
      endpoint: '/v1/invoices/{id}',
      risk: 'low',
      tools: ['stripe/invoices'],
      session_id: session.session_id,
    })
    call.close()
  })

  it.each([
    ['an operation without tool', { segments: ['v1', 'payouts'] }, 'insufficient_scope no_tool'],
    ['another method of a granted path', { method: 'DELETE' }, 'insufficient_scope no_tool'],
    ['an unknown upstream', { upstream: 'github' }, 'insufficient_scope no_tool'],
    [
      'a tool that is not granted',
      { method: 'POST', segments: ['v1', 'refunds'] },
      'insufficient_scope insufficient_scope',
    ],
    ['a body longer than the upstream takes', { hasBody: true, contentLength: 2_000_000 }, 'invalid_request too_large'],
  ])('refuses %s and records it', async (_case, call, refusal) => {
    expect(await outcomeOf(authorize(harness, tokenOf(openSession(harness)), call))).toBe(refusal)
    expect(harness.sink.last).toMatchObject({ decision: 'deny', reason: refusal.split(' ')[1] })
    expect(harness.core.openCalls.size).toBe(0)
  })

  it('refuses a service token that is bound to other agents', async () => {
    expect(await outcomeOf(authorize(harness, tokenOf(openSession(harness)), { caller: bound }))).toBe(
      'insufficient_scope caller_not_bound',
    )
  })

  it('says which scope would help', async () => {
    await expect(
      authorize(harness, tokenOf(openSession(harness)), { method: 'POST', segments: ['v1', 'refunds'] }),
    ).rejects.toMatchObject({ scope: 'create:stripe:refunds' })
  })

  it('writes no identifiers of a path that no tool covers', async () => {
    await outcomeOf(
      authorize(harness, tokenOf(openSession(harness)), { segments: ['v1', 'payouts', 'po_jane@example.com'] }),
    )
    expect(harness.sink.last).toMatchObject({ endpoint: '/v1/payouts/{}' })
  })

  it('only counts unauthenticated callers', async () => {
    const unknown = tokenOf(openSession(harness))
    harness.engine.sessions.clear()
    expect(await outcomeOf(authorize(harness, unknown))).toBe('invalid_token unknown')
    expect(await outcomeOf(authorize(harness, 'noise'))).toBe('invalid_token malformed')
    expect(harness.sink.records).toEqual([])
    expect(harness.core.records.counters.unauthenticated).toBe(2)
  })

  it('judges a body only where a parameter rule asks for it', async () => {
    harness.engine.put('policies/p', {
      name: 'p',
      policy:
        'path "tools/stripe/refunds" { capabilities = ["create"]\n denied_parameters = { "amount" = ["1000000"] } }',
    })
    harness.engine.agent('claude-billing-agent', {
      policies: ['p'],
      scopes: ['create:stripe:refunds', 'read:stripe:invoices'],
    })
    await harness.flush()
    const token = tokenOf(openSession(harness, { scopes: ['create:stripe:refunds'] }))
    const post = (amount: string) =>
      authorize(harness, token, {
        method: 'POST',
        segments: ['v1', 'refunds'],
        hasBody: true,
        readBody: () => Promise.resolve({ kind: 'form', pairs: [['amount', amount]] }),
      })
    expect(await outcomeOf(post('5'))).toBe('allowed')
    expect(await outcomeOf(post('1000000'))).toBe('insufficient_scope parameter_refused')
  })
})

describe('durable before it is answered', () => {
  it('answers unavailable when the decision cannot be recorded', async () => {
    const token = tokenOf(openSession(harness))
    harness.sink.broken = true
    expect(await outcomeOf(validate(harness, token))).toBe('unavailable audit_unavailable')
    expect(await outcomeOf(authorize(harness, token))).toBe('unavailable audit_unavailable')
    expect(await outcomeOf(validate(harness, 'noise'))).toBe('unavailable audit_unavailable')
    expect(harness.core.openCalls.size).toBe(0)
  })

  it('refuses a token that is revoked while the record is being written', async () => {
    const session = openSession(harness)
    await validate(harness, tokenOf(session))
    let written = () => undefined as void
    harness.sink.gate = new Promise((resolve) => {
      written = resolve
    })
    const pending = outcomeOf(validate(harness, tokenOf(session)))
    await harness.flush()
    harness.engine.end(session)
    await harness.flush()
    written()
    expect(await pending).toBe('invalid_token reuse_after_revocation')
  })

  it('answers the narrower verdict when scopes are taken away while the record is being written', async () => {
    const session = openSession(harness)
    await validate(harness, tokenOf(session))
    let written = () => undefined as void
    harness.sink.gate = new Promise((resolve) => {
      written = resolve
    })
    const pending = validate(harness, tokenOf(session))
    await harness.flush()
    harness.engine.agent('claude-billing-agent', { scopes: [] })
    await harness.flush()
    written()
    expect((await pending).scope_match).toBe(false)
  })
})

describe('outages', () => {
  it.each([
    ['a token never seen', () => tokenOf(openSession(harness))],
    [
      'a token already known',
      () => {
        const token = tokenOf(openSession(harness))
        return token
      },
    ],
  ])('answers unavailable, never invalid, for %s', async (_case, token) => {
    const text = token()
    harness.vault.cutLine()
    expect(await outcomeOf(validate(harness, text))).toBe('unavailable vault_unavailable')
    expect(await outcomeOf(authorize(harness, text))).toBe('unavailable vault_unavailable')
  })

  it('goes on from what is known until the staleness limit, and not a moment longer', async () => {
    const token = tokenOf(openSession(harness))
    await validate(harness, token)
    expect(await outcomeOf(authorize(harness, token))).toBe('allowed')
    harness.vault.cutLine()
    await harness.clock.advance(5_000)
    expect(await outcomeOf(validate(harness, token))).toBe('allowed')
    await harness.clock.advance(1_001)
    expect(await outcomeOf(validate(harness, token))).toBe('unavailable stale')
    expect(harness.sink.last).toMatchObject({ decision: 'error', validation_result: 'unavailable', reason: 'stale' })
    const allowed = harness.core.records.counters.allowed
    expect(await outcomeOf(authorize(harness, token))).toBe('unavailable stale')
    expect(harness.core.records.counters.allowed).toBe(allowed)
  })

  it.each([
    ['standard', 29, 33],
    ['low', 119, 123],
  ])('allows %s upstreams %s s without contact and refuses at %s s', async (sensitivity, within, beyond) => {
    harness.engine.upstream('stripe', { sensitivity })
    await harness.flush()
    const token = tokenOf(openSession(harness))
    await validate(harness, token)
    harness.vault.cutLine()
    await harness.clock.advance(within * 1000)
    expect(await outcomeOf(validate(harness, token))).toBe('allowed')
    await harness.clock.advance((beyond - within) * 1000)
    expect(await outcomeOf(validate(harness, token))).toBe('unavailable stale')
  })

  it('takes the strictest limit where no upstream is named', async () => {
    harness.engine.upstream('stripe', { sensitivity: 'low' })
    await harness.flush()
    const token = tokenOf(openSession(harness))
    await harness.core.decisions.validate({ token, requiredScope: undefined, requestId: 'r', caller: itself })
    harness.vault.cutLine()
    await harness.clock.advance(8_000)
    expect(
      await outcomeOf(
        harness.core.decisions.validate({ token, requiredScope: undefined, requestId: 'r', caller: itself }),
      ),
    ).toBe('unavailable stale')
  })

  it('still calls a token revoked that it knows to be revoked', async () => {
    const session = openSession(harness)
    await validate(harness, tokenOf(session))
    harness.engine.end(session)
    await harness.flush()
    harness.vault.cutLine()
    expect(await outcomeOf(validate(harness, tokenOf(session)))).toBe('invalid_token reuse_after_revocation')
  })

  it('recovers by itself', async () => {
    const token = tokenOf(openSession(harness))
    harness.vault.cutLine()
    await harness.clock.advance(60_000)
    harness.vault.mendLine()
    await harness.clock.advance(3_000)
    expect(await outcomeOf(validate(harness, token))).toBe('allowed')
  })
})

it("finds a session's agent for routing, ended or not, and nothing for an unknown one", async () => {
  const session = openSession(harness)
  const requested = { session_id: session.session_id }
  expect(await harness.core.decisions.agentOf(requested, service)).toEqual({
    ...requested,
    agent_id: 'claude-billing-agent',
  })
  harness.engine.end(session)
  await harness.flush()
  expect(await harness.core.decisions.agentOf({ token: tokenOf(session) }, service)).toEqual({
    ...requested,
    agent_id: 'claude-billing-agent',
  })
  expect(
    await harness.core.decisions.agentOf(
      { session_id: `sess_${tokenDigest('x').slice(0, 26).toUpperCase()}` },
      service,
    ),
  ).toBeUndefined()
})
