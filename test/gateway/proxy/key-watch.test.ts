/** What was begun with a key and goes on, such as a stream, while its owner takes the key or the consent away. */
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Sensitivity, UpstreamDocument } from '../../../src/document/index.ts'
import type { GatewayFailure } from '../../../src/gateway/error.ts'
import { defaultStaleness } from '../../../src/gateway/knowledge/freshness.ts'
import { Keys } from '../../../src/gateway/proxy/keys.ts'
import { silentLogger } from '../../../src/logical/log.ts'
import { FakeClock, settle } from '../../fakes/clock.ts'
import { FakeVault, GATEWAY_TOKEN } from '../../fakes/vault.ts'
import { bearer, eventually, openStream, startHttpHarness } from '../http/harness.ts'
import type { HttpHarness } from '../http/harness.ts'
import { openSession, tokenOf } from '../harness.ts'

const SECRET = 'secret/data/mcp/stripe'
const limits = [
  ['high', 5_000],
  ['standard', 30_000],
  ['low', 120_000],
] as const

let clock: FakeClock
let vault: FakeVault
let keys: Keys

beforeEach(() => {
  clock = new FakeClock()
  vault = new FakeVault(clock)
  keys = new Keys({
    vault: vault.client(),
    mount: 'mcp',
    clock,
    consent: 'enforce',
    logger: silentLogger,
    limitMs: (sensitivity) => 1000 * defaultStaleness[sensitivity as Sensitivity],
  })
  putKey('https://api.stripe.com')
})

const putKey = (origins: string, fields: Record<string, unknown> = { api_key: 'sk_live_secret' }): void => {
  vault.putKey('mcp/stripe', fields, origins)
}

const upstream = (sensitivity: Sensitivity): UpstreamDocument => ({
  name: 'stripe',
  url: 'https://api.stripe.com',
  kv_mount: 'secret',
  kv_path: 'mcp/stripe',
  kv_field: 'api_key',
  auth: 'bearer',
  token_alias: null,
  headers: {},
  request_headers: {},
  response_headers: [],
  allow_range: false,
  follow_redirects: [],
  error_format: 'object',
  encoded_slash: 'refuse',
  sensitivity,
  allow_private_addresses: false,
  connect_timeout: 5,
  timeout: 60,
  idle_timeout: 300,
  max_request_bytes: 1,
  max_response_bytes: 1,
  version: 1,
})

/** Something long that was begun with the key: `code` once it was ended, and when. */
async function begin(sensitivity: Sensitivity) {
  const use = {
    sensitivity: sensitivity as string,
    code: undefined as string | undefined,
    endedAtMs: Infinity,
    /** It is over by itself. */
    release: () => undefined as void,
  }
  const key = await keys.get(upstream(sensitivity), 'production')
  use.release = key.watch({
    sensitivity: () => use.sensitivity,
    keyEnded: ({ code }: GatewayFailure) => {
      use.code = code
      use.endedAtMs = clock.monotonic()
      use.release()
    },
  })
  return use
}

const takings: [string, string, () => void][] = [
  ['the secret was deleted', 'key_secret_missing', () => vault.kv.delete(SECRET)],
  [
    'the field was taken out',
    'key_field_missing',
    () => {
      putKey('https://api.stripe.com', { other: 'sk_live_secret' })
    },
  ],
  [
    'the consent was withdrawn',
    'key_consent_missing',
    () => {
      putKey('https://elsewhere.example')
    },
  ],
]

describe.each(limits)('what goes on at sensitivity %s', (sensitivity, limitMs) => {
  it.each(takings)(`is ended once %s, with %s, within ${String(limitMs)} ms`, async (_what, code, take) => {
    const use = await begin(sensitivity)
    await clock.advance(100)
    take()
    await clock.advance(limitMs - 100)
    expect(use.code).toBe(code)
  })

  it('goes on for as long as the key is there, through new keys as well', async () => {
    const use = await begin(sensitivity)
    await clock.advance(3 * limitMs)
    putKey('https://api.stripe.com', { api_key: 'sk_live_rotated' })
    await clock.advance(3 * limitMs)
    expect(use.code).toBeUndefined()
  })

  it('is ended as stale when Vault has not answered for that time, and not before', async () => {
    const use = await begin(sensitivity)
    vault.cutLine()
    await clock.advance(limitMs)
    expect(use.code).toBeUndefined()
    await clock.advance(20)
    expect(use.code).toBe('stale')
  })

  it('outlives a Vault that cannot be reached for a while', async () => {
    const use = await begin(sensitivity)
    vault.cutLine()
    await clock.advance(limitMs * 0.7)
    vault.mendLine()
    await clock.advance(3 * limitMs)
    expect(use.code).toBeUndefined()
  })

  it('is ended once Vault has not let the key be read for a second', async () => {
    const use = await begin(sensitivity)
    vault.tokens.set(GATEWAY_TOKEN, { paths: ['mcp'] })
    await clock.advance(limitMs)
    expect(use.code).toBe('key_unavailable')
  })

  it('outlives a node that does not know its mounts yet', async () => {
    const use = await begin(sensitivity)
    await clock.advance(limitMs / 2 - 500)
    vault.tokens.set(GATEWAY_TOKEN, { paths: ['mcp'] })
    await clock.advance(1_400)
    vault.tokens.set(GATEWAY_TOKEN, { paths: ['*'] })
    await clock.advance(3 * limitMs)
    expect(use.code).toBeUndefined()
  })
})

it('a document that becomes stricter counts for what goes on, at once', async () => {
  const use = await begin('low')
  await clock.advance(10_000)
  vault.kv.delete(SECRET)
  use.sensitivity = 'high'
  await clock.advance(1_000)
  expect(use.code).toBe('stale')
})

it('of two that go on with one key, each has its own time', async () => {
  const [low, high] = [await begin('low'), await begin('high')]
  vault.cutLine()
  await clock.advance(6_000)
  expect([low.code, high.code]).toEqual([undefined, 'stale'])
})

it('one read serves all that go on with one key', async () => {
  const uses = await Promise.all(Array.from({ length: 50 }, () => begin('high')))
  const before = vault.count(SECRET)
  await clock.advance(3_000)
  expect(vault.count(SECRET) - before).toBe(1)
  for (const { release } of uses) release()
})

it('the key is not read any more when nothing goes on with it', async () => {
  const use = await begin('high')
  await clock.advance(20_000)
  use.release()
  const before = vault.count(SECRET)
  await clock.advance(600_000)
  expect(vault.count(SECRET)).toBe(before)
  expect(clock.waiting).toBe(0)
})

it('a wall clock that was set ends nothing that a new read vouches for', async () => {
  const use = await begin('standard')
  clock.sleepThrough(3_600_000)
  await clock.advance(1_000)
  await settle()
  expect(use.code).toBeUndefined()
})

describe('a stream through the front door', () => {
  let harness: HttpHarness
  beforeEach(async () => {
    harness = await startHttpHarness()
  })
  afterEach(() => harness.stop())

  const follow = async () => {
    harness.respond((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
    })
    const response = await openStream(harness.url, '/u/stripe/v1/invoices', bearer(tokenOf(openSession(harness))))
    await once(response, 'data')
    return response
  }

  it.each<[string, string, () => void]>([
    ['its key is deleted', 'key_secret_missing', () => harness.vault.kv.delete(SECRET)],
    [
      'the consent is withdrawn',
      'key_consent_missing',
      () => {
        harness.vault.putKey('mcp/stripe', { api_key: 'sk_live_secret' }, 'https://elsewhere.example')
      },
    ],
  ])('is broken off within five seconds when %s, and its record says %s', async (_case, result, take) => {
    const response = await follow()
    const broken = once(response, 'error')
    take()
    await harness.clock.advance(5_000)
    expect(((await broken) as [NodeJS.ErrnoException])[0].code).toBe('ECONNRESET')
    await eventually(() => harness.sink.outcomes.length > 0)
    expect(harness.sink.outcomes).toMatchObject([{ result }])
  })

  it('that is over leaves nothing that reads its key', async () => {
    const response = await follow()
    response.destroy()
    await eventually(() => harness.core.openCalls.size === 0)
    await harness.clock.advance(5_001)
    const before = harness.vault.count(SECRET)
    await harness.clock.advance(60_000)
    expect(harness.vault.count(SECRET)).toBe(before)
  })
})
