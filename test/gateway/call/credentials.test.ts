import { describe, expect, it } from 'vitest'
import { extractToken, headerPairs, type HeaderPairs } from '../../../src/gateway/call/credentials.ts'
import { parseTarget } from '../../../src/gateway/call/target.ts'
import { parseAuth } from '../../../src/gateway/call/upstream.ts'

const T = 'svt_prod_one'
const OTHER = 'svt_prod_two'
const looksLikeToken = (text: string) => text.startsWith('svt_')
const basic = (credentials: string) => `Basic ${Buffer.from(credentials).toString('base64')}`

function extract(auth: string, headers: HeaderPairs, target = '/') {
  const { query } = parseTarget(target, 'any')
  return extractToken(parseAuth({ name: 'any', auth }), { headers, query }, looksLikeToken)
}

describe("the caller's token is found", () => {
  it.each<[string, string, [string, string][], string]>([
    ['as a bearer token', 'bearer', [['Authorization', `Bearer ${T}`]], '/'],
    ['whatever the case', 'bearer', [['AUTHORIZATION', `bEaReR   ${T} `]], '/'],
    ["with GitHub's scheme", 'bearer', [['authorization', `token ${T}`]], '/'],
    ["as basic user, the way Stripe's SDK does", 'basic', [['authorization', basic(`${T}:`)]], '/'],
    ['as basic user beside another password', 'basic', [['authorization', basic(`${T}:x-oauth-basic`)]], '/'],
    ['as basic password', 'basic', [['authorization', basic(`me:${T}`)]], '/'],
    ['as both basic user and password', 'basic', [['authorization', basic(`${T}:${T}`)]], '/'],
    ['as a bearer token where the upstream takes basic', 'basic', [['authorization', `Bearer ${T}`]], '/'],
    ["in the upstream's own header", 'header:X-Api-Key', [['x-api-key', T]], '/'],
    ["in the upstream's own header with a scheme", 'header:X-Api-Key', [['x-api-key', `Bearer ${T}`]], '/'],
    [
      "bare in Authorization where that is the upstream's own header",
      'header:Authorization',
      [['authorization', T]],
      '/',
    ],
    ["in the upstream's own query parameter", 'query:api_key', [], `/?api_key=${T}`],
    ['in that parameter in another case', 'query:api_key', [], `/?API_KEY=${T}`],
    [
      'in two places, when it is the same',
      'header:X-Api-Key',
      [
        ['x-api-key', T],
        ['authorization', `Bearer ${T}`],
      ],
      '/',
    ],
  ])('%s', (_name, auth, headers, target) => {
    const found = extract(auth, headers, target)
    expect(found.token).toBe(T)
    expect(JSON.stringify([found.headers, found.query])).not.toContain(T)
  })

  it('and everything else of the request stays', () => {
    const found = extract(
      'query:api_key',
      [
        ['Accept', 'a'],
        ['Authorization', `Bearer ${T}`],
        ['accept', 'b'],
      ],
      `/?x=1&api_key=${T}&x=2`,
    )
    expect(found.headers).toEqual([
      ['Accept', 'a'],
      ['accept', 'b'],
    ])
    expect(found.query.map(({ encoded }) => encoded)).toEqual(['x=1', 'x=2'])
  })

  it('even where its shape is wrong, so that the response can say so', () => {
    expect(extract('bearer', [['authorization', 'Bearer sk_live_x']]).token).toBe('sk_live_x')
    expect(extract('basic', [['authorization', basic('me:secret')]]).token).toBe('me')
  })
})

describe("the caller's token is not taken", () => {
  it.each<[string, string, [string, string][], string]>([
    ['from a header that is not its place', 'bearer', [['x-api-key', T]], '/'],
    ['from a query parameter that is not its place', 'bearer', [], `/?api_key=${T}`],
    ['from another parameter', 'query:api_key', [], `/?key=${T}`],
    ['from basic credentials where the upstream takes no such', 'bearer', [['authorization', basic(`${T}:`)]], '/'],
    ['from a bare Authorization', 'bearer', [['authorization', T]], '/'],
    ['from an empty place', 'header:X-Api-Key', [['x-api-key', ' ']], '/'],
    ['from a cookie', 'bearer', [['cookie', `authorization=${T}`]], '/'],
  ])('%s', (_name, auth, headers, target) => {
    expect(extract(auth, headers, target).token).toBeUndefined()
  })
})

describe('two different tokens are refused', () => {
  it.each<[string, string, [string, string][], string]>([
    [
      'in two Authorization headers',
      'bearer',
      [
        ['authorization', `Bearer ${T}`],
        ['authorization', `Bearer ${OTHER}`],
      ],
      '/',
    ],
    ['as basic user and password', 'basic', [['authorization', basic(`${T}:${OTHER}`)]], '/'],
    [
      "in Authorization and the upstream's own header",
      'header:X-Api-Key',
      [
        ['authorization', `Bearer ${T}`],
        ['x-api-key', OTHER],
      ],
      '/',
    ],
    ['in Authorization and the query', 'query:k', [['authorization', `Bearer ${T}`]], `/?k=${OTHER}`],
    ['twice in the query', 'query:k', [], `/?k=${T}&k=${OTHER}`],
  ])('%s', (_name, auth, headers, target) => {
    expect(() => extract(auth, headers, target)).toThrow('two different tokens')
  })
})

it('raw headers become pairs, repeats kept', () => {
  expect(headerPairs(['A', '1', 'a', '2'])).toEqual([
    ['A', '1'],
    ['a', '2'],
  ])
})
