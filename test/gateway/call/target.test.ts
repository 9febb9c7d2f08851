import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RequestError } from '../../../src/logical/errors.ts'
import { MAX_TARGET_LENGTH, parseTarget } from '../../../src/gateway/call/target.ts'
import { readPlainTarget } from '../../../src/gateway/call/plain-target.ts'
import { readTarget } from '../../../src/gateway/call/target-text.ts'

function refusal(raw: string): string {
  try {
    parseTarget(raw)
  } catch (error) {
    expect(error).toBeInstanceOf(RequestError)
    expect((error as RequestError).kind).toBe('bad_request')
    return (error as RequestError).message
  }
  return 'accepted'
}

describe('a request target is taken', () => {
  it.each([
    ['/u/stripe/v1/invoices', 'stripe', ['v1', 'invoices']],
    ['/u/stripe', 'stripe', []],
    ['/u/stripe/', 'stripe', []],
    ['/u/git-hub_2/repos/a%20b/c%C3%A9', 'git-hub_2', ['repos', 'a b', 'cé']],
    ['/u/stripe/v1/a:b@c,d=e+f~g', 'stripe', ['v1', 'a:b@c,d=e+f~g']],
    ['/u/stripe/v1/a%3Bb', 'stripe', ['v1', 'a;b']],
    ['/u/stripe/100%25', 'stripe', ['100%']],
    ['/u/stripe/v1/..hidden', 'stripe', ['v1', '..hidden']],
    ['/u/stripe/v1/main...dev', 'stripe', ['v1', 'main...dev']],
    ['/u/stripe/v1/', 'stripe', ['v1', '']],
    ['/u/stripe/v1;x=1/invoices', 'stripe', ['v1;x=1', 'invoices']],
    ['/u/stripe/encoded%2520path', 'stripe', ['encoded%20path']],
    ['/u/stripe/group%2Fname', 'stripe', ['group/name']],
    ['/u/stripe/@acme%2fapp', 'stripe', ['@acme/app']],
    ["/u/stripe/Items('1')", 'stripe', ["Items('1')"]],
    ['/u/stripe/v1/invoices?', 'stripe', ['v1', 'invoices']],
  ])('%s', (raw, upstream, segments) => {
    expect(parseTarget(raw)).toMatchObject({ upstream, segments, query: [] })
  })

  it('with its query in order, repeats kept, decoded, and sent as it was spelled but for delimiters', () => {
    const { query } = parseTarget("/u/s/x?b=1&a=x%20y+z&b=%2F..%2F&flag&created[gte]=1;2&q='&e=")
    expect(query.map(({ name, value }) => [name, value])).toEqual([
      ['b', '1'],
      ['a', 'x y z'],
      ['b', '/../'],
      ['flag', ''],
      ['created[gte]', '1;2'],
      ['q', "'"],
      ['e', ''],
    ])
    expect(query.map(({ encoded }) => encoded).join('&')).toBe(
      'b=1&a=x%20y+z&b=%2F..%2F&flag&created[gte]=1%3B2&q=%27&e=',
    )
  })

  it('whole, where a listener serves one upstream', () => {
    expect(parseTarget('/v1/charges?limit=3', 'stripe')).toMatchObject({
      upstream: 'stripe',
      segments: ['v1', 'charges'],
    })
    expect(parseTarget('/', 'stripe')).toMatchObject({ upstream: 'stripe', segments: [] })
    expect(parseTarget('/u/other/v1', 'stripe')).toMatchObject({ upstream: 'stripe', segments: ['u', 'other', 'v1'] })
  })
})

describe('a request target is refused, with the reason,', () => {
  it.each([
    ['http://evil.example/u/stripe/v1', 'absolute form'],
    ['//evil.example/u/stripe', 'begin with /u/'],
    ['*', 'absolute form'],
    ['', 'absolute form'],
    ['u/stripe/v1', 'absolute form'],
    ['/', 'begin with /u/'],
    ['/u', 'begin with /u/'],
    ['/u/', 'begin with /u/'],
    ['/U/stripe/v1', 'begin with /u/'],
    ['/u/Stripe/v1', 'begin with /u/'],
    ['/u/../stripe/v1', 'begin with /u/'],
    ['/u/%73tripe/v1', 'begin with /u/'],
    ['/u//v1', 'begin with /u/'],
    ['/u/stripe//v1', 'empty path segment'],
    ['/u/stripe/v1//', 'empty path segment'],
    ['/u/stripe/./v1', '. or ..'],
    ['/u/stripe/v1/..', '. or ..'],
    ['/u/stripe/../github/v1', '. or ..'],
    ['/u/stripe/%2e%2e/v1', 'encoded dot'],
    ['/u/stripe/.%2E/v1', 'encoded dot'],
    ['/u/stripe/v1/a%2eb', 'encoded dot'],
    ['/u/stripe//', 'empty path segment'],
    ['/u/stripe//?a=1', 'empty path segment'],
    ['/u/stripe/v1%2f%2finvoices', 'encoded slash'],
    ['/u/stripe/%2Finvoices', 'encoded slash'],
    ['/u/stripe/v1%2F', 'encoded slash'],
    ['/u/stripe/a%2F..;x', 'encoded slash'],
    ['/u/stripe/..%2fadmin', 'encoded slash'],
    ['/u/stripe/v1%5cinvoices', 'encoded backslash'],
    ['/u/stripe/v1%5Cinvoices', 'encoded backslash'],
    ['/u/stripe/v1\\..\\admin', 'a backslash'],
    ['/u/stripe/v1%00', 'encoded control'],
    ['/u/stripe/v1%0d%0aHost:x', 'encoded control'],
    ['/u/stripe/v1%7f', 'encoded control'],
    ['/u/stripe/v1%C2%85', 'encoded control'],
    ['/u/stripe/v1\0', 'a control character'],
    ['/u/stripe/v1\r\nX: y', 'a control character'],
    ['/u/stripe/v1\tx', 'a control character'],
    ['/u/stripe/v1 x', 'a space'],
    ['/u/stripe/..;/admin', 'path parameters'],
    ['/u/stripe/..%3Bx/admin', 'path parameters'],
    ['/u/stripe/;x=1', 'path parameters'],
    ['/u/stripe/%252e%252e/admin', 'doubly encoded'],
    ['/u/stripe/v1%252finvoices', 'doubly encoded'],
    ['/u/stripe/v1%25252finvoices', 'doubly encoded'],
    ['/u/stripe/v1%25%32%66invoices', 'doubly encoded'],
    ['/u/stripe/a%255Cb', 'doubly encoded'],
    ['/u/stripe/a%2500', 'doubly encoded'],
    ['/u/stripe/a%25EF%25BC%258Fb', 'doubly encoded'],
    ['/u/stripe/%252e%252e%253bx', 'doubly encoded'],
    ['/u/stripe/v1%', 'two hex digits'],
    ['/u/stripe/v1%2', 'two hex digits'],
    ['/u/stripe/v1%zz', 'two hex digits'],
    ['/u/stripe/v1%u002e', 'two hex digits'],
    ['/u/stripe/v1/%c0%ae%c0%ae', 'not UTF-8'],
    ['/u/stripe/v1/%c0%af', 'not UTF-8'],
    ['/u/stripe/v1/%ff', 'not UTF-8'],
    ['/u/stripe/v1/%ED%A0%80', 'not UTF-8'],
    ['/u/stripe/v1/%EF%BC%8F', 'stands for a slash'],
    ['/u/stripe/v1/%EF%BC%8E%EF%BC%8E', 'stands for a slash'],
    ['/u/stripe/v1/%E2%80%A5', 'stands for a slash'],
    ['/u/stripe/v1/%EF%BC%BC', 'stands for a slash'],
    ['/u/stripe/v1/é', 'outside ASCII'],
    ['/u/stripe/v1\u2025/', 'outside ASCII'],
    ['/u/stripe/v1#x', 'fragment'],
    ['/u/stripe/v1?x=1#y', 'fragment'],
    ['/u/stripe/<x>', 'one of'],
    ['/u/stripe/{id}', 'one of'],
    ['/u/stripe/a|b', 'one of'],
    ['/u/stripe/v1?x=%', 'two hex digits'],
    ['/u/stripe/v1?x=%ff', 'not UTF-8'],
    ['/u/stripe/v1?x=a%00', 'encoded NUL'],
    ['/u/stripe/v1?x=a\\b', 'a backslash'],
    ['/u/stripe/v1?=1', 'has no name'],
    [`/u/stripe/${'a'.repeat(MAX_TARGET_LENGTH)}`, 'longer than'],
    [`/u/stripe/v1?${'a=1&'.repeat(257)}`, 'more than 256'],
  ])('%j: %s', (raw, reason) => {
    expect(refusal(raw)).toContain(reason)
  })
})

describe('what is taken means one thing only', () => {
  const hostile = fc
    .array(
      fc.oneof(
        fc.constantFrom(
          '/',
          '.',
          '..',
          '%2e',
          '%2F',
          '%5c',
          '%00',
          '%25',
          '%252e',
          '\\',
          ';',
          '?',
          '&',
          '=',
          '+',
          '#',
          '%',
          ' ',
          '%C3%A9',
          '%ef%bc%8f',
          'é',
          '\0',
          'http://',
          '@',
          '[',
          ']',
          ':',
        ),
        fc.string({ maxLength: 4 }),
      ),
      { maxLength: 12 },
    )
    .map((parts) => `/u/stripe/${parts.join('')}`)

  const accepted = (raw: string) => {
    try {
      return parseTarget(raw)
    } catch {
      return undefined
    }
  }

  it('its path, rendered again, is the path every URL parser sees, and parses to the same target', () => {
    fc.assert(
      fc.property(hostile, (raw) => {
        const target = accepted(raw)
        fc.pre(target !== undefined)
        const query = target.query.map(({ encoded }) => encoded).join('&')
        const rendered = `/u/stripe${['', ...target.spelled].join('/')}${query === '' ? '' : `?${query}`}`
        expect(target.spelled.map(decodeURIComponent)).toEqual(target.segments)
        expect(target.spelled.join('/')).toMatch(/^(?:[\w.~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*$/)
        expect(parseTarget(rendered)).toEqual(target)
        const url = new URL(`http://upstream.example${rendered}`)
        expect(url.pathname + url.search).toBe(rendered)
        expect([...url.searchParams]).toEqual(target.query.map(({ name, value }) => [name, value]))
      }),
      { numRuns: 3000 },
    )
  })

  it('no segment can leave its place', () => {
    fc.assert(
      fc.property(hostile, (raw) => {
        const given = accepted(raw)?.segments ?? []
        const segments = given.length > 1 && given.at(-1) === '' ? given.slice(0, -1) : given
        expect(
          segments
            .flatMap((segment) => segment.split('/'))
            .filter((part) => /^\.{0,2}(?:;|$)/.test(part) || /[\\\0]/.test(part)),
        ).toEqual([])
      }),
      { numRuns: 3000 },
    )
  })
})

describe('a segment goes out', () => {
  it.each([
    ['a:b@c,d=e+f~g', 'a:b@c,d=e+f~g'],
    ["$&!'()*;v=1", "$&!'()*;v=1"],
    ['user%40host', 'user%40host'],
    ['x%3Ay', 'x%3Ay'],
    ['caf%c3%a9', 'caf%c3%a9'],
    ['caf%C3%A9', 'caf%C3%A9'],
    ['%61%7e', 'a~'],
    ['a%2fb', 'a%2fb'],
    ['a%2Fb', 'a%2Fb'],
    ['encoded%2520path', 'encoded%2520path'],
    ['100%25', '100%25'],
    ['a[0]', 'a%5B0%5D'],
  ])('%s as %s', (raw, sent) => {
    expect(parseTarget(`/u/stripe/${raw}`).spelled).toEqual([sent])
  })
})

describe('a query goes out', () => {
  it.each([
    ['fields=a,b(c)&q=x:y', 'fields=a,b(c)&q=x:y'],
    ['fields=a%2cb', 'fields=a%2cb'],
    ['fields=a%2Cb', 'fields=a%2Cb'],
    ['cursor=abc==', 'cursor=abc=='],
    ['$filter=a%20eq%20%27x%27', '$filter=a%20eq%20%27x%27'],
    ['u=http://a.example//b?c', 'u=http://a.example//b?c'],
    ['u=http:%2f%2Fa.example%3fc', 'u=http:%2f%2Fa.example%3fc'],
    ['j={%22a%22:1}', 'j=%7B%22a%22:1%7D'],
    ['a=%41+b%2Bc', 'a=A+b%2Bc'],
  ])('%s as %s', (raw, sent) => {
    const { query } = parseTarget(`/u/stripe/v1?${raw}`)
    expect(query.map(({ encoded }) => encoded).join('&')).toBe(sent)
    expect([...new URLSearchParams(sent)]).toEqual([...new URLSearchParams(raw)])
  })
})

it('what is read in one pass reads the same in full', () => {
  const piece = fc.constantFrom(
    '/',
    '/',
    'a',
    'v1',
    '.',
    '..',
    ':@',
    '?',
    '&',
    '=',
    '+',
    'b[]',
    '%41',
    ';',
    '(',
    'é',
    '~',
  )
  const target = fc.array(piece, { maxLength: 14 }).map((pieces) => pieces.join(''))
  const taken = (read: () => unknown): unknown => {
    try {
      return read()
    } catch (error) {
      return (error as Error).message
    }
  }
  let both = 0
  fc.assert(
    fc.property(target, (raw) => {
      const plain = readPlainTarget(`/u/stripe${raw}`, '/u/stripe'.length)
      const listener = readPlainTarget(raw, 0)
      if (plain) {
        both++
        expect({ upstream: 'stripe', ...plain }).toEqual(taken(() => readTarget(`/u/stripe${raw}`, undefined)))
      }
      if (listener) expect({ upstream: 'x', ...listener }).toEqual(taken(() => readTarget(raw, 'x')))
    }),
    { numRuns: 20_000 },
  )
  expect(both).toBeGreaterThan(1_000)
})

it.each([
  ['below /u/', undefined, undefined, 'request target: it holds a backslash; example: /u/stripe/v1/invoices?limit=3'],
  [
    "at an upstream's own listener",
    'stripe',
    undefined,
    'request target: it holds a backslash; example: /v1/invoices?limit=3',
  ],
  ['in a field', 'stripe', 'path', 'path: it holds a backslash; example: /v1/invoices?limit=3'],
])('a refusal is worded for the caller who gave the target %s', (_where, listener, field, sentence) => {
  expect(() => parseTarget('/u/stripe/a\\b', listener, field)).toThrow(sentence)
})

it('a path that is encoded over and over is refused after a few rounds, not after as many', () => {
  expect(() => parseTarget(`/u/stripe/%${'25'.repeat(4_000)}41`)).toThrow(/over and over/)
})
