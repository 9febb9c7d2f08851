import { describe, expect, it } from 'vitest'
import { compileAcl, parsePolicy } from '../../src/policy/index.ts'

/** Judges `create` on `secret/foo` under one rule body in HCL. */
const judge = (body: string, parameters: Record<string, unknown>, capability = 'create') =>
  compileAcl([
    parsePolicy(`path "secret/foo" {\n capabilities = ["create", "read", "delete", "list"]\n ${body}\n}`),
  ]).judge({ path: 'secret/foo', capability, parameters })
const deny = (body: string, parameters: Record<string, unknown>) => {
  expect(judge(body, parameters).allowed).toBe(false)
}
const allow = (body: string, parameters: Record<string, unknown>) => {
  expect(judge(body, parameters)).toMatchObject({ allowed: true })
}

describe('required_parameters', () => {
  const body = 'required_parameters = ["bar", "Baz"]'
  it('deny: none or only some given', () => {
    deny(body, {})
    deny(body, { bar: 1 })
    deny(body, { Baz: 1, other: 1 })
  })
  it('deny: a third spelling, which the receiver may not know', () => {
    deny(body, { BAR: 1, Baz: 1 })
  })
  it('deny: a name every object inherits', () => {
    deny('required_parameters = ["constructor"]', { other: 1 })
  })
  it('allow: all given, as written or in lower case, whatever the value', () => {
    allow(body, { bar: null, Baz: '' })
    allow(body, { bar: 0, baz: false, other: 1 })
  })
})

describe('allowed_parameters', () => {
  it('deny: a name that is not listed', () => {
    deny('allowed_parameters = { "bar" = [] }', { zip: 1 })
    deny('allowed_parameters = { "bar" = [] }', { bar: 1, zip: 1 })
    deny('allowed_parameters = { "bar" = [] }', { __proto__x: 1 })
    deny('allowed_parameters = { "bar" = [] }', { constructor: 1 })
  })
  it('deny: a value that is not listed', () => {
    const body = 'allowed_parameters = { "bar" = ["zip", "zap"] }'
    deny(body, { bar: 'zop' })
    deny(body, { bar: 'zipper' })
    deny(body, { bar: 'ZIP' })
    deny(body, { bar: null })
    deny(body, { bar: ['zip', 'zop'] })
    deny(body, { bar: [] })
    deny(body, { bar: { x: 'zip' } })
    deny(body, { BAR: 'zop' })
  })
  it('deny: a listed name keeps its values beside the star', () => {
    deny('allowed_parameters = { "bar" = ["zip"]\n "*" = [] }', { bar: 'zap' })
  })
  it('deny: a name in two spellings, one of them with a value that is not listed', () => {
    deny('allowed_parameters = { "bar" = ["zip"] }', { bar: 'zip', Bar: 'zap' })
  })

  it('allow: no parameters at all', () => {
    allow('allowed_parameters = { "bar" = ["zip"] }', {})
  })
  it('allow: any value for the empty list', () => {
    allow('allowed_parameters = { "bar" = [] }', { bar: { any: ['thing'] } })
  })
  it('allow: listed values, and lists of them', () => {
    allow('allowed_parameters = { "bar" = ["zip", "zap"] }', { bar: 'zap' })
    allow('allowed_parameters = { "BAR" = ["zip", "zap"] }', { bar: ['zap', 'zip'] })
    allow('allowed_parameters = { "bar" = ["zip", "zap"] }', { Bar: 'zap' })
  })
  it('allow: a list or an object that is listed whole', () => {
    allow('allowed_parameters = { "bar" = [["a", "b"], { "k" = "v" }] }', { bar: ['a', 'b'] })
    allow('allowed_parameters = { "bar" = [["a", "b"], { "k" = "v" }] }', { bar: { k: 'v' } })
    deny('allowed_parameters = { "bar" = [["a", "b"], { "k" = "v" }] }', { bar: ['b', 'a'] })
    deny('allowed_parameters = { "bar" = [["a", "b"], { "k" = "v" }] }', { bar: { k: 'v', l: 'w' } })
  })
  it('allow: all other names beside the star', () => {
    allow('allowed_parameters = { "bar" = ["zip"]\n "*" = [] }', { bar: 'zip', other: 1 })
    allow('allowed_parameters = { "*" = [] }', { other: 1 })
  })
  it('numbers and words are compared by their text, as a query string has no other', () => {
    allow('allowed_parameters = { "limit" = [10], "deep" = [false] }', { limit: '10', deep: 'false' })
    allow('allowed_parameters = { "limit" = ["10"] }', { limit: 10 })
    deny('allowed_parameters = { "limit" = [10] }', { limit: '010' })
    deny('allowed_parameters = { "limit" = [10] }', { limit: '10 ' })
  })
})

describe('denied_parameters', () => {
  it('deny: any value of a name with the empty list, in any spelling', () => {
    deny('denied_parameters = { "bar" = [] }', { bar: null })
    deny('denied_parameters = { "bar" = [] }', { BAR: 1, zip: 1 })
    deny('denied_parameters = { "BAR" = [] }', { bar: 1 })
  })
  it('deny: a listed value, alone, in a list, or deeper', () => {
    const body = 'denied_parameters = { "bar" = ["zip", "zap", 7, false] }'
    for (const bar of [
      'zip',
      ['a', 'zap'],
      [['zip']],
      { x: 'zip' },
      { x: [{ y: 'zap' }] },
      7,
      '7',
      false,
      'false',
      [false],
    ])
      deny(body, { bar })
  })
  it('deny: everything for the star', () => {
    deny('denied_parameters = { "*" = [] }', { any: 1 })
    deny('denied_parameters = { "*" = [] }\n allowed_parameters = { "any" = [] }', { any: 1 })
  })
  it('deny: denied comes before allowed', () => {
    deny('denied_parameters = { "bar" = ["zip"] }\n allowed_parameters = { "bar" = ["zip"] }', { bar: 'zip' })
  })
  it('deny: null where null is listed', () => {
    expect(
      compileAcl([
        parsePolicy('{"path": {"a": {"capabilities": ["create"], "denied_parameters": {"x": [null]}}}}'),
      ]).judge({ path: 'a', capability: 'create', parameters: { x: null } }).allowed,
    ).toBe(false)
  })

  it('allow: other names, other values, or nothing', () => {
    allow('denied_parameters = { "bar" = [] }', { zip: 1 })
    allow('denied_parameters = { "bar" = ["zip"] }', { bar: 'zop' })
    allow('denied_parameters = { "bar" = ["zip"] }', { bar: ['zop', null] })
    allow('denied_parameters = { "*" = [] }', {})
  })
})

describe('values with a star', () => {
  it.each([
    ['foo-*', ['fo', 'xfoo-1', 'FOO-1', 'foo']],
    ['*-foo', ['foo', '1-foox', '1-FOO']],
    ['*foo*', ['fo-o', 'FOO']],
    ['fo*o', ['foo', 'fooo', 'fo']],
  ])('deny: %s does not allow %j', (rule, values) => {
    for (const bar of values) deny(`allowed_parameters = { "bar" = ["${rule}"] }`, { bar })
  })

  it.each([
    ['foo-*', ['foo-', 'foo-1']],
    ['*-foo', ['-foo', '1-foo']],
    ['*foo*', ['foo', 'xfoox', 'foox']],
    ['fo*o', ['fo*o']],
  ])('%s stands for %j, in both kinds of rule', (rule, values) => {
    for (const bar of values) {
      allow(`allowed_parameters = { "bar" = ["${rule}"] }`, { bar })
      deny(`denied_parameters = { "bar" = ["${rule}"] }`, { bar })
    }
  })
})

describe('when parameters are judged', () => {
  it('for create, read, update and patch, as Vault does; not for delete and list', () => {
    const body = 'required_parameters = ["bar"]'
    expect(judge(body, {}, 'create').allowed).toBe(false)
    expect(judge(body, {}, 'read').allowed).toBe(false)
    expect(judge(body, {}, 'delete').allowed).toBe(true)
    expect(judge(body, {}, 'list').allowed).toBe(true)
  })

  it.each([
    ['', false],
    ['allowed_parameters = {}', false],
    ['denied_parameters = { "x" = [] }', true],
    ['allowed_parameters = { "*" = [] }', true],
    ['required_parameters = ["x"]', true],
    ['required_parameters = []', false],
  ])('a rule says whether it looks at parameters: %s', (body, constrains) => {
    expect(compileAcl([parsePolicy(`path "a" { policy = "read"\n ${body} }`)]).match('a')?.constrainsParameters).toBe(
      constrains,
    )
  })

  it('reasons name the parameter and never its value', () => {
    expect(judge('allowed_parameters = { "key" = ["a"] }', { key: 'sk_live_1' }).reason).toBe(
      'parameter "key" has a value that is not among the allowed ones.',
    )
    expect(judge('denied_parameters = { "key" = ["sk_*"] }', { key: 'sk_live_1' }).reason).toBe(
      'parameter "key" has a value that is denied here.',
    )
  })
})
