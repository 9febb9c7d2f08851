/** Records as 0.1.0 wrote them, under today's engine. */
import { expect, it } from 'vitest'
import { MemoryStorage, jsonEntry } from '../../src/logical/storage.ts'
import { FakeClock } from '../fakes/clock.ts'
import { mintToken, newTokenId, sessionIdOf, sessionKeyOf, tokenDigest } from '../../src/scope/index.ts'
import { TestEngine } from './engine.ts'

let seed = 0
const random = (bytes: number) => new Uint8Array(bytes).fill(++seed)
const mint = () => mintToken({ prefix: 'svt', label: 'prod', random })

interface OldToken {
  readonly text: string
  readonly ttl: number
  readonly ended?: boolean
}

/** An engine over a session with the given tokens, oldest first, opened now. */
async function withOldSession(tokens: readonly OldToken[]): Promise<{ engine: TestEngine; session_id: string }> {
  const storage = new MemoryStorage()
  const clock = new FakeClock()
  const nowUnix = Math.floor(clock.now() / 1000)
  const session_id = sessionIdOf(tokenDigest(tokens[0]!.text), clock.now())
  const stored = tokens.map(({ text, ttl, ended }) => ({
    token_id: newTokenId(random, clock.now()),
    digest: tokenDigest(text),
    issued_at_unix: nowUnix,
    expires_at_unix: nowUnix + ttl,
    issuer: 'operator',
    request_id: 'one',
    ...(ended && { ended }),
  }))
  const session = {
    session_id,
    agent_id: 'billing',
    environment: 'production',
    purpose: '',
    scopes: ['read:stripe:invoices'],
    policies: null,
    generation: 0,
    mount_generation: 0,
    ancestors: [],
    entity_id: '',
    opener: 'operator',
    opened_at_unix: nowUnix,
    life_ends_unix: nowUnix + 28_800,
    tokens: stored,
  }
  const key = sessionKeyOf(session_id)!
  await storage.put(jsonEntry(`s/${key.slice(0, 2)}/${key}`, session))
  for (const { digest, token_id, expires_at_unix } of stored.slice(1)) {
    const pointer = { session_id, token_id, expires_at_unix, life_ends_unix: session.life_ends_unix }
    await storage.put(jsonEntry(`t/${digest.slice(0, 2)}/${digest}`, pointer))
  }
  const engine = await TestEngine.start({ storage, clock })
  await engine.declare('billing', ['read:stripe:invoices'])
  return { engine, session_id }
}

const stateOf = async (engine: TestEngine, token: string) => {
  const response = await engine.introspect({ token })
  return response.active === true ? 'live' : response.reason
}

it('a session opened before the upgrade lives on, and its tokens with it', async () => {
  const [first, second] = [mint(), mint()]
  const { engine, session_id } = await withOldSession([
    { text: first, ttl: 900 },
    { text: second, ttl: 900 },
  ])
  expect([await stateOf(engine, first), await stateOf(engine, second)]).toEqual(['live', 'live'])
  const refreshed = String((await engine.write(`creds/billing/${session_id}`))!.data!.token)
  expect([await stateOf(engine, first), await stateOf(engine, refreshed)]).toEqual(['live', 'live'])
})

it('a token that a refresh ended before the upgrade stays ended', async () => {
  const [first, second, third] = [mint(), mint(), mint()]
  const { engine } = await withOldSession([
    { text: first, ttl: 900, ended: true },
    { text: second, ttl: 900 },
    { text: third, ttl: 900 },
  ])
  expect([await stateOf(engine, first), await stateOf(engine, second)]).toEqual(['revoked', 'live'])
})

it('a session whose tokens had all run out before the upgrade is over', async () => {
  const only = mint()
  const { engine, session_id } = await withOldSession([{ text: only, ttl: 0 }])
  expect(await stateOf(engine, only)).toBe('expired')
  expect((await engine.refusal(engine.write(`creds/billing/${session_id}`))).message).toContain('session is over')
})
