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
    ['FETCH /v1', 'operation method "FETCH" is not one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, PROPFIND'],
    ['CONNECT /v1', 'is not one of'],
    ['TRACE /v1', 'is not one of'],
    ['MOVE /files/{path...}', 'must name its capability'],
    [{ method: 'COPY', path: '/files' }, 'must name its capability'],
    ['constructor /v1', 'is not one of'],
    ['GET v1/invoices', 'does not begin with a slash'],
    ['GET https://evil.example/v1', 'does not begin with a slash'],
    ['GET //evil.example/v1', 'an empty, "." or ".." segment'],
    ['GET /v1//', 'an empty, "." or ".." segment'],
    ['GET /v1/../admin', 'an empty, "." or ".." segment'],
    ['GET /v1/./a', 'an empty, "." or ".." segment'],
    ['GET /v1\\a', 'a backslash'],
    ['GET /v1/a?limit=1', 'query parameters go into parameters'],
    ['GET /v1/a#b', 'holds a query or fragment'],
    ['GET /v1/%2e%2e', 'is percent-encoded; write it decoded'],
    ['GET /v1/*', 'has a "*"; {name} stands for one whole segment'],
    ['GET /v1/inv*', 'has a "*"'],
    ['GET /v1/{}', 'has braces that hold no name'],
    ['GET /v1/{+path}', 'has braces that hold no name'],
    ['GET /v1/{a}{b}', 'has two parameters with nothing between them'],
    ['GET /v1/x{a}{b}', 'has two parameters with nothing between them'],
    ['GET /v1/{path...}.json', 'has text beside a {name...}'],
    ['GET /v1/{a}-{path...}', 'has text beside a {name...}'],
    ['GET /{a...}/x/{b...}', 'has more than one {name...}'],
    ['GET /v1/{path..}', 'has braces that hold no name'],
    ['GET /v1/{a}...{a}', 'names {a} twice'],
    ['GET /v1/{a}/{a...}', 'names {a} twice'],
    ['GET /v1/{a b}', 'is not a method and a path'],
    ['GET /v1/{id*}', 'has braces that hold no name'],
    ['GET /v1/{id}/{id}', 'names {id} twice'],
    [`GET /${'a'.repeat(1100)}`, 'is longer than 1024 characters'],
    [{ method: 'GET' }, 'needs method and path'],
    [{ path: '/v1' }, 'needs method and path'],
    [
      { method: 'GET', path: '/v1', verb: 'x' },
      'has the unknown key "verb"; known are capability, method, path, parameters, denied_parameters and body',
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
    [{ method: 'GET', path: '/v1', denied_parameters: 'expand' }, 'denied_parameters is a list'],
    [{ method: 'GET', path: '/v1', denied_parameters: [''] }, 'denied_parameters is a list'],
    [{ method: 'GET', path: '/v1', denied_parameters: ['expand[]'] }, 'without brackets'],
    [{ method: 'GET', path: '/v1', body: 'yes' }, 'body must be true or false'],
    [{ method: 'HEAD', path: '/v1', body: true }, 'a HEAD request has none'],
    [{ method: 'POST', path: '/v1', body: false }, 'a body is always passed on with POST'],
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
    ['OPTIONS', 'read'],
    ['PROPFIND', 'read'],
    ['REPORT', 'read'],
    ['SEARCH', 'read'],
    ['MKCOL', 'create'],
    ['PROPPATCH', 'update'],
    ['LOCK', 'update'],
    ['UNLOCK', 'update'],
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
      denied_parameters: ['expand'],
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
  })
})

describe('templates with text in a segment, several segments, or a slash at the end', () => {
  const fits = (template: string, path: string, slashIsData = false): boolean =>
    matchOperations([tool('t', `GET ${template}`)], 'GET', path.split('/').map(decodeURIComponent), slashIsData)
      .length > 0

  it.each([
    ['/models/{model}:generateContent', 'models/gemini-pro:generateContent'],
    ['/models/{model}:generateContent', 'models/a:generateContent:generateContent'],
    ['/models/{model}:generateContent', 'models/gemini%3AgenerateContent'],
    ['/archive/{ref}.tar.gz', 'archive/v1.0.tar.gz'],
    ['/compare/{base}...{head}', 'compare/main...dev'],
    ['/compare/{base}...{head}', 'compare/a....b'],
    ['/compare/{base}...{head}', 'compare/a...b...c'],
    ['/v1/in-{id}', 'v1/in-7'],
    ['/a/{x}-{y}-{z}', 'a/1-2-3-4'],
    ['/contents/{path...}', 'contents/README.md'],
    ['/contents/{path...}', 'contents/src/lib/a.ts'],
    ['/contents/{path...}', 'contents/src%2Flib/a.ts'],
    ['/{name...}/manifests/{ref}', 'library/ubuntu/manifests/latest'],
    ['/{name...}/manifests/{ref}', 'manifests/manifests/manifests'],
    ['/{module...}/@v/{version}.zip', 'github.com/a/b/@v/v1.zip'],
    ['/{path...}/', 'a/b/'],
    ['/items/', 'items/'],
  ])('%s takes %s', (template, path) => {
    expect(fits(template, path)).toBe(true)
  })

  it.each([
    ['/models/{model}:generateContent', 'models/:generateContent'],
    ['/models/{model}:generateContent', 'models/x:countTokens'],
    ['/models/{model}:generateContent', 'models/x:generateContents'],
    ['/models/{model}:generateContent', 'models/x:GenerateContent'],
    ['/archive/{ref}.tar.gz', 'archive/.tar.gz'],
    ['/archive/{ref}.tar.gz', 'archive/a/b.tar.gz'],
    ['/archive/{ref}.tar.gz', 'archive/a%2Fb.tar.gz'],
    ['/compare/{base}...{head}', 'compare/...head'],
    ['/compare/{base}...{head}', 'compare/base...'],
    ['/compare/{base}...{head}', 'compare/a..b'],
    ['/a/{x}-{y}-{z}', 'a/1--3'],
    ['/a/ab{x}ba', 'a/aba'],
    ['/contents/{path...}', 'contents'],
    ['/contents/{path...}', 'contents/'],
    ['/contents/{path...}', 'contents/a/'],
    ['/contents/{path...}', 'contents//a'],
    ['/contents/{path...}', 'contents/a/../b'],
    ['/{name...}/manifests/{ref}', 'manifests/latest'],
    ['/{name...}/manifests/{ref}', 'a/manifests/b/c'],
    ['/{name...}/manifests/{ref}', 'a/manifests%2Fb'],
    ['/{name...}/x', 'x'],
    ['/items', 'items/'],
    ['/items/', 'items'],
    ['/{path...}/', 'a/b'],
  ])('deny: %s does not take %s', (template, path) => {
    expect(fits(template, path)).toBe(false)
  })

  it.each([
    ['/projects/{id}', 'projects/group%2Fname', true],
    ['/projects/{id}/issues', 'projects/a%2Fb%2Fc/issues', true],
    ['/archive/{ref}.tar.gz', 'archive/a%2Fb.tar.gz', true],
    ['/projects/{group}/{name}', 'projects/group%2Fname', false],
    ['/projects/group/name', 'projects/group%2Fname', false],
  ])('where an encoded slash is data, %s takes %s: %s', (template, path, taken) => {
    expect(fits(template, path, true)).toBe(taken)
  })
})

describe('the outgoing path', () => {
  const render = (path: string, ...segments: string[]) => renderPath({ path }, segments)

  it.each([
    ['/v1/invoices/{id}', ['v1', 'invoices', 'in_1'], '/v1/invoices/in_1'],
    ['/v1/{a}/x/{b}', ['v1', 'ä b', 'x', '50%'], '/v1/%C3%A4%20b/x/50%25'],
    ['/v1/{a}', ['v1', 'q?x=1#y;z=2&k'], '/v1/q%3Fx=1%23y;z=2&k'],
    ['/v1/{a}', ['v1', 'user:a@b,c'], '/v1/user:a@b,c'],
    ['/v1/{a}', ['v1', '%2e%2e'], '/v1/%252e%252e'],
    ['/v1/{a}', ['v1', 'a/b'], '/v1/a%2Fb'],
    ['/v1/documents:commit', ['v1', 'documents:commit'], '/v1/documents:commit'],
    ['/v1/@me/a+b,c;d=e', ['v1', '@me', 'a+b,c;d=e'], '/v1/@me/a+b,c;d=e'],
    ['/m/{model}:go', ['m', 'x:y:go'], '/m/x:y:go'],
    ['/c/{path...}', ['c', 'a b', 'c'], '/c/a%20b/c'],
    ['/{n...}/m/{r}', ['a', 'b', 'm', 'r'], '/a/b/m/r'],
    ['/v1/ü', ['v1', 'ü'], '/v1/%C3%BC'],
    ['/v1/', ['v1', ''], '/v1/'],
    ['/', [], '/'],
  ])('%s with %j', (path, segments, expected) => {
    expect(render(path, ...segments)).toBe(expected)
  })

  it('has what a parameter takes whole as it was spelled, and literal text as the template has it', () => {
    const [segments, spelled] = [
      ['v1', 'a:b', 'x:go'],
      ['v1', 'a%3Ab', 'x%3Ago'],
    ]
    expect(renderPath({ path: '/v1/{a}/{m}:go' }, segments, spelled)).toBe('/v1/a%3Ab/x:go')
    expect(renderPath({ path: '/v1/a:b/{m}' }, segments, spelled)).toBe('/v1/a:b/x%3Ago')
  })

  it.each([[[]], [['v1']], [['v1', '']], [['v1', '..']], [['v1', 'a', 'b']], [['v1', '\ud800']]])(
    'deny: %j gives no path',
    (segments) => {
      expect(() => render('/v1/{id}', ...segments)).toThrow(
        /^(?:the path does not fit|a parameter of the path|URI malformed)/,
      )
    },
  )

  it('of any match decodes to the segments that were matched', () => {
    const tools = [tool('any', 'GET /{a}/x/{b}', 'GET /{a}/x/{b}:{c}', 'GET /{a}/x/{b...}')]
    const text = fc.string({ unit: 'binary', minLength: 1 })
    fc.assert(
      fc.property(text, text, (a, b) => {
        for (const { operation } of matchOperations(tools, 'GET', [a, 'x', b], true)) {
          const path = renderPath(operation, [a, 'x', b])
          expect(path.slice(1).split('/').map(decodeURIComponent)).toEqual([a, 'x', b])
          expect(new URL(`https://upstream.example${path}`).pathname).toBe(path)
        }
      }),
      { numRuns: 300 },
    )
  })
})
