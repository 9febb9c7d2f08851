import Stripe from 'stripe'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startStripe } from '../../src/demo/upstream-stripe.ts'
import type { LocalUpstream } from '../../src/demo/upstream.ts'

let upstream: LocalUpstream
beforeEach(async () => {
  upstream = await startStripe({ tickMs: 5 })
})
afterEach(() => upstream.close())

function sdk(key = upstream.key): Stripe {
  const { hostname, port } = new URL(upstream.url)
  return new Stripe(key, { host: hostname, port, protocol: 'http', maxNetworkRetries: 0, telemetry: false })
}

const send = (path: string, authorization: string | undefined, init: RequestInit = {}) =>
  fetch(upstream.url + path, { ...init, ...(authorization === undefined ? {} : { headers: { authorization } }) })

describe('the real Stripe SDK works against it', () => {
  test('lists invoices', async () => {
    const { data, has_more } = await sdk().invoices.list({ limit: 2 })
    expect(data.map(({ id }) => id)).toEqual(['in_1', 'in_2'])
    expect(has_more).toBe(true)
  })

  test('follows pages', async () => {
    const ids: (string | undefined)[] = []
    for await (const { id } of sdk().invoices.list({ limit: 1 })) ids.push(id)
    expect(ids).toEqual(['in_1', 'in_2', 'in_3'])
  })

  test('gets one invoice', async () => {
    expect(await sdk().invoices.retrieve('in_2')).toMatchObject({ id: 'in_2', customer: 'cus_2', status: 'open' })
  })

  test('gets customers with what nobody should pass on', async () => {
    expect((await sdk().customers.list()).data[0]).toMatchObject({
      name: 'Ada Marchetti',
      email: 'ada.marchetti@example.com',
    })
  })

  test('lists subscriptions', async () => {
    expect((await sdk().subscriptions.list()).data).toMatchObject([{ id: 'sub_1', status: 'active' }])
  })

  test('makes a refund, once per idempotency key', async () => {
    const stripe = sdk()
    const first = await stripe.refunds.create({ charge: 'ch_1', amount: 1000 }, { idempotencyKey: 'once' })
    const again = await stripe.refunds.create({ charge: 'ch_1', amount: 1000 }, { idempotencyKey: 'once' })
    expect(first).toMatchObject({ id: 're_1', amount: 1000, status: 'succeeded' })
    expect(again.id).toBe('re_1')
    expect((await stripe.refunds.list()).data).toHaveLength(1)
  })

  test('a refund larger than the charge is its own error class', async () => {
    await expect(sdk().refunds.create({ charge: 'ch_1', amount: 4201 })).rejects.toBeInstanceOf(
      Stripe.errors.StripeInvalidRequestError,
    )
  })

  test('an invoice that does not exist is its own error class', async () => {
    await expect(sdk().invoices.retrieve('in_99')).rejects.toMatchObject({ code: 'resource_missing', statusCode: 404 })
  })

  test('a wrong key is an authentication error', async () => {
    await expect(sdk('sk_live_wrong').invoices.list()).rejects.toBeInstanceOf(Stripe.errors.StripeAuthenticationError)
  })
})

describe('it demands its real key', () => {
  test.each<[string, (key: string) => string]>([
    ['as bearer', (key) => `Bearer ${key}`],
    ['as bearer in lower case', (key) => `bearer ${key}`],
    ['as basic user name without password', (key) => `Basic ${Buffer.from(`${key}:`).toString('base64')}`],
  ])('%s', async (_, header) => {
    expect((await send('/v1/invoices', header(upstream.key))).status).toBe(200)
    expect(upstream.calls()).toBe(1)
  })

  test.each<[string, (key: string) => string | undefined]>([
    ['no credential', () => undefined],
    ['another key', () => 'Bearer sk_live_other'],
    ['a longer key', (key) => `Bearer ${key}x`],
    ['the key under another scheme', (key) => `token ${key}`],
    ['the key as basic password', (key) => `Basic ${Buffer.from(`:${key}`).toString('base64')}`],
    ['a phantom token', () => 'Bearer svt_prod_7f3k9m2p'],
  ])('and refuses %s', async (_, header) => {
    const response = await send('/v1/invoices', header(upstream.key))
    expect(response.status).toBe(401)
    expect(await response.json()).toEqual({
      error: { type: 'invalid_request_error', message: 'Invalid API Key provided.' },
    })
    expect([upstream.calls(), upstream.refused()]).toEqual([0, 1])
  })

  test('which is another one at each start', async () => {
    const other = await startStripe()
    await other.close()
    expect(other.key).toMatch(/^sk_live_[0-9a-f]{48}$/)
    expect(other.key).not.toBe(upstream.key)
  })
})

test('unknown paths are 404', async () => {
  expect((await send('/v1/balance', `Bearer ${upstream.key}`)).status).toBe(404)
  expect((await send('/v1/__proto__', `Bearer ${upstream.key}`)).status).toBe(404)
})

test('the echo leaks the key in a header and in the body', async () => {
  const response = await send('/v1/echo', `Bearer ${upstream.key}`, { method: 'POST', body: 'hello' })
  expect(response.headers.get('x-echo-authorization')).toBe(`Bearer ${upstream.key}`)
  expect(await response.json()).toMatchObject({ key: upstream.key, body: 'hello' })
})

test('events go on until the other side leaves, and it is seen leaving', async () => {
  const response = await send('/v1/events/stream', `Bearer ${upstream.key}`)
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes('evt_3')) text += (await reader.read()).value ?? ''
  expect(text.startsWith('data: {"id":"evt_1"')).toBe(true)
  expect(upstream.openStreams()).toBe(1)
  await reader.cancel()
  await expect.poll(() => upstream.openStreams()).toBe(0)
})
