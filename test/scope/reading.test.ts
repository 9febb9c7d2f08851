import { describe, expect, it } from 'vitest'
import {
  isOverrideHeader,
  isOverrideParameter,
  judgeCall,
  matchOperations,
  matchReadings,
  mayDeny,
  parseOperation,
} from '../../src/scope/index.ts'
import type { GrantLink, Tool } from '../../src/scope/index.ts'
import { parsePolicy } from '../../src/policy/index.ts'

const tool = (name: string, operation: string, fields?: string[]): Tool => ({
  upstream: 'u',
  name,
  operations: [parseOperation(operation)],
  ...(fields && { fields }),
})
const tools = [tool('any', 'GET /v1/{x}'), tool('admin', 'GET /v1/admin'), tool('deep', 'GET /v1/a/b')]
const chain: GrantLink[] = [
  {
    agent_id: 'a',
    granted: null,
    declared_scopes: ['read:u:any', 'deny:u:admin', 'deny:u:deep', 'read:u:ids'],
    policies: null,
    own_environment: true,
  },
]
const reason = (...segments: string[]): string =>
  judgeCall(
    chain,
    matchOperations(tools, 'GET', segments),
    { query: [], body: { kind: 'none' } },
    matchReadings(tools, 'GET', segments),
  ).reason

describe('deny: a path that some server takes for a denied one', () => {
  it.each(['admin', 'ADMIN', 'Admin', '\uff41dmin', 'adm\u0131n', 'admin.', 'admin ', 'admin/', 'a/b', 'A/b'])(
    '%j',
    (segment) => {
      const segments = ['v1', segment]
      const matches = [{ tool: tools[0]!, operation: tools[0]!.operations[0]! }]
      expect(
        judgeCall(chain, matches, { query: [], body: { kind: 'none' } }, matchReadings(tools, 'GET', segments)).reason,
      ).toBe('denied')
    },
  )
  it.each([
    ['/files/{name}.zip', ['FILES', 'a.ZIP']],
    ['/files/{name}.zip', ['files', 'a.zip.']],
    ['/m/{model}:go', ['m', 'x:GO']],
    ['/m/{model}:go', ['m', 'x:go;v=1']],
    ['/m/{model}:go', ['m', ':go']],
    ['/m/{model}:go', ['m', 'x:g\u200bo']],
    ['/e{x}', ['E\u0301x']],
    ['/m/{model}:go', ['m', 'x:g%6f']],
    ['/m/{model}:go', ['m', 'x:g%256f']],
    ['/admin', ['admin;x=1']],
    ['/admin', ['ADMIN.;x=1']],
    ['/admin', ['adm%69n%3Bx']],
    ['/admin', ['admin', '']],
    ['/admin/', ['admin']],
    ['/admin/', ['ADMIN', '']],
    ['/a/b', ['a/b']],
    ['/a/b', ['A%2Fb']],
    ['/a/{x}', ['a/anything']],
    ['/{x}/admin', ['a/b', 'ADMIN']],
    ['/{x}/b/admin', ['a/b', 'ADMIN']],
    ['/a/{path...}', ['a/b/c']],
    ['/a/{path...}', ['A', 'b', 'c']],
    ['/a/{path...}', ['a', '']],
    ['/a/{path...}', ['a', 'b', '']],
    ['/{n...}/tags', ['a/b', 'Tags']],
    ['/a/{x}/b', ['a', '\u200b', 'B']],
    ['/a/b', ['a', '\u200b', 'B']],
  ])('%s and %j', (path, segments) => {
    expect(matchReadings([tool('t', `GET ${path}`)], 'GET', segments)).toHaveLength(1)
  })

  it('a HEAD request, which a server may answer by its GET', () => {
    expect(matchReadings([tool('t', 'GET /admin')], 'HEAD', ['admin'])).toHaveLength(1)
    expect(matchReadings([tool('t', 'HEAD /admin')], 'GET', ['admin'])).toEqual([])
  })

  it.each([
    ['/files/{name}.zip', ['files', 'zip']],
    ['/m/{model}:go', ['m', 'go']],
    ['/a/{path...}', ['a']],
    ['/a/{x}', ['a', '']],
    ['/{n...}/tags', ['tags']],
    ['/a/b', ['a', 'b', 'c']],
  ])('no reading makes %s of %j', (path, segments) => {
    expect(matchReadings([tool('t', `GET ${path}`)], 'GET', segments)).toEqual([])
  })

  it.each(['admin?', 'admin#x', 'admin?a=b'])('one that a proxy would end at an encoded ? or #: %j', (segment) => {
    expect(matchReadings([tool('t', 'GET /obj/admin')], 'GET', ['obj', segment])).toHaveLength(1)
  })

  it('in time linear in the path, however many segments show nothing', () => {
    const template = `GET ${'/{a}'.replaceAll('a', 'x')}${Array.from({ length: 40 }, (_, at) => `/{p${String(at)}}`).join('')}/admin`
    const started = process.cpuUsage()
    matchReadings(
      [tool('t', template)],
      'GET',
      Array.from({ length: 900 }, () => '\u200b'),
    )
    expect(process.cpuUsage(started).user).toBeLessThan(1_000_000)
  })

  it('in other segments too', () => {
    expect(reason('V1', 'admin')).not.toBe('allowed')
  })
})

it.each(['admins', 'adminx', 'ad-min', 'b'])('allow: %s, which no server takes for it', (segment) => {
  expect(reason('v1', segment)).toBe('allowed')
})

describe('a tool with fields and no parameters', () => {
  const ids = [tool('ids', 'GET /v1/customers', ['data[].id'])]
  const query = (name: string): string =>
    judgeCall(chain, matchOperations(ids, 'GET', ['v1', 'customers']), {
      query: [[name, 'x']],
      body: { kind: 'none' },
    }).reason

  it.each(['email', 'email[starts]', 'balance[gte]', 'q', 'filter', 'expand[]', 'sort', 'fields', 'LIMIT'])(
    'deny: %s, by which hidden fields could be guessed',
    (name) => {
      expect(query(name)).toBe('parameter_refused')
    },
  )
  it.each([
    'limit',
    'page',
    'per_page',
    'offset',
    'cursor',
    'after',
    'before',
    'starting_after',
    'ending_before',
    'page_token',
  ])('allow: %s', (name) => {
    expect(query(name)).toBe('allowed')
  })
})

describe('what names another operation', () => {
  it.each([
    '_method',
    '_METHOD',
    '.method',
    '[method',
    ' _method',
    '_method[]',
    '_HttpMethod',
    '$httpMethod',
    '$httpHeaders',
  ])('%j', (name) => {
    expect(isOverrideParameter(name)).toBe(true)
  })
  it.each(['method', 'httpMethod', '$http', '$filter', 'payment_method', '_methods', 'shipping.method', 'a_method'])(
    'not %j',
    (name) => {
      expect(isOverrideParameter(name)).toBe(false)
    },
  )
  it.each([
    'X-HTTP-Method-Override',
    'x_http_method_override',
    'X-HTTP-Method',
    'X-Method-Override',
    'X-Original-URL',
    'X-Rewrite-URL',
    'X-Forwarded-Path',
    'X-Forwarded-Method',
  ])('header %s', (name) => {
    expect(isOverrideHeader(name)).toBe(true)
  })
  it.each(['X-Forwarded-For', 'X-Forwarded-Proto', 'X-Request-Id', 'Accept'])('not header %s', (name) => {
    expect(isOverrideHeader(name)).toBe(false)
  })
})

describe('whether anything can be denied at all', () => {
  const link = (changes: Partial<GrantLink>): GrantLink => ({
    ...chain[0]!,
    declared_scopes: ['read:u:any'],
    ...changes,
  })
  const policy = (capabilities: string) => [parsePolicy(`path "tools/u/admin" { capabilities = ["${capabilities}"] }`)]

  it.each<[string, boolean, GrantLink[]]>([
    ['scopes without a deny', false, [link({})]],
    ['a policy without a deny', false, [link({ policies: policy('read') })]],
    ['a scope that denies', true, [link({ declared_scopes: ['read:u:any', 'deny:u:admin'] })]],
    ['a scope that denies, granted at issue', true, [link({ granted: ['read:u:any', 'deny:u:admin'] })]],
    ['a policy that denies', true, [link({ policies: policy('deny') })]],
    ['a parent that denies', true, [link({}), link({ policies: policy('deny') })]],
  ])('%s: %s', (_what, denies, links) => {
    expect(mayDeny(links)).toBe(denies)
  })
})
