/** A caller that takes too much is told 429 and when to come again; whoever does not is served all the while. */
import { afterEach, describe, expect, it } from 'vitest'
import type { LimitSettings } from '../../../src/gateway/limits/index.ts'
import { mintToken } from '../../../src/scope/index.ts'
import { openSession, SERVICE_TOKEN, tokenOf } from '../rig.ts'
import { ask, bearer, openStream, refusal, startHttpRig } from './rig.ts'
import type { Answer, HttpRig } from './rig.ts'

const rigs: HttpRig[] = []
afterEach(async () => {
  await Promise.all(rigs.splice(0).map((rig) => rig.stop()))
})

async function rigWith(limits: Partial<LimitSettings>): Promise<HttpRig> {
  const rig = await startHttpRig({ limits })
  rigs.push(rig)
  return rig
}

// Apart from those the fake engine mints, which counts from 1.
let minted = 100
const madeUp = () =>
  mintToken({ prefix: 'svt', label: 'prod', random: (bytes) => new Uint8Array(bytes).fill((minted += 1)) })
const call = (rig: HttpRig, token: string, path = '/u/stripe/v1/invoices') =>
  ask(rig.url, path, { headers: bearer(token) })
/** Status, code, and `Retry-After` where there is one. */
const told = (answer: Answer) =>
  answer.status === 200 ? '200' : [refusal(answer), answer.headers['retry-after']].filter(Boolean).join(', retry ')

describe('tokens nobody knows', () => {
  it('deny: past the rate of an address, 429 with Retry-After; allow: known tokens all the while', async () => {
    // An unknown token is asked for twice: for its place in the request, and for the decision.
    const rig = await rigWith({ unknown_tokens_per_second: 4 })
    const known = tokenOf(openSession(rig))
    expect(told(await call(rig, known))).toBe('200')
    const answers = [told(await call(rig, madeUp())), told(await call(rig, madeUp())), told(await call(rig, madeUp()))]
    expect(answers).toEqual([
      '401 invalid_token unknown',
      '401 invalid_token unknown',
      '429 unavailable lookups_limit, retry 1',
    ])
    expect(told(await call(rig, known))).toBe('200')
  })

  it('allow: again after as long as Retry-After says, and until then no look-up reaches Vault', async () => {
    const rig = await rigWith({ unknown_tokens_per_second: 1 })
    const fresh = tokenOf(openSession(rig))
    await call(rig, madeUp())
    const before = rig.vault.asked.length
    expect(told(await call(rig, fresh))).toBe('429 unavailable lookups_limit, retry 1')
    expect(rig.vault.asked.slice(before).filter(({ path }) => path === 'mcp/introspect')).toEqual([])
    await rig.clock.advance(1_000)
    expect(told(await call(rig, fresh))).toBe('200')
  })

  it('deny: sessions that are closed by guessed ids count alike, for an authenticated caller ten times as many', async () => {
    const rig = await rigWith({ unknown_tokens_per_second: 1 })
    const close = (id: number) =>
      ask(rig.url, `/sessions/sess_01JD5WZ5C00000000000000${String(100 + id)}`, {
        method: 'DELETE',
        headers: bearer(SERVICE_TOKEN),
      })
    const answers: string[] = []
    for (let id = 0; id < 11; id++) answers.push(told(await close(id)))
    expect(new Set(answers.slice(0, 10))).toEqual(new Set(['404 invalid_request session_unknown']))
    expect(answers[10]).toBe('429 unavailable lookups_limit, retry 1')
  })
})

describe('calls', () => {
  it('deny: more of a session under way than it may have; allow: another session, and the same when one ends', async () => {
    const rig = await rigWith({ calls_per_session: 2 })
    rig.respond((request, response) => {
      if (request.url === '/v1/invoices/open') response.writeHead(200).write('first')
      else response.writeHead(200).end('{}')
    })
    const [greedy, honest] = [tokenOf(openSession(rig)), tokenOf(openSession(rig))]
    const open = () => openStream(rig.url, '/u/stripe/v1/invoices/open', bearer(greedy))
    const [first] = [await open(), await open()]
    expect(told(await call(rig, greedy))).toBe('429 unavailable calls_limit, retry 1')
    expect(told(await call(rig, honest))).toBe('200')
    first.destroy()
    await expect.poll(async () => told(await call(rig, greedy))).toBe('200')
  })

  it('deny: refusals past those recorded one by one; allow: what the session may, and a second later', async () => {
    const rig = await rigWith({ refusals_per_second: 2 })
    const token = tokenOf(openSession(rig))
    const refused = () => call(rig, token, '/u/stripe/v1/refunds')
    const answers = [told(await refused()), told(await refused()), told(await refused())]
    expect(answers).toEqual([
      '403 insufficient_scope no_tool',
      '403 insufficient_scope no_tool',
      '429 unavailable refusals_limit, retry 1',
    ])
    expect(told(await call(rig, token))).toBe('200')
    await rig.clock.advance(1_000)
    expect(told(await refused())).toBe('403 insufficient_scope no_tool')
  })

  it('deny: more than a part of the limit where several gateways follow the feed', async () => {
    const rig = await rigWith({ refusals_per_second: 4 })
    rig.engine.pollers = 4
    rig.engine.upstream('github')
    await rig.flush()
    const token = tokenOf(openSession(rig))
    const refused = () => call(rig, token, '/u/stripe/v1/refunds')
    expect([told(await refused()), told(await refused())]).toEqual([
      '403 insufficient_scope no_tool',
      '429 unavailable refusals_limit, retry 1',
    ])
  })
})
