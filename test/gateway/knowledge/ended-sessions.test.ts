/** What a gateway was told to be over stays over, whatever an engine says later. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EndedSessions } from '../../../src/gateway/knowledge/ended-sessions.ts'
import type { FakeSession } from '../../fakes/engine.ts'
import { authorize, openSession, startRig, tokenOf, validate, verdict } from '../rig.ts'
import type { Rig } from '../rig.ts'

let rig: Rig
beforeEach(async () => {
  rig = await startRig()
})
afterEach(() => rig.stop())

/** The engine is put back to before the end of `sessions`: another epoch, in which they are alive. */
async function putBack(...sessions: FakeSession[]): Promise<void> {
  for (const session of sessions) delete session.ended
  rig.engine.restart()
  await rig.flush()
}

const introspected = (session: FakeSession) => rig.engine.introspect({ session_id: session.session_id })

describe('a session that ended before an engine was put back to an older state', () => {
  it('is over for its token, though the engine calls it live again', async () => {
    const session = openSession(rig)
    expect(await verdict(validate(rig, tokenOf(session)))).toBe('allowed')
    rig.engine.end(session)
    await rig.flush()
    await putBack(session)
    expect(introspected(session)).toMatchObject({ active: true })
    expect(await verdict(validate(rig, tokenOf(session)))).toBe('invalid_token reuse_after_revocation')
    await putBack(session)
    expect(await verdict(validate(rig, tokenOf(session)))).toBe('invalid_token reuse_after_revocation')
  })

  it('is over though nobody had used it here when it ended', async () => {
    const session = openSession(rig)
    rig.engine.end(session)
    await rig.flush()
    await putBack(session)
    expect(await verdict(validate(rig, tokenOf(session)))).toBe('invalid_token reuse_after_revocation')
  })

  it('is over for what was delegated from it, and for tokens that were made by a refresh since', async () => {
    const parent = openSession(rig)
    const child = openSession(rig, { parent })
    rig.engine.end(parent)
    await rig.flush()
    await putBack(parent)
    expect(await verdict(validate(rig, tokenOf(child)))).toBe('invalid_token reuse_after_revocation')
    const { token } = rig.engine.refresh(parent)
    await rig.flush()
    expect(await verdict(validate(rig, token))).toBe('invalid_token reuse_after_revocation')
  })

  it('has its calls refused while the same session of nobody else is touched', async () => {
    const [over, other] = [openSession(rig), openSession(rig)]
    const call = await authorize(rig, tokenOf(other))
    rig.engine.end(over)
    await rig.flush()
    await putBack(over)
    expect(await verdict(authorize(rig, tokenOf(over)))).toBe('invalid_token reuse_after_revocation')
    expect([call.signal.aborted, await verdict(validate(rig, tokenOf(other)))]).toEqual([false, 'allowed'])
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
