/** What made-up tokens cost Vault. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mintToken } from '../../../src/scope/index.ts'
import { openSession, startHarness, tokenOf, validate, outcomeOf } from '../harness.ts'
import type { GatewayHarness } from '../harness.ts'

const key = Buffer.alloc(32, 5).toString('base64')
const young = Buffer.alloc(32, 6).toString('base64')

let harness: GatewayHarness
let seed = 0
const madeUp = () => mintToken({ prefix: 'svt', label: 'prod', random: (n) => Buffer.alloc(n, (seed += 1)) })
const lookUps = () => harness.vault.requests.filter(({ path }) => path === 'mcp/introspect').length
const engineNowUnix = () => Math.floor(harness.clock.now() / 1000)

/** The engine now tells these keys, with a reset. */
async function tell(keys: readonly string[], enforcedFromUnix = engineNowUnix()): Promise<void> {
  harness.engine.check = { check_keys: keys, check_enforced_from_unix: enforcedFromUnix }
  harness.engine.restart()
  await harness.flush()
}

beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.stop())

describe('once the check is enforced', () => {
  it('a made-up token is unknown and costs no look-up', async () => {
    await tell([key])
    const before = lookUps()
    for (let i = 0; i < 20; i++) expect(await outcomeOf(validate(harness, madeUp()))).toBe('invalid_token unknown')
    expect(lookUps()).toBe(before)
  })

  it('a token of the mount is looked up once and works', async () => {
    await tell([key])
    const token = tokenOf(openSession(harness))
    const before = lookUps()
    for (let i = 0; i < 3; i++) expect(await outcomeOf(validate(harness, token))).toBe('allowed')
    expect(lookUps()).toBe(before + 1)
  })

  it('tokens of both keys work while a new one takes the place of the old', async () => {
    await tell([key])
    const old = tokenOf(openSession(harness))
    await tell([key, young])
    const recent = tokenOf(openSession(harness))
    expect([await outcomeOf(validate(harness, old)), await outcomeOf(validate(harness, recent))]).toEqual([
      'allowed',
      'allowed',
    ])
  })
})

describe('a token that fails the check is looked up', () => {
  const lookedUp = async () => {
    const before = lookUps()
    await outcomeOf(validate(harness, madeUp()))
    return lookUps() - before
  }

  it('while the engine tells no key', async () => {
    expect(await lookedUp()).toBe(1)
  })

  it('until the check is enforced, so that earlier tokens go on working', async () => {
    const earlier = tokenOf(openSession(harness))
    await tell([key], engineNowUnix() + 600)
    expect(await outcomeOf(validate(harness, earlier))).toBe('allowed')
    expect(await lookedUp()).toBe(1)
    await harness.clock.advance(600_000)
    expect(await lookedUp()).toBe(0)
  })

  it('once the epoch is another and its key was not told', async () => {
    await tell([key])
    expect(await lookedUp()).toBe(0)
    harness.engine.check = undefined
    harness.engine.restart()
    await harness.flush()
    expect(await lookedUp()).toBe(1)
  })

  it('when the feed has not been heard for two polls, so that a mount enabled again is not denied its own tokens', async () => {
    await tell([key])
    const line = harness.vault.holdResponses('mcp/feed')
    await harness.clock.advance(3_500)
    expect(await lookedUp()).toBe(1)
    line.release()
  })
})

it('the key shows in no log line and in nothing that is serialised', async () => {
  await tell([key])
  expect(JSON.stringify(harness.core.follower.tokenCheck)).not.toContain(key)
  await outcomeOf(validate(harness, madeUp()))
  expect(JSON.stringify(harness.sink.records)).not.toContain(key)
})

describe('a gateway that nobody uses', () => {
  it('is brought up to date by a made-up token, with one round trip of the feed and no look-up', async () => {
    const idle = await startHarness({ idle: true })
    try {
      idle.engine.check = { check_keys: [key], check_enforced_from_unix: Math.floor(idle.clock.now() / 1000) }
      idle.engine.restart()
      await idle.clock.advance(60_000)
      const before = idle.vault.requests.length
      for (let i = 0; i < 20; i++) expect(await outcomeOf(validate(idle, madeUp()))).toBe('invalid_token unknown')
      expect(idle.vault.requests.slice(before).map(({ path }) => path)).toEqual(['mcp/feed'])
    } finally {
      await idle.stop()
    }
  })
})
