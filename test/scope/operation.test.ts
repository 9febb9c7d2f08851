import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isToolName, matchOperations, parseOperation, renderPath, ScopeError, toolPath } from '../../src/scope/index.ts'
import type { Tool } from '../../src/scope/index.ts'

const tool = (name: string, ...operations: unknown[]): Tool => ({
  upstream: 'stripe',
  name,
  operations: operations.map(parseOperation),
})
const found = (tools: Tool[], method: string, path: string) =>
  matchOperations(tools, method, path.split('/').map(decodeURIComponent)).map((match) => match.tool.name)

describe('operations that are refused, with a sentence', () => {
  it.each([
    [null, 'an operation must be a string or an object'],
    [7, 'an operation must be a string or an object'],
    [['GET /a'], 'an operation must be a string or an object'],
    ['', 'is not a method and a path; write for example "GET /v1/invoices/{id}"'],
    ['/v1/invoices', 'is not a method and a path'],
    ['GET /v1/a /v1/b', 'is not a method and a path'],
    ['FETCH /v1', 'operation method "FETCH" is not one of GET, HEAD, POST, PUT, PATCH, DELETE'],
    ['CONNECT /v1', 'is not one of'],
    ['OPTIONS /v1', 'is not one of'],
    ['constructor /v1', 'is not one of'],
    ['GET v1/invoices', 'does not begin with a slash'],
    ['GET https://evil.example/v1', 'does not begin with a slash'],
    ['GET //evil.example/v1', 'an empty, "." or ".." segment'],
    ['GET /v1/', 'an empty, "." or ".." segment'],
    ['GET /v1/../admin', 'an empty, "." or ".." segment'],
    ['GET /v1/./a', 'an empty, "." or ".." segment'],
    ['GET /v1\\a', 'a backslash'],
    ['GET /v1/a?limit=1', 'query parameters go into parameters'],
    ['GET /v1/a#b', 'holds a query or fragment'],
    ['GET /v1/%2e%2e', 'is percent-encoded; write it decoded'],
    ['GET /v1/*', 'has a "*"; {name} stands for one whole segment'],
    ['GET /v1/inv*', 'has a "*"'],
    ['GET /v1/in-{id}', 'has braces inside a segment'],
    ['GET /v1/{}', 'has braces inside a segment'],
    ['GET /v1/{a b}', 'is not a method and a path'],
    ['GET /v1/{id*}', 'has braces inside a segment'],
    ['GET /v1/{id}/{id}', 'names {id} twice'],
    [`GET /${'a'.repeat(1100)}`, 'is longer than 1024 characters'],
    [{ method: 'GET' }, 'needs method and path'],
    [{ path: '/v1' }, 'needs method and path'],
    [
      { method: 'GET', path: '/v1', verb: 'x' },
      'has the unknown key "verb"; known are capability, method, path and parameters',
    ],
    [{ method: 'GET', path: '/v1\u0000' }, 'a control character'],
    [
      { method: 'GET', path: '/v1', capability: 'write' },
      'operation capability "write" is not one of create, read, update, delete, list',
    ],
    [{ method: 'GET', path: '/v1', capability: 'deny' }, 'is not one of create'],
    [{ method: 'GET', path: '/v1', capability: 'sudo' }, 'is not one of create'],
    [{ method: 'GET', path: '/v1', capability: 7 }, 'operation capability "7"'],
    [{ method: 'GET', path: '/v1', parameters: 'limit' }, 'parameters is a list'],
    [{ method: 'GET', path: '/v1', parameters: [1] }, 'parameters is a list'],
    [{ method: 'GET', path: '/v1', parameters: [''] }, 'parameters is a list'],
  ])('%j', (value, sentence) => {
    expect(() => parseOperation(value)).toThrow(ScopeError)
    expect(() => parseOperation(value)).toThrow(sentence)
  })
})

describe('operations that are read', () => {
  it.each([
    ['GET', 'read'],
    ['HEAD', 'read'],
    ['POST', 'create'],
    ['PUT', 'update'],
    ['PATCH', 'update'],
    ['DELETE', 'delete'],
    ['get', 'read'],
  ])('%s has the capability %s', (method, capability) => {
    expect(parseOperation(`${method} /v1/invoices/{id}`)).toEqual({
      capability,
      method: method.toUpperCase(),
      path: '/v1/invoices/{id}',
    })
    expect(parseOperation({ method, path: '/v1' })).toEqual({ capability, method: method.toUpperCase(), path: '/v1' })
  })

  it('a capability and parameters that are written come first; null is omitted', () => {
    expect(parseOperation({ capability: 'list', method: 'GET', path: '/', parameters: [] })).toEqual({
      capability: 'list',
      method: 'GET',
      path: '/',
      parameters: [],
    })
    expect(parseOperation({ capability: null, method: 'POST', path: '/search', parameters: null })).toEqual({
      capability: 'create',
      method: 'POST',
      path: '/search',
    })
  })

  it('what was read is read again as the same', () => {
    const operation = parseOperation({
      capability: 'read',
      method: 'POST',
      path: '/v1/{a}/b:c',
      parameters: ['created[gte]'],
    })
    expect(parseOperation(operation)).toEqual(operation)
  })

  it.each([
    ['invoices', true],
    ['customers/id-only', true],
    ['a/b/c', false],
    ['', false],
    ['a/', false],
    ['/a', false],
    ['A', false],
    ['a/*', false],
    ['..', false],
  ])('tool name %j: %s', (name, valid) => {
    expect(isToolName(name)).toBe(valid)
  })

  it('a tool has its place in policies', () => {
    expect(toolPath({ upstream: 'stripe', name: 'customers/id-only' })).toBe('tools/stripe/customers/id-only')
  })
})

describe('which operations a call can be', () => {
  const tools = [
    tool('invoices', 'GET /v1/invoices', 'GET /v1/invoices/{id}'),
    tool('upcoming', 'GET /v1/invoices/upcoming'),
    tool('void', 'POST /v1/invoices/{id}/void'),
    tool('root', 'GET /'),
  ]

  it.each([
    ['another path', 'GET', 'v1/refunds'],
    ['another method', 'DELETE', 'v1/invoices'],
    ['HEAD where only GET is written', 'HEAD', 'v1/invoices'],
    ['a method in lower case', 'get', 'v1/invoices'],
    ['a longer path', 'GET', 'v1/invoices/in_1/lines'],
    ['a shorter path', 'GET', 'v1'],
    ['an empty segment for a parameter', 'GET', 'v1/invoices/'],
    ['a dot segment', 'GET', 'v1/invoices/..'],
    ['an encoded dot segment', 'GET', 'v1/invoices/%2e%2e'],
    ['an encoded slash', 'GET', 'v1/invoices/a%2Fb'],
    ['an encoded backslash', 'GET', 'v1/invoices/a%5Cb'],
    ['an encoded NUL', 'GET', 'v1/invoices/a%00'],
    ['other letters', 'GET', 'V1/invoices'],
    ['the template itself as a literal', 'GET', 'v1/{id}'],
  ])('deny: %s', (_name, method, path) => {
    expect(found(tools, method, path)).toEqual([])
  })

  it('deny: half of a surrogate pair', () => {
    expect(matchOperations(tools, 'GET', ['v1', 'invoices', '\ud800'])).toEqual([])
  })
  it('deny: the root is not everything', () => {
    expect(matchOperations(tools, 'GET', ['v1'])).toEqual([])
  })

  it('every fitting operation of every tool', () => {
    expect(found(tools, 'GET', 'v1/invoices')).toEqual(['invoices'])
    expect(found(tools, 'GET', 'v1/invoices/upcoming')).toEqual(['invoices', 'upcoming'])
    expect(found(tools, 'POST', 'v1/invoices/in_1/void')).toEqual(['void'])
    expect(matchOperations(tools, 'GET', []).map((match) => match.tool.name)).toEqual(['root'])
    expect([...(matchOperations(tools, 'GET', ['v1', 'invoices', 'in 1'])[0]?.params ?? [])]).toEqual([['id', 'in 1']])
  })
})

describe('the outgoing path', () => {
  const render = (path: string, params: Record<string, string> = {}) =>
    renderPath({ path }, new Map(Object.entries(params)))

  it.each([
    ['/v1/invoices/{id}', { id: 'in_1' }, '/v1/invoices/in_1'],
    ['/v1/{a}/x/{b}', { a: 'ä b', b: '50%' }, '/v1/%C3%A4%20b/x/50%25'],
    ['/v1/{a}', { a: 'q?x=1#y;z=2&k' }, '/v1/q%3Fx%3D1%23y%3Bz%3D2%26k'],
    ['/v1/{a}', { a: '%2e%2e' }, '/v1/%252e%252e'],
    ['/v1/documents:commit', {}, '/v1/documents:commit'],
    ['/v1/@me/a+b,c;d=e', {}, '/v1/@me/a+b,c;d=e'],
    ['/v1/ü', {}, '/v1/%C3%BC'],
    ['/', {}, '/'],
  ])('%s with %j', (path, params, expected) => {
    expect(render(path, params)).toBe(expected)
  })

  it.each([[{}], [{ id: '' }], [{ id: '..' }], [{ id: 'a/b' }], [{ id: '\ud800' }]])(
    'deny: %j gives no path',
    (params) => {
      expect(() => render('/v1/{id}', params)).toThrow(RangeError)
    },
  )

  it('of any match decodes to the segments that were matched', () => {
    const tools = [tool('any', 'GET /{a}/x/{b}')]
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        for (const { operation, params } of matchOperations(tools, 'GET', [a, 'x', b])) {
          const path = renderPath(operation, params)
          expect(path.slice(1).split('/').map(decodeURIComponent)).toEqual([a, 'x', b])
          expect(new URL(`https://upstream.example${path}`).pathname).toBe(path)
        }
      }),
      { numRuns: 300 },
    )
  })
})
