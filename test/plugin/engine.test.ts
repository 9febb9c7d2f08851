import { afterEach, describe, expect, test } from 'vitest'
import { putJson } from '../../src/logical/storage.ts'
import { errorTable } from '../../src/logical/errors.ts'
import { settle } from '../fakes/clock.ts'
import { HostedMount, kept } from '../fakes/plugin-backend-host.ts'
import { InProcessPlugin } from './in-process.ts'

const plugins: InProcessPlugin[] = []
afterEach(async () => {
  for (const plugin of plugins.splice(0)) await plugin.close()
})

const SCOPES = ['read:stripe:invoices']
const RENEWED = 600

/** The real engine behind the plugin protocol, with an agent that may be issued tokens. */
async function mounted() {
  const plugin = await InProcessPlugin.start()
  plugins.push(plugin)
  const { mount, calls } = await plugin.mount()
  await calls.write('agents/a', { owner: 'o', environment: 'production' })
  await calls.write('agents/a/scopes', { scopes: SCOPES, max_ttl_seconds: 3600 })
  return { plugin, mount, calls, clock: plugin.clock, nowUnix: () => Math.floor(plugin.clock.now() / 1000) }
}

type Mounted = Awaited<ReturnType<typeof mounted>>

async function issue({ calls }: Mounted, data: object = { purpose: 'x' }) {
  const { response, data: answer } = await calls.write('creds/a', data)
  return { response, token: String(answer!.token), session: String(answer!.session_id), answer: answer! }
}

const isLive = async ({ calls }: Mounted, token: string) => (await calls.write('introspect', { token })).data?.active

describe('issuing', () => {
  test('takes one put, and asks the server for nothing', async () => {
    const started = await mounted()
    await issue(started)
    expect(await started.mount.during(() => issue(started))).toEqual({ 'Storage.Put': 1 })
  })

  test('answers a lease: data, terms and what the engine wants back', async () => {
    const started = await mounted()
    const { response, answer } = await issue(started, { ttl: '10m' })
    expect(answer).toMatchObject({ agent_id: 'a', scopes: SCOPES, environment: 'production', ttl_seconds: 600 })
    expect(response!.secret).toMatchObject({
      lease_options: {
        TTL: '600000000000',
        MaxTTL: '3600000000000',
        renewable: true,
        issue_time: { seconds: '-62135596800' },
      },
    })
    expect(JSON.parse(response!.secret!.internal_data)).toMatchObject({
      secret_type: 'mcp_token',
      session_id: answer.session_id,
      token_id: answer.token_id,
    })
    expect(response!.secret!.internal_data).not.toContain(String(answer.token))
  })

  test('tells the caller of cut lives and unknown fields by warnings', async () => {
    const started = await mounted()
    const { response } = await issue(started, { ttl: '9h', colour: 'red' })
    expect(response!.warnings.join('\n')).toMatch(/cut to/)
    expect(response!.warnings.join('\n')).toMatch(/colour/)
  })

  test('refuses in a sentence, and stores nothing', async () => {
    const { calls, mount } = await mounted()
    const requested = await mount.during(async () => {
      expect((await calls.write('creds/a', { requested_scopes: 'write:stripe:invoices' })).error).toMatch(
        /requested_scopes/,
      )
      expect((await calls.write('creds/unknown')).error).toMatch(/not registered/)
      expect((await calls.request('update', 'creds/a', null, { data: '{"ttl":90071992547409931}' })).error).toMatch(
        /^ttl must be a duration/,
      )
    })
    expect(requested['Storage.Put']).toBeUndefined()
  })

  test('that cannot be stored answers no token', async () => {
    const { calls, mount } = await mounted()
    mount.failing = { Put: 'Vault is sealed' }
    const { response, err } = await calls.write('creds/a')
    expect(err).toMatchObject({ err_type: 3, err_code: '503' })
    expect(response).toBeNull()
  })

  test('a put that failed and was stored all the same gives nobody a token', async () => {
    const { calls, mount } = await mounted()
    mount.lying = 'context canceled'
    const { response, err } = await calls.write('creds/a')
    expect(err).toMatchObject({ err_type: 3, err_code: '503' })
    expect(response).toBeNull()
  })
})

describe('leases', () => {
  test('a renewal echoes what the engine wants back and honours the increment', async () => {
    const started = await mounted()
    const { response, token } = await issue(started, { ttl: '5m' })
    const issuedUnix = started.nowUnix()
    await started.clock.advance(60_000)
    const renewed = await started.calls.request('renew', 'creds/a', null, {
      secret: kept(response, { issuedUnix, incrementSeconds: RENEWED }),
    })
    expect(renewed.response!.secret!.internal_data).toBe(response!.secret!.internal_data)
    expect(renewed.response!.secret!.lease_options).toMatchObject({ TTL: '600000000000', renewable: true })
    await started.clock.advance((RENEWED - 1) * 1000)
    await expect(isLive(started, token)).resolves.toBe(true)
    await started.clock.advance(2_000)
    await expect(isLive(started, token)).resolves.toBe(false)
  })

  test("a renewal without an increment takes the lease's own life, and none outlives the ceiling", async () => {
    const started = await mounted()
    const { response } = await issue(started, { ttl: '10m' })
    const issuedUnix = started.nowUnix()
    const own = await started.calls.request('renew', 'creds/a', null, { secret: kept(response, { issuedUnix }) })
    expect(own.response!.secret!.lease_options!.TTL).toBe('600000000000')
    await started.clock.advance(300_000)
    const most = await started.calls.request('renew', 'creds/a', null, {
      secret: kept(own.response, { issuedUnix, incrementSeconds: 86_400 }),
    })
    expect(most.response!.secret!.lease_options!.TTL).toBe('3300000000000')
  })

  test('a renewal of what is over is refused', async () => {
    const started = await mounted()
    const { response } = await issue(started, { ttl: '5m' })
    const issuedUnix = started.nowUnix()
    await started.clock.advance(301_000)
    expect(
      (await started.calls.request('renew', 'creds/a', null, { secret: kept(response, { issuedUnix }) })).error,
    ).toMatch(/session is over/)
  })

  test('a revocation ends the session, and again it succeeds', async () => {
    const started = await mounted()
    const { response, token } = await issue(started)
    const secret = kept(response, { issuedUnix: started.nowUnix() })
    for (const _attempt of [1, 2])
      expect(await started.calls.request('revoke', 'creds/a', null, { secret })).toMatchObject({
        response: null,
        err: null,
      })
    await expect(isLive(started, token)).resolves.toBe(false)
  })

  test('a revocation of a lease that never was registered undoes the token', async () => {
    const started = await mounted()
    const { response, token } = await issue(started)
    expect(
      await started.calls.request('revoke', 'creds/a', null, { secret: kept(response, { issuedUnix: null }) }),
    ).toMatchObject({ err: null })
    await expect(isLive(started, token)).resolves.toBe(false)
  })

  test('a revocation during an outage fails in a way the server tries again, and then succeeds', async () => {
    const started = await mounted()
    const { response, token } = await issue(started)
    const secret = kept(response, { issuedUnix: started.nowUnix() })
    started.mount.failing = { Put: 'raft: no leader' }
    const { err } = await started.calls.request('revoke', 'creds/a', null, { secret })
    expect(err).toMatchObject({ err_type: 3, err_code: '503' })
    started.mount.failing = {}
    expect(await started.calls.request('revoke', 'creds/a', null, { secret })).toMatchObject({
      err: null,
      response: null,
    })
    await expect(isLive(started, token)).resolves.toBe(false)
  })

  test('a lease of another kind of secret is given up, not tried for ever', async () => {
    const { calls } = await mounted()
    const secret = { internal_data: '{"secret_type":"other"}', lease_id: '', lease_options: null }
    await expect(calls.request('revoke', 'creds/a', null, { secret })).resolves.toMatchObject({ err: { err_type: 10 } })
    await expect(calls.request('renew', 'creds/a', null, { secret })).resolves.toMatchObject({ err: { err_type: 10 } })
  })
})

describe('invalidation', () => {
  test('drops exactly what was changed elsewhere', async () => {
    const { calls, mount } = await mounted()
    for (const name of ['p', 'q']) {
      expect((await calls.write(`upstreams/${name}`, { url: 'https://api.example.com' })).error).toBeUndefined()
      const key = `up/${name}`
      const stored = JSON.parse(Buffer.from((await mount.storage.get(key))!.value).toString()) as object
      await putJson(mount.storage, key, { ...stored, version: 7 })
    }
    expect((await calls.read('upstreams/p')).data?.version).not.toBe(7)
    await calls.invalidate('up/p')
    expect(
      await mount.during(async () => {
        expect((await calls.read('upstreams/p')).data).toMatchObject({ version: 7 })
        expect((await calls.read('upstreams/q')).data?.version).not.toBe(7)
      }),
    ).toEqual({ 'Storage.Get': 1 })
  })

  test.each([
    ['nothing', ''],
    ['a slash', '/'],
    ['an unknown key', 'unknown'],
    ['a parent', '..'],
    ['ten thousand letters', 'a'.repeat(10_000)],
  ])('of %s does no harm, and writes nothing', async (_what, key) => {
    const { calls, mount } = await mounted()
    expect(await mount.during(() => calls.invalidate(key))).toEqual({})
    expect((await calls.read('agents/a')).data).toMatchObject({ agent_id: 'a' })
  })
})

async function keysOf({ storage }: HostedMount, prefix = ''): Promise<string[]> {
  const names = await storage.list(prefix)
  return (
    await Promise.all(
      names.map((name) => (name.endsWith('/') ? keysOf({ storage } as HostedMount, prefix + name) : [prefix + name])),
    )
  ).flat()
}

describe('a node that cannot write', () => {
  const forwarded = { err: { err_type: 0, err_msg: errorTable.readonly.text }, response: null }

  test.each([
    ['update', 'creds/a', { purpose: 'x' }],
    ['update', 'creds/a/sess_01JNKQ8X4F2MVBP7RD3WCZH9GT', {}],
    ['delete', 'creds/a/sess_01JNKQ8X4F2MVBP7RD3WCZH9GT', {}],
    ['update', 'introspect', { token: 'svt_x' }],
    ['read', 'feed', {}],
    ['delete', 'sessions/sess_01JNKQ8X4F2MVBP7RD3WCZH9GT', {}],
    ['read', 'sessions/sess_01JNKQ8X4F2MVBP7RD3WCZH9GT', {}],
    ['update', 'sessions/revoke-all', {}],
    ['list', 'sessions/', {}],
    ['update', 'tidy', {}],
    // It lags behind: what was just written through it would be missing, and what was just narrowed would still be wide.
    ['read', 'agents/a', {}],
    ['list', 'agents/', {}],
    ['read', 'agents/a/scopes', {}],
    ['read', 'policies/p', {}],
    ['list', 'policies/', {}],
    ['read', 'config', {}],
    ['update', 'config/ttl-ceiling', { ttl_ceiling: '48h' }],
    ['read', 'upstreams/s', {}],
    ['list', 'upstreams/', {}],
    ['read', 'tools/s/t', {}],
    ['list', 'tools/s/', {}],
    ['list', 'tools/', {}],
    ['update', 'agents/a/scopes', { scopes: ['read:stripe:invoices'] }],
    ['update', 'tools/s/t', { operations: ['GET /v1/invoices'] }],
    ['delete', 'policies/p', {}],
  ] as const)('%s %s is forwarded before storage is asked for anything', async (operation, path, data) => {
    const { calls, mount, clock } = await mounted()
    mount.view.state = 24_576
    await clock.advance(1_000)
    const requested = await mount.during(async () => {
      expect(await calls.request(operation, path, data)).toMatchObject(forwarded)
    })
    expect(Object.keys(requested).filter((method) => method.startsWith('Storage.'))).toEqual([])
  })

  test.each([
    ['update', 'agents/a/revoke', {}],
    ['update', 'agents/b', { owner: 'o', environment: 'production' }],
    ['delete', 'agents/a', {}],
    ['update', 'config', { max_ttl: '2h' }],
    ['update', 'upstreams/s', { url: 'https://api.example.com' }],
  ] as const)('%s %s is forwarded and nothing is stored', async (operation, path, data) => {
    const { calls, mount, clock } = await mounted()
    Object.assign(mount.view, { state: 64 })
    mount.failing = { Put: errorTable.readonly.text, Delete: errorTable.readonly.text }
    await clock.advance(1_000)
    expect(await calls.request(operation, path, data)).toMatchObject(forwarded)
  })

  test('the rollback tick does nothing there', async () => {
    const { calls, mount, clock } = await mounted()
    mount.view.state = 24_576
    await clock.advance(1_000)
    const requested = await mount.during(async () => {
      await expect(calls.request('rollback', '')).resolves.toMatchObject({ err: null, response: null })
    })
    expect(Object.keys(requested)).toEqual(['SystemView.ReplicationState'])
  })
})

describe('the rollback tick', () => {
  test('tidies what nobody can need any more', async () => {
    const started = await mounted()
    await issue(started, { ttl: '5m' })
    const before = (await keysOf(started.mount)).length
    await started.clock.advance(40 * 86_400_000)
    await expect(started.calls.request('rollback', '')).resolves.toMatchObject({ err: null, response: null })
    expect((await keysOf(started.mount)).length).toBeLessThan(before)
  })

  test('leaves what lives', async () => {
    const started = await mounted()
    const { token } = await issue(started)
    expect((await started.mount.during(() => started.calls.request('rollback', '')))['Storage.Delete']).toBeUndefined()
    await expect(isLive(started, token)).resolves.toBe(true)
  })

  test('of a mount that is being removed ends everything by one write; the revocations after it need none', async () => {
    const started = await mounted()
    const first = await issue(started)
    const second = await issue(started)
    started.mount.view.tainted = true
    const requested = await started.mount.during(async () => {
      await started.calls.request('rollback', '')
      await started.calls.request('rollback', '')
    })
    expect(requested).toMatchObject({ 'Storage.Put': 1, 'SystemView.Tainted': 2 })
    const revoked = await started.mount.during(async () => {
      for (const { response } of [first, second])
        expect(
          await started.calls.request('revoke', 'creds/a', null, {
            secret: kept(response, { issuedUnix: started.nowUnix() }),
          }),
        ).toMatchObject({ err: null, response: null })
    })
    expect(revoked).toEqual({})
    await expect(isLive(started, first.token)).resolves.toBe(false)
  })

  test('during an outage says so, and the next one does the work', async () => {
    const started = await mounted()
    started.mount.view.tainted = true
    started.mount.failing = { Put: 'raft: no leader' }
    expect((await started.calls.request('rollback', '')).err).toMatchObject({ err_type: 3 })
    started.mount.failing = {}
    expect((await started.mount.during(() => started.calls.request('rollback', '')))['Storage.Put']).toBe(1)
  })
})

describe('waiting for the feed', () => {
  async function waiting(signal?: AbortSignal) {
    const started = await mounted()
    const { data } = await started.calls.read('feed')
    const before = started.clock.waiting
    const call = started.calls.request(
      'read',
      'feed',
      { epoch: data!.epoch, after: data!.sequence, wait: 2 },
      {},
      { ...(signal && { signal }) },
    )
    call.catch(() => undefined)
    while (started.clock.waiting === before) await settle()
    return { ...started, call, before, sequence: Number(data!.sequence) }
  }

  test('ends with the next event', async () => {
    const { calls, call, sequence } = await waiting()
    await calls.write('agents/b', { owner: 'o', environment: 'production' })
    const { data } = await call
    expect(Number(data!.sequence)).toBeGreaterThan(sequence)
  })

  test('ends at once when the mount is cleaned up, so that a reload need not stand behind it', async () => {
    const { calls, call } = await waiting()
    await calls.cleanup()
    await expect(call).resolves.toMatchObject({ data: { events: [], held_ms: 0 } })
  })

  test('ends when its caller goes away, and leaves nothing behind', async () => {
    const client = new AbortController()
    const { call, clock, before } = await waiting(client.signal)
    client.abort()
    await expect(call).rejects.toMatchObject({ code: 1 })
    while (clock.waiting > before) await settle()
    expect(clock.waiting).toBe(before)
  })
})

describe('help', () => {
  test("always answers at the mount's root, where the server's own document is made from it", async () => {
    const { calls } = await mounted()
    for (const data of [null, { requestResponsePrefix: 'Mcp' }]) {
      const { data: help, err } = await calls.request('help', '', data)
      expect(err).toBeNull()
      expect(String(help!.help)).toContain('creds/')
      expect(help).toHaveProperty('see_also')
    }
  })

  test.each([
    'config',
    'agents/a',
    'agents/a/',
    'agents',
    'agents/',
    'creds/a',
    'tools/x/y',
    'feed',
    'introspect',
    'sessions/',
    'tidy',
  ])('answers at %s', async (path) => {
    const { calls } = await mounted()
    expect(String((await calls.request('help', path)).data!.help).length).toBeGreaterThan(40)
  })

  test.each(['nothing', 'nothing/at/all', 'creds/a/b/c/d'])('says that there is no path %s', async (path) => {
    const { calls } = await mounted()
    await expect(calls.request('help', path)).resolves.toMatchObject({ err: { err_type: 6 } })
  })
})

describe('before a write is authorised', () => {
  test('stored objects are distinguished from new ones, and actions are neither', async () => {
    const { calls, mount } = await mounted()
    const requested = await mount.during(async () => {
      await expect(calls.exists('agents/a')).resolves.toMatchObject({ check_found: true, exists: true })
      await expect(calls.exists('agents/new')).resolves.toMatchObject({ check_found: true, exists: false })
      // Not looked at yet: whether the caller may write at all comes first.
      await expect(calls.exists('agents/a', { data: '{"not": json' })).resolves.toMatchObject({
        check_found: true,
        exists: true,
        err: null,
      })
      await expect(calls.exists('creds/a')).resolves.toMatchObject({ check_found: false, exists: false, err: null })
      await expect(calls.exists('nothing/here')).resolves.toMatchObject({ check_found: false, err: null })
      await expect(calls.exists('agents/NOT A NAME')).resolves.toMatchObject({ err: null, exists: false })
    })
    expect(requested['Storage.Put']).toBeUndefined()
  })

  test('an outage is one here as well', async () => {
    const { calls, mount } = await mounted()
    mount.failing = { Get: 'raft: no leader' }
    await expect(calls.exists('agents/new')).resolves.toMatchObject({
      check_found: false,
      err: { err_type: 3, err_code: '503' },
    })
  })
})
