import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePolicy } from '../../src/policy/index.ts'
import { jsonBody, judgeCall, matchOperations, parseOperation } from '../../src/scope/index.ts'
import type { CallParameters, GrantLink, Tool } from '../../src/scope/index.ts'

const tool = (name: string, operations: unknown[], fields?: string[] | null): Tool => ({
  upstream: 'stripe',
  name,
  operations: operations.map(parseOperation),
  ...(fields !== undefined && { fields }),
})
const tools = [
  tool('customers', ['GET /v1/customers', 'GET /v1/customers/{id}', 'POST /v1/customers']),
  tool(
    'customers/id-only',
    [{ method: 'GET', path: '/v1/customers', parameters: ['limit', 'created[gte]'] }],
    ['data[].id', 'has_more'],
  ),
  tool(
    'customers/names',
    [{ method: 'GET', path: '/v1/customers', parameters: ['limit'] }],
    ['data[].id', 'data[].name'],
  ),
  tool('refunds', [
    { method: 'GET', path: '/v1/refunds/{id}', denied_parameters: ['expand'] },
    { method: 'POST', path: '/v1/refunds', denied_parameters: ['expand', 'docs'] },
  ]),
  tool('refunds/expanded', ['GET /v1/refunds/{id}']),
  tool('search', [{ capability: 'read', method: 'POST', path: '/v1/customers', parameters: [] }], []),
]
const session = (declared_scopes: string[] | null, ...policies: string[]): GrantLink => ({
  agent_id: 'a',
  granted: null,
  declared_scopes,
  policies: policies.length > 0 ? policies.map(parsePolicy) : null,
  own_environment: true,
})
const judge = (
  links: GrantLink | GrantLink[],
  method: string,
  target: string,
  body: CallParameters['body'] = { kind: 'none' },
) => {
  const [path = '', query = ''] = target.split('?')
  return judgeCall([links].flat(), matchOperations(tools, method, path.slice(1).split('/')), {
    query: [...new URLSearchParams(query)],
    body,
  })
}

describe('calls that are refused', () => {
  it('deny: no tool covers it, whatever is granted', () => {
    expect(judge(session(['read:*']), 'GET', '/v1/coupons')).toEqual({
      allowed: false,
      reason: 'no_tool',
      message: 'no tool covers this call.',
      tools: [],
      fields: [],
      needed: [],
    })
  })

  it('deny: nothing that covers it is granted, and any of these would help', () => {
    expect(judge(session(['create:stripe:customers']), 'GET', '/v1/customers')).toEqual({
      allowed: false,
      reason: 'insufficient_scope',
      tools: [],
      fields: [],
      message: 'needs read:stripe:customers or read:stripe:customers:id-only or read:stripe:customers:names',
      needed: ['read:stripe:customers', 'read:stripe:customers:id-only', 'read:stripe:customers:names'],
    })
  })

  it.each([
    ['GET', '/v1/customers/cus_1', ['read:stripe:customers:id-only']],
    ['POST', '/v1/customers', ['update:stripe:customers', 'delete:stripe:customers', 'read:stripe:customers']],
    ['GET', '/v1/customers', []],
  ])('deny: %s %s with %j', (method, target, scopes) => {
    expect(judge(session(scopes), method, target).reason).toBe('insufficient_scope')
  })

  it('deny: an explicit deny of one matching tool denies, although another is granted', () => {
    expect(
      judge(session(['read:stripe:customers', 'deny:stripe:customers:names']), 'GET', '/v1/customers'),
    ).toMatchObject({ allowed: false, reason: 'denied', tools: [], needed: [] })
  })

  it('deny: also a tool that would not have taken these query parameters', () => {
    expect(
      judge(session(['read:stripe:customers', 'deny:stripe:customers:names']), 'GET', '/v1/customers?email=x').reason,
    ).toBe('denied')
  })

  it('deny: also of another capability, for a deny has none', () => {
    expect(judge(session(['create:stripe:customers', 'deny:stripe:search']), 'POST', '/v1/customers').reason).toBe(
      'denied',
    )
  })

  it('deny: also by an ancestor', () => {
    expect(
      judge(
        [session(['read:stripe:customers']), session(['read:stripe:customers', 'deny:stripe:customers:*'])],
        'GET',
        '/v1/customers',
      ).reason,
    ).toBe('denied')
  })

  it('deny: query parameters that the operation does not pass on', () => {
    const idOnly = session(['read:stripe:customers:id-only'])
    for (const query of [
      'email=x',
      'limit=1&email=x',
      'Limit=1',
      'created=5',
      'created[lte]=5',
      'limit[]=1',
      '=',
      'limit=1;email=x',
    ]) {
      expect(judge(idOnly, 'GET', `/v1/customers?${query}`), query).toMatchObject({
        allowed: false,
        reason: 'parameter_refused',
      })
    }
    expect(judge(idOnly, 'GET', '/v1/customers?email=secret').message).toBe(
      'query parameter "email" is not one that GET /v1/customers of stripe/customers/id-only passes on.',
    )
    expect(judge(session(['read:stripe:search']), 'POST', '/v1/customers?limit=1').reason).toBe('parameter_refused')
  })

  const refunds = session(['read:stripe:refunds', 'create:stripe:refunds'])
  it.each([
    'expand[]=charge',
    'expand=charge',
    'expand[0]=charge',
    'Expand[]=x',
    '%20expand=x',
    'a=1;expand[]=x',
    'expand',
  ])('deny: a parameter that the operation does not take, in any spelling: %s', (query) => {
    expect(judge(refunds, 'GET', `/v1/refunds/re_1?${query}`)).toMatchObject({
      allowed: false,
      reason: 'parameter_refused',
      message: expect.stringMatching(/expand/i) as string,
    })
    expect(judge(session(['read:stripe:refunds:expanded']), 'GET', `/v1/refunds/re_1?${query}`).allowed).toBe(true)
  })

  it('deny: such a parameter in the body, which has to be readable', () => {
    const post = (body: CallParameters['body']) => judge(refunds, 'POST', '/v1/refunds', body).reason
    expect(post({ kind: 'unread' })).toBe('needs_body')
    expect(post({ kind: 'opaque' })).toBe('parameter_refused')
    expect(post({ kind: 'form', pairs: [['expand[]', 'charge']] })).toBe('parameter_refused')
    expect(post({ kind: 'form', pairs: [['a', '1;docs=2']] })).toBe('parameter_refused')
    expect(post(jsonBody({ docs: [] }))).toBe('parameter_refused')
    expect(post(jsonBody({ DOCS: [] }))).toBe('parameter_refused')
  })

  it('deny: each tool is judged alone, two half grants do not make one', () => {
    const halves = session(
      ['read:stripe:customers:id-only', 'read:stripe:customers:names'],
      'path "tools/stripe/customers/id-only" { capabilities = ["read"]\n denied_parameters = { "limit" = [] } }',
      'path "tools/stripe/customers/names" { capabilities = ["read"] }',
    )
    expect(judge(halves, 'GET', '/v1/customers?limit=1&created[gte]=1').reason).toBe('parameter_refused')
  })

  it('deny: a name is no other for the white space around it', () => {
    const denied = session(
      ['create:stripe:customers'],
      'path "tools/stripe/customers" { capabilities = ["create"]\n denied_parameters = { "email" = [] } }',
    )
    const form = (name: string) => judge(denied, 'POST', '/v1/customers', { kind: 'form', pairs: [[name, 'x']] })
    for (const name of ['email', ' email', 'email ', '\temail', ' email[0]'])
      expect(form(name).allowed, JSON.stringify(name)).toBe(false)
    expect(form('name').allowed).toBe(true)
  })

  const ruled = session(
    ['create:stripe:customers', 'read:stripe:search'],
    'path "tools/stripe/customers" { capabilities = ["create"]\n allowed_parameters = { "email" = [] } }',
    'path "tools/stripe/search" { capabilities = ["read"] }',
  )
  it('a body that some matching tool must see is asked for, although another tool is granted without', () => {
    expect(judge(ruled, 'POST', '/v1/customers', { kind: 'unread' })).toMatchObject({
      allowed: false,
      reason: 'needs_body',
      tools: [],
    })
  })
  it('and then decides which tools count', () => {
    expect(
      judge(ruled, 'POST', '/v1/customers', jsonBody({ email: 'x' })).tools.map((match) => match.tool.name),
    ).toEqual(['customers', 'search'])
    expect(
      judge(ruled, 'POST', '/v1/customers', jsonBody({ balance: 1 })).tools.map((match) => match.tool.name),
    ).toEqual(['search'])
    expect(judge(ruled, 'POST', '/v1/customers', { kind: 'opaque' }).tools.map((match) => match.tool.name)).toEqual([
      'search',
    ])
  })
  it('deny: a body is not asked for where the query already refuses', () => {
    expect(
      judge(
        session(null, 'path "tools/stripe/search" { capabilities = ["read"]\n required_parameters = ["query"] }'),
        'POST',
        '/v1/customers?limit=1',
        { kind: 'unread' },
      ).reason,
    ).toBe('parameter_refused')
  })
})

describe('calls that are granted', () => {
  it('with a body and a query that hold none of the parameters that the operation does not take', () => {
    const both = session(['read:stripe:refunds', 'create:stripe:refunds'])
    expect(judge(both, 'GET', '/v1/refunds/re_1?limit=1&expanded=1').reason).toBe('allowed')
    expect(judge(both, 'POST', '/v1/refunds').reason).toBe('allowed')
    for (const body of [jsonBody({ ids: ['1'], a: { docs: 1 } }), { kind: 'form', pairs: [['charge', 'x']] } as const])
      expect(judge(both, 'POST', '/v1/refunds', body).reason).toBe('allowed')
  })

  it.each([
    [['read:stripe:customers:id-only'], '/v1/customers', ['customers/id-only'], ['data[].id', 'has_more']],
    [
      ['read:stripe:customers:id-only'],
      '/v1/customers?limit=3&created[gte]=5',
      ['customers/id-only'],
      ['data[].id', 'has_more'],
    ],
    [
      ['read:stripe:customers:*'],
      '/v1/customers?limit=3',
      ['customers/id-only', 'customers/names'],
      ['data[].id', 'has_more', 'data[].name'],
    ],
    [['read:stripe:customers:*'], '/v1/customers?created[gte]=3', ['customers/id-only'], ['data[].id', 'has_more']],
    [
      ['read:stripe:customers', 'read:stripe:customers:id-only'],
      '/v1/customers',
      ['customers', 'customers/id-only'],
      null,
    ],
    [['read:stripe:customers'], '/v1/customers?any=1', ['customers'], null],
    [['read:tools/stripe/customers'], '/v1/customers/cus_1', ['customers'], null],
  ])('%j on %s: tools %j, fields %j', (scopes, target, names, fields) => {
    const judgement = judge(session(scopes), 'GET', target)
    expect(judgement).toMatchObject({ allowed: true, reason: 'allowed', fields, needed: [] })
    expect(judgement.tools.map((match) => match.tool.name)).toEqual(names)
  })

  it('a tool whose list of fields is empty lets nothing pass, one whose list is null everything', () => {
    expect(judge(session(['read:stripe:search']), 'POST', '/v1/customers').fields).toEqual([])
    const open = [tool('a', ['GET /a'], null)]
    expect(
      judgeCall([session(['read:stripe:a'])], matchOperations(open, 'GET', ['a']), {
        query: [],
        body: { kind: 'none' },
      }).fields,
    ).toBeNull()
  })
})

describe('for any scopes', () => {
  const scope = fc
    .tuple(
      fc.constantFrom('read', 'create', 'deny'),
      fc.constantFrom('customers', 'customers:id-only', 'customers:names', 'search', '*', '+:names'),
    )
    .map(([word, name]) => `${word}:stripe:${name}`)
  const target = fc.tuple(
    fc.constantFrom('GET', 'POST'),
    fc.constantFrom('/v1/customers', '/v1/customers?limit=1', '/v1/customers?email=x', '/v1/customers/c'),
  )
  it('a further deny never allows a call, and never shows more of a response', () => {
    fc.assert(
      fc.property(fc.array(scope, { maxLength: 4 }), scope, target, (scopes, denied, [method, path]) => {
        const before = judge(session(scopes), method, path)
        const after = judge(session([...scopes, denied.replace(/^[a-z]+/, 'deny')]), method, path)
        expect(!after.allowed || before.allowed).toBe(true)
        expect(
          !after.allowed ||
            before.fields === null ||
            (after.fields !== null && after.fields.every((field) => before.fields?.includes(field))),
        ).toBe(true)
      }),
    )
  })
})
