import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileAcl, parsePolicy } from '../../src/policy/index.ts'
import { compileScopes, intersectScopes, parseScope, scopeCovered, ScopeError } from '../../src/scope/index.ts'

describe('scopes that are refused, with a sentence', () => {
  it.each([
    ['read:*', '"read:*" covers every upstream. Name a resource, for example read:stripe:invoices.'],
    ['write:*', '"write:*" covers every upstream. Name a resource, for example write:stripe:invoices.'],
    ['read:+:invoices', '"read:+:invoices" covers every upstream'],
    ['read:*:invoices', 'has a "*" before its end'],
    ['read:tools/*', 'covers every upstream'],
    ['read:tools/+/invoices', 'covers every upstream'],
    ['read:str*', 'covers every upstream beginning with "str"'],
    ['read:stripe:*', '"read:stripe:*" covers every resource of stripe. Name one, for example read:stripe:invoices.'],
    ['read:stripe:+', 'covers every resource of stripe'],
    ['read:stripe:+:id-only', 'covers every resource of stripe'],
    ['read:stripe:inv*', 'covers every resource of stripe beginning with "inv"'],
    ['deny:*', 'covers every upstream'],
  ])('broad: %s', (text, sentence) => {
    expect(() => parseScope(text)).toThrow(ScopeError)
    expect(() => parseScope(text)).toThrow(sentence)
  })

  it.each([
    ['', 'does not begin with a capability'],
    ['read', 'names no upstream'],
    ['read:', 'names no upstream'],
    ['read:stripe', '"read:stripe" names no resource. Name one, for example read:stripe:invoices.'],
    ['read:stripe:', 'has an empty part'],
    ['read::invoices', 'has an empty part'],
    [':stripe:invoices', 'does not begin with a capability'],
    ['sudo:stripe:invoices', 'does not begin with a capability (create, read, update, delete, list, deny, write)'],
    ['READ:stripe:invoices', 'does not begin with a capability'],
    ['constructor:stripe:invoices', 'does not begin with a capability'],
    ['read:Stripe:invoices', '"Stripe" is not a name'],
    ['read:stripe:in voices', '"in voices" is not a name'],
    ['read:stripe:invoices ', 'is not a name'],
    ['read:stripe:invoices\n', 'is not a name'],
    ['read:stripe:..', '".." is not a name'],
    ['read:stripe/invoices', '"stripe/invoices" is not a name'],
    ['read:tools/stripe:invoices', '"stripe:invoices" is not a name'],
    ['read:tools/stripe/', 'has an empty part'],
    ['read:tools//invoices', 'has an empty part'],
    ['read:tools/', 'names no upstream'],
    ['read:stripe:a:b:c', 'has more parts than'],
    ['read:stripe:a:b:c:*', 'has more parts than'],
    ['read:stripe:**', 'is not a name'],
    ['read:stripe:customers:+*', 'is not a name'],
    ['read:stripe:cus+', 'is not a name'],
    ['read:stripe:customers:*:x', 'has a "*" before its end'],
    [`read:stripe:${'a'.repeat(300)}`, 'at most 256 characters'],
    ['read:+', 'names no resource'],
  ])('malformed even with wildcards allowed: %j', (text, sentence) => {
    expect(() => parseScope(text, { allowWildcards: true })).toThrow(ScopeError)
    expect(() => parseScope(text, { allowWildcards: true })).toThrow(sentence)
    expect(() => parseScope(text)).toThrow(ScopeError)
  })

  it('any text ends in a scope or a ScopeError', () => {
    const pieces = fc
      .array(fc.constantFrom('read', 'write', ':', '/', 'tools/', 'stripe', '*', '+', '', ' '), { maxLength: 8 })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.oneof(fc.string(), pieces), fc.boolean(), (text, allowWildcards) => {
        try {
          const scope = parseScope(text, { allowWildcards })
          return (
            parseScope(scope.canonical, { allowWildcards }).path === scope.path &&
            (allowWildcards ||
              scope.path
                .split('/')
                .slice(1, 3)
                .every((part) => !/[*+]/.test(part)))
          )
        } catch (error) {
          return error instanceof ScopeError
        }
      }),
      { numRuns: 3000 },
    )
  })
})

describe('scopes that are read', () => {
  it.each([
    ['read:stripe:invoices', ['read'], 'tools/stripe/invoices', 'read:stripe:invoices'],
    ['read:stripe:customers:id-only', ['read'], 'tools/stripe/customers/id-only', 'read:stripe:customers:id-only'],
    [
      'read:tools/stripe/customers/id-only',
      ['read'],
      'tools/stripe/customers/id-only',
      'read:stripe:customers:id-only',
    ],
    ['write:stripe:refunds', ['create', 'update'], 'tools/stripe/refunds', 'write:stripe:refunds'],
    ['deny:stripe:payouts', ['deny'], 'tools/stripe/payouts', 'deny:stripe:payouts'],
    ['read:tools:invoices', ['read'], 'tools/tools/invoices', 'read:tools:invoices'],
    ['read:stripe:customers:*', ['read'], 'tools/stripe/customers/*', 'read:stripe:customers:*'],
    ['read:stripe:customers:id-*', ['read'], 'tools/stripe/customers/id-*', 'read:stripe:customers:id-*'],
    ['read:stripe:customers:+', ['read'], 'tools/stripe/customers/+', 'read:stripe:customers:+'],
  ])('%s', (text, capabilities, path, canonical) => {
    expect(parseScope(text)).toMatchObject({ text, capabilities, path, canonical })
  })

  it.each([
    ['read:*', 'tools/*'],
    ['read:tools/*', 'tools/*'],
    ['read:stripe:*', 'tools/stripe/*'],
    ['read:+:invoices', 'tools/+/invoices'],
    ['read:str*', 'tools/str*'],
    ['read:stripe:+:id-only', 'tools/stripe/+/id-only'],
  ])('wide, when wildcards are allowed: %s', (text, path) => {
    expect(parseScope(text, { allowWildcards: true })).toMatchObject({ path, wildcard: true })
  })
})

describe('a list of scopes is a policy', () => {
  const can = (scopes: string[], capability: string, path: string) =>
    compileScopes(scopes).match(`tools/${path}`)?.capabilities.has(capability) === true

  it.each([
    [[], 'read', 'stripe/invoices'],
    [['read:stripe:invoices'], 'read', 'stripe/refunds'],
    [['read:stripe:invoices'], 'update', 'stripe/invoices'],
    [['read:stripe:invoices'], 'list', 'stripe/invoices'],
    [['read:stripe:customers'], 'read', 'stripe/customers/id-only'],
    [['read:stripe:customers:id-only'], 'read', 'stripe/customers'],
    [['read:stripe:customers:*'], 'read', 'stripe/customers'],
    [['read:stripe:invoices'], 'read', 'github/invoices'],
    [['write:stripe:refunds'], 'read', 'stripe/refunds'],
    [['write:stripe:refunds'], 'delete', 'stripe/refunds'],
    [['read:stripe:payouts', 'deny:stripe:payouts'], 'read', 'stripe/payouts'],
    [['read:stripe:*', 'deny:stripe:payouts'], 'read', 'stripe/payouts'],
    [['read:stripe:*', 'list:stripe:payouts'], 'read', 'stripe/payouts'],
  ])('deny: %j does not give %s on %s', (scopes, capability, path) => {
    expect(can(scopes, capability, path)).toBe(false)
  })

  it.each([
    [['read:stripe:invoices'], 'read', 'stripe/invoices'],
    [['read:tools/stripe/customers/id-only'], 'read', 'stripe/customers/id-only'],
    [['write:stripe:refunds'], 'create', 'stripe/refunds'],
    [['write:stripe:refunds'], 'update', 'stripe/refunds'],
    [['read:stripe:a', 'list:stripe:a'], 'read', 'stripe/a'],
    [['read:stripe:*', 'deny:stripe:payouts'], 'read', 'stripe/refunds/x'],
  ])('%j gives %s on %s', (scopes, capability, path) => {
    expect(can(scopes, capability, path)).toBe(true)
  })

  it('deny: one malformed scope spoils the list', () => {
    expect(() => compileScopes(['read:stripe:invoices', 'nonsense'])).toThrow(ScopeError)
  })
})

const word = fc.constantFrom('read', 'update', 'write', 'deny', 'list', 'create')
const part = fc.constantFrom('a', 'b', 'ab', '+')
const scope = fc
  .tuple(word, fc.array(part, { minLength: 2, maxLength: 3 }), fc.constantFrom('', '', '*', ':*'))
  .map(([capability, parts, end]) => {
    const names =
      end === '*' && parts.at(-1) === '+' ? [...parts.slice(0, -1), 'a'] : end === ':*' ? parts.slice(0, 2) : parts
    return [capability, ...names].join(':') + end
  })
const list = fc.array(scope, { maxLength: 5 })
const names = ['a', 'b', 'ab', 'abc', 'c']
const paths = names.flatMap((one) =>
  names.flatMap((two) => [`tools/${one}/${two}`, ...names.map((three) => `tools/${one}/${two}/${three}`)]),
)
const capabilities = ['create', 'read', 'update', 'delete', 'list']
const granted = (scopes: readonly string[]) => {
  const acl = compileScopes(scopes)
  return new Set(
    paths.flatMap((path) =>
      capabilities
        .filter((capability) => acl.match(path)?.capabilities.has(capability) === true)
        .map((capability) => `${capability} ${path}`),
    ),
  )
}
const isWithin = (inner: ReadonlySet<string>, outer: ReadonlySet<string>) => [...inner].every((one) => outer.has(one))

describe('containment', () => {
  it.each([
    [[], 'read:stripe:invoices'],
    [['read:stripe:invoices'], 'update:stripe:invoices'],
    [['create:stripe:invoices'], 'write:stripe:invoices'],
    [['read:stripe:invoices'], 'read:stripe:invoices:id'],
    [['read:stripe:invoices'], 'read:stripe:*'],
    [['read:stripe:+'], 'read:stripe:*'],
    [['read:stripe:*', 'deny:stripe:payouts'], 'read:stripe:payouts'],
    [['read:stripe:*', 'deny:stripe:payouts'], 'read:stripe:*'],
    [['read:stripe:*', 'list:stripe:payouts'], 'read:stripe:p*'],
    [['read:stripe:*', 'deny:+:payouts:x', 'deny:stripe:payouts:*'], 'read:stripe:payouts:+'],
    [['deny:stripe:invoices'], 'read:stripe:invoices'],
  ])('deny: %j does not cover %s', (by, text) => {
    expect(scopeCovered(by, text)).toBe(false)
  })

  it.each([
    [['read:stripe:invoices'], 'read:tools/stripe/invoices'],
    [['write:stripe:invoices'], 'update:stripe:invoices'],
    [['create:stripe:invoices', 'update:stripe:invoices'], 'write:stripe:invoices'],
    [['read:stripe:*'], 'read:stripe:customers:id-only'],
    [['read:stripe:*'], 'read:stripe:+'],
    [['read:*'], 'read:stripe:*'],
    [['read:stripe:*', 'deny:stripe:payouts'], 'read:stripe:invoices:*'],
    [['read:stripe:*', 'read:stripe:payouts', 'list:github:prs'], 'read:stripe:*'],
    [['read:stripe:+', 'deny:stripe:*'], 'read:stripe:+'],
    [[], 'deny:stripe:invoices'],
  ])('%j covers %s', (by, text) => {
    expect(scopeCovered(by, text)).toBe(true)
  })

  it('takes a compiled policy too', () => {
    const acl = compileAcl([parsePolicy('path "tools/stripe/*" { capabilities = ["read"] }')])
    expect([
      scopeCovered(acl, 'read:stripe:invoices'),
      scopeCovered(acl, 'write:stripe:invoices'),
      scopeCovered(acl, 'read:github:prs'),
    ]).toEqual([true, false, false])
  })

  it('deny: a malformed scope is an error, not a response', () => {
    expect(() => scopeCovered(['read:*'], 'read')).toThrow(ScopeError)
  })

  it('is never claimed where a path shows otherwise', () => {
    fc.assert(
      fc.property(list, scope, (by, text) => {
        expect(!scopeCovered(by, text) || isWithin(granted([text]), granted(by))).toBe(true)
      }),
      { numRuns: 400 },
    )
  })
})

describe('intersection', () => {
  it.each([
    [['read:stripe:invoices'], ['update:stripe:invoices'], []],
    [['read:stripe:invoices'], [], []],
    [['read:stripe:*'], ['read:github:*'], []],
    [['read:stripe:*', 'deny:stripe:payouts'], ['read:stripe:payouts'], ['deny:stripe:payouts']],
    [['read:stripe:*', 'list:stripe:payouts'], ['read:stripe:payouts'], []],
    [['read:stripe:*'], ['write:stripe:*', 'read:stripe:invoices'], ['read:stripe:invoices']],
    [['read:stripe:*', 'write:stripe:a'], ['write:stripe:*', 'read:stripe:a'], []],
    [
      ['write:stripe:*', 'read:stripe:*'],
      ['write:+:refunds', 'read:+:refunds'],
      ['read:stripe:refunds', 'write:stripe:refunds'],
    ],
    [
      ['read:stripe:*', 'deny:stripe:payouts'],
      ['read:stripe:*', 'deny:stripe:payouts'],
      ['deny:stripe:payouts', 'read:stripe:*'],
    ],
    [['read:tools/stripe/invoices'], ['read:stripe:invoices'], ['read:stripe:invoices']],
  ])('of %j and %j is %j', (a, b, expected) => {
    expect(intersectScopes(a, b)).toEqual(expected)
    expect(intersectScopes(b, a)).toEqual(expected)
  })

  it('is never wider than either side', () => {
    fc.assert(
      fc.property(list, list, (a, b) => {
        const common = granted(intersectScopes(a, b))
        expect(isWithin(common, granted(a)) && isWithin(common, granted(b))).toBe(true)
      }),
      { numRuns: 400 },
    )
  })

  it('of exact scopes loses nothing', () => {
    const exact = fc.array(
      fc
        .tuple(fc.constantFrom('read', 'write', 'update', 'deny'), fc.constantFrom('a', 'b'), fc.constantFrom('a', 'b'))
        .map((parts) => parts.join(':')),
      { maxLength: 5 },
    )
    fc.assert(
      fc.property(exact, exact, (a, b) => {
        expect(granted(intersectScopes(a, b))).toEqual(new Set([...granted(a)].filter((one) => granted(b).has(one))))
      }),
    )
  })
})
