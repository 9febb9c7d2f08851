import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePolicy } from '../../src/policy/index.ts'
import { jsonBody, judgeTool, scopeMatch, ScopeError } from '../../src/scope/index.ts'
import type { CallParameters, GrantLink } from '../../src/scope/index.ts'

const link = (parts: Partial<GrantLink>): GrantLink => ({
  agent_id: 'a',
  granted: null,
  declared_scopes: null,
  policies: null,
  own_environment: true,
  ...parts,
})
const policy = (path: string, ...capabilities: string[]) =>
  parsePolicy(`path "${path}" { capabilities = ${JSON.stringify(capabilities)} }`)
const judge = (chain: GrantLink[], capability = 'read', path = 'tools/stripe/invoices', call?: CallParameters) =>
  judgeTool(chain, path, capability, call)
const invoices = ['read:stripe:invoices']

describe('what one session may do', () => {
  it.each<[string, Partial<GrantLink>]>([
    ['neither scopes nor policies are set', {}],
    ['scopes are set and empty', { declared_scopes: [] }],
    ['policies are set and empty', { policies: [] }],
    ['scopes are set and empty, whatever policies say', { declared_scopes: [], policies: [policy('tools/*', 'read')] }],
    ['policies are set and empty, whatever scopes say', { declared_scopes: invoices, policies: [] }],
    ['another scope', { declared_scopes: ['read:stripe:refunds'] }],
    ['another capability', { declared_scopes: ['write:stripe:invoices'] }],
    [
      'policies lack what scopes have',
      { declared_scopes: invoices, policies: [policy('tools/stripe/refunds', 'read')] },
    ],
    [
      'scopes lack what policies have',
      { declared_scopes: ['read:stripe:refunds'], policies: [policy('tools/*', 'read')] },
    ],
    ['granted less than is declared', { declared_scopes: invoices, granted: ['read:stripe:refunds'] }],
    ['granted nothing', { declared_scopes: invoices, granted: [] }],
    ['granted what is declared no longer', { declared_scopes: ['read:stripe:refunds'], granted: invoices }],
    ['granted what was never declared', { granted: invoices }],
    [
      'another environment without scopes of its own',
      { policies: [policy('tools/*', 'read')], own_environment: false },
    ],
    [
      'another environment with empty scopes',
      { declared_scopes: [], policies: [policy('tools/*', 'read')], own_environment: false },
    ],
    ['a scope that cannot be read', { declared_scopes: [...invoices, 'nonsense'] }],
    ['a granted scope that cannot be read', { declared_scopes: invoices, granted: [...invoices, ''] }],
    [
      'a policy whose template nobody fills in',
      { policies: [policy('tools/{{identity.entity.name}}/invoices', 'read')] },
    ],
  ])('deny: %s', (_name, parts) => {
    expect(judge([link(parts)])).toMatchObject({
      allowed: false,
      denied: false,
      reason: 'insufficient_scope',
      message: 'read on tools/stripe/invoices is not granted.',
    })
  })

  it.each<[string, Partial<GrantLink>]>([
    ['a deny scope', { declared_scopes: [...invoices, 'deny:stripe:invoices'] }],
    ['a deny scope alone', { declared_scopes: ['deny:stripe:invoices'] }],
    [
      'a deny in a policy',
      {
        declared_scopes: invoices,
        policies: [policy('tools/stripe/*', 'read'), policy('tools/stripe/invoices', 'deny')],
      },
    ],
    ['a broad deny in a policy', { declared_scopes: invoices, policies: [policy('tools/stripe/*', 'deny')] }],
    ['a deny among the granted', { declared_scopes: invoices, granted: [...invoices, 'deny:stripe:invoices'] }],
    [
      'a deny where another list has nothing at all',
      { declared_scopes: [], policies: [policy('tools/stripe/*', 'deny')] },
    ],
  ])('deny explicitly: %s', (_name, parts) => {
    expect(judge([link(parts)])).toMatchObject({
      allowed: false,
      denied: true,
      reason: 'denied',
      message: 'tools/stripe/invoices is denied.',
    })
  })

  it.each<[string, Partial<GrantLink>]>([
    ['a declared scope', { declared_scopes: invoices }],
    ['a policy', { policies: [policy('tools/stripe/*', 'read')] }],
    ['both', { declared_scopes: invoices, policies: [policy('tools/stripe/*', 'read')] }],
    ['granted and declared', { declared_scopes: ['read:stripe:*'], granted: invoices }],
    ['another environment with scopes of its own', { declared_scopes: invoices, own_environment: false }],
    [
      'another environment with scopes and policies',
      { declared_scopes: invoices, policies: [policy('tools/+/invoices', 'read')], own_environment: false },
    ],
  ])('allow: %s', (_name, parts) => {
    expect(judge([link(parts)])).toMatchObject({ allowed: true, denied: false, reason: 'allowed' })
  })

  it("deny: the tool's qualifiers are tools of their own", () => {
    expect(judge([link({ declared_scopes: invoices })], 'read', 'tools/stripe/invoices/id-only').allowed).toBe(false)
  })
})

describe('a chain', () => {
  const wide = link({ declared_scopes: ['read:stripe:*', 'write:stripe:*'] })

  it('deny: no link at all', () => {
    expect(judge([])).toMatchObject({ allowed: false, reason: 'insufficient_scope' })
  })
  it('deny: one ancestor lacks it, wherever it stands', () => {
    const narrow = link({ declared_scopes: ['read:stripe:refunds'] })
    for (const chain of [
      [narrow, wide, wide],
      [wide, narrow, wide],
      [wide, wide, narrow],
    ])
      expect(judge(chain)).toMatchObject({ allowed: false, reason: 'insufficient_scope' })
  })
  it('deny: one ancestor denies, also where another merely lacks', () => {
    const denying = link({ declared_scopes: ['deny:stripe:invoices'] })
    for (const chain of [
      [denying, wide],
      [wide, denying],
      [link({}), denying],
      [denying, link({})],
    ])
      expect(judge(chain)).toMatchObject({ denied: true, reason: 'denied' })
  })
  it('allow: every link has it', () => {
    expect(judge([wide, link({ declared_scopes: invoices }), wide]).allowed).toBe(true)
  })

  const scopes = fc.option(
    fc.array(
      fc
        .tuple(fc.constantFrom('read', 'write', 'deny'), fc.constantFrom('a:a', 'a:b', 'a:*', '+:a'))
        .map((parts) => parts.join(':')),
      { maxLength: 3 },
    ),
  )
  const policies = fc.option(
    fc.array(
      fc
        .tuple(fc.constantFrom('tools/a/a', 'tools/a/*', 'tools/+/b'), fc.constantFrom('read', 'update', 'deny'))
        .map(([path, word]) => policy(path, word)),
      { maxLength: 2 },
    ),
  )
  const anyLink = fc.record<GrantLink>({
    agent_id: fc.constant('a'),
    granted: scopes,
    declared_scopes: scopes,
    policies,
    own_environment: fc.boolean(),
  })

  it('is never widened by one more link, nor by what was granted', () => {
    fc.assert(
      fc.property(
        fc.array(anyLink, { minLength: 1, maxLength: 3 }),
        anyLink,
        fc.constantFrom('read', 'create', 'update'),
        fc.constantFrom('tools/a/a', 'tools/a/b', 'tools/b/a'),
        (chain, more, capability, path) => {
          const before = judgeTool(chain, path, capability)
          const after = judgeTool([...chain, more], path, capability)
          expect(after.allowed).toBe(before.allowed && judgeTool([more], path, capability).allowed)
          expect(after.denied).toBe(before.denied || judgeTool([more], path, capability).denied)
          expect(
            !judgeTool([more], path, capability).allowed ||
              judgeTool([{ ...more, granted: null }], path, capability).allowed,
          ).toBe(true)
        },
      ),
      { numRuns: 800 },
    )
  })

  it('agrees with a required scope', () => {
    fc.assert(
      fc.property(
        fc.array(anyLink, { maxLength: 3 }),
        fc.constantFrom('read', 'create'),
        fc.constantFrom('a:a', 'a:b', 'b:a'),
        (chain, capability, name) => {
          expect(scopeMatch(chain, `${capability}:${name}`)).toBe(
            judgeTool(chain, `tools/${name.replace(':', '/')}`, capability).allowed,
          )
        },
      ),
      { numRuns: 1000 },
    )
  })
})

describe('a required scope', () => {
  const chain = [link({ declared_scopes: ['read:stripe:*', 'create:stripe:refunds', 'read:github:prs:status'] })]
  it.each([
    'read:github:prs',
    'write:stripe:refunds',
    'update:stripe:refunds',
    'read:stripe:refunds',
    'read:*',
    'deny:stripe:invoices',
    'list:stripe:invoices',
    'read:stripe:*',
  ])('deny: %s', (scope) => {
    expect(scopeMatch(chain, scope)).toBe(false)
  })
  it.each([
    'read:stripe:invoices',
    'read:stripe:customers:id-only',
    'create:stripe:refunds',
    'read:github:prs:status',
    'read:tools/github/prs/status',
  ])('allow: %s', (scope) => {
    expect(scopeMatch(chain, scope)).toBe(true)
  })
  it('deny: without a chain', () => {
    expect(scopeMatch([], 'read:stripe:invoices')).toBe(false)
  })
  it('deny: what is not a scope is an error', () => {
    expect(() => scopeMatch(chain, 'read')).toThrow(ScopeError)
  })
})

/** `text` inside `depth` lists. */
function nested(depth: number, text: string): unknown {
  let value: unknown = text
  for (let level = 0; level < depth; level++) value = [value]
  return value
}

describe('parameter rules', () => {
  const chain = [
    link({
      declared_scopes: invoices,
      policies: [
        parsePolicy(
          'path "tools/stripe/invoices" { capabilities = ["read"]\n denied_parameters = { "expand" = [], "status" = ["draft"], "created[gte]" = [] }\n required_parameters = ["limit"] }',
        ),
      ],
    }),
  ]
  const call = (query: string, body: CallParameters['body'] = { kind: 'none' }): CallParameters => ({
    query: [...new URLSearchParams(query)],
    body,
  })
  const reason = (query: string, body?: CallParameters['body']) =>
    judge(chain, 'read', 'tools/stripe/invoices', call(query, body)).reason

  it.each([
    ['a required parameter missing', 'status=open'],
    ['a denied parameter', 'limit=1&expand=x'],
    ['a denied parameter in other letters', 'limit=1&EXPAND=x'],
    ['a denied parameter in brackets', 'limit=1&expand[]=x'],
    ['a denied parameter as a structure', 'limit=1&expand[a][b]=x'],
    ['a denied value', 'limit=1&status=draft'],
    ['a denied value, given second', 'limit=1&status=open&status=draft'],
    ['a denied value, given first', 'limit=1&status=draft&status=open'],
    ['a denied value in brackets', 'limit=1&status[]=draft'],
    ['a denied value inside a structure', 'limit=1&status[in][]=draft'],
    ['a name with brackets that is denied as such', 'limit=1&created[gte]=5'],
    ['a required parameter only in a third spelling', 'LIMIT=1'],
  ])('deny: %s', (_name, query) => {
    expect(reason(query)).toBe('parameter_refused')
  })

  it.each<[string, CallParameters['body']]>([
    ['a body that cannot be judged', { kind: 'opaque' }],
    ['a list for a body', jsonBody([{ limit: 1 }])],
    ['a text for a body', jsonBody('x')],
    ['null for a body', jsonBody(null)],
    ['a denied field', jsonBody({ expand: 1 })],
    ['a denied value in a field', jsonBody({ status: ['open', 'draft'] })],
    ['a denied field of a form', { kind: 'form', pairs: [['expand[]', 'x']] }],
    ['a form name with brackets that is denied as such', { kind: 'form', pairs: [['created[gte]', '5']] }],
  ])('deny: %s', (_name, body) => {
    expect(reason('limit=1', body)).toBe('parameter_refused')
  })

  it('deny: a good value in the query does not hide a bad one in the body', () => {
    expect(reason('limit=1&status=open', jsonBody({ status: 'draft' }))).toBe('parameter_refused')
  })
  it('deny: nor a good one in the body a bad one in the query', () => {
    expect(reason('limit=1&status=draft', jsonBody({ status: 'open' }))).toBe('parameter_refused')
  })
  it('deny: what the query alone already forbids needs no body', () => {
    expect(reason('expand=x', { kind: 'unread' })).toBe('parameter_refused')
  })
  // Each would take hours, or end the stack, if judging were not linear in what is given.
  const many = 200_000
  it('deny: a denied value behind a name given two hundred thousand times', () => {
    const pairs = Array.from({ length: many }, () => ['status', 'open'] as const)
    expect(reason('limit=1', { kind: 'form', pairs: [...pairs, ['status', 'draft']] })).toBe('parameter_refused')
  })
  it('deny: a denied value a hundred thousand lists deep', () => {
    expect(reason('limit=1', jsonBody({ status: nested(100_000, 'draft') }))).toBe('parameter_refused')
  })
  it('allow: the same without the denied value', () => {
    const pairs = Array.from({ length: many }, () => ['status', 'open'] as const)
    expect([
      reason('limit=1', { kind: 'form', pairs }),
      reason('limit=1', jsonBody({ status: nested(100_000, 'open') })),
    ]).toEqual(['allowed', 'allowed'])
  })
  it('an unread body is asked for', () => {
    expect(judge(chain, 'read', 'tools/stripe/invoices', call('limit=1', { kind: 'unread' }))).toMatchObject({
      allowed: false,
      denied: false,
      reason: 'needs_body',
    })
  })
  it('allow: query and fields within the rules, the required parameter in either', () => {
    expect([
      reason('limit=1'),
      reason('limit=1&status=open&created[lte]=5'),
      reason('', jsonBody({ limit: 1 })),
      reason('', { kind: 'form', pairs: [['limit', '1']] }),
    ]).toEqual(['allowed', 'allowed', 'allowed', 'allowed'])
  })
  it('allow: an unread or opaque body where no rule looks at parameters', () => {
    const plain = [link({ declared_scopes: invoices })]
    for (const kind of ['unread', 'opaque'] as const)
      expect(judge(plain, 'read', 'tools/stripe/invoices', call('any=1', { kind })).allowed).toBe(true)
  })
  it('without a call the capability alone is judged', () => {
    expect(judge(chain).allowed).toBe(true)
  })
  it('deny: a missing capability or a deny is said before any parameter', () => {
    expect(judge(chain, 'update', 'tools/stripe/invoices', call('expand=x')).reason).toBe('insufficient_scope')
    expect(
      judge(
        [...chain, link({ declared_scopes: ['deny:stripe:*'] })],
        'read',
        'tools/stripe/invoices',
        call('', { kind: 'unread' }),
      ).reason,
    ).toBe('denied')
  })
  it('allowed parameters hold for query and body together', () => {
    const strict = [
      link({
        policies: [
          parsePolicy(
            'path "tools/stripe/invoices" { capabilities = ["read"]\n allowed_parameters = { "limit" = ["1", "2"], "created" = [] } }',
          ),
        ],
      }),
    ]
    const of = (query: string, body?: CallParameters['body']) =>
      judge(strict, 'read', 'tools/stripe/invoices', call(query, body)).reason
    expect([
      of('limit=3'),
      of('limit=1&limit=3'),
      of('limit=3&limit=1'),
      of('limit[x]=1'),
      of('other=1'),
      of('limit=1', jsonBody({ other: 1 })),
      of('limit=1', jsonBody({ limit: 3 })),
    ]).toEqual(Array(7).fill('parameter_refused'))
    expect([
      of(''),
      of('limit=1'),
      of('limit=1&limit=2'),
      of('created[gte]=7'),
      of('limit=2', jsonBody({ limit: 1 })),
    ]).toEqual(Array(5).fill('allowed'))
  })
})
