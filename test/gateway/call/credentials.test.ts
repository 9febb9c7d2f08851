import { describe, expect, it } from 'vitest'
import { extractToken, likelyToken } from '../../../src/gateway/call/credentials.ts'
import { parseTarget } from '../../../src/gateway/call/target.ts'
import { placementsOf } from '../../../src/gateway/call/placements.ts'
import { mintToken } from '../../../src/scope/index.ts'

const minted = (fill: number) =>
  mintToken({ prefix: 'svt', label: 'prod', random: (bytes) => new Uint8Array(bytes).fill(fill) })
const T = minted(1)
const OTHER = minted(2)
const basic = (credentials: string) => `Basic ${Buffer.from(credentials).toString('base64')}`

function extract(auth: string, headers: readonly [string, string][], target = '/', token_alias: string | null = null) {
  const { query, segments } = parseTarget(target, 'any')
  return extractToken(placementsOf({ name: 'any', auth, token_alias }), { rawHeaders: headers.flat(), query, segments })
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

describe("the caller's token is found where and how that API's clients put the key", () => {
  it.each<[string, string, [string, string][], string]>([
    ["after the template's scheme word", 'header:Authorization=Bot {api_key}', [['authorization', `Bot ${T}`]], '/'],
    ['after that word in another case', 'header:Authorization=Bot {api_key}', [['authorization', `bot ${T}`]], '/'],
    ['bare where the template has a word', 'header:Authorization=Bot {api_key}', [['authorization', T]], '/'],
    ['as a bearer token beside a template', 'header:X-Key=Bot {api_key}', [['authorization', `Bearer ${T}`]], '/'],
    [
      'as the parameter of a scheme',
      'header:Authorization=Token token={api_key}',
      [['authorization', `Token token=${T}`]],
      '/',
    ],
    ['as such a parameter of a stored scheme', 'header:Authorization', [['authorization', `Token token="${T}"`]], '/'],
    ['after any word of a stored scheme', 'header:Authorization', [['authorization', `SSWS ${T}`]], '/'],
    ['in one field of several', 'header:X-Key={id}:{secret}', [['x-key', `public:${T}`]], '/'],
    ['in each of several fields', 'header:X-Key={id}:{secret}', [['x-key', `${T}:${T}`]], '/'],
    [
      'in two headers of one upstream',
      'header:DD-API-KEY,header:DD-APPLICATION-KEY={app_key}',
      [
        ['dd-api-key', T],
        ['DD-Application-Key', T],
      ],
      '/',
    ],
    ['in one of these', 'header:DD-API-KEY,header:DD-APPLICATION-KEY={app_key}', [['dd-application-key', T]], '/'],
    ['in the user of a basic template', 'basic:{api_key}:x', [['authorization', basic(`${T}:x`)]], '/'],
    [
      'beside text of a basic template',
      'basic:{mail}/token:{api_key}',
      [['authorization', basic(`a@b.example/token:${T}`)]],
      '/',
    ],
    ['within text of a basic template', 'basic:key-{api_key}:x', [['authorization', basic(`key-${T}:x`)]], '/'],
    ['in the path', 'path:/bot{api_key}', [], `/bot${T}/getMe`],
    ['in the last segment of a path of three', 'path:/services/{team}/{api_key}', [], `/services/T1/${T}`],
    ['in a query template', 'query:auth=key-{api_key}', [], `/?auth=key-${T}`],
  ])('%s', (_name, auth, headers, target) => {
    const found = extract(auth, headers, target)
    expect(found.token).toBe(T)
    expect(JSON.stringify(found)).not.toContain(`${T}"]`)
    expect(JSON.stringify([found.headers, found.query, found.segments])).not.toContain(T)
  })

  it.each<[string, string, string, [string, string][], string]>([
    ['before it', 'sk_test_', 'bearer', [['authorization', `Bearer sk_test_${T}`]], '/'],
    ['that runs into it', 'AIza', 'query:key', [], `/?key=AIza${T}`],
    ['around it', 'k{token}-us6', 'basic', [['authorization', basic(`any:k${T}-us6`)]], '/'],
    ['in the path', '123456:', 'path:/bot{api_key}', [], `/bot123456:${T}/getMe`],
    ['after a scheme word', 'xoxb-', 'header:X-Key=Bot {api_key}', [['x-key', `Bot xoxb-${T}`]], '/'],
    ['that is left out', 'sk_test_', 'bearer', [['authorization', `Bearer ${T}`]], '/'],
  ])('with the token_alias %s', (_name, alias, auth, headers, target) => {
    const { query, segments } = parseTarget(target, 'any')
    expect(extract(auth, headers, target, alias).token).toBe(T)
    expect(likelyToken({ rawHeaders: headers.flat(), query, segments })).toBe(T)
  })

  it('and the path that carried it is gone, others stay', () => {
    expect(extract('path:/bot{api_key}', [], `/bot${T}/getMe`).segments).toEqual(['getMe'])
    expect(extract('path:/bot{api_key}', [['authorization', `Bearer ${T}`]], '/getMe').segments).toEqual(['getMe'])
    expect(extract('path:/{api_key}', [['authorization', `Bearer ${T}`]], '/v1/a').segments).toEqual(['v1', 'a'])
    expect(extract('path:/hook/{a}/{api_key}', [], `/hook/x/${T}`).segments).toEqual([])
  })

  it('and a key of its own in the path reaches no record, because it is taken for a token', () => {
    const found = extract('path:/bot{api_key}', [], '/bot123:real-key/getMe')
    expect(found).toMatchObject({ token: '123:real-key', segments: ['getMe'] })
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
    ['from another scheme than the template names', 'header:X-Key=Bot {api_key}', [['authorization', `Bot ${T}`]], '/'],
    ['from a path that is not its place', 'path:/bot{api_key}', [], `/file/bot${T}/x`],
    ["with a token_alias that is not the upstream's", 'query:key', [], `/?q=sk_${T}`],
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
    ['in two fields of a template', 'header:X-Key={id}:{secret}', [['x-key', `${T}:${OTHER}`]], '/'],
    ['in the path and a header', 'path:/bot{api_key}', [['authorization', `Bearer ${OTHER}`]], `/bot${T}/getMe`],
    ['with and without alias', 'query:k', [['authorization', `Bearer ${T}`]], `/?k=sk_${T}`],
    ['twice in the query', 'query:k', [], `/?k=${T}&k=${OTHER}`],
  ])('%s', (_name, auth, headers, target) => {
    expect(() => extract(auth, headers, target)).toThrow('two different tokens')
  })
})

it('what is no token in a place of the key is refused beside one, and both places are named', () => {
  expect(() =>
    extract('header:X-Api-Key', [
      ['authorization', 'Negotiate abc'],
      ['x-api-key', T],
    ]),
  ).toThrow('header authorization holds something other than the token, which is in header x-api-key')
  expect(() =>
    extract('header:X-Api-Key', [
      ['authorization', `Bearer ${T}`],
      ['x-api-key', 'placeholder'],
    ]),
  ).toThrow('two different tokens, in header authorization and header x-api-key')
})
