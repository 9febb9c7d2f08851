/** Refresh tokens that are replaced at each use, shared by gateways. */
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { refusal } from '../http/harness.ts'
import { startRefreshHarness, until } from './harness.ts'
import type { RefreshHarness } from './harness.ts'
import { CLIENT, TOKEN_LIFE } from './issuer.ts'

let harness: RefreshHarness
beforeAll(() => {
  // oidc-provider warns of storage and keys that are for tests only.
  vi.spyOn(console, 'warn').mockImplementation(() => undefined)
})
afterEach(() => harness.close())

const all200 = [200, 200, 200, 200]
const tokens = () => new Set(harness.received.map(({ token }) => token))
const state = async () => (await harness.record()).state
const lost = '403 upstream_error needs_reauthorization'

describe('four gateways', () => {
  beforeEach(async () => {
    harness = await startRefreshHarness({ gateways: 4 })
  })

  it('make one exchange at first use, for which all wait, and call with the same access token', async () => {
    const held = await harness.heldExchange(0)
    const others = await Promise.all([0, 1, 2, 3].map((member) => harness.begunCall(member)))
    await harness.forward(3_000)
    held.release()
    expect((await Promise.all(others.map(({ response }) => response))).map(({ status }) => status)).toEqual(all200)
    expect(harness.issuer.results).toEqual(['issued'])
    expect(tokens().size).toBe(1)
  })

  it('leave the seed as it is, and no token in sight in what they keep', async () => {
    const seed = await harness.admin.read('secret/data/mcp/crm')
    await harness.callAll()
    expect(await harness.admin.read('secret/data/mcp/crm')).toMatchObject({ data: seed!.data })
    const { refresh_token: refreshToken } = seed!.data!.data as Record<string, string>
    const record = JSON.stringify(await harness.record())
    expect(await harness.record()).toMatchObject({ state: 'ready', seed_path: 'mcp/crm', seed_version: 1 })
    for (const secret of [...tokens(), refreshToken!, CLIENT.client_secret]) expect(record).not.toContain(secret)
  })

  it('make one exchange when the access token has ended', async () => {
    await harness.callAll()
    await harness.forward(TOKEN_LIFE * 1000)
    expect(await harness.callAll()).toEqual(all200)
    expect(harness.issuer.results).toEqual(['issued', 'issued'])
    expect(tokens().size).toBe(2)
  })

  it('make one exchange before it ends, for which no call waits', async () => {
    await harness.callAll()
    await harness.untilRenewal()
    const held = await harness.heldExchange(0)
    expect(await harness.callAll()).toEqual(all200)
    expect(tokens().size).toBe(1)
    held.release()
    await until(() => harness.issuer.results.length === 2)
    await harness.untilReread()
    await harness.callAll()
    await harness.untilReread()
    expect(await harness.callAll()).toEqual(all200)
    expect(harness.received.slice(-4).map(({ token }) => token)).not.toContain(harness.received[0]!.token)
    expect(new Set(harness.received.slice(-4).map(({ token }) => token)).size).toBe(1)
    expect(harness.issuer.results).toEqual(['issued', 'issued'])
  })

  it('go on with the access token where one of them dies in an exchange, and say what is to be done before it ends', async () => {
    await harness.callAll()
    await harness.untilRenewal()
    await dieInExchange(0)
    expect(await harness.callAll([1, 2, 3])).toEqual([200, 200, 200])
    await harness.forward(40_000)
    expect(await harness.callAll([1, 2, 3])).toEqual([200, 200, 200])
    await until(() => harness.told.some((line) => line.startsWith('error needs_reauthorization')))
    expect(harness.told.join('\n')).toContain('run: vault kv patch -mount=secret mcp/crm refresh_token=-')
    expect(tokens().size).toBe(1)
    expect(harness.issuer.exchanges).toBe(2)
  })

  it('call with no token that is not good once it has ended, and with a new one as soon as there is a new seed', async () => {
    await harness.callAll()
    await harness.untilRenewal()
    await dieInExchange(0)
    await harness.forward(TOKEN_LIFE * 1000)
    const { response: waiting } = await harness.begunCall(1)
    await harness.forward(32_000)
    const refused = await waiting
    expect(refusal(refused)).toBe(lost)
    expect(refused.text).toContain('its operator must act')
    expect(refused.text).not.toContain('mcp/crm')
    expect(await state()).toBe('needs_reauthorization')
    await harness.writeSeed()
    await harness.forward(3_000)
    expect(await harness.callAll([1, 2, 3])).toEqual([200, 200, 200])
    expect(harness.issuer.results).toEqual(['issued', 'issued', 'issued'])
    expect(harness.received.every(({ accepted }) => accepted)).toBe(true)
  })

  it('wait for an exchange at first use that does not come back, and try no other', async () => {
    await dieInExchange(0)
    const waiting = await Promise.all([harness.begunCall(1), harness.begunCall(2)])
    await harness.forward(32_000)
    expect((await Promise.all(waiting.map(({ response }) => response))).map(refusal)).toEqual([lost, lost])
    expect([harness.issuer.exchanges, harness.received]).toEqual([1, []])
  })

  it('take back that one is dead when it writes its result after all', async () => {
    const held = await harness.heldExchange(0)
    const { relay } = harness.members[0]!
    relay.cut()
    held.release()
    await until(() => harness.issuer.results.length === 1)
    const { response: waiting } = await harness.begunCall(1)
    await harness.forward(32_000)
    expect(refusal(await waiting)).toBe(lost)
    expect(harness.told.join('\n')).toContain('is not in secret/mcp-minted/mcp/crm yet, because Vault takes no write')
    relay.mend()
    await harness.forward(6_000)
    await until(async () => (await state()) === 'ready')
    expect(await harness.callAll([1, 2, 3])).toEqual([200, 200, 200])
    expect(harness.issuer.results).toEqual(['issued'])
  })

  it('lose nothing where one is shut down in an exchange', async () => {
    const held = await harness.heldExchange(0)
    const closing = harness.members[0]!.gateway.close()
    held.release()
    await closing
    expect(await harness.callAll([1, 2, 3])).toEqual([200, 200, 200])
    expect(harness.issuer.results).toEqual(['issued'])
  })
})

describe('an issuer that does not replace refresh tokens', () => {
  it('is asked again by another gateway where one died in an exchange', async () => {
    harness = await startRefreshHarness({ gateways: 2, rotates: false })
    await harness.callAll()
    await harness.untilRenewal()
    await dieInExchange(0)
    await harness.forward(TOKEN_LIFE * 1000)
    const { response: waiting } = await harness.begunCall(1)
    await harness.forward(32_000)
    expect((await waiting).status).toBe(200)
    expect(harness.issuer.results).toEqual(['issued', 'issued', 'issued'])
  })
})

describe('nobody gets to see', () => {
  it('access tokens, refresh tokens and the client secret, the former ones included', async () => {
    harness = await startRefreshHarness({ gateways: 1 })
    const seed = (await harness.admin.read('secret/data/mcp/crm'))!.data!.data as Record<string, string>
    const issued: string[] = []
    harness.issuer.onIssued = ({ access_token, refresh_token }) => issued.push(access_token, refresh_token)
    await harness.callAll()
    await harness.forward(TOKEN_LIFE * 1000)
    harness.respond = () => [...issued, seed.refresh_token, seed.client_secret].join(' and ')
    const { status, text } = await harness.call(0)
    expect([status, issued.length]).toEqual([200, 4])
    for (const secret of [...issued, seed.refresh_token!, CLIENT.client_secret]) expect(text).not.toContain(secret)
  })
})

/** Its exchange is made at the issuer, and it hears no more of that, nor of Vault. */
async function dieInExchange(member: number): Promise<void> {
  const before = harness.issuer.results.length
  const held = await harness.heldExchange(member)
  harness.members[member]!.relay.cut()
  harness.issuer.losesResponses = true
  held.release()
  await until(() => harness.issuer.results.length > before)
  harness.issuer.losesResponses = false
}
