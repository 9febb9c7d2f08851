import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sendRequest, refusal, startHttpHarness } from './harness.ts'
import type { HttpHarness } from './harness.ts'

let harness: HttpHarness
beforeEach(async () => {
  harness = await startHttpHarness()
})
afterEach(() => harness.stop())

const port = () => new URL(harness.url).port

describe('Host', () => {
  it.each([
    () => `127.0.0.1:${port()}`,
    () => `localhost:${port()}`,
    () => `LOCALHOST:${port()}`,
    () => `[::1]:${port()}`,
    () => 'gateway.internal',
  ])('is answered when it is ours (%#)', async (host) => {
    expect((await sendRequest(harness.url, '/healthz', { headers: { Host: host() } })).status).toBe(200)
  })

  it.each([
    () => 'evil.example',
    () => `evil.example:${port()}`,
    () => '127.0.0.1',
    () => '127.0.0.1:1',
    () => `127.0.0.1.evil.example:${port()}`,
    () => 'gateway.internal.evil.example',
  ])('is 421 when it is not ours (%#)', async (host) => {
    expect(refusal(await sendRequest(harness.url, '/healthz', { headers: { Host: host() } }))).toBe(
      '421 invalid_request misdirected',
    )
  })

  it('is 421 on upstream listeners too, before the token is looked at', async () => {
    const requested = harness.vault.requests.length
    expect(
      (
        await sendRequest(harness.stripeUrl, '/v1/invoices', {
          headers: { Host: 'evil.example', Authorization: 'Bearer x' },
        })
      ).status,
    ).toBe(421)
    expect(harness.vault.requests.length).toBe(requested)
  })

  it('is refused when it is missing or given twice', async () => {
    expect(await raw('GET /healthz HTTP/1.0\r\n\r\n')).toContain(' 421 ')
    expect(
      await raw(
        `GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:${port()}\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
      ),
    ).toMatch(/ 4(?:00|21) /)
  })
})

describe('web pages', () => {
  it.each([
    [{ Origin: 'https://evil.example' }],
    [{ Origin: 'null' }],
    [{ Origin: 'http://127.0.0.1:8251' }],
    [{ 'Sec-Fetch-Site': 'cross-site' }],
    [{ 'Sec-Fetch-Site': 'same-site' }],
  ])('are refused with %o, on every path', async (headers) => {
    for (const path of ['/healthz', '/u/stripe/v1/invoices', '/validate']) {
      const response = await sendRequest(harness.url, path, { headers })
      expect(refusal(response)).toBe('403 invalid_request cross_site')
      expect(Object.keys(response.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    }
  })

  it('get no answer to a preflight', async () => {
    expect(
      (
        await sendRequest(harness.url, '/validate', {
          method: 'OPTIONS',
          headers: { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'POST' },
        })
      ).status,
    ).toBe(403)
  })

  it.each(['none', 'same-origin'])('are not assumed behind Sec-Fetch-Site: %s', async (site) => {
    expect((await sendRequest(harness.url, '/healthz', { headers: { 'Sec-Fetch-Site': site } })).status).toBe(200)
  })
})

it('refuses the absolute form of the target', async () => {
  expect(
    await raw(
      `GET http://127.0.0.1:${port()}/healthz HTTP/1.1\r\nHost: 127.0.0.1:${port()}\r\nConnection: close\r\n\r\n`,
    ),
  ).toContain(' 400 ')
})

function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port()), '127.0.0.1', () => socket.write(text))
    let response = ''
    socket.on('data', (chunk) => {
      response += chunk.toString()
    })
    socket.on('close', () => {
      resolve(response)
    })
    socket.on('error', reject)
  })
}
