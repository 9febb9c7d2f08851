/** What a token endpoint may say to a refresh token, and what becomes of it. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { refusal } from '../http/harness.ts'
import { ECHO, endpointRows } from '../token-endpoint-table.ts'
import { startRefreshHarness, until } from './harness.ts'
import type { RefreshHarness } from './harness.ts'
import { CLIENT } from './issuer.ts'

let harness: RefreshHarness
let seed: string
beforeAll(async () => {
  // oidc-provider warns of storage and keys that are for tests only.
  vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  harness = await startRefreshHarness({ gateways: 2, parameters: ';scope=openid offline_access' })
})
afterAll(() => harness.close())
beforeEach(async () => {
  harness.issuer.instead = undefined
  seed = await harness.writeSeed()
  await harness.untilReread()
  harness.received.length = 0
  harness.told.length = 0
})

const lost = '403 upstream_error needs_reauthorization'
const respondWith = (status: number, body: object | string) => {
  harness.issuer.instead = (_request, response) => {
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(typeof body === 'string' ? body : JSON.stringify(body))
  }
}
/** What becomes of the upstream once the endpoint works as it should. */
async function afterwards(): Promise<string> {
  harness.issuer.instead = undefined
  await harness.forward(12_000)
  const response = await harness.call(1)
  return response.status === 200 ? '200' : refusal(response)
}

describe('a token endpoint that yields no token', () => {
  it.each(endpointRows)('but $what', async ({ status, body, code, sentence, keepsRefreshToken }) => {
    respondWith(status, body)
    const refused = await harness.call(0)
    expect(refusal(refused)).toBe(keepsRefreshToken ? `502 upstream_error ${code}` : lost)
    expect(refused.text).toContain(keepsRefreshToken ? sentence : 'its operator must act')
    expect(harness.received).toEqual([])
    const seen = refused.text + harness.told.join('\n') + JSON.stringify(await harness.record())
    for (const secret of [ECHO, 'a-tok', seed, CLIENT.client_secret]) expect(seen).not.toContain(secret)
    expect(await afterwards()).toBe(keepsRefreshToken ? '200' : lost)
  })

  it('while the access token lives is told to the operator, and to no caller', async () => {
    expect((await harness.call(0)).status).toBe(200)
    respondWith(502, 'Bad Gateway')
    await harness.untilRenewal()
    expect((await harness.call(0)).status).toBe(200)
    await until(() => harness.told.length > 0)
    expect(harness.told[0]).toMatch(
      /^error needs_reauthorization: .*answered 502, and may have used it up.*vault kv patch/,
    )
  })

  it('in passing is told to the operator with its address', async () => {
    respondWith(503, 'later')
    await harness.call(0)
    expect(harness.told).toEqual([
      `warn token_endpoint_unavailable: ${harness.issuer.url}/token yields no access token for upstream crm: its token endpoint answered 503`,
    ])
  })

  it('is asked once by all gateways, and not again for ten seconds', async () => {
    respondWith(503, 'later')
    const before = harness.issuer.exchanges
    await harness.callAll()
    await harness.forward(5_000)
    await harness.callAll()
    expect(harness.issuer.exchanges - before).toBe(1)
    expect(await afterwards()).toBe('200')
  })

  it('but another refresh token: that one is exchanged next', async () => {
    const next = await harness.issuer.authorize()
    respondWith(200, { access_token: 'a-token-of-dpop', token_type: 'DPoP', refresh_token: next })
    expect(refusal(await harness.call(0))).toBe('502 upstream_error key_unavailable')
    expect(await afterwards()).toBe('200')
    expect(harness.issuer.results.at(-1)).toBe('issued')
  })

  it('but a refresh token that cannot be used', async () => {
    respondWith(200, { access_token: 'a-token', refresh_token: 'two words' })
    expect(refusal(await harness.call(0))).toBe(lost)
    expect(await afterwards()).toBe(lost)
  })

  it.each<[string, () => void]>([
    ['breaks off before a response', () => (harness.issuer.instead = ({ socket }) => socket.destroy())],
    [
      'breaks off within a response',
      () => {
        harness.issuer.instead = (_request, response) => {
          response.writeHead(200, { 'content-length': '100' }).write('{"access_token":"a-')
          setImmediate(() => response.destroy())
        }
      },
    ],
    [
      'sends more than a token needs',
      () => {
        respondWith(200, { access_token: 'a'.repeat(100_000) })
      },
    ],
  ])('because it %s may have used the refresh token up', async (_what, prepare) => {
    prepare()
    expect(refusal(await harness.call(0))).toBe(lost)
    expect(harness.told.join('\n')).toContain('did not answer in time, or broke off, and may have used it up')
    expect(await afterwards()).toBe(lost)
  })

  it('because it says nothing is given up after 15 seconds', async () => {
    let isReached = false
    harness.issuer.instead = () => (isReached = true)
    const { response } = await harness.begunCall(0)
    await until(() => isReached)
    await harness.forward(15_500)
    expect(refusal(await response)).toBe(lost)
  })

  it('because it cannot be reached has used up nothing, and other gateways may reach it', async () => {
    const { auth } = harness
    const closed = auth.replace(/:\d+\//, ':1/')
    await harness.admin.write('mcp/upstreams/crm', { auth: closed })
    await harness.consent({ mcp_auth: closed, mcp_origins: `${harness.apiUrl},http://127.0.0.1:1` })
    await harness.untilReread()
    expect(refusal(await harness.call(0))).toBe('502 upstream_error upstream_unreachable')
    expect(await harness.record()).toMatchObject({ state: 'ready' })
    await harness.admin.write('mcp/upstreams/crm', { auth })
    await harness.consent({})
    expect(await afterwards()).toBe('200')
  })
})

describe('what is sent', () => {
  it.each<[string, string, Record<string, string>, string | undefined]>([
    ['by default', '', {}, `Basic ${Buffer.from(`${CLIENT.client_id}:${CLIENT.client_secret}`).toString('base64')}`],
    ['with client_auth=post', ';client_auth=post', CLIENT, undefined],
    ['with client_auth=none', ';client_auth=none', { client_id: CLIENT.client_id }, undefined],
  ])('%s', async (_what, parameters, form, authorization) => {
    let sent = ''
    let header: string | undefined
    harness.issuer.instead = (request, response) => {
      header = request.headers.authorization
      request.on('data', (chunk: Buffer) => (sent += chunk.toString()))
      request.on('end', () => response.writeHead(400).end('{"error":"invalid_request"}'))
    }
    const auth = `${harness.auth}${parameters}`
    await harness.admin.write('mcp/upstreams/crm', { auth })
    await harness.consent({ mcp_auth: auth })
    await harness.untilReread()
    await harness.call(0)
    const grant = { grant_type: 'refresh_token', refresh_token: seed, scope: 'openid offline_access' }
    expect(Object.fromEntries(new URLSearchParams(sent))).toEqual({ ...grant, ...form })
    expect(header).toBe(authorization)
    await harness.admin.write('mcp/upstreams/crm', { auth: harness.auth })
    await harness.consent({})
  })
})
