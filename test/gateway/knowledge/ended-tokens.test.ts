/** What a token that is over costs Vault when a client goes on sending it, and what is never taken for final. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Caller } from '../../../src/gateway/decision/callers.ts'
import { EndedTokens } from '../../../src/gateway/knowledge/ended-tokens.ts'
import type { Inactive } from '../../../src/gateway/knowledge/feed-event.ts'
import { authorize, itself, openSession, service, startRig, tokenOf, validate, verdict } from '../rig.ts'
import type { Rig } from '../rig.ts'

const INTROSPECT = 'mcp/introspect'
const REVOKED = 'invalid_token reuse_after_revocation'

let rig: Rig
beforeEach(async () => {
  rig = await startRig()
})
afterEach(() => rig.stop())

/** A token the engine ended before this gateway heard of its session. */
async function revokedToken() {
  const session = openSession(rig)
  rig.engine.end(session)
  await rig.flush()
  return { session, token: tokenOf(session) }
}

/** The engine calls it over, and its feed has not told: the write that ended it is not known to last. */
function unheardRevokedToken() {
  const session = openSession(rig)
  session.ended = 'closed'
  return { session, token: tokenOf(session) }
}

describe('a token that is over costs one look-up, however often it comes', () => {
  it('revoked', async () => {
    const { token } = await revokedToken()
    for (let i = 0; i < 5; i++) expect(await verdict(validate(rig, token))).toBe(REVOKED)
    expect(rig.vault.count(INTROSPECT)).toBe(1)
  })

  it('superseded or ended by itself, while its session lives on', async () => {
    const session = openSession(rig)
    const [first] = session.tokens
    const younger = rig.engine.refresh(session)
    rig.engine.endToken(session, first!, 'superseded')
    await rig.flush()
    for (let i = 0; i < 5; i++) expect(await verdict(validate(rig, first!.token))).toBe(REVOKED)
    expect(rig.vault.count(INTROSPECT)).toBe(1)
    expect(await verdict(validate(rig, younger.token))).toBe('allowed')
  })

  it.each([
    ['before this gateway saw it', false],
    ['while this gateway knew it', true],
  ])('expired %s', async (_when, known) => {
    const token = tokenOf(openSession(rig, { ttl: 60 }))
    await (known ? verdict(validate(rig, token)) : Promise.resolve())
    await rig.clock.advance(61_000)
    const before = rig.vault.count(INTROSPECT)
    const verdicts = []
    for (let i = 0; i < 4; i++) verdicts.push(await verdict(validate(rig, token)))
    expect(verdicts).toEqual(
      ['expired', ...Array<string>(3).fill('reuse_after_expiry')].map((v) => `invalid_token ${v}`),
    )
    expect(rig.vault.count(INTROSPECT)).toBe(before + 1)
  })

  it('whoever sends it, and at whichever face', async () => {
    const { token } = await revokedToken()
    expect(await verdict(validate(rig, token, undefined, service))).toBe(REVOKED)
    expect(await verdict(validate(rig, token, undefined, itself))).toBe(REVOKED)
    expect(await verdict(authorize(rig, token))).toBe(REVOKED)
    expect(await rig.core.decisions.isLive(token)).toBe(false)
    expect(rig.vault.count(INTROSPECT)).toBe(1)
  })

  it('and is still said to be over, not unavailable, when Vault cannot be asked', async () => {
    const { token } = await revokedToken()
    await verdict(validate(rig, token))
    rig.vault.cutLine()
    expect(await verdict(validate(rig, token))).toBe(REVOKED)
  })
})

describe('never kept is', () => {
  it('that a token is unknown', async () => {
    const session = openSession(rig)
    rig.engine.sessions.delete(session.session_id)
    for (let i = 0; i < 2; i++) expect(await verdict(validate(rig, tokenOf(session)))).toBe('invalid_token unknown')
    expect(rig.vault.count(INTROSPECT)).toBe(2)
    rig.engine.sessions.set(session.session_id, session)
    expect(await verdict(validate(rig, tokenOf(session)))).toBe('allowed')
  })

  it('that a session is paused, or anything else this gateway does not know to be final', async () => {
    const session = openSession(rig)
    const live = rig.engine.introspect({ session_id: session.session_id })
    vi.spyOn(rig.engine, 'introspect').mockImplementationOnce(() => ({ ...live, active: false, reason: 'paused' }))
    expect(await verdict(validate(rig, tokenOf(session)))).toBe('unavailable vault_unavailable')
    expect(await verdict(validate(rig, tokenOf(session)))).toBe('allowed')
  })

  it('that a caller may not ask about an agent', async () => {
    const bound: Caller = { kind: 'service', name: 'bound', agents: ['other-agent'], vault: undefined }
    const token = tokenOf(openSession(rig))
    const refused = await verdict(validate(rig, token, undefined, bound))
    expect(refused).not.toBe('allowed')
    expect(await verdict(validate(rig, token))).toBe('allowed')
    expect(await verdict(validate(rig, token, undefined, bound))).toBe(refused)
  })

  it('that a session asked for by its id is over', async () => {
    const { session } = await revokedToken()
    const key = { session_id: session.session_id }
    for (let i = 0; i < 2; i++) await rig.core.decisions.agentOf(key, service)
    expect(rig.vault.count(INTROSPECT)).toBe(2)
  })

  it('what an earlier epoch said', async () => {
    const { session, token } = unheardRevokedToken()
    expect(await verdict(validate(rig, token))).toBe(REVOKED)
    // The write that ended it did not last. (What the feed has told is final: ended-sessions.test.ts.)
    delete session.ended
    rig.engine.restart()
    await rig.flush()
    expect(await verdict(validate(rig, token))).toBe('allowed')
  })

  it('what an earlier epoch said and a later one heard', async () => {
    const { session, token } = unheardRevokedToken()
    const held = rig.vault.holdAnswers(INTROSPECT)
    const asked = verdict(validate(rig, token))
    await rig.flush()
    delete session.ended
    rig.engine.restart()
    await rig.flush()
    held.release()
    expect(await asked).toBe(REVOKED)
    expect(await verdict(validate(rig, token))).toBe('allowed')
  })
})

it('only so many are kept; those that come again stay longest', () => {
  const response = (reason: Inactive['reason']): Inactive => ({
    active: false,
    reason,
    session_id: 'sess_1',
    epoch: 'e',
    sequence: 1,
    server_time_unix_ms: 0,
  })
  const ended = new EndedTokens(2)
  for (const reason of ['unknown', 'malformed'] as const) ended.note(reason, response(reason))
  ended.note('a', response('revoked'))
  ended.note('b', response('expired'))
  ended.get('a')
  ended.note('c', response('revoked'))
  expect(['unknown', 'malformed', 'a', 'b', 'c'].filter((digest) => ended.has(digest))).toEqual(['a', 'c'])
})
