import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RequestError } from '../../../src/logical/errors.ts'
import { MAX_TARGET_LENGTH, parseTarget } from '../../../src/gateway/call/target.ts'

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
    ['/u/stripe/v1/invoices?', 'stripe', ['v1', 'invoices']],
  ])('%s', (raw, upstream, segments) => {
    expect(parseTarget(raw)).toEqual({ upstream, segments, query: [] })
  })

  it('with its query in order, repeats kept, decoded, and re-encoded down to unreserved characters', () => {
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
      'b=1&a=x%20y+z&b=%2F..%2F&flag&created%5Bgte%5D=1%3B2&q=%27&e=',
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
    ['/u/stripe/v1/', 'empty path segment'],
    ['/u/stripe/v1//', 'empty path segment'],
    ['/u/stripe/./v1', '. or ..'],
    ['/u/stripe/v1/..', '. or ..'],
    ['/u/stripe/../github/v1', '. or ..'],
    ['/u/stripe/%2e%2e/v1', 'encoded dot'],
    ['/u/stripe/.%2E/v1', 'encoded dot'],
    ['/u/stripe/v1/a%2eb', 'encoded dot'],
    ['/u/stripe/v1%2finvoices', 'encoded slash'],
    ['/u/stripe/v1%2Finvoices', 'encoded slash'],
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
    ['/u/stripe/v1;x=1/invoices', 'path parameters'],
    ['/u/stripe/..;/admin', 'path parameters'],
    ['/u/stripe/%252e%252e/admin', 'doubly encoded'],
    ['/u/stripe/v1%252finvoices', 'doubly encoded'],
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
        const rendered = `/u/stripe${['', ...target.segments.map(encodeURIComponent)].join('/')}${query === '' ? '' : `?${query}`}`
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
        const segments = accepted(raw)?.segments ?? []
        expect(
          segments.filter(
            (segment) => segment === '' || segment === '.' || segment === '..' || /[/\\\0]/.test(segment),
          ),
        ).toEqual([])
      }),
      { numRuns: 3000 },
    )
  })
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
