import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connect } from '../../src/client/index.ts'
import type { GatewayClient, Session, SessionEvent } from '../../src/client/index.ts'
import { startFakeGateway } from '../../src/client/testing.ts'
import type { FakeGateway } from '../../src/client/testing.ts'
import { FakeClock } from '../fakes/clock.ts'
import { until } from './until.ts'

let fake: FakeGateway
let clock: FakeClock
let gateway: GatewayClient

beforeEach(async () => {
  fake = await startFakeGateway()
  clock = new FakeClock()
  gateway = connect({ address: fake.address, token: fake.token, clock })
})

afterEach(async () => {
  gateway.close()
  await fake.close()
})

const request = {
  agent_id: 'claude-billing-agent',
  purpose: 'reconciliation',
  requested_scopes: ['read:stripe:invoices'],
  environment: 'production',
  ttl_seconds: 900,
}
const open = () => gateway.sessions.open(request)
const requests = (method: string) => fake.calls.filter((call) => call.method === method)
/** The answer to a refresh has come when the timer of the next one, or of the retry, stands. */
const refreshed = (times: number) => until(() => requests('Refresh').length === times && clock.waiting === 1)

describe('an open session', () => {
  test('is what was asked for', async () => {
    const session = await open()
    expect(requests('Open')[0]!.request).toMatchObject(request)
    expect(session.details).toMatchObject({
      agent_id: 'claude-billing-agent',
      scopes: ['read:stripe:invoices'],
      environment: 'production',
      ttl_seconds: 900,
    })
    expect(await session.token()).toBe(session.details.token)
    await session.close()
  })

  test('keeps its token until 80 % of its life', async () => {
    const session = await open()
    await clock.advance(719_999)
    expect(requests('Refresh')).toEqual([])
    await session.close()
  })

  test('has a new token at 80 %, of the same session, and the old one lives on', async () => {
    const session = await open()
    const old = await session.token()
    await clock.advance(720_000)
    await refreshed(1)
    const young = await session.token()
    expect(young).not.toBe(old)
    expect(await gateway.validate(old)).toMatchObject({ active: true, session_id: session.session_id })
    expect(await gateway.validate(young)).toMatchObject({ active: true, session_id: session.session_id })
    expect(requests('Refresh')[0]!.request).toMatchObject({ session_id: session.session_id, ttl_seconds: 900 })
    await session.close()
  })

  test('goes on like that', async () => {
    const session = await open()
    for (let round = 1; round <= 3; round++) {
      await clock.advance(720_000)
      await refreshed(round)
    }
    await session.close()
    expect(requests('Refresh')).toHaveLength(3)
  })

  test('hands out the old token while a refresh is under way', async () => {
    const session = await open()
    const old = await session.token()
    fake.fail('Refresh', 'silence')
    await clock.advance(720_000)
    expect(await session.token()).toBe(old)
    await session.close()
  })

  test('has a new token soon after the machine woke, where its old one went on ageing', async () => {
    const session = await open()
    await clock.advance(1_000)
    clock.sleepThrough(720_000)
    await clock.advance(10_000)
    await refreshed(1)
    await session.close()
  })

  test('hands out no token that expired while the machine slept', async () => {
    const session = await open()
    const old = await session.token()
    clock.sleepThrough(900_000)
    expect(await session.token()).not.toBe(old)
    await session.close()
  })

  test('asks for one refresh at a time', async () => {
    const session = await open()
    const [a, b] = await Promise.all([session.refresh(), session.refresh()])
    expect(a).toBe(b)
    expect(requests('Refresh')).toHaveLength(1)
    await session.close()
  })

  test('that holds as many tokens as it may goes on with its own, and refreshes when it was told to', async () => {
    const session = await open()
    const old = await session.token()
    fake.fail('Refresh', {
      grpc: 8,
      type: 'unavailable',
      code: 'too_many_live_tokens',
      message: 'as many live tokens as it may',
      retry_after_seconds: 90,
    })
    await clock.advance(720_000)
    await refreshed(1)
    expect(await session.token()).toBe(old)
    await clock.advance(89_999)
    expect(requests('Refresh')).toHaveLength(1)
    await clock.advance(1)
    await refreshed(2)
    expect(await session.token()).not.toBe(old)
    await session.close()
  })

  test('outlasts an outage: the old token serves, and the refresh is tried again', async () => {
    const session = await open()
    const old = await session.token()
    fake.fail('Refresh', { type: 'unavailable', message: 'Vault is sealed' }, 2)
    await clock.advance(720_000)
    await refreshed(1)
    expect(await session.token()).toBe(old)
    await clock.advance(500)
    await refreshed(2)
    await clock.advance(1_000)
    await refreshed(3)
    expect(await session.token()).not.toBe(old)
    await session.close()
  })

  test('whose token ran out during an outage says unavailable, not invalid', async () => {
    const session = await open()
    fake.fail('Refresh', { type: 'unavailable', message: 'Vault is sealed' }, 1000)
    await clock.advance(720_000)
    await refreshed(1)
    await clock.advance(180_000)
    await expect(session.token()).rejects.toMatchObject({ type: 'unavailable' })
    await session.close()
  })

  test('outlasts a service token that is refused for a while', async () => {
    const session = await open()
    fake.fail('Refresh', {
      type: 'invalid_token',
      code: 'caller_unknown',
      message: 'the service token is not known to this gateway',
    })
    await clock.advance(720_000)
    await refreshed(1)
    await clock.advance(500)
    await refreshed(2)
    expect(await session.token()).toBe(session.details.token)
    await session.close()
  })

  test('that was ended elsewhere says so, and asks no more', async () => {
    const session = await open()
    fake.endSession(session.session_id)
    await clock.advance(720_000)
    await until(() => requests('Refresh').length === 1 && clock.waiting === 0)
    await expect(session.token()).rejects.toMatchObject({ message: 'session is over, open a new one' })
    await clock.advance(3_600_000)
    expect(requests('Refresh')).toHaveLength(1)
  })

  test('is closed once, and gives no token after', async () => {
    const session = await open()
    const token = await session.token()
    await session.close()
    await session.close()
    expect(requests('Close')).toHaveLength(1)
    await expect(session.token()).rejects.toMatchObject({ type: 'invalid_token', code: 'closed' })
    await expect(gateway.validate(token)).rejects.toMatchObject({ type: 'invalid_token', code: 'revoked' })
    expect(clock.waiting).toBe(0)
  })

  test('that is closed while a refresh is under way stays closed', async () => {
    const session = await open()
    const refused = expect(session.refresh()).rejects.toMatchObject({
      code: expect.stringMatching(/closed|revoked/) as string,
    })
    await session.close()
    await refused
    expect(clock.waiting).toBe(0)
  })

  test('is disposed of with its scope', async () => {
    let kept: Session
    {
      await using session = await open()
      kept = session
    }
    await expect(kept.token()).rejects.toMatchObject({ code: 'closed' })
  })
})

describe('sessions', () => {
  test('a child is opened with its parent', async () => {
    const parent = await open()
    const child = await gateway.sessions.delegate({
      parent_token: await parent.token(),
      agent_id: 'report-agent',
      requested_scopes: ['read:stripe:invoices'],
    })
    expect(child.details.agent_id).toBe('report-agent')
    expect(child.session_id).not.toBe(parent.session_id)
    await Promise.all([child.close(), parent.close()])
  })

  test('a child of a dead session is refused', async () => {
    const parent = fake.openSession()
    fake.endSession(parent.session_id)
    await expect(
      gateway.sessions.delegate({ parent_token: parent.token, agent_id: 'report-agent' }),
    ).rejects.toMatchObject({ type: 'invalid_token' })
  })

  test('opening is not tried twice: the first may have succeeded', async () => {
    fake.fail('Open', { type: 'unavailable', message: 'Vault is sealed' })
    await expect(open()).rejects.toMatchObject({ type: 'unavailable' })
    expect(requests('Open')).toHaveLength(1)
  })

  test('those opened elsewhere are refreshed and closed by id', async () => {
    const { session_id, token } = fake.openSession()
    const young = await gateway.sessions.refresh({ session_id })
    expect(young.session_id).toBe(session_id)
    await gateway.sessions.close({ session_id })
    await expect(gateway.validate(token)).rejects.toMatchObject({ code: 'revoked' })
  })

  test('watching tells that it lives, changes and ends', async () => {
    const { session_id } = fake.openSession()
    const events: SessionEvent[] = []
    for await (const event of gateway.sessions.watch({ session_id })) {
      events.push(event)
      if (event.kind === 'KIND_LIVE') fake.changeScopes(session_id, [])
      if (event.kind === 'KIND_CHANGED') fake.endSession(session_id, 'disabled')
    }
    expect(events.map(({ kind, reason }) => [kind, reason])).toEqual([
      ['KIND_LIVE', ''],
      ['KIND_CHANGED', 'scopes'],
      ['KIND_ENDED', 'disabled'],
    ])
  })

  test('watching a dead one is refused', async () => {
    const { session_id } = fake.openSession()
    fake.endSession(session_id)
    await expect(gateway.sessions.watch({ session_id })[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      type: 'invalid_token',
    })
  })

  test('watching ends with its signal, and with a gateway that goes down', async () => {
    const { session_id } = fake.openSession()
    const giveUp = new AbortController()
    const given = gateway.sessions.watch({ session_id }, { signal: giveUp.signal })[Symbol.asyncIterator]()
    const lost = gateway.sessions.watch({ session_id })[Symbol.asyncIterator]()
    await Promise.all([given.next(), lost.next()])
    giveUp.abort(new Error('enough'))
    await expect(given.next()).rejects.toThrow('enough')
    await fake.close()
    await expect(lost.next()).rejects.toMatchObject({ type: 'unavailable' })
  })
})
