import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSession, tokenOf } from '../harness.ts'
import { bearer, refusal, sendRequest, startHttpHarness } from './harness.ts'
import type { HttpHarness } from './harness.ts'

let harness: HttpHarness
let token: string
beforeEach(async () => {
  harness = await startHttpHarness()
  token = tokenOf(openSession(harness))
})
afterEach(() => harness.stop())

/** Gives the upstream these tools; those beginning with `no-` are denied, the others granted. */
const serve = async (tools: Record<string, unknown[]>, upstream: Record<string, unknown> = {}): Promise<void> => {
  const { engine, upstreamUrl } = harness
  engine.upstream('stripe', { url: upstreamUrl, allow_private_addresses: true, ...upstream })
  for (const [name, operations] of Object.entries(tools)) engine.tool('stripe', name, operations)
  const scopes = Object.keys(tools).map((name) =>
    name.startsWith('no-') ? `deny:stripe:${name}` : `read+create+update:stripe:${name}`,
  )
  engine.agent('claude-billing-agent', { scopes: scopes.flatMap(spread) })
  token = tokenOf(openSession(harness, { scopes: null }))
  await harness.flush()
}
const spread = (scope: string): string[] => {
  const [words = '', ...rest] = scope.split(':')
  return words.split('+').map((word) => [word, ...rest].join(':'))
}
const ask = (path: string, method = 'GET') =>
  sendRequest(harness.url, `/u/stripe${path}`, { method, headers: bearer(token) })

describe('the upstream sees the path as it was asked for', () => {
  it.each([
    ['GET /p/{x}', '/p/encoded%2520path'],
    ['GET /p/{x}', '/p/mark%3F%3F'],
    ['GET /p/{x}', '/p/user@host'],
    ['GET /p/{x}', '/p/user%40host'],
    ['GET /p/{x}', '/p/1,2'],
    ['GET /p/{x}', '/p/x;v=1'],
    ['GET /p/{x}', "/p/Items('1')"],
    ['GET /p/{x}', '/p/a=b&c'],
    ['GET /p/{x}', '/p/caf%C3%A9'],
    ['GET /p/{base}...{head}', '/p/main...dev'],
    ['POST /models/{model}:generateContent', '/models/gemini-2.0:generateContent'],
    ['GET /repos/{o}/{r}/archive/{ref}.tar.gz', '/repos/acme/app/archive/v1.2.3.tar.gz'],
    ['GET /repos/{o}/{r}/contents/{path...}', '/repos/acme/app/contents/src/lib/a.ts'],
    ['GET /repos/{o}/{r}/contents/{path...}', '/repos/acme/app/contents/src%2Flib%2Fa.ts'],
    ['GET /v2/{name...}/manifests/{ref}', '/v2/library/ubuntu/manifests/latest'],
    ['GET /items/', '/items/'],
    ['GET /items/', '/items/?fields=a,b'],
    ['GET /{name}', '/%c3%a4%C3%B6'],
    ['GET /items', '/items?path=/a/b%3d%3D%2f&u=http://a.example//?c'],
  ])('%s: %s', async (operation, path) => {
    await serve({ things: [operation] })
    expect((await ask(path, operation.split(' ')[0])).status).toBe(200)
    expect(harness.received.map(({ url }) => url)).toEqual([path])
  })

  it('an encoded slash too, where the upstream takes it for data', async () => {
    await serve({ projects: ['GET /projects/{id}/issues', 'GET /{pkg}'] }, { encoded_slash: 'data' })
    expect((await ask('/projects/group%2Fsub%2Fname/issues')).status).toBe(200)
    expect((await ask('/@acme%2fapp')).status).toBe(200)
    expect(harness.received.map(({ url }) => url)).toEqual(['/projects/group%2Fsub%2Fname/issues', '/@acme%2fapp'])
  })
})

describe('methods', () => {
  const send = (path: string, method: string, body: string, headers: Record<string, string> = {}) =>
    sendRequest(harness.url, `/u/stripe${path}`, { method, body, headers: { ...bearer(token), ...headers } })
  const json = { 'Content-Type': 'application/json' }

  it('GET takes a body where its operation says so, and the upstream gets it', async () => {
    await serve({ search: [{ method: 'GET', path: '/{index}/_search', body: true }, 'GET /{index}/{id}'] })
    const query = '{"query":{"match_all":{}}}'
    const framed = { ...json, 'Content-Length': String(query.length) }
    expect((await send('/logs/_search', 'GET', query, framed)).status).toBe(200)
    expect(harness.received).toMatchObject([{ method: 'GET', url: '/logs/_search', body: query }])
  })

  it.each([
    ['GET', 'GET /logs/{id}'],
    ['OPTIONS', 'OPTIONS /logs/{id}'],
    ['HEAD', 'HEAD /logs/{id}'],
  ])('deny: %s with a body where its operation does not say so', async (method, operation) => {
    await serve({ logs: [operation] })
    expect((await send('/logs/1', method, '{}', { ...json, 'Content-Length': '2' })).status).toBe(400)
    expect(harness.received).toEqual([])
  })

  it.each(['OPTIONS', 'PROPFIND', 'REPORT', 'SEARCH', 'PROPPATCH', 'MKCOL', 'LOCK', 'UNLOCK'])(
    '%s goes out as itself where an operation names it',
    async (method) => {
      await serve({ files: [`${method} /files/{path...}`] })
      expect((await ask('/files/a/b', method)).status).toBe(200)
      expect(harness.received).toMatchObject([{ method, url: '/files/a/b' }])
    },
  )

  it.each(['OPTIONS', 'PROPFIND', 'HEAD', 'TRACE'])('deny: %s is not implied by GET', async (method) => {
    await serve({ files: ['GET /files/{path...}'] })
    expect((await ask('/files/a/b', method)).status).toBe(403)
    expect(harness.received).toEqual([])
  })

  it('deny: a second path, which COPY and MOVE name in a header', async () => {
    await serve({ files: [{ method: 'MOVE', path: '/files/{path...}', capability: 'update' }] })
    const moved = await send('/files/a', 'MOVE', '', { Destination: `${harness.upstreamUrl}/admin` })
    expect(refusal(moved)).toBe('400 invalid_request bad_request')
    expect(harness.received).toEqual([])
  })
})

describe('deny', () => {
  it.each([
    ['GET /items', '/items/', '403 insufficient_scope no_tool'],
    ['GET /items/', '/items', '403 insufficient_scope no_tool'],
    ['GET /models/{m}:generate', '/models/x:count', '403 insufficient_scope no_tool'],
    ['GET /c/{path...}', '/c', '403 insufficient_scope no_tool'],
    ['GET /c/{path...}', '/c/a/../b', '400 invalid_request bad_request'],
    ['GET /c/{path...}', '/c/a%2F..%2Fb', '400 invalid_request bad_request'],
    ['GET /c/{path...}', '/c/a%2F%2Fb', '400 invalid_request bad_request'],
    ['GET /projects/{id}', '/projects/a%2Fb', '400 invalid_request bad_request'],
    ['GET /p/{x}', '/p/..;v=1', '400 invalid_request bad_request'],
    ['GET /p/{x}', '/p/%252e%252e%252fadmin', '400 invalid_request bad_request'],
  ])('with %s, %s is %s', async (operation, path, expected) => {
    await serve({ things: [operation] })
    expect(refusal(await ask(path))).toBe(expected)
    expect(harness.received).toEqual([])
  })

  it.each([
    '/v1/admin',
    '/v1/Admin',
    '/v1/adm%69n',
    '/v1/adm%2569n',
    '/v1/admin;x=1',
    '/v1/admin%3Bx',
    '/v1/admin.',
    '/v1/admin/',
    '/v1%2Fadmin',
    '/v1%2FADMIN%2F',
    '/files/v1/a/secret',
    '/files/v1/a%2FSecret',
    '/m/x:PURGE',
  ])('no spelling of a denied operation gets through a wide grant: %s', async (path) => {
    await serve(
      {
        any: ['GET /{all...}', 'GET /{all...}/', 'GET /v1/{x}'],
        'no-admin': ['GET /v1/admin'],
        'no-secret': ['GET /files/v1/{path...}/secret'],
        'no-purge': ['GET /m/{model}:purge'],
      },
      { encoded_slash: 'data' },
    )
    expect((await ask('/v1/other')).status).toBe(200)
    const response = await ask(path)
    expect([response.status, (response.json.error as { code: string }).code]).toEqual(
      path.endsWith('%2F') ? [400, 'bad_request'] : [403, 'denied'],
    )
    expect(harness.received.map(({ url }) => url)).toEqual(['/v1/other'])
  })

  it('an encoded slash is refused with what its operator can do, and taken at once after that', async () => {
    await serve({ projects: ['GET /projects/{id}'] })
    const refused = await ask('/projects/a%2Fb')
    expect((refused.json.error as { message: string }).message).toContain('encoded_slash=data')
    harness.engine.upstream('stripe', {
      url: harness.upstreamUrl,
      allow_private_addresses: true,
      encoded_slash: 'data',
    })
    await harness.flush()
    expect((await ask('/projects/a%2Fb')).status).toBe(200)
  })
})
