import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tokenDigest } from '../../../src/scope/index.ts'
import type { Caller } from '../../../src/gateway/decision/callers.ts'
import { authorize, itself, openSession, service, startRig, tokenOf, validate, verdict } from '../rig.ts'
import type { Rig } from '../rig.ts'

let rig: Rig
beforeEach(async () => {
  rig = await startRig()
})
afterEach(() => rig.stop())

const bound: Caller = { kind: 'service', name: 'bound', agents: ['other-agent'], vault: undefined }

describe('validate', () => {
  it('answers with who the session is and that the scope is covered', async () => {
    const session = openSession(rig)
    expect(await validate(rig, tokenOf(session))).toEqual({
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
    })
  })

  it('answers scope_match false for a live token that lacks the scope, and records a denial', async () => {
    const answer = await validate(rig, tokenOf(openSession(rig)), 'create:stripe:refunds')
    expect(answer.scope_match).toBe(false)
    expect(rig.sink.last).toMatchObject({
      decision: 'deny',
      validation_result: 'insufficient_scope',
      required_scope: 'create:stripe:refunds',
    })
  })

  it('never says that an omitted scope is covered', async () => {
    expect(await validate(rig, tokenOf(openSession(rig)), undefined)).toMatchObject({ active: true })
    const answer = await rig.core.decisions.validate({
      token: tokenOf(openSession(rig)),
      requiredScope: undefined,
      requestId: 'r',
      caller: itself,
    })
    expect(answer).toMatchObject({ active: true, scope_match: false, required_scope: null })
  })

  it.each([
    ['no token', () => '', 'invalid_token missing', 'unknown'],
    ['noise', () => 'svt_prod_notatoken', 'invalid_token malformed', 'unknown'],
    [
      'a token with one character changed',
      () => `${tokenOf(openSession(rig)).slice(0, -1)}!`,
      'invalid_token malformed',
      'unknown',
    ],
    [
      'a token nobody issued',
      () => {
        const token = tokenOf(openSession(rig))
        rig.engine.sessions.clear()
        return token
      },
      'invalid_token unknown',
      'unknown',
    ],
    ['an expired token', () => tokenOf(openSession(rig, { ttl: 0 })), 'invalid_token expired', 'expired'],
    [
      'a revoked token',
      () => {
        const session = openSession(rig)
        rig.engine.end(session)
        return tokenOf(session)
      },
      'invalid_token reuse_after_revocation',
      'revoked',
    ],
    [
      'a token of a revoked agent',
      () => {
        const session = openSession(rig)
        rig.engine.revokeAgent('claude-billing-agent')
        return tokenOf(session)
      },
      'invalid_token reuse_after_revocation',
      'revoked',
    ],
    [
      'a token of an ended ancestor',
      () => {
        const parent = openSession(rig)
        rig.engine.end(parent)
        return tokenOf(openSession(rig, { parent }))
      },
      'invalid_token reuse_after_revocation',
      'revoked',
    ],
  ])('refuses %s and records it', async (_case, token, refusal, result) => {
    expect(await verdict(validate(rig, token()))).toBe(refusal)
    expect(rig.sink.last).toMatchObject({ decision: 'deny', validation_result: result, reason: refusal.split(' ')[1] })
  })

  it('names session, agent and token in the record of a reused token', async () => {
    const session = openSession(rig, { ttl: 0 })
    await verdict(validate(rig, tokenOf(session)))
    expect(rig.sink.last).toMatchObject({
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
    expect(await verdict(validate(rig, tokenOf(openSession(rig)), scope))).toBe('invalid_request bad_request')
    expect(rig.sink.last).toMatchObject({ decision: 'deny', validation_result: 'unknown', reason: 'bad_request' })
  })

  it('refuses a service token that is bound to other agents', async () => {
    expect(await verdict(validate(rig, tokenOf(openSession(rig)), 'read:stripe:invoices', bound))).toBe(
      'insufficient_scope caller_not_bound',
    )
  })

  it('denies at the very second of expiry and allows the one before', async () => {
    const token = tokenOf(openSession(rig, { ttl: 100 }))
    await rig.clock.advance(99_000)
    expect(await verdict(validate(rig, token))).toBe('allowed')
    await rig.clock.advance(1_000)
    expect(await verdict(validate(rig, token))).toBe('invalid_token expired')
  })

  it("judges expiry on the engine's clock, not on its own", async () => {
    rig.engine.clockAheadMs = 600_000
    rig.engine.restart()
    await rig.flush()
    const token = tokenOf(openSession(rig, { ttl: 100 }))
    expect(await verdict(validate(rig, token))).toBe('allowed')
    await rig.clock.advance(100_000)
    expect(await verdict(validate(rig, token))).toBe('invalid_token expired')
  })
})

describe('what is declared now', () => {
  it.each([
    [
      'a removed scope',
      (r: Rig) => {
        r.engine.agent('claude-billing-agent', { scopes: ['read:stripe:customers:id-only'] })
      },
    ],
    [
      'scopes set to nothing',
      (r: Rig) => {
        r.engine.agent('claude-billing-agent', { scopes: [] })
      },
    ],
    [
      'unset scopes without policies',
      (r: Rig) => {
        r.engine.remove('agents/claude-billing-agent/scopes')
      },
    ],
    [
      'a deleted agent',
      (r: Rig) => {
        r.engine.remove('agents/claude-billing-agent')
      },
    ],
    [
      'a policy that does not grant it',
      (r: Rig) => {
        r.engine.put('policies/p', {
          name: 'p',
          policy: 'path "tools/stripe/customers/id-only" { capabilities = ["read"] }',
        })
        r.engine.agent('claude-billing-agent', { policies: ['p'] })
      },
    ],
    [
      'a policy that denies it',
      (r: Rig) => {
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
      (r: Rig) => {
        r.engine.agent('claude-billing-agent', { policies: ['ghost'] })
      },
    ],
  ])('takes %s away from a live session', async (_case, change) => {
    const token = tokenOf(openSession(rig))
    expect((await validate(rig, token)).scope_match).toBe(true)
    change(rig)
    await rig.flush()
    expect((await validate(rig, token)).scope_match).toBe(false)
  })

  it('keeps a scope that policies grant too', async () => {
    rig.engine.put('policies/p', { name: 'p', policy: 'path "tools/stripe/*" { capabilities = ["read"] }' })
    rig.engine.agent('claude-billing-agent', { policies: ['p'] })
    await rig.flush()
    expect((await validate(rig, tokenOf(openSession(rig)))).scope_match).toBe(true)
  })

  it.each<[string, string]>([
    ['does not parse', 'path {'],
    ['names no tool', 'path "secret/a" { capabilities = ["read"] }'],
    ['is for an identity, which no session has', 'path "tools/{{identity.entity.name}}/a" { capabilities = ["deny"] }'],
    ['is empty', ''],
  ])('is unavailable for the operator to mend, not denied, when a policy %s', async (_what, policy) => {
    rig.engine.put('policies/p', { name: 'p', policy })
    rig.engine.agent('claude-billing-agent', { policies: ['p'] })
    await rig.flush()
    expect(await verdict(validate(rig, tokenOf(openSession(rig))))).toBe('unavailable document_unreadable')
  })

  it('narrows by every ancestor', async () => {
    const parent = openSession(rig, { scopes: ['read:stripe:customers:id-only'] })
    const child = openSession(rig, { parent })
    expect((await validate(rig, tokenOf(child))).scope_match).toBe(false)
    expect((await validate(rig, tokenOf(child), 'read:stripe:customers:id-only')).scope_match).toBe(true)
  })
})

describe('a token used after its expiry', () => {
  const late = async (token: string, caller?: Caller) => verdict(validate(rig, token, undefined, caller))

  it('is expired at first, whatever its age, and reuse from the second use on', async () => {
    const token = tokenOf(openSession(rig, { ttl: 60 }))
    await rig.clock.advance(7_000_000)
    expect([await late(token), await late(token), await late(token)]).toEqual([
      'invalid_token expired',
      'invalid_token reuse_after_expiry',
      'invalid_token reuse_after_expiry',
    ])
  })

  it('is counted for itself, not for its session', async () => {
    const session = openSession(rig, { ttl: 60 })
    rig.engine.refresh(session, 60)
    await rig.clock.advance(61_000)
    expect([await late(session.tokens[0]!.token), await late(session.tokens[1]!.token)]).toEqual([
      'invalid_token expired',
      'invalid_token expired',
    ])
  })

  it('is recorded each time with its age and where it came from', async () => {
    const token = tokenOf(openSession(rig, { ttl: 60 }))
    await rig.clock.advance(100_000)
    for (const address of ['192.0.2.1', '192.0.2.2']) {
      await late(token, { kind: 'service', name: 'test', agents: ['*'], vault: undefined, address })
      expect(rig.sink.last).toMatchObject({ late_seconds: 40, address, validation_result: 'expired' })
    }
    expect(rig.sink.last).toMatchObject({ reason: 'reuse_after_expiry' })
  })
})

describe('the scopes a live token is answered with', () => {
  it('are the narrowed ones once the agent was narrowed', async () => {
    const token = tokenOf(openSession(rig))
    await validate(rig, token)
    rig.engine.put('agents/claude-billing-agent/scopes', { scopes: ['read:stripe:customers:id-only'] })
    await rig.flush()
    expect((await validate(rig, token, undefined)).scopes).toEqual(['read:stripe:customers:id-only'])
  })

  it('are those of the policies where policies alone bind the agent', async () => {
    rig.engine.put('policies/p', { policy: 'path "tools/stripe/invoices" { capabilities = ["read"] }' })
    rig.engine.agent('governed', { policies: ['p'] })
    const token = tokenOf(rig.engine.open('governed'))
    expect((await validate(rig, token)).scopes).toEqual(['read:stripe:invoices'])
  })

  it('are none where the only policy denies', async () => {
    rig.engine.put('policies/p', { policy: 'path "tools/stripe/invoices" { capabilities = ["deny"] }' })
    rig.engine.agent('governed', { policies: ['p'] })
    const token = tokenOf(rig.engine.open('governed'))
    expect((await validate(rig, token)).scopes).not.toContain('read:stripe:invoices')
  })

  it('are cut to what every ancestor may do now', async () => {
    rig.engine.agent('child', { scopes: ['read:stripe:invoices', 'read:stripe:customers:id-only'] })
    const parent = openSession(rig)
    const token = tokenOf(rig.engine.open('child', { parent, scopes: ['read:stripe:invoices'] }))
    rig.engine.put('agents/claude-billing-agent/scopes', { scopes: ['read:stripe:customers:id-only'] })
    await rig.flush()
    expect((await validate(rig, token, undefined)).scopes).toEqual([])
  })
})

describe('authorizeCall', () => {
  it('allows a granted operation and records tools, template, risk and platform', async () => {
    const session = openSession(rig)
    const call = await authorize(rig, tokenOf(session), { segments: ['v1', 'invoices', 'in_123'] })
    expect(call.allowed.judgement.tools.map(({ tool }) => tool.name)).toEqual(['invoices'])
    expect(rig.sink.last).toMatchObject({
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
    expect(await verdict(authorize(rig, tokenOf(openSession(rig)), call))).toBe(refusal)
    expect(rig.sink.last).toMatchObject({ decision: 'deny', reason: refusal.split(' ')[1] })
    expect(rig.core.openCalls.size).toBe(0)
  })

  it('refuses a service token that is bound to other agents', async () => {
    expect(await verdict(authorize(rig, tokenOf(openSession(rig)), { caller: bound }))).toBe(
      'insufficient_scope caller_not_bound',
    )
  })

  it('says which scope would help', async () => {
    await expect(
      authorize(rig, tokenOf(openSession(rig)), { method: 'POST', segments: ['v1', 'refunds'] }),
    ).rejects.toMatchObject({ scope: 'create:stripe:refunds' })
  })

  it('writes no identifiers of a path that no tool covers', async () => {
    await verdict(authorize(rig, tokenOf(openSession(rig)), { segments: ['v1', 'payouts', 'po_jane@example.com'] }))
    expect(rig.sink.last).toMatchObject({ endpoint: '/v1/payouts/{}' })
  })

  it('only counts strangers', async () => {
    const unknown = tokenOf(openSession(rig))
    rig.engine.sessions.clear()
    expect(await verdict(authorize(rig, unknown))).toBe('invalid_token unknown')
    expect(await verdict(authorize(rig, 'noise'))).toBe('invalid_token malformed')
    expect(rig.sink.records).toEqual([])
    expect(rig.core.records.counters.unauthenticated).toBe(2)
  })

  it('judges a body only where a parameter rule asks for it', async () => {
    rig.engine.put('policies/p', {
      name: 'p',
      policy:
        'path "tools/stripe/refunds" { capabilities = ["create"]\n denied_parameters = { "amount" = ["1000000"] } }',
    })
    rig.engine.agent('claude-billing-agent', {
      policies: ['p'],
      scopes: ['create:stripe:refunds', 'read:stripe:invoices'],
    })
    await rig.flush()
    const token = tokenOf(openSession(rig, { scopes: ['create:stripe:refunds'] }))
    const post = (amount: string) =>
      authorize(rig, token, {
        method: 'POST',
        segments: ['v1', 'refunds'],
        hasBody: true,
        readBody: () => Promise.resolve({ kind: 'form', pairs: [['amount', amount]] }),
      })
    expect(await verdict(post('5'))).toBe('allowed')
    expect(await verdict(post('1000000'))).toBe('insufficient_scope parameter_refused')
  })
})

describe('durable before it is answered', () => {
  it('answers unavailable when the decision cannot be recorded', async () => {
    const token = tokenOf(openSession(rig))
    rig.sink.broken = true
    expect(await verdict(validate(rig, token))).toBe('unavailable audit_unavailable')
    expect(await verdict(authorize(rig, token))).toBe('unavailable audit_unavailable')
    expect(await verdict(validate(rig, 'noise'))).toBe('unavailable audit_unavailable')
    expect(rig.core.openCalls.size).toBe(0)
  })

  it('refuses a token that is revoked while the record is being written', async () => {
    const session = openSession(rig)
    await validate(rig, tokenOf(session))
    let written = () => undefined as void
    rig.sink.gate = new Promise((resolve) => {
      written = resolve
    })
    const asked = verdict(validate(rig, tokenOf(session)))
    await rig.flush()
    rig.engine.end(session)
    await rig.flush()
    written()
    expect(await asked).toBe('invalid_token reuse_after_revocation')
  })

  it('answers the narrower verdict when scopes are taken away while the record is being written', async () => {
    const session = openSession(rig)
    await validate(rig, tokenOf(session))
    let written = () => undefined as void
    rig.sink.gate = new Promise((resolve) => {
      written = resolve
    })
    const asked = validate(rig, tokenOf(session))
    await rig.flush()
    rig.engine.agent('claude-billing-agent', { scopes: [] })
    await rig.flush()
    written()
    expect((await asked).scope_match).toBe(false)
  })
})

describe('outages', () => {
  it.each([
    ['a token never seen', () => tokenOf(openSession(rig))],
    [
      'a token already known',
      () => {
        const token = tokenOf(openSession(rig))
        return token
      },
    ],
  ])('answers unavailable, never invalid, for %s', async (_case, token) => {
    const text = token()
    rig.vault.cutLine()
    expect(await verdict(validate(rig, text))).toBe('unavailable vault_unavailable')
    expect(await verdict(authorize(rig, text))).toBe('unavailable vault_unavailable')
  })

  it('goes on from what is known until the staleness limit, and not a moment longer', async () => {
    const token = tokenOf(openSession(rig))
    await validate(rig, token)
    expect(await verdict(authorize(rig, token))).toBe('allowed')
    rig.vault.cutLine()
    await rig.clock.advance(5_000)
    expect(await verdict(validate(rig, token))).toBe('allowed')
    await rig.clock.advance(1_001)
    expect(await verdict(validate(rig, token))).toBe('unavailable stale')
    expect(rig.sink.last).toMatchObject({ decision: 'error', validation_result: 'unavailable', reason: 'stale' })
    const allowed = rig.core.records.counters.allowed
    expect(await verdict(authorize(rig, token))).toBe('unavailable stale')
    expect(rig.core.records.counters.allowed).toBe(allowed)
  })

  it.each([
    ['standard', 29, 33],
    ['low', 119, 123],
  ])('allows %s upstreams %s s without contact and refuses at %s s', async (sensitivity, within, beyond) => {
    rig.engine.upstream('stripe', { sensitivity })
    await rig.flush()
    const token = tokenOf(openSession(rig))
    await validate(rig, token)
    rig.vault.cutLine()
    await rig.clock.advance(within * 1000)
    expect(await verdict(validate(rig, token))).toBe('allowed')
    await rig.clock.advance((beyond - within) * 1000)
    expect(await verdict(validate(rig, token))).toBe('unavailable stale')
  })

  it('takes the strictest limit where no upstream is named', async () => {
    rig.engine.upstream('stripe', { sensitivity: 'low' })
    await rig.flush()
    const token = tokenOf(openSession(rig))
    await rig.core.decisions.validate({ token, requiredScope: undefined, requestId: 'r', caller: itself })
    rig.vault.cutLine()
    await rig.clock.advance(8_000)
    expect(
      await verdict(rig.core.decisions.validate({ token, requiredScope: undefined, requestId: 'r', caller: itself })),
    ).toBe('unavailable stale')
  })

  it('still calls a token revoked that it knows to be revoked', async () => {
    const session = openSession(rig)
    await validate(rig, tokenOf(session))
    rig.engine.end(session)
    await rig.flush()
    rig.vault.cutLine()
    expect(await verdict(validate(rig, tokenOf(session)))).toBe('invalid_token reuse_after_revocation')
  })

  it('recovers by itself', async () => {
    const token = tokenOf(openSession(rig))
    rig.vault.cutLine()
    await rig.clock.advance(60_000)
    rig.vault.mendLine()
    await rig.clock.advance(3_000)
    expect(await verdict(validate(rig, token))).toBe('allowed')
  })
})

it("finds a session's agent for routing, ended or not, and nothing for an unknown one", async () => {
  const session = openSession(rig)
  const asked = { session_id: session.session_id }
  expect(await rig.core.decisions.agentOf(asked, service)).toEqual({ ...asked, agent_id: 'claude-billing-agent' })
  rig.engine.end(session)
  await rig.flush()
  expect(await rig.core.decisions.agentOf({ token: tokenOf(session) }, service)).toEqual({
    ...asked,
    agent_id: 'claude-billing-agent',
  })
  expect(
    await rig.core.decisions.agentOf({ session_id: `sess_${tokenDigest('x').slice(0, 26).toUpperCase()}` }, service),
  ).toBeUndefined()
})
