/** AWS signatures: a client signs with the phantom token, and the upstream checks the signature of the real key by itself. */
import { createHash, createHmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSession, tokenOf } from '../harness.ts'
import { bearer, refusal, sendRequest, startHttpHarness } from './harness.ts'
import type { HttpHarness, HttpResponse } from './harness.ts'

const ID = 'AKIAREALEXAMPLE12345'
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYrealSECRET'

let harness: HttpHarness
let token: string
let faults: string[]
beforeEach(async () => {
  faults = []
  harness = await startHttpHarness()
  harness.engine.agent('claude-billing-agent', {
    scopes: ['read:s3:objects', 'update:s3:objects', 'create:s3:objects'],
  })
  harness.engine.tool('s3', 'objects', ['GET /{bucket}/{key...}', 'PUT /{bucket}/{key...}', 'POST /'])
  await harness.flush()
  token = tokenOf(openSession(harness, { scopes: ['read:s3:objects', 'update:s3:objects', 'create:s3:objects'] }))
  await declare('aws_sigv4:s3/eu-central-1')
})
afterEach(() => harness.stop())

async function declare(auth: string, consent: Record<string, string> = {}): Promise<void> {
  harness.engine.upstream('s3', { url: harness.upstreamUrl, allow_private_addresses: true, auth, token_alias: 'AKIA' })
  harness.vault.putKey('mcp/s3', { access_key_id: ID, secret_access_key: SECRET }, harness.upstreamUrl, {
    mcp_auth: auth,
    mcp_fields: 'access_key_id,secret_access_key',
    ...consent,
  })
  harness.respond((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString('latin1')
    })
    request.on('end', () => {
      const fault = faultOf(request, body)
      if (fault !== undefined) faults.push(fault)
      response.writeHead(fault === undefined ? 200 : 403).end(fault ?? 'done')
    })
  })
  await harness.flush()
}

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
const sha256 = (text: string) => createHash('sha256').update(text, 'latin1').digest('hex')
const encoded = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)

/** What a service of AWS would have against a request, worked out from its documentation. */
function faultOf(request: IncomingMessage, body: string): string | undefined {
  const pattern =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/
  const [, id, day, region, service, signed, signature] = pattern.exec(request.headers.authorization ?? '') ?? []
  if (id !== ID || signed === undefined) return `not signed by the key: ${String(request.headers.authorization)}`
  const unsigned = Object.keys(request.headers).filter(
    (name) => name.startsWith('x-amz-') && !signed.split(';').includes(name),
  )
  if (unsigned.length > 0) return `not signed: ${unsigned.join()}`
  const stated = String(request.headers['x-amz-content-sha256'])
  if (/^[0-9a-f]{64}$/.test(stated) && stated !== sha256(body)) return 'the body is another'
  const { pathname, search } = new URL(request.url!, 'http://a')
  const query = search
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
    .sort()
    .join('&')
  const path = service === 's3' ? pathname : pathname.split('/').map(encoded).join('/')
  const headers = signed
    .split(';')
    .map((name) => `${name}:${String(request.headers[name]).trim()}\n`)
    .join('')
  const canonical = [request.method, path, query, headers, signed, stated].join('\n')
  const scope = `${String(day)}/${String(region)}/${String(service)}/aws4_request`
  const text = [
    'AWS4-HMAC-SHA256',
    request.headers['x-amz-date'],
    scope,
    createHash('sha256').update(canonical).digest('hex'),
  ].join('\n')
  const key = hmac(hmac(hmac(hmac(`AWS4${SECRET}`, day!), region!), service!), 'aws4_request')
  return hmac(key, text).toString('hex') === signature ? undefined : `the signature is wrong for ${canonical}`
}

interface Wanted {
  readonly method?: string
  readonly path: string
  readonly query?: Record<string, string>
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly id?: string
  readonly service?: string
}

const clientSigner = (service: string, id: string) =>
  new SignatureV4({
    credentials: { accessKeyId: id, secretAccessKey: 'anything' },
    region: 'eu-central-1',
    service,
    sha256: Sha256,
    uriEscapePath: service !== 's3',
  })

/** As a client of AWS whose endpoint is the gateway's URL for the upstream. */
async function send({
  method = 'GET',
  path,
  query = {},
  headers = {},
  body,
  id = token,
  service = 's3',
}: Wanted): Promise<HttpResponse> {
  const { host, hostname } = new URL(harness.url)
  const request = {
    method,
    protocol: 'http:',
    hostname,
    path: `/u/s3${path}`,
    query,
    headers: { host, ...headers },
    body,
  }
  const signed = await clientSigner(service, id).sign(request, { signingDate: new Date(harness.clock.now()) })
  return sendRequest(harness.url, targetOf(signed), {
    method,
    headers: signed.headers,
    ...(body !== undefined && { body }),
  })
}

const targetOf = ({ path, query }: { path: string; query?: Record<string, unknown> }): string => {
  const pairs = Object.entries(query ?? {}).map(([name, value]) => `${encoded(name)}=${encoded(String(value))}`)
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`
}

const seen = () => harness.received.at(-1)!

describe('a request signed with the phantom token is signed again with the key', () => {
  it.each<[string, Omit<Wanted, 'id'>]>([
    ['of an object', { path: '/bucket/a/b.txt' }],
    ['whose name is encoded', { path: '/bucket/a%20b/%C3%A9%27(1).txt' }],
    [
      'with a query',
      { path: '/bucket/a', query: { versionId: 'x/y=', 'response-content-type': 'text/plain; charset=utf-8' } },
    ],
    [
      'with metadata',
      {
        method: 'PUT',
        path: '/bucket/a',
        body: 'hello',
        headers: { 'content-type': 'text/plain', 'x-amz-meta-color': 'blue' },
      },
    ],
  ])('%s', async (_what, wanted) => {
    expect([(await send(wanted)).text, faults]).toEqual(['done', []])
    expect(seen().body).toBe(wanted.body ?? '')
    expect(JSON.stringify(harness.received) + JSON.stringify(harness.sink.records)).not.toContain(token)
    expect(JSON.stringify(harness.sink.records)).not.toContain(ID)
  })

  it('where the token is written like an access key id', async () => {
    expect((await send({ path: '/bucket/a', id: `AKIA${token}` })).text).toBe('done')
  })

  it('with a query of names that every object has', async () => {
    const path = '/u/s3/bucket/a?constructor=2&toString=x'
    expect([(await sendRequest(harness.url, path, { headers: bearer(token) })).text, faults]).toEqual(['done', []])
  })

  it('where the token is a bearer token', async () => {
    expect((await sendRequest(harness.url, '/u/s3/bucket/a', { headers: bearer(token) })).text).toBe('done')
  })

  it('as a presigned URL', async () => {
    const { hostname, host } = new URL(harness.url)
    const request = {
      method: 'GET',
      protocol: 'http:',
      hostname,
      path: '/u/s3/bucket/a',
      query: { versionId: '1' },
      headers: { host },
    }
    const signed = await clientSigner('s3', token).presign(request, { signingDate: new Date(harness.clock.now()) })
    expect([(await sendRequest(harness.url, targetOf(signed))).text, faults]).toEqual(['done', []])
    expect(seen().url).toBe('/bucket/a?versionId=1')
  })

  const presigned = async (query: Record<string, string>, body?: string, headers: Record<string, string> = {}) => {
    const { hostname, host } = new URL(harness.url)
    const method = body === undefined ? 'GET' : 'PUT'
    const request = { method, protocol: 'http:', hostname, path: '/u/s3/bucket/a', query, headers: { host } }
    const signed = await clientSigner('s3', token).presign(request, { signingDate: new Date(harness.clock.now()) })
    return sendRequest(harness.url, targetOf(signed), { method, headers, ...(body !== undefined && { body }) })
  }

  it('as a presigned URL whose headers stand in the query, and go where they count', async () => {
    const sent = { 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD', 'x-amz-meta-owner': 'a b', 'x-id': 'PutObject' }
    expect([(await presigned(sent, 'hello')).text, faults]).toEqual(['done', []])
    expect(seen().url).toBe('/bucket/a?x-id=PutObject')
    expect(seen().headers).toMatchObject({ 'x-amz-meta-owner': 'a b', 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' })
  })

  it('as a presigned URL that says the same in a header', async () => {
    const same = { 'x-amz-meta-owner': 'a' }
    expect([(await presigned(same, 'hello', same)).text, faults]).toEqual(['done', []])
    expect(seen().headers['x-amz-meta-owner']).toBe('a')
  })

  it.each([
    ['a header that callers may not send', { 'X-Amz-Copy-Source': 'other/secret' }, {}, 'x-amz-copy-source'],
    ['and a header says something else', { 'x-amz-meta-owner': 'a' }, { 'x-amz-meta-owner': 'b' }, 'x-amz-meta-owner'],
  ])('not as a presigned URL whose query has %s', async (_, query, headers, named) => {
    const response = await presigned(query, 'hello', headers)
    expect([response.status, seen()]).toEqual([400, undefined])
    expect(response.text).toContain(named)
  })

  it('with the hash of its body, for a service that wants one', async () => {
    await declare('aws_sigv4:dynamodb/eu-central-1')
    const headers = { 'content-type': 'application/x-amz-json-1.0' }
    const response = await sendRequest(harness.url, '/u/s3/', {
      method: 'POST',
      headers: { ...bearer(token), ...headers },
      body: '{"TableName":"a"}',
    })
    expect([response.text, faults]).toEqual(['done', []])
    expect(seen().headers['x-amz-content-sha256']).toBe(sha256('{"TableName":"a"}'))
  })
})

describe('a body that is signed in pieces', () => {
  const piece = (text: string) => `${text.length.toString(16)};chunk-signature=${'0'.repeat(64)}\r\n${text}\r\n`
  const end = `0;chunk-signature=${'0'.repeat(64)}\r\n`
  const put = (sha: string, body: string, headers: Record<string, string> = {}) =>
    send({
      method: 'PUT',
      path: '/bucket/a',
      body,
      headers: {
        'x-amz-content-sha256': sha,
        'content-encoding': 'aws-chunked',
        'x-amz-decoded-content-length': '11',
        ...headers,
      },
    })

  it('is sent as it is meant', async () => {
    const body = `${piece('hello ')}${piece('world')}${end}\r\n`
    expect([(await put('STREAMING-AWS4-HMAC-SHA256-PAYLOAD', body)).text, faults]).toEqual(['done', []])
    expect(seen()).toMatchObject({
      body: 'hello world',
      headers: { 'content-length': '11', 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
    })
    expect(seen().headers).not.toHaveProperty('content-encoding')
    expect(seen().headers).not.toHaveProperty('x-amz-decoded-content-length')
  })

  it.each(['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'])(
    'is judged as it is read once its pieces are joined: %s',
    async (sha) => {
      const body = `${piece('_me')}${piece('thod=DELETE')}${end}\r\n`
      const response = await put(sha, body, {
        'content-type': 'application/x-www-form-urlencoded',
        'x-amz-decoded-content-length': '14',
      })
      expect(refusal(response)).toBe('400 invalid_request bad_request')
      expect(harness.received).toEqual([])
    },
  )

  it('keeps another coding', async () => {
    const body = `${piece('hello world')}${end}\r\n`
    await put('STREAMING-AWS4-HMAC-SHA256-PAYLOAD', body, { 'content-encoding': 'aws-chunked,gzip' })
    expect([seen().headers['content-encoding'], faults]).toEqual(['gzip', []])
  })

  it('keeps the checksum in its trailer, without the signature there', async () => {
    const body = `${piece('hello world')}${end}x-amz-checksum-crc32:DUoRhQ==\r\nx-amz-trailer-signature:${'0'.repeat(64)}\r\n\r\n`
    const response = await put('STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', body, {
      'x-amz-trailer': 'x-amz-checksum-crc32',
    })
    expect([response.text, faults]).toEqual(['done', []])
    expect(seen().body).toBe('b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n')
    expect(seen().headers).toMatchObject({
      'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      'x-amz-decoded-content-length': '11',
      'content-encoding': 'aws-chunked',
    })
  })

  it('is left as it is where its pieces are not signed', async () => {
    const body = 'b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n'
    const response = await put('STREAMING-UNSIGNED-PAYLOAD-TRAILER', body, { 'x-amz-trailer': 'x-amz-checksum-crc32' })
    expect([response.text, faults, seen().body]).toEqual(['done', [], body])
  })

  it.each([
    ['a length that is none', 'zz;chunk-signature=00\r\nhello\r\n'],
    ['a piece that is too short', 'ff;chunk-signature=00\r\nhello\r\n'],
    ['a piece without an end', '5;chunk-signature=00\r\nhelloworld\r\n'],
    ['a line without CR', '5;chunk-signature=00\nhello\r\n'],
    ['no last piece', piece('hello world')],
  ])('is refused with %s', async (_what, body) => {
    expect((await put('STREAMING-AWS4-HMAC-SHA256-PAYLOAD', body)).status).toBe(400)
  })

  it('is refused where another algorithm signed it', async () => {
    expect(refusal(await put('STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD', ''))).toBe('400 invalid_request bad_request')
    expect(harness.received).toEqual([])
  })
})

describe('no request is signed', () => {
  it('for another access key id', async () => {
    expect((await send({ path: '/bucket/a', id: ID })).status).toBe(401)
    expect(harness.received).toEqual([])
  })

  it('for a mistyped token, which is said to be one as soon as the upstream is known here', async () => {
    const mistyped = token.slice(0, -1) + (token.endsWith('0') ? '1' : '0')
    await send({ path: '/bucket/a' })
    const refused = await send({ path: '/bucket/a', id: mistyped })
    expect(refusal(refused)).toBe('401 invalid_token malformed')
    expect(harness.received).toHaveLength(1)
  })

  it('for two tokens', async () => {
    const other = tokenOf(openSession(harness, { scopes: ['read:s3:objects'] }))
    expect(refusal(await send({ path: '/bucket/a', query: { 'X-Amz-Credential': `${other}/x` } }))).toBe(
      '400 invalid_request bad_request',
    )
  })

  it.each([
    ['the place', { mcp_auth: 'aws_sigv4:s3/us-east-1' }],
    ['a field', { mcp_fields: 'access_key_id' }],
  ])('where the owner has not listed %s', async (_what, consent) => {
    await declare('aws_sigv4:s3/eu-central-1', consent)
    expect(refusal(await send({ path: '/bucket/a' }))).toBe('502 upstream_error key_consent_missing')
    expect(harness.received).toEqual([])
  })
})
