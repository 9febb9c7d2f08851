import { afterEach, describe, expect, test } from 'vitest'
import type { Request } from '../../src/logical/request.ts'
import type { Response } from '../../src/logical/response.ts'
import { HostedMount } from '../fakes/plugin-backend-host.ts'
import { InProcessPlugin, deferred, scripted } from './in-process.ts'

const plugins: InProcessPlugin[] = []
afterEach(async () => {
  for (const plugin of plugins.splice(0)) await plugin.close()
})

/** A mount of an engine that answers `response` and keeps what it was asked. */
async function engine(response?: Response | (() => Response | undefined)) {
  const requests: Request[] = []
  const plugin = await InProcessPlugin.start({
    factory: scripted({
      handleRequest(request) {
        requests.push(request)
        return Promise.resolve().then(() => (typeof response === 'function' ? response() : response))
      },
    }),
  })
  plugins.push(plugin)
  const { calls } = await plugin.mount()
  return { plugin, calls, asked: requests }
}

const lease = (options: { ttl: number; max_ttl: number }) => ({
  data: {},
  secret: { internal_data: { a: 1 }, lease_options: { ...options, renewable: true } },
})

describe('what the engine is asked', () => {
  test('the caller, the mount with its namespace and the wrapping asked for arrive as they were sent', async () => {
    const { calls, asked: requests } = await engine()
    await calls.request(
      'update',
      'creds/a',
      { purpose: 'x' },
      {
        id: 'request-1',
        client_token: 'salted',
        client_token_accessor: 'acc',
        display_name: 'approle',
        entity_id: 'entity-1',
        mount_point: 'team1/mcp/',
        connection: { remote_addr: '10.0.0.7' },
        wrap_info: { TTL: '120000000000' },
      },
    )
    expect(requests[0]).toMatchObject({
      id: 'request-1',
      operation: 'update',
      path: 'creds/a',
      data: { purpose: 'x' },
      client_token: 'salted',
      client_token_accessor: 'acc',
      display_name: 'approle',
      entity_id: 'entity-1',
      mount_point: 'team1/mcp/',
      remote_addr: '10.0.0.7',
      wrap: { ttl: 120 },
    })
    expect(requests[0]!.secret).toBeUndefined()
  })

  test.each(['null', '', '{}'])('data of %j is an empty object', async (data) => {
    const { calls, asked: requests } = await engine()
    await calls.request('read', 'config', null, { data })
    expect(requests[0]!.data).toEqual({})
    expect(requests[0]!.remote_addr).toBe('')
    expect(requests[0]!.wrap).toBeUndefined()
  })

  test.each(['[]', '"text"', '7', 'true', '{', '{"a":}', 'nul', '{"a":12345678901234567890abc}'])(
    "data of %s is refused as the caller's mistake",
    async (data) => {
      const { calls, asked: requests } = await engine()
      const { error, err } = await calls.request('update', 'config', null, { data })
      expect(error).toBe('the request\'s data is not a JSON object; send one, for example {"purpose":"audit"}.')
      expect(err).toBeNull()
      expect(requests).toEqual([])
    },
  )

  test('integers a double does not hold arrive digit for digit, as bigints; all others as numbers', async () => {
    const { calls, asked: requests } = await engine()
    const data =
      '{"big":9007199254740993,"negative":[-12345678901234567890],"safe":9007199254740991,"half":0.12345678901234567,"power":1e30,"text":"9007199254740993, \\"-12345678901234567890","\\\\":1}'
    await calls.request('update', 'config', null, { data })
    expect(requests[0]!.data).toEqual({
      big: 9_007_199_254_740_993n,
      negative: [-12_345_678_901_234_567_890n],
      safe: 9_007_199_254_740_991,
      half: Number('0.12345678901234567'),
      power: 1e30,
      text: '9007199254740993, "-12345678901234567890',
      '\\': 1,
    })
  })

  test.each(['scan', 'header', 'alias-lookahead', 'resolve-role', 'constructor', '__proto__', '', 'READ'])(
    'operation %j is unsupported and reaches no engine',
    async (operation) => {
      const { calls, asked: requests } = await engine()
      const { err, response } = await calls.request(operation, 'config')
      expect(err?.err_type).toBe(5)
      expect(response).toBeNull()
      expect(requests).toEqual([])
    },
  )

  test('a call without a request is an invalid request', async () => {
    const { calls } = await engine()
    await expect(calls.call('HandleRequest', {})).resolves.toMatchObject({ response: null, err: { err_type: 7 } })
    await expect(calls.call('HandleExistenceCheck', {})).resolves.toMatchObject({ err: { err_type: 1 } })
  })

  test('the lease comes back whole: a year of it, the increment and the time of issue', async () => {
    const { calls, asked: requests } = await engine()
    await calls.request('renew', 'creds/a', null, {
      secret: {
        internal_data: '{"secret_type":"t","n":7}',
        lease_id: 'mcp/creds/a/x',
        lease_options: {
          TTL: '31536000000000000',
          MaxTTL: '315360000000000000',
          increment: '60000000000',
          renewable: true,
          issue_time: { seconds: '1773590400', nanos: 250_000_000 },
        },
      },
    })
    expect(requests[0]!.secret).toEqual({
      internal_data: { secret_type: 't', n: 7 },
      lease_id: 'mcp/creds/a/x',
      lease_options: {
        ttl: 31_536_000,
        max_ttl: 315_360_000,
        increment: 60,
        renewable: true,
        issue_time: 1_773_590_400_250,
      },
    })
  })

  test('an issue in the year 1 is none: the server never registered the lease', async () => {
    const { calls, asked: requests } = await engine()
    await calls.request('revoke', 'creds/a', null, {
      secret: {
        internal_data: '{}',
        lease_id: '',
        lease_options: {
          TTL: '0',
          MaxTTL: '0',
          increment: '0',
          renewable: false,
          issue_time: { seconds: '-62135596800', nanos: 0 },
        },
      },
    })
    expect(requests[0]!.secret?.lease_options.issue_time).toBeNull()
  })

  test.each([
    ['1500000000', 1],
    ['1', 1],
    ['999999999', 1],
    ['0', 0],
    ['-1', 0],
    ['-5000000000', 0],
    ['9223372036854775807', 9_223_372_036],
  ])('%s nanoseconds are %d seconds', async (TTL, seconds) => {
    const { calls, asked: requests } = await engine()
    await calls.request('renew', 'x', null, {
      secret: {
        internal_data: 'null',
        lease_id: '',
        lease_options: { TTL, MaxTTL: TTL, increment: TTL, renewable: false, issue_time: null },
      },
    })
    expect(requests[0]!.secret?.lease_options).toEqual({
      ttl: seconds,
      max_ttl: seconds,
      increment: seconds,
      renewable: false,
    })
  })

  test('internal data that is not an object is a fault, so that the server tries the revocation again', async () => {
    const { calls, asked: requests } = await engine()
    const { err, response } = await calls.request('revoke', 'x', null, {
      secret: { internal_data: '{"a"', lease_id: '', lease_options: null },
    })
    expect(err).toMatchObject({ err_type: 2, err_msg: 'internal error' })
    expect(response).toBeNull()
    expect(requests).toEqual([])
  })

  test("a caller that goes away aborts the request's signal", async () => {
    let signal: AbortSignal | undefined
    const begun = deferred()
    const aborted = deferred()
    const plugin = await InProcessPlugin.start({
      factory: scripted({
        handleRequest(request) {
          signal = request.signal
          signal.addEventListener('abort', () => {
            aborted.resolve()
          })
          begun.resolve()
          return aborted.promise
        },
      }),
    })
    plugins.push(plugin)
    const { calls } = await plugin.mount()
    const client = new AbortController()
    const call = calls.request('read', 'feed', null, {}, { signal: client.signal })
    call.catch(() => undefined)
    await begun.promise
    expect(signal?.aborted).toBe(false)
    client.abort()
    await expect(call).rejects.toMatchObject({ code: 1 })
    await aborted.promise
    expect(signal?.aborted).toBe(true)
  })

  test("the deadline of the server's call aborts it as well", async () => {
    const aborted = deferred()
    const plugin = await InProcessPlugin.start({
      factory: scripted({
        handleRequest({ signal }) {
          signal.addEventListener('abort', () => {
            aborted.resolve()
          })
          return aborted.promise
        },
      }),
    })
    plugins.push(plugin)
    const { calls } = await plugin.mount()
    await expect(calls.request('rollback', '', null, {}, { timeoutMs: 50 })).rejects.toMatchObject({ code: 4 })
    await aborted.promise
  })
})

describe('what the server is answered', () => {
  test('nothing is not a response', async () => {
    const { calls } = await engine()
    await expect(calls.read('agents/a')).resolves.toMatchObject({ response: null, err: null })
  })

  test("a response without data is none in JSON, as a Go plugin's", async () => {
    const { calls } = await engine({ warnings: ['one', 'two'] })
    const { response } = await calls.read('agents/a')
    expect(response).toMatchObject({ data: 'null', secret: null, warnings: ['one', 'two'] })
  })

  test('a lease of a year is whole to the nanosecond, with an issue time the server can read', async () => {
    const { calls } = await engine(lease({ ttl: 31_536_001, max_ttl: 63_072_000 }))
    const { response } = await calls.write('creds/a')
    expect(response!.secret).toMatchObject({
      internal_data: '{"a":1}',
      lease_options: {
        TTL: '31536001000000000',
        MaxTTL: '63072000000000000',
        renewable: true,
        issue_time: { seconds: '-62135596800', nanos: 0 },
      },
    })
  })

  test.each([
    [0, '0'],
    [1.5, '1500000000'],
    [0.1, '100000000'],
    [1e12, '9223372036854775807'],
  ])('%d seconds are %s nanoseconds', async (ttl, nanoseconds) => {
    const { calls } = await engine(lease({ ttl, max_ttl: ttl }))
    const { response } = await calls.write('creds/a')
    expect(response!.secret!.lease_options).toMatchObject({ TTL: nanoseconds, MaxTTL: nanoseconds })
  })

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])(
    '%d seconds are a fault, for the server would grant its default',
    async (ttl) => {
      const { calls } = await engine(lease({ ttl, max_ttl: 60 }))
      const { err, response } = await calls.write('creds/a')
      expect(err).toMatchObject({ err_type: 2, err_msg: 'internal error' })
      expect(response).toBeNull()
    },
  )

  const circle: Record<string, unknown> = {}
  circle.itself = circle

  test.each([
    ['an error that is no text, which brings the server down', { data: { error: 5 } }],
    ['an error that is an object', { data: { error: {}, data: {} } }],
    ['an error, as a success', { data: { error: 'invalid_token' } }],
    ['a status of its own', { status: 202 }],
    ['a login', { auth: {} as never }],
    ['what is no JSON', { data: circle }],
  ])('an engine cannot answer %s', async (_what, response: Response) => {
    const { calls, plugin } = await engine(response)
    const outcome = await calls.read('x')
    expect(outcome.err).toMatchObject({ err_type: 2, err_msg: 'internal error' })
    expect(outcome.response).toBeNull()
    expect(plugin.logs.at(-1)).toMatchObject({ level: 'error', message: 'a request failed: internal error' })
  })

  test('a key called error beside others is data like any', async () => {
    const { calls } = await engine({ data: { error: 5, state: 'failed' } })
    await expect(calls.read('x')).resolves.toMatchObject({ err: null, data: { error: 5, state: 'failed' } })
    const { calls: others } = await engine({ data: { error: null } })
    await expect(others.read('x')).resolves.toMatchObject({ err: null, data: { error: null } })
  })

  test('six megabytes pass in both directions', async () => {
    const text = 'x'.repeat(6 * 1024 * 1024)
    const { calls, asked: requests } = await engine(() => ({ data: { text } }))
    const { data } = await calls.write('x', { text })
    expect(requests[0]!.data.text).toBe(text)
    expect(data?.text).toBe(text)
  })

  test.each([
    [true, { check_found: true, exists: true, err: null }],
    [false, { check_found: true, exists: false, err: null }],
    [undefined, { check_found: false, exists: false, err: null }],
  ])('an existence check that says %j is %j', async (exists, reply) => {
    const plugin = await InProcessPlugin.start({
      factory: scripted({ handleExistenceCheck: () => Promise.resolve(exists) }),
    })
    plugins.push(plugin)
    const { calls } = await plugin.mount(new HostedMount())
    await expect(calls.exists('agents/a')).resolves.toEqual(reply)
  })
})
