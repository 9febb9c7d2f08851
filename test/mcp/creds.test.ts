import { describe, expect, it } from 'vitest'
import { tokenDigest } from '../../src/scope/index.ts'
import { FakeClock } from '../fakes/clock.ts'
import { Issued, TestEngine } from './engine.ts'

/** Every reading may be seconds after the one before it. */
class ClockOfShortSeconds extends FakeClock {
  secondsPerReading = 0
  #passedMs = 0

  override now(): number {
    this.#passedMs += this.secondsPerReading * 1000
    return super.now() + this.#passedMs
  }
}

const invoices = 'read:stripe:invoices'
const ids = 'read:stripe:customers:id-only'

async function billing(): Promise<TestEngine> {
  const engine = await TestEngine.start()
  await engine.declare('billing', [invoices, ids])
  return engine
}

describe('creds issues a leased phantom token', () => {
  it('with the fields, names and forms the article shows', async () => {
    const engine = await billing()
    const issued = await engine.issue('billing', {
      purpose: 'quarterly-invoice-reconciliation',
      requested_scopes: [invoices, invoices],
    })
    expect(issued.data).toEqual({
      session_id: expect.stringMatching(/^sess_[0-9A-HJKMNP-TV-Z]{26}$/),
      agent_id: 'billing',
      token: expect.stringMatching(/^svt_prod_[0-9A-Za-z]{49}$/),
      token_id: expect.stringMatching(/^tok_[0-9A-HJKMNP-TV-Z]{26}$/),
      scopes: [invoices],
      environment: 'production',
      purpose: 'quarterly-invoice-reconciliation',
      issued_at: '2026-03-15T16:00:00Z',
      expires_at: '2026-03-15T16:15:00Z',
      expires_at_unix: Date.parse('2026-03-15T16:15:00Z') / 1000,
      ttl_seconds: 900,
      refresh_after_unix: Date.parse('2026-03-15T16:12:00Z') / 1000,
    })
    expect(issued.secret.lease_options).toEqual({ ttl: 900, max_ttl: 900, renewable: false })
  })

  it('that lives as long as its session where both are made as a second begins', async () => {
    const clock = new ClockOfShortSeconds()
    const engine = await TestEngine.start({ clock })
    await engine.declare('billing', [invoices])
    await engine.write('config', { default_ttl: 600, max_ttl: 600, session_max_life: 600 })
    clock.secondsPerReading = 1
    const issued = await engine.issue('billing')
    clock.secondsPerReading = 0
    expect(issued.data).toMatchObject({ ttl_seconds: 600 })
    expect(await engine.introspect({ token: issued.token })).toMatchObject({
      exp: issued.data.expires_at_unix,
      session_expires_at_unix: issued.data.expires_at_unix,
    })
  })

  it('granting all declared scopes when none are asked for', async () => {
    const engine = await billing()
    expect((await engine.issue('billing')).data.scopes).toEqual([invoices, ids])
    expect(new Issued(await engine.read('creds/billing')).data.scopes).toEqual([invoices, ids])
  })

  it('naming the scopes that policies amount to where none are declared', async () => {
    const engine = await TestEngine.start()
    await engine.write('policies/p', { policy: 'path "tools/stripe/invoices" { capabilities = ["read", "update"] }' })
    await engine.write('agents/governed', { owner: 'o', environment: 'production', policies: 'p' })
    const issued = await engine.issue('governed')
    expect(issued.data.scopes).toEqual([invoices, 'update:stripe:invoices'])
    expect((await engine.write(`creds/governed/${issued.session_id}`))!.data!.scopes).toEqual(issued.data.scopes)
    expect(await engine.introspect({ token: issued.token })).toMatchObject({
      scopes: [invoices, 'update:stripe:invoices'],
      granted_scopes: null,
      scope: 'read:stripe:invoices update:stripe:invoices',
    })
  })

  it('with one put and no get', async () => {
    const engine = await billing()
    await engine.issue('billing')
    expect(await engine.storage.during(() => engine.issue('billing'))).toEqual({ get: 0, put: 1, delete: 0 })
  })

  it('storing the digest and never the token', async () => {
    const engine = await billing()
    const issued = await engine.issue('billing')
    const shard = (await engine.storage.list('s/'))[0]!
    const key = (await engine.storage.list(`s/${shard}`))[0]!
    const stored = new TextDecoder().decode((await engine.storage.get(`s/${shard}${key}`))!.value)
    expect(stored).toContain(tokenDigest(issued.token))
    expect(stored).not.toContain(issued.token)
    expect(JSON.stringify(issued.secret.internal_data)).not.toContain(issued.token)
  })

  it.each([
    ['asked', { ttl: '5m' }, {}, {}, 300],
    ['agent cap', { ttl: 3000 }, { max_ttl_seconds: 1200 }, {}, 1200],
    ['config', { ttl: 3000 }, { max_ttl_seconds: 3000 }, { max_ttl: 2000 }, 2000],
    ['default', {}, { max_ttl_seconds: 3600 }, { default_ttl: 600 }, 600],
  ])('whose life is the smallest limit: %s', async (_limit, request, scopes, config, seconds) => {
    const engine = await billing()
    await engine.write('agents/billing/scopes', scopes)
    await engine.write('config', config)
    expect((await engine.issue('billing', request)).data.ttl_seconds).toBe(seconds)
  })

  it('never longer than the mount allows', async () => {
    const engine = await billing()
    engine.limits.max_ttl = 120
    const issued = await engine.issue('billing', { ttl: 600 })
    expect(issued.data.ttl_seconds).toBe(120)
    expect(issued.warnings).toEqual(['ttl of 10m is cut to 2m by max_lease_ttl of the mount.'])
  })

  it('renewable only while the ttl is under its ceiling', async () => {
    const engine = await billing()
    await engine.write('agents/billing/scopes', { max_ttl_seconds: 3600 })
    expect((await engine.issue('billing')).secret.lease_options).toEqual({ ttl: 900, max_ttl: 3600, renewable: true })
  })
})

describe('creds refuses with a sentence and writes nothing', () => {
  it.each([
    [
      'an agent that is not registered',
      'creds/nobody',
      {},
      'agent "nobody" is not registered. Write mcp/agents/nobody with owner and environment first.',
    ],
    [
      'an agent whose name is none',
      'creds/No%20Name',
      {},
      'agent "No%20Name" is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example agent=claude-billing-agent.',
    ],
    [
      'an agent that declared nothing',
      'creds/blank',
      {},
      'agent "blank" has declared no scopes or policies; nothing can be granted. Write mcp/agents/blank/scopes, for example scopes=read:stripe:invoices.',
    ],
    ['a disabled agent', 'creds/off', {}, 'agent "off" is disabled; no tokens are issued for it.'],
    [
      'more than declared',
      'creds/billing',
      { requested_scopes: ['read:stripe:refunds'] },
      `requested_scopes: "read:stripe:refunds" is more than agent "billing" declares (${invoices}, ${ids}).`,
    ],
    [
      'a write scope where read is declared',
      'creds/billing',
      { requested_scopes: ['write:stripe:invoices'] },
      `requested_scopes: "write:stripe:invoices" is more than agent "billing" declares (${invoices}, ${ids}).`,
    ],
    [
      'the unqualified tool where the qualified is declared',
      'creds/billing',
      { requested_scopes: ['read:stripe:customers'] },
      `requested_scopes: "read:stripe:customers" is more than agent "billing" declares (${invoices}, ${ids}).`,
    ],
    [
      'a wildcard',
      'creds/billing',
      { requested_scopes: ['read:*'] },
      'requested_scopes[0]: "read:*" covers every upstream. Name a resource, for example read:stripe:invoices.',
    ],
    [
      'an empty list of scopes',
      'creds/billing',
      { requested_scopes: [] },
      'requested_scopes is empty. Omit it to be granted all declared scopes, or name some, for example requested_scopes=read:stripe:invoices.',
    ],
    [
      'a life of zero',
      'creds/billing',
      { ttl: 0 },
      'ttl must be at least 1 second; tokens always expire, for example ttl=15m.',
    ],
    ['a negative life', 'creds/billing', { ttl: '-5m' }, 'ttl must not be negative, for example ttl=900.'],
    [
      'a life that is no duration',
      'creds/billing',
      { ttl: 'soon' },
      'ttl must be a duration in seconds, or a string such as 15m or 1h30m, for example ttl=900.',
    ],
    [
      'an environment it has no scopes for',
      'creds/billing',
      { environment: 'staging' },
      'environment "staging" is neither the own environment of agent "billing" ("production") nor one it has scopes for. Write mcp/agents/billing/scopes/staging first.',
    ],
    [
      'a policy it does not have',
      'creds/billing',
      { policies: 'admin' },
      'policies: "admin" is not a policy of agent "billing" (it has none).',
    ],
    [
      'a parent token that is none',
      'creds/billing',
      { parent_token: 'svt_prod_nonsense' },
      'parent_token is not a live token; delegate from a live session, or omit parent_token.',
    ],
    [
      'a purpose of several lines',
      'creds/billing',
      { purpose: 'a\nb' },
      'purpose must be one line of at most 512 characters, for example purpose=quarterly-invoice-reconciliation.',
    ],
  ])('%s', async (_case, path, data, sentence) => {
    const engine = await billing()
    await engine.write('agents/blank', { owner: 'x', environment: 'production' })
    await engine.declare('off', [invoices])
    await engine.write('agents/off', { disabled: 'true' })
    const during = await engine.storage.during(async () => {
      expect(await engine.refusal(engine.write(path, data))).toEqual({ kind: 'bad_request', message: sentence })
    })
    expect(during.put).toBe(0)
  })

  it.each([
    ['creds/billing', 'policies'],
    ['creds/billing', 'environment'],
    ['creds/billing', 'ttl'],
    ['introspect', 'token_sha256'],
    ['agents/billing', 'environment'],
    ['agents/billing', 'policies'],
    ['upstreams/x', 'url'],
    ['upstreams/x', 'auth'],
    ['config', 'token_prefix'],
  ])('a token or key put into the wrong place, without repeating it: %s %s', async (path, field) => {
    const engine = await billing()
    for (const secret of [(await engine.issue('billing')).token, `sk-${'Z'.repeat(40)}`]) {
      const required = path === 'upstreams/x' ? { url: 'https://api.stripe.com' } : {}
      expect((await engine.refusal(engine.write(path, { ...required, [field]: secret }))).message).not.toContain(
        secret.slice(-20),
      )
    }
  })

  it('more wildcards than can be judged in a moment, at each look-up and in each delegated session', async () => {
    const engine = await TestEngine.start()
    await engine.declare('support', ['read:stripe:customers:*'])
    const wildcards = (count: number) => Array.from({ length: count }, (_, i) => `read:stripe:customers:part-${i}*`)
    expect((await engine.refusal(engine.issue('support', { requested_scopes: wildcards(101) }))).message).toBe(
      'requested_scopes has 101 scopes with a wildcard; at most 100 may be asked for. Ask for a wider one instead, for example read:stripe:customers:*, or omit requested_scopes.',
    )
    const exact = Array.from({ length: 500 }, (_, i) => `read:stripe:customers:part-${i}`)
    expect(
      (await engine.issue('support', { requested_scopes: [...wildcards(100), ...exact] })).data.scopes,
    ).toHaveLength(600)
  })

  it.each(['requested_scopes', 'ttl', 'purpose'])('a read that names %s, which would be passed over', async (name) => {
    const engine = await billing()
    expect(await engine.refusal(engine.read('creds/billing', { [name]: '1' }))).toEqual({
      kind: 'bad_request',
      message: `${name} is not accepted by a read, which requests everything declared. Write instead, for example vault write mcp/creds/billing ttl=15m.`,
    })
  })

  it('on a node that cannot write, before anything else', async () => {
    const engine = await billing()
    engine.limits.readOnly = true
    for (const call of [
      engine.write('creds/nobody'),
      engine.write('introspect'),
      engine.read('feed'),
      engine.list('sessions/'),
    ]) {
      expect(await engine.refusal(call)).toEqual({ kind: 'readonly', message: 'cannot write to readonly storage' })
    }
  })

  it("when storage cannot take the session: the error is the storage's, and the token is not handed out", async () => {
    const engine = await billing()
    engine.storage.failPuts = true
    const { epoch } = await engine.introspect({ token: 'x' })
    expect(await engine.refusal(engine.write('creds/billing'))).toEqual({ kind: 'unavailable', message: 'disk full' })
    // Followers hold nothing about a session that nobody was told of.
    expect(await engine.introspect({ token: 'x' })).toMatchObject({ epoch })
  })
})

describe('scopes of another environment', () => {
  it('are used when a document for it exists, and never fall back', async () => {
    const engine = await billing()
    await engine.write('agents/billing/scopes/staging', { scopes: 'read:stripe:refunds', max_ttl_seconds: 60 })
    const issued = await engine.issue('billing', { environment: 'staging' })
    expect(issued.data).toMatchObject({ scopes: ['read:stripe:refunds'], environment: 'staging', ttl_seconds: 60 })
    expect(issued.token).toMatch(/^svt_staging_/)
    await engine.delete('agents/billing/scopes/staging')
    expect(await engine.introspect({ token: issued.token, required_scope: 'read:stripe:refunds' })).toMatchObject({
      active: true,
      scope: '',
      scope_match: false,
    })
    expect(await engine.introspect({ token: issued.token, required_scope: invoices })).toMatchObject({
      scope_match: false,
    })
  })
})
