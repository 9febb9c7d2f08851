import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { buildOutgoing } from '../../../src/gateway/call/outgoing.ts'
import { prepareKey } from '../../../src/gateway/call/key.ts'
import { KEY_REMOVED } from '../../../src/gateway/call/marker.ts'
import type { CallableUpstream } from '../../../src/gateway/call/upstream.ts'
import {
  call,
  callInput,
  failure,
  httpUpstream,
  KEY,
  rawUpstream,
  text,
  upstreamAt,
  type CallChanges,
} from '../proxy/upstream-server.ts'
import { settle } from '../../fakes/clock.ts'

const at = (changes: Partial<CallableUpstream> = {}) => upstreamAt('https://api.stripe.com', changes)
function build(changes: CallChanges = {}, upstream: Partial<CallableUpstream> = {}) {
  const request = buildOutgoing(callInput(at(upstream), changes))
  const headers: Record<string, string> = {}
  for (let i = 0; i < request.headers.length; i += 2) headers[request.headers[i]!] = request.headers[i + 1]!
  return { ...request, headers }
}

describe('the outgoing request', () => {
  it.each([
    ['https://api.stripe.com', 'GET /v1/invoices?a=1', '/v1/invoices?a=1'],
    ['https://api.stripe.com/', 'GET /v1', '/v1'],
    ['https://ghe.example/api/v3', 'GET /repos/a%20b', '/api/v3/repos/a%20b'],
    ['https://ghe.example/api/v3/', 'GET /repos', '/api/v3/repos'],
    ['https://x.example/graphql', 'POST /', '/graphql'],
    ['https://x.example', 'POST /', '/'],
    ['https://x.example//a', 'GET /b', '//a/b'],
  ])('below %s, %s, is sent to that origin as %s', (url, target, path) => {
    expect(buildOutgoing(callInput(upstreamAt(url), { target }))).toMatchObject({
      path,
      origin: new URL(url).origin,
    })
  })

  it('is built from the template: what was spelled differently goes out as the template spells it', () => {
    expect(build({ target: 'GET /%76%31/%69n_1', operation: 'GET /v1/{id}' }).path).toBe('/v1/in_1')
  })

  it('has the headers every API knows, and leaves out what is harmless', () => {
    const { headers } = build({
      headers: [
        ['Accept', 'application/json'],
        ['ACCEPT', 'text/plain'],
        ['X-GitHub-Api-Version', '2022-11-28'],
        ['Idempotency-Key', 'k'],
        ['traceparent', '00-1'],
        ['Authorization', 'Bearer x'],
        ['Cookie', 'a=b'],
        ['Host', 'evil'],
        ['Connection', 'keep-alive'],
        ['Transfer-Encoding', 'chunked'],
        ['Content-Length', '5'],
        ['X-Forwarded-For', '1.2.3.4'],
        ['Forwarded', 'for=1'],
        ['Proxy-Authorization', 'x'],
        ['Range', 'bytes=0-3'],
        ['If-Range', 'x'],
        ['Accept-Encoding', 'gzip'],
        ['Expect', '100-continue'],
        ['Upgrade', 'h2c'],
        ['TE', 'trailers'],
      ],
    })
    expect(headers).toEqual({
      'user-agent': 'vault-plugin-secrets-mcp',
      accept: 'application/json, text/plain',
      'x-github-api-version': '2022-11-28',
      'idempotency-key': 'k',
      traceparent: '00-1',
      'accept-encoding': 'identity',
      authorization: `Bearer ${KEY}`,
    })
  })

  it('leaves out what Connection names', () => {
    expect(
      build({
        headers: [
          ['Connection', 'close, Prefer'],
          ['prefer', 'x'],
          ['accept', 'y'],
        ],
      }).headers,
    ).not.toHaveProperty('prefer')
  })

  it("has the upstream's own headers", () => {
    const { headers } = build(
      {
        headers: [
          ['Stripe-Version', '2026-01-01'],
          ['User-Agent', 'sdk/1'],
        ],
      },
      { headers: { 'Stripe-Version': '2026-01-01', 'Stripe-Account': 'acct_1' } },
    )
    expect(headers).toMatchObject({ 'stripe-version': '2026-01-01', 'stripe-account': 'acct_1', 'user-agent': 'sdk/1' })
  })

  it.each<[string, string, string, Record<string, string>, string]>([
    ['bearer', 'bearer', 'key_1234', { authorization: 'Bearer key_1234' }, '/v1?a=1'],
    [
      'basic with user and password',
      'basic',
      'me:pass:word',
      { authorization: `Basic ${btoa('me:pass:word')}` },
      '/v1?a=1',
    ],
    ['basic with a user only', 'basic', 'sk_12345', { authorization: `Basic ${btoa('sk_12345:')}` }, '/v1?a=1'],
    [
      'bearer, without the line break its file ended in',
      'bearer',
      'key_1234\n',
      { authorization: 'Bearer key_1234' },
      '/v1?a=1',
    ],
    ['its header', 'header:X-Api-Key', 'key 12345678', { 'x-api-key': 'key 12345678' }, '/v1?a=1'],
    ['its query parameter', 'query:api_key', 'key/1&x=y', {}, '/v1?a=1&api_key=key%2F1%26x%3Dy'],
  ])('carries the key as %s', (_name, auth, key, headers, path) => {
    const request = build({ target: 'GET /v1?a=1', key }, { auth })
    expect([request.headers, request.path]).toEqual([
      { 'user-agent': 'vault-plugin-secrets-mcp', 'accept-encoding': 'identity', ...headers },
      path,
    ])
    expect(request.publicUrl).toBe('https://api.stripe.com/v1?a=1')
  })

  it("carries the key once: the caller's and the operator's copies of its place are gone", () => {
    expect(build({ target: 'GET /v1?key=mine&KEY=mine' }, { auth: 'query:key' }).path).toBe(`/v1?key=${KEY}`)
    expect(
      build({ headers: [['prefer', 'mine']] }, { auth: 'header:Prefer', headers: { PREFER: 'operator' } }).headers[
        'prefer'
      ],
    ).toBe(KEY)
  })
})

describe('the outgoing request is refused', () => {
  it.each([
    ['two line breaks at the end', 'sk_live\n\n', 'line break'],
    ['nothing but a line break', '\n', 'missing or empty'],
    ['a header in it', 'sk\r\nX-Admin: 1', 'line break'],
    ['a NUL', 'sk\0', 'control character'],
    ['a tab', 'sk\tx', 'control character'],
    ['letters outside ASCII', 'sk_é', 'outside ASCII'],
    ['a space at its end', 'sk ', 'space at one end'],
    ['nothing', '', 'missing or empty'],
    ['half a surrogate pair', 'sk\ud800', 'well-formed'],
    ['5000 characters', 'k'.repeat(5000), 'longer than'],
    ['7 characters', 'sk_1234', 'shorter than 8 bytes'],
    ['7 characters behind a scheme word', 'GoogleLogin sk_1234', 'shorter than 8 bytes'],
    ['7 characters behind a scheme word and a name', 'Token token=sk_1234', 'shorter than 8 bytes'],
  ])('for a key with %s', (_name, key, reason) => {
    expect(() => prepareKey(at(), key)).toThrow(
      expect.objectContaining({ code: 'key_unavailable', message: expect.stringContaining(reason) as string }) as Error,
    )
    expect(() => prepareKey(at({ auth: 'none' }), key)).not.toThrow()
  })

  it('for a key that is not there, or there where none is wanted', () => {
    const input = callInput(at())
    expect(() => buildOutgoing({ ...input, key: undefined })).toThrow('does not fit')
    expect(() => buildOutgoing({ ...input, upstream: at({ auth: 'none' }) })).toThrow('does not fit')
  })

  it('for a query parameter the operation does not take', () => {
    const operation = { method: 'GET', path: '/v1', parameters: ['limit'] }
    expect(build({ target: 'GET /v1?limit=1', operation }).path).toBe('/v1?limit=1')
    expect(() => build({ target: 'GET /v1?limit=1&expand=x', operation })).toThrow('"expand" is not one')
  })

  it.each<[string, CallChanges]>([
    ['a query parameter', { target: 'GET /v1?x=svt_prod_one' }],
    ['the path', { target: 'GET /v1/svt_prod_one' }],
    ['a header', { headers: [['prefer', 'a svt_prod_one']] }],
  ])("for the caller's token in %s", (_name, changes) => {
    expect(() => build({ ...changes, callerToken: 'svt_prod_one' })).toThrow('the token stands in a part')
  })

  it('for a header with a control character, or of unreasonable length', () => {
    expect(() => build({ headers: [['accept', 'a\r\nx: y']] })).toThrow('control character')
    expect(() => build({ headers: [['accept', 'a'.repeat(9000)]] })).toThrow('longer than')
  })

  it.each<[string, Partial<CallableUpstream>]>([
    ['a framing header', { headers: { Host: 'x' } }],
    ['a header value with a line break', { headers: { A: 'b\r\nc' } }],
    ['a header name that is none', { headers: { 'A b': 'c' } }],
    ['an unknown auth', { auth: 'digest' }],
    ['a key place that frames', { auth: 'header:Transfer-Encoding' }],
    ['a query place without name', { auth: 'query:' }],
    ['credentials in its url', { url: 'https://a:b@x.example' }],
    ['a query in its url', { url: 'https://x.example/?a=b' }],
    ['another scheme', { url: 'ftp://x.example' }],
    ['a url that is none', { url: 'x.example' }],
  ])('for an upstream with %s', (_name, changes) => {
    const input = callInput(at())
    expect(() => buildOutgoing({ ...input, upstream: at(changes) })).toThrow(
      expect.objectContaining({ code: 'upstream_misconfigured' }) as Error,
    )
  })
})

it('a prepared key shows nothing of itself', () => {
  const key = prepareKey(at(), KEY)!
  expect(inspect(key, { depth: 9, showHidden: true }) + JSON.stringify(key) + String(key)).not.toContain(KEY)
})

describe('the request body', () => {
  const post = { target: 'POST /v1/x', headers: [['content-type', 'text/plain']] as [string, string][] }
  const chunks = async function* (...parts: string[]) {
    for (const part of parts) {
      await Promise.resolve()
      yield Buffer.from(part)
    }
  }
  const echo = () =>
    httpUpstream((_request, response) => {
      response.end('ok')
    })

  it.each([
    ['bytes', Buffer.from('hello'), undefined, 'content-length', '5'],
    ['a stream of known length', chunks('he', 'llo'), 5, 'content-length', '5'],
    ['a stream of unknown length', chunks('he', 'llo'), undefined, 'transfer-encoding', 'chunked'],
  ])('reaches the upstream as %s', async (_name, body, contentLength, framing, value) => {
    const { url, seen } = await echo()
    expect(await text(await call(upstreamAt(url), { ...post, body, contentLength }))).toBe('ok')
    expect(seen).toMatchObject([{ body: 'hello', headers: { 'content-type': 'text/plain', [framing]: value } }])
  })

  it('may be absent', async () => {
    const { url, seen } = await echo()
    await text(await call(upstreamAt(url), { ...post, body: chunks(), contentLength: 0 }))
    expect(seen).toMatchObject([{ body: '', headers: { 'content-length': '0' } }])
  })

  it.each([
    ['too long as bytes', { body: Buffer.alloc(11) }, 'too_large'],
    ['too long by its own account', { body: chunks('x'), contentLength: 11 }, 'too_large'],
    ['too long as it comes', { body: chunks('123456', '123456') }, 'too_large'],
    ['shorter than announced', { body: chunks('123'), contentLength: 5 }, 'upstream_error'],
  ])('%s is refused and never completed', async (_name, body, kind) => {
    const { url, seen } = await echo()
    expect(await failure(call(upstreamAt(url, { max_request_bytes: 10 }), { ...post, ...body }))).toMatchObject({
      kind,
    })
    expect(seen.filter((entry) => entry.body.length > 10)).toEqual([])
  })

  it.each([
    ['our own marker', `{"secret":"${KEY_REMOVED}"}`],
    ["the caller's token", 'my token is svt_prod_one.'],
  ])('holding %s is refused, however it is cut, and nothing of that text is sent', async (_name, body) => {
    const { url, seen } = await echo()
    const upstream = upstreamAt(url)
    const input = { ...post, callerToken: 'svt_prod_one' }
    expect(await failure(call(upstream, { ...input, body: Buffer.from(body) }))).toMatchObject({ kind: 'bad_request' })
    expect(await failure(call(upstream, { ...input, body: chunks(...body) }))).toMatchObject({ kind: 'bad_request' })
    expect(seen.filter((entry) => /svt|upstream key/.test(entry.body))).toEqual([])
  })

  it('stops going up when the state behind the call goes stale', async () => {
    let fresh = true
    const received: string[] = []
    const url = await rawUpstream((socket, head) => {
      received.push(head)
      socket.on('data', (chunk) => {
        received.push(chunk.toString())
      })
    })
    const body = async function* () {
      await settle()
      yield Buffer.from('first')
      await settle()
      fresh = false
      yield Buffer.from('second')
    }
    expect(await failure(call(upstreamAt(url), { ...post, body: body(), stillFresh: () => fresh }))).toMatchObject({
      code: 'stale',
    })
    await settle()
    expect(received.join('')).toContain('first')
    expect(received.join('')).not.toContain('second')
  })

  it("that fails on the caller's side fails the call", async () => {
    const { url } = await echo()
    const broken = async function* () {
      await Promise.resolve()
      yield Buffer.from('x')
      throw new Error('client went away')
    }
    await failure(call(upstreamAt(url), { ...post, body: broken() }))
  })

  it.each(['GET /v1', 'HEAD /v1'])('is not taken with %s', async (target) => {
    expect(await failure(call(at(), { target, body: Buffer.from('x') }))).toMatchObject({ kind: 'bad_request' })
  })
})
