/** What a gateway was told to be over stays over, whatever an engine says later. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EndedSessions } from '../../../src/gateway/knowledge/ended-sessions.ts'
import type { FakeSession } from '../../fakes/engine.ts'
import { authorize, openSession, startHarness, tokenOf, validate, outcomeOf } from '../harness.ts'
import type { GatewayHarness } from '../harness.ts'

let harness: GatewayHarness
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.stop())

/** The engine is put back to before the end of `sessions`: another epoch, in which they are alive. */
async function putBack(...sessions: FakeSession[]): Promise<void> {
  for (const session of sessions) delete session.ended
  harness.engine.restart()
  await harness.flush()
}

const introspected = (session: FakeSession) => harness.engine.introspect({ session_id: session.session_id })

describe('a session that ended before an engine was put back to an older state', () => {
  it('is over for its token, though the engine calls it live again', async () => {
    const session = openSession(harness)
    expect(await outcomeOf(validate(harness, tokenOf(session)))).toBe('allowed')
    harness.engine.end(session)
    await harness.flush()
    await putBack(session)
    expect(introspected(session)).toMatchObject({ active: true })
    expect(await outcomeOf(validate(harness, tokenOf(session)))).toBe('invalid_token reuse_after_revocation')
    await putBack(session)
    expect(await outcomeOf(validate(harness, tokenOf(session)))).toBe('invalid_token reuse_after_revocation')
  })

  it('is over though nobody had used it here when it ended', async () => {
    const session = openSession(harness)
    harness.engine.end(session)
    await harness.flush()
    await putBack(session)
    expect(await outcomeOf(validate(harness, tokenOf(session)))).toBe('invalid_token reuse_after_revocation')
  })

  it('is over for what was delegated from it, and for tokens that were made by a refresh since', async () => {
    const parent = openSession(harness)
    const child = openSession(harness, { parent })
    harness.engine.end(parent)
    await harness.flush()
    await putBack(parent)
    expect(await outcomeOf(validate(harness, tokenOf(child)))).toBe('invalid_token reuse_after_revocation')
    const { token } = harness.engine.refresh(parent)
    await harness.flush()
    expect(await outcomeOf(validate(harness, token))).toBe('invalid_token reuse_after_revocation')
  })

  it('has its calls refused while the same session of nobody else is touched', async () => {
    const [over, other] = [openSession(harness), openSession(harness)]
    const call = await authorize(harness, tokenOf(other))
    harness.engine.end(over)
    await harness.flush()
    await putBack(over)
    expect(await outcomeOf(authorize(harness, tokenOf(over)))).toBe('invalid_token reuse_after_revocation')
    expect([call.signal.aborted, await outcomeOf(validate(harness, tokenOf(other)))]).toEqual([false, 'allowed'])
    call.close()
  })
})

describe('ids of ended sessions', () => {
  let nowUnixMs = 1_000_000
  const ended = (capacity?: number) =>
    new EndedSessions({ nowUnixMs: () => nowUnixMs, ...(capacity === undefined ? {} : { capacity }) })

  it('are kept until their session would have expired, and not longer', () => {
    const ids = ended()
    ids.add('sess_a', nowUnixMs + 1_000)
    nowUnixMs += 999
    expect(ids.has('sess_a')).toBe(true)
    nowUnixMs += 1
    expect([ids.has('sess_a'), ids.size]).toEqual([false, 0])
  })

  it('are kept for a day where the life of the session is not known, and for its life once that is', () => {
    const ids = ended()
    ids.add('sess_a')
    ids.add('sess_b')
    ids.add('sess_b', nowUnixMs + 1_000)
    ids.add('sess_b')
    nowUnixMs += 86_399_999
    expect([ids.has('sess_a'), ids.has('sess_b')]).toEqual([true, false])
  })

  it('are no more than the capacity: the oldest go first', () => {
    const ids = ended(3)
    for (const id of ['a', 'b', 'c', 'a', 'd']) ids.add(id)
    expect([ids.size, ids.has('a'), ids.has('b'), ids.has('d')]).toEqual([3, true, false, true])
  })

  it('are not called expired before the clock of the engine is known', () => {
    const ids = ended()
    ids.add('sess_a', nowUnixMs + 1)
    nowUnixMs = Infinity
    expect(ids.has('sess_a')).toBe(true)
  })
})
