/** Vault saying no, and gateways that nobody uses. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { settle } from '../../fakes/clock.ts'
import { authorize, openSession, startHarness, tokenOf, validate, outcomeOf } from '../harness.ts'
import type { GatewayHarness } from '../harness.ts'

let harness: GatewayHarness
beforeEach(async () => {
  harness = await startHarness({ idle: true })
})
afterEach(() => harness.stop())

const polls = () => harness.vault.count('mcp/feed')
const ways: [string, string, (harness: GatewayHarness) => void, (harness: GatewayHarness) => void][] = [
  [
    'the mount is gone',
    'mount_gone',
    ({ vault }) => {
      vault.unmounted = true
    },
    ({ vault }) => {
      vault.unmounted = false
    },
  ],
  [
    "the gateway's own right is gone",
    'gateway_refused',
    ({ vault }) => {
      vault.tokens.set('hvs.gateway', { paths: [] })
    },
    ({ vault }) => {
      vault.tokens.set('hvs.gateway', { paths: ['*'] })
    },
  ],
  [
    'Vault is sealed',
    'vault_sealed',
    ({ vault }) => {
      vault.health = 503
    },
    ({ vault }) => {
      vault.health = 200
    },
  ],
]

describe('while Vault says no', () => {
  it.each(ways)(
    'because %s, calls under way are cut and new ones told %s within six seconds',
    async (_w, code, take) => {
      const token = tokenOf(openSession(harness))
      const call = await authorize(harness, token)
      take(harness)
      await harness.clock.advance(6_000)
      expect((call.signal.reason as { code: string }).code).toBe(code)
      expect(await outcomeOf(validate(harness, token))).toBe(`unavailable ${code}`)
      expect(harness.core.sessionCache.size).toBe(0)
    },
  )

  it.each(ways)(
    'because %s (%s) and until it serves again: then everything goes on',
    async (_w, code, take, giveBack) => {
      const token = tokenOf(openSession(harness))
      await authorize(harness, token)
      take(harness)
      await harness.clock.advance(6_000)
      giveBack(harness)
      await harness.clock.advance(6_000)
      expect(harness.core.follower.refusal).toBeUndefined()
      expect(await outcomeOf(validate(harness, token))).toBe('allowed')
    },
  )

  it.each(ways)(
    'because %s (%s), it is asked no more than once a second, however many call',
    async (_w, code, take) => {
      const token = tokenOf(openSession(harness))
      await authorize(harness, token)
      take(harness)
      await harness.clock.advance(6_000)
      const before = harness.vault.requests.length
      for (let second = 0; second < 3; second++) {
        const calls = async () => {
          for (let call = 0; call < 20; call++)
            expect(await outcomeOf(validate(harness, token))).toBe(`unavailable ${code}`)
        }
        await Promise.all([calls(), harness.clock.advance(1_000)])
      }
      // Each time the health of the only node; or the feed and that, and both once more to make sure.
      expect(harness.vault.requests.length - before).toBeLessThanOrEqual(3 * 4)
    },
  )

  it('a node that is sealed for less than five seconds changes nothing', async () => {
    const token = tokenOf(openSession(harness))
    const call = await authorize(harness, token)
    harness.vault.health = 503
    await harness.clock.advance(3_900)
    harness.vault.health = 200
    await harness.clock.advance(3_000)
    expect(call.signal.aborted).toBe(false)
    expect(harness.core.follower.refusal).toBeUndefined()
  })

  it('an outage is no such thing, however long', async () => {
    const token = tokenOf(openSession(harness))
    await authorize(harness, token)
    harness.vault.cutLine()
    await harness.clock.advance(60_000)
    expect(harness.core.follower.refusal).toBeUndefined()
    expect(await outcomeOf(validate(harness, token))).toBe('unavailable stale')
  })
})

describe('a namespace that is deleted, whose mounts are marked one after the other', () => {
  const untilCut = async (): Promise<number> => {
    const call = await authorize(harness, tokenOf(openSession(harness)))
    await harness.clock.advance(1_000)
    // Requests are refused at once. The poll that is under way hears nothing of it.
    harness.vault.unmounted = true
    const sentMs = harness.clock.monotonic()
    while (!call.signal.aborted && harness.clock.monotonic() - sentMs < 5_000) await harness.clock.advance(10)
    expect((call.signal.reason as { code: string }).code).toBe('mount_gone')
    return harness.clock.monotonic() - sentMs
  }

  it('has its calls cut within 200 ms', async () => {
    await harness.stop()
    harness = await startHarness({ idle: true, inNamespace: true })
    expect(await untilCut()).toBeLessThanOrEqual(200)
  })

  it('is heard of with the next poll where the gateway cannot know that there is one', async () => {
    expect(await untilCut()).toBeLessThanOrEqual(1_100)
  })

  it('costs no polls once nobody uses the gateway', async () => {
    await harness.stop()
    harness = await startHarness({ idle: true, inNamespace: true })
    const call = await authorize(harness, tokenOf(openSession(harness)))
    call.close()
    await harness.clock.advance(11_000)
    const before = polls()
    await harness.clock.advance(600_000)
    expect(polls()).toBe(before)
  })
})

describe('a gateway that nobody uses', () => {
  it('asks the engine nothing', async () => {
    const before = polls()
    await harness.clock.advance(600_000)
    expect(polls()).toBe(before)
  })

  it('catches up with one round trip, however many calls come at once, and hears what ended meanwhile', async () => {
    const [ended, live] = [openSession(harness), openSession(harness)]
    for (const session of [ended, live]) expect(await outcomeOf(validate(harness, tokenOf(session)))).toBe('allowed')
    await harness.clock.advance(60_000)
    const before = polls()
    harness.engine.end(ended)
    await harness.clock.advance(60_000)
    expect(polls()).toBe(before)
    const verdicts = await Promise.all([ended, live, ended, live].map((s) => outcomeOf(validate(harness, tokenOf(s)))))
    expect(verdicts.filter((text) => text === 'allowed')).toHaveLength(2)
    expect(verdicts.filter((text) => text.includes('reuse_after_revocation'))).toHaveLength(2)
    await settle()
    expect(polls() - before).toBe(2)
  })

  it('follows changes while it is used and for a while after, then no more', async () => {
    await validate(harness, tokenOf(openSession(harness)))
    await settle()
    expect(harness.core.follower.isFollowing).toBe(true)
    await harness.clock.advance(12_000)
    expect(harness.core.follower.isFollowing).toBe(false)
  })

  it('follows changes for as long as a call is under way', async () => {
    const call = await authorize(harness, tokenOf(openSession(harness)))
    await harness.clock.advance(60_000)
    expect(harness.core.follower.isFollowing).toBe(true)
    call.close()
    await harness.clock.advance(2_000)
    expect(harness.core.follower.isFollowing).toBe(false)
  })

  it('is not made to ask oftener than once a second by callers whose tokens are not known', async () => {
    await harness.clock.advance(60_000)
    const before = polls()
    const other = tokenOf(openSession(harness))
    harness.engine.sessions.clear()
    for (let i = 0; i < 20; i++) {
      await outcomeOf(validate(harness, other))
      await harness.clock.advance(50)
    }
    expect(polls() - before).toBeLessThanOrEqual(2)
  })
})
