import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  comparePriority,
  compileAcl,
  covers,
  intersect,
  overlaps,
  parsePattern,
  parsePolicy,
  patternProblem,
} from '../../src/policy/index.ts'
import type { PolicyDocument } from '../../src/policy/index.ts'

/** A second opinion on what a pattern matches, by regular expression. */
const matches = (pattern: string, path: string): boolean => {
  const glob = pattern.endsWith('*')
  const source = (glob ? pattern.slice(0, -1) : pattern)
    .split('/')
    .map((part) => (part === '+' ? '[^/]*' : part.replace(/[^a-z]/g, '\\$&')))
    .join('/')
  return new RegExp(`^${source}${glob ? '.*' : ''}$`).test(path)
}

const segment = fc.constantFrom('a', 'b', 'ab', 'aa', '')
const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
const pattern = fc
  .tuple(fc.array(fc.oneof(segment, fc.constant('+')), { minLength: 1, maxLength: 3 }), fc.constantFrom('', '*'))
  .map(([parts, star]) => parts.join('/') + star)
  .filter((text) => patternProblem(text) === undefined && !text.startsWith('/'))
/** One segment more than any pattern has, and a name longer than any: enough to tell any two patterns apart. */
const allPaths = [1, 2, 3, 4].flatMap((depth) => {
  let found = ['']
  for (let at = 0; at < depth; at++)
    found = found.flatMap((one) =>
      ['a', 'b', 'ab', 'aa', 'aab', ''].map((part) => (at === 0 ? part : `${one}/${part}`)),
    )
  return found
})

describe('patterns as sets of paths', () => {
  it.each([
    ['a', 'a*'],
    ['a/+', 'a/*'],
    ['+', 'a*'],
    ['a/+/c', 'a/+/+'],
    ['a/bc*', 'a/b*'],
    ['a/b*', 'a/+'],
    ['+/b', 'a/+'],
    ['a/*', 'a'],
    ['a/+/*', 'a/*'],
  ])('deny: %s does not cover %s', (a, b) => {
    expect(covers(parsePattern(a), parsePattern(b))).toBe(false)
  })

  it.each([
    ['*', 'a/b/c'],
    ['a*', 'a'],
    ['a/*', 'a/+/b'],
    ['a/+', 'a/b'],
    ['a/+/*', 'a/b/c*'],
    ['+/+', 'a/+'],
    ['a/b*', 'a/bc*'],
  ])('%s covers %s', (a, b) => {
    expect(covers(parsePattern(a), parsePattern(b))).toBe(true)
  })

  it.each([
    ['a', 'b'],
    ['a/+', 'a'],
    ['a/+', 'a/b/c'],
    ['a/b*', 'a/c*'],
    ['a/+/c', 'a/b/d*'],
    ['a/*', 'a'],
  ])('deny: %s and %s have nothing in common', (a, b) => {
    expect(overlaps(parsePattern(a), parsePattern(b))).toBe(false)
    expect(overlaps(parsePattern(b), parsePattern(a))).toBe(false)
    expect(intersect(parsePattern(a), parsePattern(b))).toBeUndefined()
  })

  it.each([
    ['+/b', 'a/+', 'a/b'],
    ['a/*', '+/b/*', 'a/b/*'],
    ['a*', 'ab*', 'ab*'],
    ['+/+', '*', '+/+'],
    ['+/b*', 'a/+/c', undefined],
    ['+/*', 'a/+/c', 'a/+/c'],
  ])('%s and %s have %s in common', (a, b, common) => {
    expect(overlaps(parsePattern(a), parsePattern(b))).toBe(true)
    expect(intersect(parsePattern(a), parsePattern(b))?.text).toBe(common)
    expect(intersect(parsePattern(b), parsePattern(a))?.text).toBe(common)
  })

  it('covers, overlaps and intersect agree with the paths themselves', () => {
    fc.assert(
      fc.property(pattern, pattern, (a, b) => {
        const inBoth = allPaths.filter((one) => matches(a, one) && matches(b, one))
        expect(covers(parsePattern(a), parsePattern(b))).toBe(
          allPaths.every((one) => !matches(b, one) || matches(a, one)),
        )
        expect(overlaps(parsePattern(a), parsePattern(b))).toBe(inBoth.length > 0)
        const common = intersect(parsePattern(a), parsePattern(b))
        const spelled = common ? allPaths.filter((one) => matches(common.text, one)) : inBoth.slice(0, 0)
        expect(spelled).toEqual(common ? inBoth : [])
      }),
      { numRuns: 500 },
    )
  })
})

const capability = fc.constantFrom('read', 'list', 'update', 'deny')
const ruleList = fc.array(fc.tuple(pattern, fc.uniqueArray(capability, { minLength: 0, maxLength: 2 })), {
  maxLength: 7,
})
const documentOf = (rules: readonly (readonly [string, readonly string[]])[]): PolicyDocument =>
  parsePolicy(
    rules.map(([text, words]) => `path ${JSON.stringify(text)} { capabilities = ${JSON.stringify(words)} }`).join('\n'),
  )

/** Vault's five documented rules, applied to the texts one by one. */
const beats = (a: string, b: string): boolean => {
  const position = (text: string) =>
    text.split('/').includes('+')
      ? ([...text.split('/').entries()]
          .filter(([, part]) => part === '+')
          .map(([at]) => text.split('/').slice(0, at).join('/').length + (at > 0 ? 1 : 0))[0] ?? 0)
      : text.endsWith('*')
        ? text.length - 1
        : Infinity
  const plus = (text: string) => text.split('/').filter((part) => part === '+').length
  const order: ((text: string) => number)[] = [
    position,
    (text) => (text.endsWith('*') ? 0 : 1),
    (text) => -plus(text),
    (text) => text.length,
  ]
  const decisive = order.find((rank) => rank(a) !== rank(b))
  return decisive ? decisive(a) > decisive(b) : a > b
}

describe('an access control list', () => {
  it('decides by the best pattern of the documented order, over any rules and path', () => {
    fc.assert(
      fc.property(ruleList, path, (rules, one) => {
        const winner = rules
          .map(([text]) => text)
          .filter((text) => matches(text, one))
          .sort((a, b) => (a === b ? 0 : beats(a, b) ? -1 : 1))[0]
        const words = rules.filter(([text]) => text === winner).flatMap(([, list]) => list)
        const found = compileAcl([documentOf(rules)]).match(one)
        expect(found?.pattern).toBe(winner)
        expect([...(found?.capabilities ?? [])].sort()).toEqual(
          words.includes('deny') ? ['deny'] : [...new Set(words)].sort(),
        )
      }),
      { numRuns: 800 },
    )
  })

  it('never allows more when a deny is added', () => {
    fc.assert(
      fc.property(ruleList, pattern, fc.boolean(), (rules, denied, apart) => {
        const before = compileAcl([documentOf(rules)])
        const after = compileAcl(
          apart
            ? [documentOf(rules), documentOf([[denied, ['deny']]])]
            : [documentOf([[denied, ['deny', 'read']], ...rules])],
        )
        for (const one of allPaths.slice(0, 258))
          for (const wanted of ['read', 'list', 'update']) {
            expect(
              !after.judge({ path: one, capability: wanted }).allowed ||
                before.judge({ path: one, capability: wanted }).allowed,
            ).toBe(true)
          }
      }),
      { numRuns: 100 },
    )
  })

  it('does not depend on the order of documents', () => {
    fc.assert(
      fc.property(ruleList, ruleList, path, (left, right, one) => {
        const [a, b] = [documentOf(left), documentOf(right)]
        expect(compileAcl([a, b]).capabilities(one)).toEqual(compileAcl([b, a]).capabilities(one))
      }),
    )
  })

  it('shows a mount wherever it grants something below', () => {
    const granting = fc.array(fc.tuple(pattern, fc.constant(['read'])), { maxLength: 3 })
    fc.assert(
      fc.property(granting, (rules) => {
        const list = compileAcl([documentOf(rules)])
        const granted = allPaths.some(
          (one) => one.startsWith('a/') && list.judge({ path: one, capability: 'read' }).allowed,
        )
        expect(list.grantsBelow('a/')).toBe(granted || list.judge({ path: 'a', capability: 'read' }).allowed)
      }),
    )
  })
})

describe('priority', () => {
  it('is a total order', () => {
    fc.assert(
      fc.property(pattern, pattern, pattern, (a, b, c) => {
        const compare = (x: string, y: string) => Math.sign(comparePriority(parsePattern(x), parsePattern(y)))
        expect(compare(a, b)).toBe(-compare(b, a) + 0)
        expect(compare(a, b) > 0 && compare(b, c) > 0 ? compare(a, c) : 1).toBe(1)
        expect(compare(a, b) === 0).toBe(a === b)
      }),
    )
  })
})
