/** What made-up tokens cost Vault. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mintToken } from '../../../src/scope/index.ts'
import { openSession, startRig, tokenOf, validate, verdict } from '../rig.ts'
import type { Rig } from '../rig.ts'

const key = Buffer.alloc(32, 5).toString('base64')
const young = Buffer.alloc(32, 6).toString('base64')

let rig: Rig
let seed = 0
const madeUp = () => mintToken({ prefix: 'svt', label: 'prod', random: (n) => Buffer.alloc(n, (seed += 1)) })
const lookUps = () => rig.vault.asked.filter(({ path }) => path === 'mcp/introspect').length
const engineNowUnix = () => Math.floor(rig.clock.now() / 1000)

/** The engine now tells these keys, with a reset. */
async function tell(keys: readonly string[], enforcedFromUnix = engineNowUnix()): Promise<void> {
  rig.engine.check = { check_keys: keys, check_enforced_from_unix: enforcedFromUnix }
  rig.engine.restart()
  await rig.flush()
}

beforeEach(async () => {
  rig = await startRig()
})
afterEach(() => rig.stop())

describe('once the check is enforced', () => {
  it('a made-up token is unknown and costs no look-up', async () => {
    await tell([key])
    const before = lookUps()
    for (let i = 0; i < 20; i++) expect(await verdict(validate(rig, madeUp()))).toBe('invalid_token unknown')
    expect(lookUps()).toBe(before)
  })

  it('a token of the mount is looked up once and works', async () => {
    await tell([key])
    const token = tokenOf(openSession(rig))
    const before = lookUps()
    for (let i = 0; i < 3; i++) expect(await verdict(validate(rig, token))).toBe('allowed')
    expect(lookUps()).toBe(before + 1)
  })

  it('tokens of both keys work while a new one takes the place of the old', async () => {
    await tell([key])
    const old = tokenOf(openSession(rig))
    await tell([key, young])
    const recent = tokenOf(openSession(rig))
    expect([await verdict(validate(rig, old)), await verdict(validate(rig, recent))]).toEqual(['allowed', 'allowed'])
  })
})

describe('a token that fails the check is looked up', () => {
  const lookedUp = async () => {
    const before = lookUps()
    await verdict(validate(rig, madeUp()))
    return lookUps() - before
  }

  it('while the engine tells no key', async () => {
    expect(await lookedUp()).toBe(1)
  })

  it('until the check is enforced, so that earlier tokens go on working', async () => {
    const earlier = tokenOf(openSession(rig))
    await tell([key], engineNowUnix() + 600)
    expect(await verdict(validate(rig, earlier))).toBe('allowed')
    expect(await lookedUp()).toBe(1)
    await rig.clock.advance(600_000)
    expect(await lookedUp()).toBe(0)
  })

  it('once the epoch is another and its key was not told', async () => {
    await tell([key])
    expect(await lookedUp()).toBe(0)
    rig.engine.check = undefined
    rig.engine.restart()
    await rig.flush()
    expect(await lookedUp()).toBe(1)
  })

  it('when the feed has not been heard for two polls, so that a mount enabled again is not denied its own tokens', async () => {
    await tell([key])
    const line = rig.vault.holdAnswers('mcp/feed')
    await rig.clock.advance(3_500)
    expect(await lookedUp()).toBe(1)
    line.release()
  })
})

it('the key shows in no log line and in nothing that is serialised', async () => {
  await tell([key])
  expect(JSON.stringify(rig.core.follower.tokenCheck)).not.toContain(key)
  await verdict(validate(rig, madeUp()))
  expect(JSON.stringify(rig.sink.records)).not.toContain(key)
})

describe('a gateway that nobody uses', () => {
  it('is brought up to date by a made-up token, with one round trip of the feed and no look-up', async () => {
    const idle = await startRig({ idle: true })
    try {
      idle.engine.check = { check_keys: [key], check_enforced_from_unix: Math.floor(idle.clock.now() / 1000) }
      idle.engine.restart()
      await idle.clock.advance(60_000)
      const before = idle.vault.asked.length
      for (let i = 0; i < 20; i++) expect(await verdict(validate(idle, madeUp()))).toBe('invalid_token unknown')
      expect(idle.vault.asked.slice(before).map(({ path }) => path)).toEqual(['mcp/feed'])
    } finally {
      await idle.stop()
    }
  })
})
