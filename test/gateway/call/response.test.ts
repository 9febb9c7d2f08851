import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { CallableUpstream } from '../../../src/gateway/call/upstream.ts'
import { compileProjection } from '../../../src/scope/index.ts'
import {
  call,
  failure,
  httpUpstream,
  KEY,
  SCRUBBED_KEY,
  text,
  upstreamAt,
  type CallChanges,
} from '../proxy/upstream-server.ts'

type HeaderBag = Record<string, string | string[]>

async function answerTo(
  headers: HeaderBag | ((url: string) => HeaderBag),
  changes: CallChanges = {},
  upstream: Partial<CallableUpstream> & { base?: string } = {},
  status = 302,
) {
  let origin = ''
  const { url, seen } = await httpUpstream((_request, response) => {
    response.writeHead(status, typeof headers === 'function' ? headers(origin) : headers).end()
  })
  origin = url
  const { base = '', ...rest } = upstream
  const result = await call(upstreamAt(url + base, rest), changes)
  await text(result)
  return { status: result.status, headers: Object.fromEntries(result.headers) as Record<string, string>, seen }
}

const toLocation = (location: string) => (url: string) => ({
  location: location.replace('{origin}', url).replace('{host}', new URL(url).host),
})

describe('a redirect that stays at the upstream is handed on, never followed; its Location', () => {
  it.each<[string, string, string]>([
    ['absolute, same origin and base', '{origin}/api/v1/x?a=1#f', '/u/stripe/v1/x?a=1#f'],
    ['absolute path', '/api/v1/x', '/u/stripe/v1/x'],
    ['relative', 'y', '/u/stripe/v1/y'],
    ['relative with dots', '../v2/y', '/u/stripe/v2/y'],
    ['the base itself', '/api', '/u/stripe/'],
  ])('%s', async (_name, location, expected) => {
    const { status, headers, seen } = await answerTo(toLocation(location), { target: 'GET /v1/a' }, { base: '/api' })
    expect([status, headers['location'], seen.length]).toEqual([302, expected, 1])
  })

  it.each<[string, string, string]>([
    ['above the base', '/other', 'outside its base URL'],
    ['a look-alike of the base', '/apix/v1', 'outside its base URL'],
    ['out of the base by dots', '../../x', 'outside its base URL'],
    ['another origin', 'https://evil.example/api/v1', 'evil.example'],
    ['another port', 'http://127.0.0.1:1/api/v1', '127.0.0.1:1'],
    ['another scheme', 'https://{host}/api/v1', 'where its key must not go'],
    ['scheme-relative', '//evil.example/api/v1', 'evil.example'],
    ['with credentials', 'http://a:b@{host}/api/v1', 'outside its base URL'],
    ['what our own parser refuses', '/api/v1%2f..%2fx', 'outside its base URL'],
    ['no URL', 'http://[', 'no URL'],
    ['with the key', `https://evil.example/${KEY}`, 'holds its key'],
  ])('is refused elsewhere, in a sentence that says where to: %s', async (_name, location, reason) => {
    const refused = await failure(answerTo(toLocation(location), { target: 'GET /v1/a' }, { base: '/api' }))
    expect(refused).toMatchObject({ code: 'redirect_refused' })
    expect(refused.message).toContain(reason)
    expect(refused.message).not.toContain(KEY)
  })

  it.each([300, 304, 201])(
    'of status %i leads nowhere by itself: without its target it is handed on',
    async (status) => {
      const { headers } = await answerTo({ location: 'https://evil.example/' }, {}, {}, status)
      expect(headers).not.toHaveProperty('location')
    },
  )

  it("leads to the caller's own view of the gateway", async () => {
    const { headers } = await answerTo({ location: '/v1/x' }, { callerBase: 'https://gateway.example/u/stripe/' })
    expect(headers['location']).toBe('https://gateway.example/u/stripe/v1/x')
  })

  it('does not repeat the key, in its parameter or elsewhere', async () => {
    const { headers } = await answerTo({ location: `/v1/x?a=1&Key=${KEY}&b=${KEY}` }, {}, { auth: 'query:key' })
    expect(headers['location']).toBe(`/u/stripe/v1/x?a=1&b=${SCRUBBED_KEY}`)
  })
})

describe('a Link header', () => {
  it('keeps pages of the same upstream, rewritten, and loses links elsewhere', async () => {
    const { headers } = await answerTo(
      (url) => ({
        link: `<${url}/v1/x?page=2>; rel="next", <https://evil.example/a,b>; rel="last", </v1/x?page=9>; rel=last; title="a, b"`,
      }),
      { callerBase: 'http://127.0.0.1:8251/u/stripe' },
      {},
      200,
    )
    expect(headers['link']).toBe(
      '<http://127.0.0.1:8251/u/stripe/v1/x?page=2>; rel="next", <http://127.0.0.1:8251/u/stripe/v1/x?page=9>; rel=last; title="a, b"',
    )
  })

  it('with more links than any API sends is dropped', async () => {
    const link = Array.from({ length: 101 }, () => `</v1/x>; rel="next"`).join(', ')
    expect((await answerTo({ link }, {}, {}, 200)).headers).not.toHaveProperty('link')
  })

  it('without any such link is dropped', async () => {
    expect((await answerTo({ link: '<https://docs.example/x>; rel="help"' }, {}, {}, 200)).headers).not.toHaveProperty(
      'link',
    )
  })
})

const handedOn = async (headers: HeaderBag, changes: CallChanges = {}, upstream: Partial<CallableUpstream> = {}) => {
  const { headers: passed } = await answerTo(headers, changes, upstream, 200)
  return Object.fromEntries(Object.entries(passed).filter(([name]) => name !== 'date'))
}
const fieldsOnly = { projection: compileProjection(['data[].id']) }

describe('of the response headers', () => {
  it.each([
    ['x-total', '58'],
    ['x-total-count', '58'],
    ['x-next-page', '3'],
    ['x-wp-totalpages', '3'],
    ['x-next-cursor', 'abc'],
    ['x-ratelimit-remaining', '1'],
    ['ratelimit-limit', '2'],
    ['x-rate-limit-reset', '2'],
    ['anthropic-ratelimit-tokens-remaining', '3'],
    ['retry-after-ms', '40'],
    ['cache-control', 'no-store'],
    ['pragma', 'no-cache'],
    ['allow', 'GET, HEAD'],
    ['mcp-session-id', 's'],
    ['x-amzn-requestid', 'r'],
    ['x-notion-request-id', 'r'],
    ['docker-distribution-api-version', 'registry/2.0'],
    ['x-elastic-product', 'Elasticsearch'],
    ['upload-offset', '10'],
    ['tus-resumable', '1.0.0'],
    ['range', 'bytes=0-999'],
    ['content-encoding', 'identity'],
    ['content-md5', 'x'],
    ['x-amz-meta-owner', 'a'],
    ['content-location', '/v1/x'],
  ])('%s is handed on', async (name, value) => {
    const expected = name === 'content-location' ? '/u/stripe/v1/x' : value
    expect(await handedOn({ [name]: value })).toEqual({ [name]: expected })
  })

  it.each([
    'set-cookie',
    'www-authenticate',
    'proxy-authenticate',
    'keep-alive',
    'accept-ranges',
    'refresh',
    'access-control-allow-origin',
    'clear-site-data',
    'x-amzn-remapped-authorization',
    'strict-transport-security',
    'alt-svc',
    'content-security-policy',
    'x-powered-by',
    'x-goog-upload-url',
  ])('%s is not', async (name) => {
    expect(await handedOn({ [name]: 'https://a.example/x' })).toEqual({})
  })

  it("those that the upstream's document lists are", async () => {
    const upstream = { response_headers: ['X-Custom-Total'] }
    expect(await handedOn({ 'x-custom-total': '7', 'x-other': '8' }, {}, upstream)).toEqual({ 'x-custom-total': '7' })
    expect(await handedOn({ 'x-custom-total': 'jane@example.com' }, fieldsOnly, upstream)).toEqual({})
  })

  it('the URL of an upload at the same upstream is that of the gateway', async () => {
    const { headers } = await answerTo((url) => ({ 'x-goog-upload-url': `${url}/upload?id=1` }), {}, {}, 200)
    expect(headers['x-goog-upload-url']).toBe('/u/stripe/upload?id=1')
  })

  it('counts pass with fields alone, and cursors, which may hold what the fields hide, do not', async () => {
    expect(
      await handedOn(
        {
          'x-total': '58',
          'x-next-page': '3',
          'x-next-cursor': 'amFuZQ',
          'x-next-token': '12; jane',
          'tus-resumable': '1',
        },
        fieldsOnly,
      ),
    ).toEqual({ 'x-total': '58', 'x-next-page': '3' })
  })

  it('one whose name holds the key is dropped, and counted', async () => {
    const key = 'Key-Live-Z9y8X7w6V5u4T3s2R1q0'
    const { url } = await httpUpstream((_request, response) => {
      response.writeHead(200, { [`x-ratelimit-${key}`]: '1', 'x-ratelimit-limit': key }).end()
    })
    const result = await call(upstreamAt(url), { key })
    await text(result)
    expect(JSON.stringify(result.headers).toLowerCase()).not.toContain(key.toLowerCase())
    expect(await result.finished).toMatchObject({ key_echoes: 2 })
  })
})

describe('a projected response', () => {
  const projection = compileProjection(['data[].id', 'has_more'])
  async function projected(
    body: string | Buffer,
    headers: HeaderBag = { 'content-type': 'application/json; charset=utf-8' },
    status = 200,
    upstream: Partial<CallableUpstream> = {},
  ) {
    const { url } = await httpUpstream((_request, response) => {
      response.writeHead(status, headers).end(body)
    })
    return call(upstreamAt(url, upstream), { projection })
  }

  it('holds the listed fields and nothing else, freshly serialised', async () => {
    const response = await projected('{ "data": [ {"id":"cus_1", "email":"a@b"} ], "has_more" : false, "url":"x" }', {
      'content-type': 'application/vnd.api+json',
      etag: '"1"',
      link: '</v1/x>; rel=next',
      'content-disposition': 'x',
    })
    expect(await text(response)).toBe('{"data":[{"id":"cus_1"}],"has_more":false}')
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/json',
      etag: 'W/"1~mcp"',
    })
    expect(
      response.headers
        .map(([name]) => name)
        .filter((name) => ['link', 'content-disposition', 'content-length'].includes(name)),
    ).toEqual([])
  })

  it('keeps numbers as they were written', async () => {
    const numbers = [
      '9007199254740993',
      '-12345678901234567890',
      '1.10',
      '1e400',
      '0.1',
      '-0',
      '1E5',
      '3',
      '123456789012345678901234567890.5',
    ]
    const response = await projected(
      `{"data":[${numbers.map((number) => `{"id":${number},"x":"1.10 ${number}"}`).join(',')}]}`,
    )
    expect(await text(response)).toBe(`{"data":[${numbers.map((number) => `{"id":${number}}`).join(',')}]}`)
  })

  it('leaves numbers inside strings and keys alone', async () => {
    const response = await projected(
      '{"data":[{"id":"9007199254740993 \\" 1.10 \\\\"},{"9007199254740993":1,"id":"\\u0031.10"}]}',
    )
    expect(await text(response)).toBe('{"data":[{"id":"9007199254740993 \\" 1.10 \\\\"},{"id":"1.10"}]}')
  })

  it('is scrubbed', async () => {
    expect(await text(await projected(`{"data":[{"id":"${KEY}"}]}`))).toBe(`{"data":[{"id":"${SCRUBBED_KEY}"}]}`)
  })

  it('is decoded first', async () => {
    const response = await projected(gzipSync('{"has_more":true,"x":1}'), {
      'content-type': 'application/json',
      'content-encoding': 'gzip',
    })
    expect(await text(response)).toBe('{"has_more":true}')
  })

  it.each([400, 404, 500, 301])('of status %i has its body replaced', async (status) => {
    const response = await projected(
      '{"error":{"message":"customer jane@example.com"},"data":[{"id":1}]}',
      { 'content-type': 'application/json', location: '/v1/x?customer=jane' },
      status,
    )
    const body = await text(response)
    expect(response.status).toBe(status)
    expect(JSON.parse(body)).toMatchObject({ error: { code: 'upstream_status', status } })
    expect(body + JSON.stringify(response.headers)).not.toContain('jane')
    expect(await response.finished).toMatchObject({ result: 'complete', bytes: Buffer.byteLength(body) })
  })

  it.each([
    [204, {}],
    [304, { etag: '"1"' }],
  ])('of status %i has no body', async (status, headers) => {
    expect(await text(await projected('', headers, status))).toBe('')
  })

  it.each<[string, string | Buffer, HeaderBag]>([
    ['HTML', '<html>', { 'content-type': 'text/html' }],
    ['without a type', '{}', {}],
    ['of two types', '{}', { 'content-type': ['application/json', 'text/html'] }],
    ['a list of JSON lines', '{}\n{}', { 'content-type': 'application/json' }],
    ['cut short', '{"data":[', { 'content-type': 'application/json' }],
    ['with a number that is none', '{"has_more":01.0}', { 'content-type': 'application/json' }],
    ['with a half number', '{"has_more":1.}', { 'content-type': 'application/json' }],
    ['not in UTF-8', Buffer.from([0x22, 0xff, 0x22]), { 'content-type': 'application/json' }],
    ['JSON sequences by type', '{}', { 'content-type': 'application/json-seq' }],
  ])('that is %s is refused', async (_name, body, headers) => {
    expect(await failure(projected(body, headers))).toMatchObject({
      code: 'upstream_invalid_response',
      kind: 'upstream_error',
    })
  })

  it('nested beyond measure is refused or cut, never a crash', async () => {
    const depth = 200_000
    const response = await projected(`{"has_more":${'['.repeat(depth)}${']'.repeat(depth)}}`).then(
      text,
      (error: unknown) => (error as { code: string }).code,
    )
    expect(['upstream_invalid_response', '{}']).toContain(response)
  })

  it('longer than max_response_bytes is refused, also when it only unpacks to that', async () => {
    const body = JSON.stringify({ has_more: 'x'.repeat(2000) })
    expect(await failure(projected(body, undefined, 200, { max_response_bytes: 1000 }))).toMatchObject({
      code: 'upstream_response_too_large',
    })
    expect(
      await failure(
        projected(gzipSync(body), { 'content-type': 'application/json', 'content-encoding': 'gzip' }, 200, {
          max_response_bytes: 1000,
        }),
      ),
    ).toMatchObject({ code: 'upstream_response_too_large' })
    expect(await text(await projected(body, undefined, 200, { max_response_bytes: 3000 }))).toBe(body)
  })
})
