import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RequestError } from '../../../src/logical/errors.ts'
import { callHost, startHostHarness } from '../harness.ts'
import type { HostHarness } from '../harness.ts'

let harness: HostHarness
beforeAll(async () => {
  harness = await startHostHarness()
})
afterAll(async () => {
  await harness.host.close()
})

const form = { 'content-type': 'application/x-www-form-urlencoded' }
const put = (body: string | undefined, headers: Record<string, string> = {}) =>
  harness.call('PUT', 'lend/items/x', body, 'root', headers)
const item = async () => (await harness.call('GET', 'lend/items/x')).body.data

describe('the envelope', () => {
  it('has every member, none of them missing', async () => {
    await put('{"colour":"red","weight":"3"}')
    expect((await harness.call('GET', 'lend/items/x')).body).toEqual({
      request_id: expect.stringMatching(
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      ) as string,
      lease_id: '',
      renewable: false,
      lease_duration: 0,
      data: { colour: 'red', weight: 3 },
      wrap_info: null,
      warnings: null,
      auth: null,
      mount_type: 'lend',
    })
  })

  it('carries warnings alone with 200 and data null', async () => {
    const response = await put('{"colour":"red","smell":"tar"}')
    expect(response).toMatchObject({
      status: 200,
      body: { data: null, warnings: ['Endpoint ignored these unrecognized parameters: [smell]'] },
    })
  })

  it('is not used for errors, which are a list of texts', async () => {
    expect(await put('{"colour":"plaid"}')).toMatchObject({
      status: 400,
      body: { errors: ['colour may not be plaid, for example colour=red.'] },
    })
  })

  it('shows nothing of a failure inside the server', async () => {
    harness.engine.itemFailure = new TypeError('secret detail at /srv/key.ts:3')
    expect(await harness.call('GET', 'lend/items/x')).toMatchObject({
      status: 500,
      body: { errors: ['internal error'] },
    })
    harness.engine.itemFailure = undefined
  })

  it.each([
    ['unavailable', 503],
    ['rate_limited', 429],
    ['upstream_error', 502],
    ['precondition_failed', 412],
    ['not_found', 404],
    ['readonly', 500],
    ['sealed', 503],
  ] as const)('says %s as %i', async (kind, status) => {
    harness.engine.itemFailure = new RequestError(kind, 'why')
    expect(await harness.call('GET', 'lend/items/x')).toMatchObject({ status, body: { errors: ['why'] } })
    harness.engine.itemFailure = undefined
  })
})

describe('what a body may be', () => {
  it.each([
    ['nothing', undefined],
    ['an empty text', ''],
    ['white space', ' \n'],
    ['null', 'null'],
    ['{}', '{}'],
  ])('%s is an empty object', async (_case, body) => {
    expect((await put(body)).status).toBe(204)
    expect(await item()).toEqual({ colour: null, weight: 0 })
  })

  it('JSON under any Content-Type, the form type included', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=utf-8']) {
      expect((await put('{"colour":"blue"}', { 'content-type': type })).status).toBe(204)
      expect((await item()).colour).toBe('blue')
    }
  })

  it('a form, when it is declared one and is not one of JSON', async () => {
    expect((await put('colour=dark+green&weight=7', form)).status).toBe(204)
    expect(await item()).toEqual({ colour: 'dark green', weight: 7 })
  })

  it.each([
    ['broken JSON', '{"colour":', {}],
    ['broken JSON declared a form', '{"colour"', form],
    ['a list', '[1]', {}],
    ['a list declared a form', '[1]', form],
    ['a text', '"x"', {}],
    ['a number', '1', {}],
    ['a form without its Content-Type', 'colour=red', {}],
  ])('not %s', async (_case, body, headers) => {
    const response = await put(body, headers)
    expect(response.status).toBe(400)
    expect(response.body.errors[0]).toContain('failed to parse JSON input')
  })

  it('not bytes that are no UTF-8', async () => {
    const response = await harness.host.handle({
      method: 'PUT',
      path: '/v1/lend/items/x',
      query: new URLSearchParams(),
      headers: { 'x-vault-token': 'root' },
      body: Uint8Array.of(0x7b, 0xff, 0x7d),
      remoteAddr: '',
      signal: new AbortController().signal,
    })
    expect(response).toMatchObject({ status: 400, body: expect.stringContaining('not valid UTF-8') as string })
  })

  it('a member called __proto__ is an unknown field like any other', async () => {
    expect((await put('{"__proto__":{"colour":"red"}}')).body.warnings[0]).toContain('__proto__')
    expect((await item()).colour).toBeNull()
  })
})

describe('operations', () => {
  it('POST and PUT are the same upsert', async () => {
    expect((await harness.call('POST', 'lend/items/y', { colour: 'a' })).status).toBe(204)
    expect((await harness.call('PUT', 'lend/items/y', { colour: 'b' })).status).toBe(204)
    expect((await harness.call('GET', 'lend/items/y')).body.data.colour).toBe('b')
  })

  it('missing things are 404 without words, deleting them 204', async () => {
    expect(await harness.call('GET', 'lend/items/none')).toMatchObject({ status: 404, body: { errors: [] } })
    expect(await harness.call('DELETE', 'lend/items/none')).toMatchObject({ status: 204, body: undefined })
    const empty = await startHostHarness()
    expect(await empty.call('LIST', 'lend/items')).toMatchObject({ status: 404, body: { errors: [] } })
    await empty.host.close()
  })

  it.each([
    ['an unknown path of an engine', 'GET', 'lend/nothing/here', {}, 404, 'unsupported path'],
    ['an operation a path does not have', 'DELETE', 'lend/items/', {}, 405, 'unsupported operation'],
    [
      'PATCH of another media type',
      'PATCH',
      'lend/items/x',
      { 'content-type': 'application/json' },
      415,
      'PATCH requires Content-Type',
    ],
    [
      'PATCH where there is none',
      'PATCH',
      'lend/items/x',
      { 'content-type': 'application/merge-patch+json' },
      405,
      'unsupported operation',
    ],
    ['a write to a folder', 'PUT', 'lend/items/', {}, 400, "cannot write to a path ending in '/'"],
    ['a relative path', 'GET', 'lend/items/../items/x', {}, 400, 'relative segments'],
    ['an encoded relative path', 'GET', 'lend/%2e%2e/sys/mounts', {}, 400, 'relative segments'],
    ['a control character', 'GET', 'lend/items/a%00b', {}, 400, 'non-printable'],
    ['a broken percent code', 'GET', 'lend/items/%zz', {}, 400, 'percent-encoded'],
    ['an empty path', 'GET', '', {}, 404, 'no handler for route'],
    ['a method nobody knows', 'OPTIONS', 'lend/items/x', {}, 405, 'unsupported operation'],
    ['HEAD of data', 'HEAD', 'lend/items/x', {}, 405, 'unsupported operation'],
    ['list that is no boolean', 'GET', 'lend/items?list=maybe', {}, 400, 'list must be true or false'],
    ['a wrapping TTL that is none', 'GET', 'lend/items/x', { 'x-vault-wrap-ttl': 'soon' }, 400, 'X-Vault-Wrap-TTL'],
    ['a negative wrapping TTL', 'GET', 'lend/items/x', { 'x-vault-wrap-ttl': '-5' }, 400, 'not negative'],
    ['a wrap format', 'GET', 'lend/items/x', { 'x-vault-wrap-format': 'jwt' }, 400, 'X-Vault-Wrap-Format'],
    ['a namespace', 'GET', 'lend/items/x', { 'x-vault-namespace': 'team-a' }, 400, 'namespaces are not supported'],
  ])('refuses %s', async (_case, method, target, headers, status, message) => {
    const response = await harness.call(method, target, undefined, 'root', headers)
    expect(response.status).toBe(status)
    expect(response.body.errors[0]).toContain(message)
  })

  it('slashes collapse and encoded characters count', async () => {
    await harness.call('PUT', 'lend/items/a b', {})
    expect((await harness.call('GET', '/lend//items/a%20b')).status).toBe(200)
  })

  it('query parameters are the fields of a read', async () => {
    expect((await harness.call('GET', 'lend/items/x?smell=tar&smell=salt')).body.data).toEqual({
      colour: null,
      weight: 0,
    })
  })
})

describe('headers', () => {
  const read = (headers: Record<string, string>) => callHost(harness.host, 'GET', 'lend/items/x', undefined, headers)

  it('the token may come as X-Vault-Token or as a bearer, the former first', async () => {
    expect((await read({ authorization: 'Bearer root' })).status).toBe(200)
    expect((await read({ authorization: 'bearer root' })).status).toBe(200)
    expect((await read({ authorization: 'Bearer nope', 'x-vault-token': 'root' })).status).toBe(200)
    expect((await read({ authorization: 'Bearer root', 'x-vault-token': 'nope' })).status).toBe(403)
    expect((await read({ authorization: 'Basic cm9vdDo=' })).status).toBe(403)
  })

  it('the root namespace is accepted and echoed', async () => {
    expect(await read({ 'x-vault-token': 'root', 'x-vault-namespace': 'root/' })).toMatchObject({
      status: 200,
      headers: { 'x-vault-namespace': 'root/' },
    })
  })

  it("X-Vault-Request and others of Vault's clients are ignored", async () => {
    expect(
      (
        await read({
          'x-vault-token': 'root',
          'x-vault-request': 'true',
          'x-vault-index': 'x',
          'x-vault-policy-override': 'true',
        })
      ).status,
    ).toBe(200)
  })
})

describe('help', () => {
  it('is bare, for the mount and for a path', async () => {
    const root = await harness.call('GET', 'lend?help=1')
    expect(Object.keys(root.body as object)).toEqual(['help', 'see_also', 'openapi'])
    expect(root.body.help).toContain('items/:name')
    expect((await harness.call('GET', 'lend/items/x?help=true')).body.help).toContain('Its colour.')
    expect((await harness.call('GET', 'sys/mounts/x/tune?help=1')).body.help).toContain('tune')
  })

  it('on an unknown path is 404', async () => {
    expect((await harness.call('GET', 'lend/nothing/here?help=1')).status).toBe(404)
  })
})
