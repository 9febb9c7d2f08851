/** Tokens that are seen for the first time at the same moment are asked about together. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { mintToken, tokenDigest } from '../../../src/scope/index.ts'
import { VaultError } from '../../../src/vault-client/index.ts'
import type { FakeSession } from '../../fakes/engine.ts'
import { openSession, outcomeOf, startHarness, tokenOf, validate } from '../harness.ts'
import type { GatewayHarness } from '../harness.ts'

const INTROSPECT = 'mcp/introspect'
const BATCH = 64

let harness: GatewayHarness
beforeEach(async () => {
  harness = await startHarness({ limits: { lookups_per_address: 1_000, unknown_tokens_per_second: 1_000 } })
})
afterEach(() => harness.stop())

let seed = 100
const unknownToken = () =>
  mintToken({ prefix: 'svt', label: 'prod', random: (bytes) => new Uint8Array(bytes).fill(++seed) })

/** How many tokens or sessions each request was about, and 0 for one that was no batch. */
const sizes = () =>
  harness.vault.requests
    .filter(({ path }) => path === INTROSPECT)
    .map(({ body }) => (body?.batch_input as object[] | undefined)?.length ?? 0)

const sessions = (count: number) => Array.from({ length: count }, () => openSession(harness))
const outcomes = (tokens: readonly string[]) => tokens.map((token) => outcomeOf(validate(harness, token)))

/** Validates one token, and the others while that is being looked up; `meanwhile` happens when their request is under way. */
async function together(
  others: readonly string[],
  meanwhile: () => void = () => undefined,
): Promise<readonly string[]> {
  const first = harness.vault.holdResponses(INTROSPECT)
  const ahead = outcomeOf(validate(harness, tokenOf(openSession(harness))))
  await harness.flush()
  const rest = outcomes(others)
  await harness.flush()
  first.release()
  const second = harness.vault.holdResponses(({ body }) => body?.batch_input !== undefined)
  await harness.flush()
  meanwhile()
  second.release()
  await harness.flush()
  await harness.clock.advance(1)
  expect(await ahead).toBe('allowed')
  return Promise.all(rest)
}

describe('look-ups at the same moment', () => {
  it('go out in two requests: the first at once, the others together', async () => {
    expect(await together(sessions(7).map(tokenOf))).toEqual(Array.from({ length: 7 }, () => 'allowed'))
    expect(sizes()).toEqual([0, 7])
  })

  it('do not wait once there are eight of them', async () => {
    expect(await together(sessions(20).map(tokenOf))).toEqual(Array.from({ length: 20 }, () => 'allowed'))
    expect(sizes()).toEqual([0, 8, 8, 4])
  })

  it('have each its own answer', async () => {
    const [live, revoked, expiring] = [openSession(harness), openSession(harness), openSession(harness, { ttl: 1 })]
    harness.engine.end(revoked)
    const unknown = unknownToken()
    await harness.clock.advance(1_000)
    await harness.flush()
    expect(await together([unknown, tokenOf(live), tokenOf(revoked), tokenOf(expiring)])).toEqual([
      'invalid_token unknown',
      'allowed',
      'invalid_token reuse_after_revocation',
      'invalid_token expired',
    ])
    expect(sizes()).toEqual([0, 4])
  })

  it('name tokens by their digests only', async () => {
    const tokens = sessions(3).map(tokenOf)
    await together(tokens)
    expect(harness.vault.requests.findLast(({ path }) => path === INTROSPECT)!.body).toEqual({
      batch_input: tokens.map((token) => ({ token_sha256: tokenDigest(token) })),
    })
    const sent = JSON.stringify(harness.vault.requests)
    expect(tokens.filter((token) => sent.includes(token))).toEqual([])
  })

  it('of one token are one', async () => {
    const token = tokenOf(openSession(harness))
    await together([token, token, token, tokenOf(openSession(harness))])
    expect(sizes()).toEqual([0, 2])
  })

  it('are no more than 64 in a request', async () => {
    await together(sessions(3 * 8 + BATCH + 10).map(tokenOf))
    expect(sizes()).toEqual([0, 8, 8, 8, BATCH, 10])
  })

  it('one of which cannot be answered is unavailable, never invalid, and the others are answered', async () => {
    const torn = openSession(harness)
    const answer = harness.engine.introspect.bind(harness.engine)
    vi.spyOn(harness.engine, 'introspect').mockImplementation((body) => {
      const response = answer(body)
      const results = (response.batch_results ?? []) as { session_id?: string }[]
      const batch_results = results.map((result) =>
        result.session_id === torn.session_id ? { error: 'cannot be decrypted' } : result,
      )
      return { ...response, ...('batch_results' in response && { batch_results }) }
    })
    expect(await together([tokenOf(torn), tokenOf(openSession(harness))])).toEqual([
      'unavailable vault_unavailable',
      'allowed',
    ])
  })

  it('in an outage are unavailable, all of them', async () => {
    const rest = await together(sessions(3).map(tokenOf), () => {
      harness.vault.cutLine()
    })
    expect(rest).toEqual(Array.from({ length: 3 }, () => 'unavailable vault_unavailable'))
    expect(sizes()).toEqual([0, 3])
  })

  it('of which one session ends meanwhile refuse its token, and no other', async () => {
    const [ending, other] = [openSession(harness), openSession(harness)]
    const rest = await together([tokenOf(ending), tokenOf(other)], () => {
      harness.engine.end(ending)
    })
    expect(rest).toEqual(['invalid_token reuse_after_revocation', 'allowed'])
    expect(sizes()).toEqual([0, 2])
  })

  it('are made again where the engine restarted meanwhile', async () => {
    const rest = await together(sessions(3).map(tokenOf), () => {
      harness.engine.restart()
    })
    expect(rest).toEqual(['allowed', 'allowed', 'allowed'])
    expect(sizes().slice(0, 2)).toEqual([0, 3])
    expect(sizes().length).toBeGreaterThan(2)
  })

  it('do not wait for one that is slow, and no more than four are under way', async () => {
    const held = harness.vault.holdResponses(INTROSPECT)
    const pending: Promise<string>[] = []
    for (let turn = 0; turn < 6; turn++) {
      pending.push(...outcomes(sessions(3).map(tokenOf)))
      await harness.flush()
      await harness.clock.advance(25)
    }
    expect(sizes()).toEqual([0, 2, 3, 3])
    held.release()
    await harness.flush()
    expect(await Promise.all(pending)).toEqual(Array.from({ length: 18 }, () => 'allowed'))
    expect(sizes()).toEqual([0, 2, 3, 3, 9])
  })

  it('do not take in an id that is longer than ids are', async () => {
    const long = `sess_${'0'.repeat(100_000)}`
    const held = harness.vault.holdResponses(INTROSPECT)
    const pending = [{ session_id: long }, { session_id: `${long}1` }].map((key) => harness.core.sessionCache.find(key))
    await harness.flush()
    expect(sizes()).toEqual([0, 0])
    held.release()
    expect(await Promise.all(pending)).toMatchObject([{ inactive: { reason: 'unknown' } }, { inactive: {} }])
  })
})

describe('an engine that takes one token at a time', () => {
  const validateAll = async (asked: readonly FakeSession[]) => {
    const pending = outcomes(asked.map(tokenOf))
    await harness.flush()
    return Promise.all(pending)
  }

  it('is asked so, without waiting', async () => {
    harness.engine.introspectionBatch = 1
    harness.engine.restart()
    await harness.flush()
    const held = harness.vault.holdResponses(INTROSPECT)
    const pending = validateAll(sessions(10))
    await harness.flush()
    expect(sizes()).toEqual(Array.from({ length: 10 }, () => 0))
    held.release()
    expect(new Set(await pending)).toEqual(new Set(['allowed']))
  })

  it.each([
    ['an older one came back in its place', new VaultError('bad_request', 400, 'give exactly one of …')],
    ['a policy names the parameters', new VaultError('permission_denied', 403, 'permission denied')],
  ])('is asked so after it refused a batch, because %s, until the feed starts anew', async (_why, refusal) => {
    const answer = harness.engine.introspect.bind(harness.engine)
    const batches = vi.spyOn(harness.engine, 'introspect').mockImplementation((body) => {
      if ('batch_input' in body) throw refusal
      return answer(body)
    })
    expect(await together(sessions(3).map(tokenOf))).toEqual(['allowed', 'allowed', 'allowed'])
    expect(sizes()).toEqual([0, 3, 0, 0, 0])
    expect(new Set(await validateAll(sessions(3)))).toEqual(new Set(['allowed']))
    expect(sizes()).toEqual([0, 3, 0, 0, 0, 0, 0, 0])
    batches.mockRestore()
    harness.engine.restart()
    await harness.flush()
    expect(new Set(await validateAll(sessions(3)))).toEqual(new Set(['allowed']))
    expect(sizes().slice(8)).toEqual([0, 2])
  })
})
