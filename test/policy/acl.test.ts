import { describe, expect, it } from 'vitest'
import { compileAcl, parsePolicy } from '../../src/policy/index.ts'
import type { Acl } from '../../src/policy/index.ts'

const acl = (...texts: string[]): Acl => compileAcl(texts.map(parsePolicy))
/** `rules({ 'secret/*': 'read list' })` */
const rules = (paths: Record<string, string>): string =>
  JSON.stringify({
    path: Object.fromEntries(
      Object.entries(paths).map(([path, words]) => [
        path,
        { capabilities: words.split(' ').filter((word) => word !== '') },
      ]),
    ),
  })
const deny = (list: Acl, capability: string, path: string) => {
  expect(list.judge({ path, capability }).allowed, `${capability} ${path}`).toBe(false)
}
const allow = (list: Acl, capability: string, path: string) => {
  expect(list.judge({ path, capability }).allowed, `${capability} ${path}`).toBe(true)
}

describe('which paths a pattern matches', () => {
  it.each([
    ['nothing is granted without a rule', {}, 'secret/foo'],
    ['an exact path is not a prefix', { 'secret/foo': 'read' }, 'secret/foo/bar'],
    ['an exact path is not the beginning of a name', { 'secret/foo': 'read' }, 'secret/food'],
    ['an exact path is not the same path with a slash', { 'secret/foo': 'read' }, 'secret/foo/'],
    ['letters are told apart', { 'secret/foo': 'read' }, 'secret/Foo'],
    ['a glob under a slash does not cover the path before it', { 'secret/bar/*': 'read' }, 'secret/bar'],
    ['a glob under a slash does not cover a longer name', { 'secret/bar/*': 'read' }, 'secret/bars/zip'],
    ['a glob after a dash does not cross into another name', { 'secret/zip-*': 'read' }, 'secret/zip/zap'],
    ['a plus does not cross a slash', { 'secret/+/teamb': 'read' }, 'secret/foo/bar/teamb'],
    ['a plus needs its segment', { 'secret/+/teamb': 'read' }, 'secret/teamb'],
    ['a plus at the end does not cover what is below', { 'secret/+': 'read' }, 'secret/foo/bar'],
    ['two plus are not one', { 'secret/+/+/teamb': 'read' }, 'secret/foo/teamb'],
    ['a plus and a glob need every segment before the glob', { 'secret/+/foo/*': 'read' }, 'secret/x/foo'],
    ['a plus and a glob keep the literal between them', { 'secret/+/foo*': 'read' }, 'secret/x/fo'],
    ['a star in the middle is an ordinary character', { '*/sth/*': 'read' }, 'secret/sth/one'],
    ['a plus inside a segment is an ordinary character', { 'secret/a+': 'read' }, 'secret/ab'],
    ['a template that was not filled in', { 'secret/{{identity.entity.id}}': 'read' }, 'secret/{{identity.entity.id}}'],
    [
      'a template that was not filled in, below a glob',
      { '{{identity.entity.id}}/*': 'read' },
      '{{identity.entity.id}}/a',
    ],
  ] as const)('deny: %s', (_name, paths, path) => {
    deny(acl(rules(paths)), 'read', path)
  })

  it.each([
    ['an exact path', 'secret/foo', 'secret/foo'],
    ['a leading slash in the policy', '/secret/foo', 'secret/foo'],
    ['a glob and what is directly below', 'secret/bar/*', 'secret/bar/zip'],
    ['a glob and what is far below', 'secret/bar/*', 'secret/bar/zip/zap'],
    ['a glob and the bare prefix', 'secret/bar/*', 'secret/bar/'],
    ['a glob inside a name', 'secret/zip-*', 'secret/zip-zap/zong'],
    ['a glob alone', '*', 'anything/at/all'],
    ['a plus for any segment', 'secret/+/teamb', 'secret/foo/teamb'],
    ['two plus', 'secret/+/+/teamb', 'secret/bar/foo/teamb'],
    ['a plus at the beginning', '+/foo', 'secret/foo'],
    ['a plus alone', '+', 'secret'],
    ['a plus for an empty segment, as Vault has it', 'secret/+', 'secret/'],
    ['a plus and a glob', 'secret/+/foo*', 'secret/x/foobar/baz'],
    ['a plus and a glob at a slash', 'secret/+/*', 'secret/x/y/z'],
    ['a plus inside a segment as itself', 'secret/c++', 'secret/c++'],
  ])('allow: %s', (_name, pattern, path) => {
    allow(acl(rules({ [pattern]: 'read' })), 'read', path)
  })

  it('a path called __proto__ or constructor is an ordinary path', () => {
    deny(acl(rules({ 'secret/a': 'read' })), 'read', '__proto__')
    deny(acl(rules({ 'secret/a': 'read' })), 'read', 'constructor')
  })
})

describe('which rule decides: each line names the deciding pattern of two that both match', () => {
  it.each([
    ['exact before plus', 'a/b', 'a/+', 'a/b'],
    ['exact before glob', 'a/b', 'a/b*', 'a/b'],
    ['later first wildcard: longer glob', 'a/b/*', 'a/*', 'a/b/c'],
    ['later first wildcard: glob before plus', 'foo/a*', 'foo/+', 'foo/ab'],
    ['later first wildcard: plus further back', 'foo/bar/+/baz', 'foo/+/bar/baz', 'foo/bar/bar/baz'],
    ['later first wildcard beats the number of plus', 'a/b/+/+', 'a/+/c/d', 'a/b/c/d'],
    ['later first wildcard beats a missing glob', 'a/b/*', 'a/+/c', 'a/b/c'],
    ['no glob before glob', 'foo/+', 'foo/*', 'foo/a'],
    ['no glob before glob, both with plus', 'foo/+/bar', 'foo/+/ba*', 'foo/x/bar'],
    ['no glob beats fewer plus', 'a/+/+', 'a/+/b*', 'a/x/b'],
    ['fewer plus', 'foo/+/bar/x', 'foo/+/+/x', 'foo/a/bar/x'],
    ['fewer plus: the documented example', 'secret/*', 'secret/+/+/foo/*', 'secret/a/b/foo/c'],
    ['longer', 'foo/+/bar/ba*', 'foo/+/bar/b*', 'foo/x/bar/baz'],
    ['lexicographically greater', 'a/+/c/+', 'a/+/+/d', 'a/b/c/d'],
  ])('%s', (_name, winner, loser, path) => {
    for (const list of [
      acl(rules({ [winner]: 'read', [loser]: 'list' })),
      acl(rules({ [loser]: 'list', [winner]: 'read' })),
      acl(rules({ [loser]: 'list' }), rules({ [winner]: 'read' })),
    ]) {
      expect(list.match(path)?.pattern).toBe(winner)
      expect([...(list.match(path)?.capabilities ?? [])]).toEqual(['read'])
    }
  })

  it('deny: a more specific deny takes a path out of a broad grant', () => {
    const list = acl(
      rules({
        'secret/*': 'create read update patch delete list',
        'secret/super-secret': 'deny',
        'secret/hidden/*': 'deny',
        'secret/+/keys': 'deny',
      }),
    )
    for (const capability of ['create', 'read', 'update', 'patch', 'delete', 'list']) {
      deny(list, capability, 'secret/super-secret')
      deny(list, capability, 'secret/hidden/x/y')
    }
    allow(list, 'read', 'secret/super-secrets')
    allow(list, 'read', 'secret/hidden')
  })

  it('deny: a more specific rule takes back what it does not name', () => {
    const list = acl(rules({ 'secret/*': 'read list', 'secret/foo': 'list', 'secret/nothing': '' }))
    deny(list, 'read', 'secret/foo')
    deny(list, 'read', 'secret/nothing')
    deny(list, 'list', 'secret/nothing')
  })

  it('deny: the other document cannot reach past a more specific rule', () => {
    deny(acl(rules({ 'secret/foo': 'list' }), rules({ 'secret/*': 'read' })), 'read', 'secret/foo')
  })

  it('a broad deny leaves a more specific grant standing, as documented', () => {
    const list = acl(rules({ 'secret/*': 'deny', 'secret/mine': 'read' }))
    allow(list, 'read', 'secret/mine')
    deny(list, 'update', 'secret/mine')
    deny(list, 'read', 'secret/yours')
  })

  it('sudo is reported whatever the operation, and is not a capability of its own', () => {
    const list = acl(rules({ 'sys/mounts': 'read sudo' }))
    expect(list.judge({ path: 'sys/mounts', capability: 'read' })).toMatchObject({ allowed: true, sudo: true })
    expect(list.judge({ path: 'sys/mounts', capability: 'update' })).toMatchObject({ allowed: false, sudo: true })
    expect(list.judge({ path: 'sys/mount', capability: 'read' })).toMatchObject({ allowed: false, sudo: false })
    expect(acl(rules({ a: 'read' })).judge({ path: 'a', capability: 'read' }).sudo).toBe(false)
  })
})

describe('the same pattern in several documents', () => {
  it('capabilities are united', () => {
    const list = acl(rules({ 'secret/*': 'read' }), rules({ 'secret/*': 'list' }), rules({ '/secret/*': 'update' }))
    expect(list.capabilities('secret/a')).toEqual(['list', 'read', 'update'])
  })

  it.each([[['deny', 'read sudo']], [['read sudo', 'deny']], [['read', 'deny', 'update']]])(
    'deny: deny wins in the order %j',
    (order) => {
      const list = acl(...order.map((words) => rules({ 'secret/a': words })))
      for (const capability of ['read', 'update', 'sudo', 'deny'])
        expect(list.judge({ path: 'secret/a', capability }), capability).toMatchObject({ sudo: false })
      deny(list, 'read', 'secret/a')
      deny(list, 'update', 'secret/a')
      expect(list.capabilities('secret/a')).toEqual(['deny'])
    },
  )

  it('a trailing glob and an exact path of the same text are two patterns', () => {
    const list = acl(rules({ 'a/b': 'read' }), rules({ 'a/b*': 'list' }))
    expect(list.capabilities('a/b')).toEqual(['read'])
    expect(list.capabilities('a/bc')).toEqual(['list'])
  })

  const parameters = (kind: string, ...maps: object[]) =>
    acl(...maps.map((map) => JSON.stringify({ path: { a: { capabilities: ['create'], [kind]: map } } })))
  const check = (list: Acl, given: Record<string, unknown>) => list.match('a')?.checkParameters(given) === undefined

  it('allowed values are appended, and the empty list wins', () => {
    const list = parameters('allowed_parameters', { x: ['1'], y: ['1'] }, { x: ['2'], y: [] })
    expect([
      check(list, { x: '1' }),
      check(list, { x: '2' }),
      check(list, { x: '3' }),
      check(list, { y: '3' }),
      check(list, { z: '1' }),
    ]).toEqual([true, true, false, true, false])
  })

  it('denied values are appended, and the empty list wins', () => {
    const list = parameters('denied_parameters', { x: ['1'], y: ['1'] }, { x: ['2'], y: [] })
    expect([
      check(list, { x: '1' }),
      check(list, { x: '2' }),
      check(list, { x: '3' }),
      check(list, { y: '3' }),
      check(list, { z: '1' }),
    ]).toEqual([false, false, true, false, true])
  })

  it('a document without parameter rules does not lift those of another', () => {
    expect(
      check(
        acl(rules({ a: 'read' }), '{"path": {"a": {"capabilities": ["create"], "denied_parameters": {"x": []}}}}'),
        { x: '1' },
      ),
    ).toBe(false)
  })

  it('required parameters are united', () => {
    const list = acl(
      ...['x', 'y'].map((name) =>
        JSON.stringify({ path: { a: { capabilities: ['create'], required_parameters: [name] } } }),
      ),
    )
    expect([check(list, { x: 1 }), check(list, { y: 1 }), check(list, { x: 1, y: 1 })]).toEqual([false, false, true])
  })

  it('merging leaves the documents as they were', () => {
    const documents = [
      parsePolicy('path "a" { policy = "read"\n denied_parameters = { "x" = ["1"] } }'),
      parsePolicy('path "a" { policy = "write"\n denied_parameters = { "x" = ["2"], "y" = [] } }'),
    ]
    const before = JSON.stringify(documents)
    compileAcl(documents)
    expect(JSON.stringify(documents)).toBe(before)
  })
})

describe('listing', () => {
  it.each([
    ['a rule for what is below does not cover the list without its slash', { 'secret/foo/bar': 'list' }, 'secret/foo/'],
    ['list is not read', { 'secret/foo/': 'read' }, 'secret/foo/'],
    [
      'the exact rule with the slash comes before the bare one',
      { 'secret/foo/': 'deny', 'secret/foo': 'list' },
      'secret/foo/',
    ],
    ['the exact bare rule comes before a glob', { 'secret/foo': 'read', 'secret/*': 'list' }, 'secret/foo/'],
    [
      'a deny for all below holds against a broader grant',
      { 'secret/*': 'list', 'secret/foo/*': 'deny' },
      'secret/foo/',
    ],
    ['a plus with the slash', { 'secret/*': 'list', '+/foo/': 'deny' }, 'other/foo/'],
    [
      'as Vault, which asks the rule for the bare path: a broader one does not list',
      { 'secret/*': 'read', 'secret/foo/*': 'list' },
      'secret/foo/',
    ],
    ['as Vault: a plus without the slash does not list', { '+/foo': 'read', '+/foo/': 'list' }, 'secret/foo/'],
    [
      'as OpenBao, which asks the rule for the path with the slash',
      { 'secret/*': 'list', 'secret/foo/*': 'read' },
      'secret/foo/',
    ],
    [
      'as OpenBao: a plus for what is below matches an empty name',
      { '+/foo': 'list', '+/foo/+': 'read' },
      'secret/foo/',
    ],
  ] as const)('deny: %s', (_name, paths, path) => {
    deny(acl(rules(paths)), 'list', path)
    deny(acl(rules(paths)), 'list', path.slice(0, -1))
  })

  it.each([
    ['the path with its slash', { 'secret/foo/': 'list' }],
    ['the path without', { 'secret/foo': 'list' }],
    ['all below', { 'secret/foo/*': 'list' }],
    ['all below, beside a broader rule that lists too', { 'secret/*': 'list', 'secret/foo/*': 'list' }],
    [
      'all below, beside a rule for the path itself',
      { 'secret/*': 'read', 'secret/foo/': 'list', 'secret/foo/*': 'read' },
    ],
    ['a plus with the slash', { '+/foo/': 'list' }],
    ['a plus without', { '+/foo': 'list' }],
    ['a plus with the slash and one without', { '+/foo': 'read list', '+/foo/': 'list', '+/foo/+': 'read' }],
    ['the exact rule with the slash before the bare one', { 'secret/foo/': 'list', 'secret/foo': 'deny' }],
  ] as const)('allow: %s', (_name, paths) => {
    allow(acl(rules(paths)), 'list', 'secret/foo/')
    allow(acl(rules(paths)), 'list', 'secret/foo')
  })

  it('deny: reading does not get the slash that listing gets', () => {
    deny(acl(rules({ 'secret/foo/': 'read' })), 'read', 'secret/foo')
  })

  it('capabilities of a path are those of that path, with the slash only where it was given', () => {
    const list = acl(rules({ 'secret/foo': 'read', 'secret/foo/': 'list', 'secret/bar': 'list' }))
    expect(list.capabilities('secret/foo')).toEqual(['read'])
    expect(list.capabilities('secret/foo/')).toEqual(['list'])
    expect(list.capabilities('secret/bar/')).toEqual(['list'])
    expect(list.capabilities('secret/none')).toEqual(['deny'])
  })
})

describe('whether a mount may be shown: something is granted at or below it', () => {
  it.each([
    ['no rule', {}],
    ['a rule elsewhere', { 'kv/*': 'read' }],
    ['a name that only begins alike', { 'secrets/a': 'read' }],
    ['a deny below', { 'secret/a': 'deny', 'secret/b/*': 'deny' }],
    ['a rule without capabilities', { 'secret/a': '' }],
    ['a deny on the mount within a broad grant', { '*': 'read', 'secret/*': 'deny' }],
    ['a plus that cannot be it', { '+/a': 'deny', 'kv/+/a': 'read' }],
    ['a plus where the mount is named otherwise', { 'kv/+': 'read', 'kv/+/*': 'read' }],
  ] as const)('deny: %s', (_name, paths) => {
    expect(acl(rules(paths)).grantsBelow('secret/')).toBe(false)
  })

  it.each([
    ['an exact rule below', { 'secret/a/b': 'read' }],
    ['a glob below', { 'secret/a*': 'list' }],
    ['the mount itself', { 'secret/': 'list' }],
    ['the mount without its slash', { secret: 'list' }],
    ['a broad glob', { '*': 'read' }],
    ['a glob through the name', { 'sec*': 'read' }],
    ['a plus for the mount without its slash', { '+': 'read' }],
    ['a plus in place of the mount', { '+/a': 'read' }],
    ['a plus below', { 'secret/+/a': 'sudo' }],
    ['one grant among denies', { 'secret/*': 'deny', 'secret/a': 'read' }],
  ] as const)('allow: %s', (_name, paths) => {
    expect(acl(rules(paths)).grantsBelow('secret/')).toBe(true)
  })
})

describe('wrapping bounds', () => {
  const wrapped = (...bodies: string[]) =>
    acl(...bodies.map((body) => `path "a" { capabilities = ["update"]\n ${body} }`))
  const judge = (list: Acl, wrapTtlSeconds?: number) =>
    list.judge({ path: 'a', capability: 'update', ...(wrapTtlSeconds !== undefined && { wrapTtlSeconds }) }).allowed

  it('deny: not wrapped, too short, too long', () => {
    const list = wrapped('min_wrapping_ttl = "1s"\n max_wrapping_ttl = "90s"')
    expect([judge(list), judge(list, 0), judge(list, 91)]).toEqual([false, false, false])
    expect([judge(list, 1), judge(list, 90)]).toEqual([true, true])
  })

  it('deny: a maximum alone makes wrapping mandatory too', () => {
    expect([judge(wrapped('max_wrapping_ttl = 90')), judge(wrapped('max_wrapping_ttl = 90'), 30)]).toEqual([
      false,
      true,
    ])
  })

  it('deny: merged bounds are the lowest of each, and exclusive ones refuse everything', () => {
    const list = wrapped('max_wrapping_ttl = 90', 'max_wrapping_ttl = 30', '')
    expect([judge(list, 90), judge(list, 30)]).toEqual([false, true])
    const exclusive = wrapped('min_wrapping_ttl = 60', 'max_wrapping_ttl = 30')
    expect([judge(exclusive, 30), judge(exclusive, 45), judge(exclusive, 60)]).toEqual([false, false, false])
  })
})
