/** Keys that are exchanged for short-lived ones, with a real token endpoint and a real upstream. */
import { generateKeyPairSync } from 'node:crypto'
import { createServer, request as httpRequest } from 'node:http'
import type { IncomingHttpHeaders, RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { jwtVerify } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSession, tokenOf } from '../harness.ts'
import { bearer, eventually, refusal, sendRequest, startHttpHarness } from './harness.ts'
import type { HttpHarness } from './harness.ts'
import { ECHO, endpointRows } from '../token-endpoint-table.ts'
import type { EndpointResponse } from '../token-endpoint-table.ts'

let harness: HttpHarness
let token: string
let issuer: Server
let issuerUrl: string
let asked: { readonly url: string; readonly headers: IncomingHttpHeaders; readonly body: string }[]
let respond: () => EndpointResponse
let issued: number

beforeEach(async () => {
  asked = []
  issued = 0
  respond = () => ({
    status: 200,
    body: { access_token: `minted-token-${String(++issued)}`, token_type: 'Bearer', expires_in: 3600 },
  })
  issuer = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      asked.push({ url: request.url!, headers: request.headers, body })
      const { status, body: sent } = respond()
      response
        .writeHead(status, { 'content-type': 'application/json' })
        .end(typeof sent === 'string' ? sent : JSON.stringify(sent))
    })
  })
  await new Promise<void>((resolve) => {
    issuer.listen(0, '127.0.0.1', resolve)
  })
  issuerUrl = `http://127.0.0.1:${String((issuer.address() as AddressInfo).port)}`
  harness = await startHttpHarness()
  harness.engine.agent('claude-billing-agent', { scopes: ['read:api:all'] })
  harness.engine.tool('api', 'all', ['GET /x'])
  await harness.flush()
  token = tokenOf(openSession(harness, { scopes: ['read:api:all'] }))
})
afterEach(async () => {
  await harness.stop()
  issuer.closeAllConnections()
  await new Promise((resolve) => {
    issuer.close(resolve)
  })
})

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pkcs1 = privateKey.export({ type: 'pkcs1', format: 'pem' }) as string
const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
const client = { client_id: 'client-1', client_secret: 'client:secret/1' }
const credentials = () => `oauth2_client_credentials:${issuerUrl}/token;scope=read write`

async function declare(
  auth: string,
  secret: Record<string, string>,
  changes: Record<string, string> = {},
): Promise<void> {
  harness.engine.upstream('api', { url: harness.upstreamUrl, allow_private_addresses: true, auth })
  const consent = { mcp_auth: auth, mcp_fields: Object.keys(secret).join(), ...changes }
  harness.vault.putKey('mcp/api', secret, `${harness.upstreamUrl},${issuerUrl}`, consent)
  await harness.flush()
}
const call = () => sendRequest(harness.url, '/u/api/x', { headers: bearer(token) })
const sent = () => harness.received.map(({ headers }) => headers.authorization)

describe('an exchange', () => {
  it('by client credentials yields what the upstream is called with, and is made once', async () => {
    await declare(credentials(), client)
    expect([(await call()).status, (await call()).status]).toEqual([200, 200])
    expect(sent()).toEqual(['Bearer minted-token-1', 'Bearer minted-token-1'])
    expect(asked).toHaveLength(1)
    expect(asked[0]).toMatchObject({
      url: '/token',
      headers: { authorization: `Basic ${Buffer.from('client-1:client%3Asecret%2F1').toString('base64')}` },
      body: 'grant_type=client_credentials&scope=read+write',
    })
  })

  it('sends the credentials in the body where that is wanted, and further parameters', async () => {
    await declare(`${credentials()};audience=https://a.example;client_auth=post`, client)
    expect((await call()).status).toBe(200)
    expect(asked[0]?.headers.authorization).toBeUndefined()
    expect(Object.fromEntries(new URLSearchParams(asked[0]?.body))).toEqual({
      grant_type: 'client_credentials',
      scope: 'read write',
      audience: 'https://a.example',
      ...client,
    })
  })

  it.each([
    ['PKCS #1', pkcs1],
    ['PKCS #8', pkcs8],
  ])('for a GitHub App is signed with its key, as %s', async (_format, private_key) => {
    respond = () => ({
      status: 201,
      body: { token: 'ghs_minted_token', expires_at: new Date(harness.clock.now() + 3_600_000).toISOString() },
    })
    await declare(`github_app:12345/678;api=${issuerUrl}`, { private_key })
    expect((await call()).status).toBe(200)
    expect(sent()).toEqual(['Bearer ghs_minted_token'])
    expect(asked[0]?.url).toBe('/app/installations/678/access_tokens')
    const assertion = asked[0]!.headers.authorization!.slice('Bearer '.length)
    const { payload } = await jwtVerify(assertion, publicKey, { currentDate: new Date(harness.clock.now()) })
    expect(payload).toMatchObject({ iss: '12345' })
    expect(payload.exp! - payload.iat!).toBeLessThanOrEqual(600)
  })

  it('for a Google service account names scopes, subject and audience', async () => {
    const auth = `google_service_account:https://www.googleapis.com/auth/a https://www.googleapis.com/auth/b;subject=jane@example.com;token_url=${issuerUrl}/token`
    await declare(auth, { client_email: 'robot@x.example', private_key: pkcs8 })
    expect((await call()).status).toBe(200)
    const form = new URLSearchParams(asked[0]?.body)
    expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer')
    const { payload } = await jwtVerify(form.get('assertion')!, publicKey, {
      currentDate: new Date(harness.clock.now()),
    })
    expect(payload).toMatchObject({
      iss: 'robot@x.example',
      sub: 'jane@example.com',
      aud: `${issuerUrl}/token`,
      scope: 'https://www.googleapis.com/auth/a https://www.googleapis.com/auth/b',
    })
  })

  it('is made once for calls that come together', async () => {
    await declare(credentials(), client)
    expect((await Promise.all([call(), call(), call()])).map(({ status }) => status)).toEqual([200, 200, 200])
    expect(asked).toHaveLength(1)
  })

  it('is made again for another secret', async () => {
    await declare(credentials(), client)
    await call()
    await declare(credentials(), { ...client, client_secret: 'another-secret' })
    await harness.clock.advance(6_000)
    expect((await call()).status).toBe(200)
    expect(sent()).toEqual(['Bearer minted-token-1', 'Bearer minted-token-2'])
  })

  it('is made again before the token is over, and an issuer that is away takes nothing before it is', async () => {
    await declare(credentials(), client)
    await call()
    await harness.clock.advance(2_900_000)
    respond = () => ({ status: 503, body: 'later' })
    const again = tokenOf(openSession(harness, { scopes: ['read:api:all'] }))
    expect((await sendRequest(harness.url, '/u/api/x', { headers: bearer(again) })).status).toBe(200)
    expect([sent().at(-1), asked.length]).toEqual(['Bearer minted-token-1', 2])
  })

  it('leaves what it yields in no response', async () => {
    await declare(credentials(), client)
    harness.respond((request, response) => {
      response.writeHead(200, { 'x-request-id': request.headers.authorization!, 'content-type': 'text/plain' })
      response.end(`got ${String(request.headers.authorization)} of ${client.client_secret}`)
    })
    const { text, headers } = await call()
    expect(text + JSON.stringify(headers)).not.toMatch(/minted-token|client:secret/)
  })
})

describe('a caller that no longer waits', () => {
  it('takes nothing from others that wait for the same exchange, which is made once', async () => {
    let release = () => undefined as void
    const held = new Promise<void>((resolve) => (release = resolve))
    const [listener] = issuer.listeners('request') as RequestListener[]
    let reached = 0
    issuer.removeAllListeners('request').on('request', (request, response) => {
      reached++
      void held.then(() => listener!(request, response))
    })
    await declare(credentials(), client)
    const leaving = httpRequest(`${harness.url}/u/api/x`, { headers: bearer(token) }).on('error', () => undefined)
    leaving.end()
    await eventually(() => reached === 1)
    const staying = call()
    await eventually(() => harness.core.openCalls.size === 2)
    leaving.destroy()
    await eventually(() => harness.core.openCalls.size === 1)
    release()
    expect((await staying).status).toBe(200)
    await eventually(() => harness.core.openCalls.size === 0)
    expect(harness.received).toHaveLength(1)
    expect(harness.sink.outcomes.map(({ result }) => result).sort()).toEqual(['caller_gone', 'complete'])
    expect((await call()).status).toBe(200)
    expect(reached).toBe(1)
  })
})

describe('no exchange is made', () => {
  it.each<[string, Record<string, string>]>([
    ['its place', { mcp_auth: 'bearer' }],
    ['its place with another scope', { mcp_auth: 'oauth2_client_credentials:x' }],
    ['one of its fields', { mcp_fields: 'client_id' }],
  ])('where the owner has not listed %s', async (_what, changes) => {
    await declare(credentials(), client, changes)
    expect(refusal(await call())).toBe('502 upstream_error key_consent_missing')
    expect(asked).toEqual([])
  })

  it("where the token endpoint's origin is not listed", async () => {
    await declare(credentials(), client)
    harness.vault.putKey('mcp/api', client, harness.upstreamUrl, {
      mcp_auth: credentials(),
      mcp_fields: 'client_id,client_secret',
    })
    expect(refusal(await call())).toBe('502 upstream_error key_consent_missing')
    expect(asked).toEqual([])
  })

  it('with a secret that lacks a field, or holds no key', async () => {
    await declare(credentials(), { client_id: 'client-1' }, { mcp_fields: 'client_id,client_secret' })
    expect(refusal(await call())).toBe('502 upstream_error key_field_missing')
    await declare(`github_app:1/2;api=${issuerUrl}`, { private_key: 'not a key at all' })
    expect(refusal(await call())).toBe('502 upstream_error key_unavailable')
    expect(asked).toEqual([])
  })
})

describe('a token endpoint that yields no token', () => {
  it.each(endpointRows)('but $what: the caller is told, and nothing is sent to the upstream', async (row) => {
    respond = () => row
    await declare(credentials(), client)
    const refused = await call()
    expect(refusal(refused)).toBe(`502 upstream_error ${row.code}`)
    expect(refused.text).toContain(row.sentence)
    for (const secret of [ECHO, 'client:secret', 'a-token']) expect(refused.text).not.toContain(secret)
    expect([harness.received, asked.length]).toEqual([[], 1])
  })

  it('is not asked again at once', async () => {
    respond = () => ({ status: 401, body: { error: 'invalid_client' } })
    await declare(credentials(), client)
    await call()
    await call()
    expect(asked).toHaveLength(1)
    await harness.clock.advance(2_000)
    await call()
    expect(asked).toHaveLength(2)
  })

  it('takes nothing from a token that was read a moment ago', async () => {
    respond = () => ({ status: 200, body: { access_token: 'minted-token-1', expires_in: 12 } })
    await declare(credentials(), client)
    await call()
    respond = () => ({ status: 503, body: 'later' })
    await harness.clock.advance(3_000)
    expect((await call()).status).toBe(200)
    expect(sent()).toEqual(['Bearer minted-token-1', 'Bearer minted-token-1'])
    expect(asked).toHaveLength(2)
    await harness.clock.advance(3_000)
    expect(refusal(await call())).toBe('502 upstream_error token_endpoint_unavailable')
  })

  it('breaks off without a response', async () => {
    issuer.removeAllListeners('request').on('request', ({ socket }) => socket.destroy())
    await declare(credentials(), client)
    const refused = await call()
    expect(refusal(refused)).toBe('502 upstream_error token_endpoint_unavailable')
    expect(refused.text).toContain('did not answer in time, or broke off; try again later')
  })

  it('is not waited for longer than 15 seconds', async () => {
    let isReached = false
    issuer.removeAllListeners('request').on('request', () => (isReached = true))
    await declare(credentials(), client)
    const waiting = call()
    await eventually(() => isReached)
    await harness.clock.advance(15_000)
    expect(refusal(await waiting)).toBe('502 upstream_error token_endpoint_unavailable')
  })

  it('sends more than a token needs', async () => {
    respond = () => ({ status: 200, body: 'a'.repeat(100_000) })
    await declare(credentials(), client)
    expect(refusal(await call())).toBe('502 upstream_error token_endpoint_unavailable')
  })

  it('is out of reach: the key is not unavailable, the endpoint is', async () => {
    await declare(credentials(), client)
    issuer.closeAllConnections()
    await new Promise((resolve) => {
      issuer.close(resolve)
    })
    expect(refusal(await call())).toBe('502 upstream_error upstream_unreachable')
  })
})
