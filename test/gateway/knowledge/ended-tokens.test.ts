/** What a token that is over costs Vault when a client goes on sending it, and what is never taken for final. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Caller } from '../../../src/gateway/decision/callers.ts'
import { EndedTokens } from '../../../src/gateway/knowledge/ended-tokens.ts'
import type { InactiveSession } from '../../../src/document/index.ts'
import { authorize, itself, openSession, service, startHarness, tokenOf, validate, outcomeOf } from '../harness.ts'
import type { GatewayHarness } from '../harness.ts'

const INTROSPECT = 'mcp/introspect'
const REVOKED = 'invalid_token reuse_after_revocation'

let harness: GatewayHarness
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.stop())

/** A token the engine ended before this gateway heard of its session. */
async function revokedToken() {
  const session = openSession(harness)
  harness.engine.end(session)
  await harness.flush()
  return { session, token: tokenOf(session) }
}

/** The engine calls it over, and its feed has not told: the write that ended it is not known to last. */
function unheardRevokedToken() {
  const session = openSession(harness)
  session.ended = 'closed'
  return { session, token: tokenOf(session) }
}

describe('a token that is over costs one look-up, however often it comes', () => {
  it('revoked', async () => {
    const { token } = await revokedToken()
    for (let i = 0; i < 5; i++) expect(await outcomeOf(validate(harness, token))).toBe(REVOKED)
    expect(harness.vault.count(INTROSPECT)).toBe(1)
  })

  it('superseded or ended by itself, while its session lives on', async () => {
    const session = openSession(harness)
    const [first] = session.tokens
    const younger = harness.engine.refresh(session)
    harness.engine.endToken(session, first!, 'superseded')
    await harness.flush()
    for (let i = 0; i < 5; i++) expect(await outcomeOf(validate(harness, first!.token))).toBe(REVOKED)
    expect(harness.vault.count(INTROSPECT)).toBe(1)
    expect(await outcomeOf(validate(harness, younger.token))).toBe('allowed')
  })

  it.each([
    ['before this gateway saw it', false],
    ['while this gateway knew it', true],
  ])('expired %s', async (_when, known) => {
    const token = tokenOf(openSession(harness, { ttl: 60 }))
    await (known ? outcomeOf(validate(harness, token)) : Promise.resolve())
    await harness.clock.advance(61_000)
    const before = harness.vault.count(INTROSPECT)
    const verdicts = []
    for (let i = 0; i < 4; i++) verdicts.push(await outcomeOf(validate(harness, token)))
    expect(verdicts).toEqual(
      ['expired', ...Array<string>(3).fill('reuse_after_expiry')].map((v) => `invalid_token ${v}`),
    )
    expect(harness.vault.count(INTROSPECT)).toBe(before + 1)
  })

  it('from any caller, on either listener', async () => {
    const { token } = await revokedToken()
    expect(await outcomeOf(validate(harness, token, undefined, service))).toBe(REVOKED)
    expect(await outcomeOf(validate(harness, token, undefined, itself))).toBe(REVOKED)
    expect(await outcomeOf(authorize(harness, token))).toBe(REVOKED)
    expect(await harness.core.decisions.isLive(token)).toBe(false)
    expect(harness.vault.count(INTROSPECT)).toBe(1)
  })

  it('and is still said to be over, not unavailable, when Vault cannot be asked', async () => {
    const { token } = await revokedToken()
    await outcomeOf(validate(harness, token))
    harness.vault.cutLine()
    expect(await outcomeOf(validate(harness, token))).toBe(REVOKED)
  })
})

describe('never kept is', () => {
  it('that a token is unknown', async () => {
    const session = openSession(harness)
    harness.engine.sessions.delete(session.session_id)
    for (let i = 0; i < 2; i++)
      expect(await outcomeOf(validate(harness, tokenOf(session)))).toBe('invalid_token unknown')
    expect(harness.vault.count(INTROSPECT)).toBe(2)
    harness.engine.sessions.set(session.session_id, session)
    expect(await outcomeOf(validate(harness, tokenOf(session)))).toBe('allowed')
  })

  it('that a session is paused, or anything else this gateway does not know to be final', async () => {
    const session = openSession(harness)
    const live = harness.engine.introspect({ session_id: session.session_id })
    vi.spyOn(harness.engine, 'introspect').mockImplementationOnce(() => ({ ...live, active: false, reason: 'paused' }))
    expect(await outcomeOf(validate(harness, tokenOf(session)))).toBe('unavailable vault_unavailable')
    expect(await outcomeOf(validate(harness, tokenOf(session)))).toBe('allowed')
  })

  it('that a caller may not ask about an agent', async () => {
    const bound: Caller = { kind: 'service', name: 'bound', agents: ['other-agent'], vault: undefined }
    const token = tokenOf(openSession(harness))
    const refused = await outcomeOf(validate(harness, token, undefined, bound))
    expect(refused).not.toBe('allowed')
    expect(await outcomeOf(validate(harness, token))).toBe('allowed')
    expect(await outcomeOf(validate(harness, token, undefined, bound))).toBe(refused)
  })

  it('that a session asked for by its id is over', async () => {
    const { session } = await revokedToken()
    const key = { session_id: session.session_id }
    for (let i = 0; i < 2; i++) await harness.core.decisions.agentOf(key, service)
    expect(harness.vault.count(INTROSPECT)).toBe(2)
  })

  it('what an earlier epoch said', async () => {
    const { session, token } = unheardRevokedToken()
    expect(await outcomeOf(validate(harness, token))).toBe(REVOKED)
    // The write that ended it did not last. (What the feed has told is final: ended-sessions.test.ts.)
    delete session.ended
    harness.engine.restart()
    await harness.flush()
    expect(await outcomeOf(validate(harness, token))).toBe('allowed')
  })

  it('what an earlier epoch said and a later one heard', async () => {
    const { session, token } = unheardRevokedToken()
    const held = harness.vault.holdResponses(INTROSPECT)
    const pending = outcomeOf(validate(harness, token))
    await harness.flush()
    delete session.ended
    harness.engine.restart()
    await harness.flush()
    held.release()
    expect(await pending).toBe(REVOKED)
    expect(await outcomeOf(validate(harness, token))).toBe('allowed')
  })
})

it('only so many are kept; those that come again stay longest', () => {
  const response = (reason: InactiveSession['reason']): InactiveSession => ({
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
