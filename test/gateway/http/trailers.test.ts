/** Trailer fields of responses (RFC 9110, 6.5): passed by the rules of headers, behind bodies that go out as they came. */
import { request as httpRequest } from 'node:http'
import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openSession, tokenOf } from '../harness.ts'
import { bearer, startHttpHarness } from './harness.ts'
import type { HttpHarness } from './harness.ts'

let harness: HttpHarness
beforeEach(async () => {
  harness = await startHttpHarness()
  const response_headers = ['X-Checksum']
  harness.engine.upstream('stripe', { url: harness.upstreamUrl, allow_private_addresses: true, response_headers })
  await harness.flush()
})
afterEach(() => harness.stop())

const respond = (answer: (response: ServerResponse) => void) => {
  harness.respond((_request, response) => {
    answer(response)
  })
}

const get = (path: string): Promise<{ trailer: string | undefined; trailers: NodeJS.Dict<string>; text: string }> =>
  new Promise((resolve, reject) => {
    const headers = bearer(tokenOf(openSession(harness)))
    httpRequest(harness.url + path, { headers }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => {
        resolve({ trailer: response.headers.trailer, trailers: response.trailers, text })
      })
    })
      .on('error', reject)
      .end()
  })

const announced = 'X-Checksum, Digest, Set-Cookie, X-Other'
const trailing = { 'X-Checksum': 'abc', Digest: 'sha-256=x', 'Set-Cookie': 'a=b', 'X-Other': '1' }

it('those that would pass as headers pass, and are announced', async () => {
  respond((response) => {
    response.writeHead(200, { trailer: announced, 'content-type': 'text/plain' })
    response.write('the body')
    response.addTrailers(trailing)
    response.end()
  })
  expect(await get('/u/stripe/v1/invoices')).toEqual({
    trailer: 'x-checksum, digest',
    trailers: { 'x-checksum': 'abc', digest: 'sha-256=x' },
    text: 'the body',
  })
})

it('pass behind a body that goes out in the coding it came in, too', async () => {
  respond((response) => {
    response.writeHead(200, { trailer: announced, 'content-encoding': 'gzip' })
    response.write(gzipSync('{}'))
    response.addTrailers(trailing)
    response.end()
  })
  expect(await get('/u/stripe/v1/invoices')).toMatchObject({
    trailer: 'x-checksum, digest',
    trailers: { 'x-checksum': 'abc', digest: 'sha-256=x' },
  })
})

it('are searched for the key', async () => {
  respond((response) => {
    response.writeHead(200, { trailer: 'X-Checksum' })
    response.write('a')
    response.addTrailers({ 'X-Checksum': 'sk_live_secret' })
    response.end()
  })
  expect(JSON.stringify(await get('/u/stripe/v1/invoices'))).not.toContain('sk_live_secret')
})

it.each([
  ['/u/stripe/v1/customers', '{"data":[]}', {}],
  ['/u/stripe/v1/invoices', gzipSync('sk_live_secret'), { 'content-encoding': 'gzip' }],
])('neither pass nor are announced behind a body that is taken apart here: %s', async (path, body, headers) => {
  respond((response) => {
    response.writeHead(200, { trailer: announced, 'content-type': 'application/json', ...headers })
    response.write(body)
    response.addTrailers(trailing)
    response.end()
  })
  expect(await get(path)).toMatchObject({ trailer: undefined, trailers: {} })
})

it('of a request cannot be passed on, so one that announces some is refused', async () => {
  const status = await new Promise((resolve, reject) => {
    const headers = { ...bearer(tokenOf(openSession(harness))), trailer: 'X-Checksum', 'transfer-encoding': 'chunked' }
    httpRequest(`${harness.url}/u/stripe/v1/invoices`, { method: 'POST', headers }, (response) => {
      resolve(response.resume().statusCode)
    })
      .on('error', reject)
      .end()
  })
  expect([status, harness.received]).toEqual([400, []])
})
