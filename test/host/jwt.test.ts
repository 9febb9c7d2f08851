/** The auth method jwt on the embedded host. Statuses, leeways and sentences are those of Vault 1.21 and OpenBao 2.6, asked the same. */
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT, UnsecuredJWT, exportJWK, exportPKCS8, exportSPKI, generateKeyPair } from 'jose'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { callHost, startHostHarness } from './harness.ts'
import type { HostCallResponse, HostHarness } from './harness.ts'

type Claims = Record<string, unknown>
type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>

const NOW = Date.parse('2026-03-15T16:00:00Z') / 1000
const ISSUER = 'https://idp.example'
const UNSIGNED = 'error validating token: error verifying token signature'
const claims: Claims = { iss: ISSUER, aud: 'mcp', sub: 'svc', team: 'billing', iat: NOW, exp: NOW + 300 }

let rsa: KeyPair
let ec: KeyPair
let unauthenticated: KeyPair
let pems: string[]
beforeAll(async () => {
  ;[rsa, ec, unauthenticated] = await Promise.all([
    generateKeyPair('RS256', { extractable: true }),
    generateKeyPair('ES256', { extractable: true }),
    generateKeyPair('RS256', { extractable: true }),
  ])
  pems = await Promise.all([exportSPKI(rsa.publicKey), exportSPKI(ec.publicKey)])
})

let harness: HostHarness
beforeEach(async () => {
  harness = await startHostHarness()
  expect((await harness.call('POST', 'sys/auth/jwt', { type: 'jwt' })).status).toBe(204)
  expect(
    (await harness.call('POST', 'auth/jwt/config', { jwt_validation_pubkeys: pems, bound_issuer: ISSUER })).status,
  ).toBe(204)
  expect((await harness.call('POST', 'auth/jwt/role/ci', ci)).status).toBe(204)
})
afterEach(async () => {
  await harness.host.close()
})

const ci = {
  role_type: 'jwt',
  bound_audiences: ['mcp', 'mcp2'],
  bound_claims: { team: ['billing', 'finance'] },
  user_claim: 'sub',
  token_policies: 'mcp-agent',
  token_ttl: '1h',
  token_max_ttl: '24h',
}

const sign = (
  of: Claims,
  { alg = 'RS256', key = alg === 'RS256' ? rsa : ec, kid }: { alg?: string; key?: KeyPair; kid?: string } = {},
) => new SignJWT(of).setProtectedHeader({ alg, ...(kid !== undefined && { kid }) }).sign(key.privateKey)
const login = (body: object): Promise<HostCallResponse> => harness.call('POST', 'auth/jwt/login', body, '')
const loginAs = async (of: Claims, role = 'ci') => login({ role, jwt: await sign(of) })
const outcome = ({ status, body }: HostCallResponse) => ({ status, error: body?.errors?.[0] ?? null })
const without = (...names: string[]) =>
  Object.fromEntries(Object.entries(claims).filter(([name]) => !names.includes(name)))

describe('a login', () => {
  it("gives an orphan token on the role's terms, named by the mount and the user", async () => {
    const { status, body } = await loginAs(claims)
    expect(status).toBe(200)
    expect(body.auth).toMatchObject({
      policies: ['default', 'mcp-agent'],
      metadata: { role: 'ci' },
      lease_duration: 3600,
      renewable: true,
      orphan: true,
      token_type: 'service',
    })
    expect(
      (await harness.call('GET', 'auth/token/lookup-self', undefined, body.auth.client_token)).body.data,
    ).toMatchObject({ display_name: 'jwt-svc', path: 'auth/jwt/login', meta: { role: 'ci' } })
  })

  it.each<[string, Claims]>([
    ['an audience among others', { ...claims, aud: ['x', 'mcp2'] }],
    ['a claim with several values, one of them bound', { ...claims, team: ['hr', 'finance'] }],
    ['no exp, just issued', without('exp')],
    ['only exp, soon', { ...without('iat'), exp: NOW + 210 }],
    ['only nbf, 200 s old', { ...without('iat', 'exp'), nbf: NOW - 200 }],
    ['an end 59 s ago', { ...claims, iat: NOW - 400, exp: NOW - 59 }],
    ['a beginning in 55 s', { ...claims, nbf: NOW + 55 }],
  ])('takes %s', async (_case, of) => {
    expect(outcome(await loginAs(of))).toEqual({ status: 200, error: null })
  })

  it('takes every key of the configuration', async () => {
    expect(outcome(await login({ role: 'ci', jwt: await sign(claims, { alg: 'ES256' }) }))).toEqual({
      status: 200,
      error: null,
    })
  })

  it.each<[string, Claims, string]>([
    [
      'another issuer',
      { ...claims, iss: 'https://evil.example' },
      'error validating token: invalid issuer (iss) claim',
    ],
    ['no issuer', without('iss'), 'error validating token: invalid issuer (iss) claim'],
    [
      'another audience',
      { ...claims, aud: 'x' },
      'error validating token: invalid audience (aud) claim: audience claim does not match any expected audience',
    ],
    [
      'no audience',
      without('aud'),
      'error validating token: invalid audience (aud) claim: audience claim does not match any expected audience',
    ],
    [
      'another value of a bound claim',
      { ...claims, team: 'hr' },
      'error validating claims: claim "team" does not match any associated bound claim values',
    ],
    [
      'a bound claim that only looks alike',
      { ...claims, team: { billing: true } },
      'error validating claims: claim "team" does not match any associated bound claim values',
    ],
    ['no bound claim', without('team'), 'error validating claims: claim "team" is missing'],
    ['no user', without('sub'), 'claim "sub" not found in token'],
    ['a subject that is a number', { ...claims, sub: 7 }, 'error validating token: the sub claim is not a string'],
    [
      'an end over 60 s ago',
      { ...claims, iat: NOW - 400, exp: NOW - 61 },
      'error validating token: invalid expiration time (exp) claim: token is expired',
    ],
    [
      'no exp, issued long ago',
      { ...without('exp'), iat: NOW - 211 },
      'error validating token: invalid expiration time (exp) claim: token is expired',
    ],
    [
      'a beginning over 60 s ahead',
      { ...claims, nbf: NOW + 61 },
      'error validating token: invalid not before (nbf) claim: token not yet valid',
    ],
    [
      'an issue over 60 s ahead',
      { ...claims, iat: NOW + 61 },
      'error validating token: invalid not before (nbf) claim: token not yet valid',
    ],
    [
      'no time at all',
      without('iat', 'exp'),
      'error validating token: no issued at (iat), not before (nbf), or expiration time (exp) claims in token',
    ],
    [
      'only exp, far ahead',
      { ...without('iat'), exp: NOW + 211 },
      'error validating token: invalid not before (nbf) claim: token not yet valid',
    ],
    [
      'a time that is a text',
      { ...claims, exp: String(NOW + 300) },
      'error validating token: the exp claim is not a number',
    ],
  ])('refuses %s', async (_case, of, error) => {
    // Signed by hand: SignJWT would not write a time as a text.
    const { CompactSign } = await import('jose')
    const jwt = await new CompactSign(Buffer.from(JSON.stringify(of)))
      .setProtectedHeader({ alg: 'RS256' })
      .sign(rsa.privateKey)
    expect(outcome(await login({ role: 'ci', jwt }))).toEqual({ status: 400, error })
  })

  it('refuses what none of the keys has signed', async () => {
    const tampered = (await sign(claims))
      .split('.')
      .with(1, Buffer.from(JSON.stringify({ ...claims, sub: 'root' })).toString('base64url'))
      .join('.')
    const hmac = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(pems[0]!))
    const crit = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', crit: ['x'], x: 1 })
      .sign(rsa.privateKey, { crit: { x: true } })
    for (const jwt of [await sign(claims, { key: unauthenticated }), tampered, crit, 'a.b.c', 'abc']) {
      expect(outcome(await login({ role: 'ci', jwt }))).toEqual({
        status: 400,
        error: expect.stringContaining(UNSIGNED),
      })
    }
    for (const jwt of [hmac, new UnsecuredJWT(claims).encode()]) {
      expect(outcome(await login({ role: 'ci', jwt }))).toEqual({
        status: 400,
        error: expect.stringContaining('unexpected algorithm'),
      })
    }
  })

  it.each([
    ['no token', { role: 'ci' }, 'missing token'],
    ['no role', { jwt: 'x' }, 'missing role'],
    ['a role there is not', { role: 'nope', jwt: 'x' }, 'role "nope" could not be found'],
  ])('refuses %s', async (_case, body, error) => {
    expect(outcome(await login(body))).toEqual({ status: 400, error })
  })

  it('takes the default role, and only algorithms that are listed', async () => {
    await harness.call('POST', 'auth/jwt/config', {
      jwt_validation_pubkeys: pems,
      jwt_supported_algs: ['RS256'],
      default_role: 'ci',
    })
    expect(outcome(await login({ jwt: await sign(claims) }))).toEqual({ status: 200, error: null })
    expect(outcome(await login({ jwt: await sign(claims, { alg: 'ES256' }) }))).toEqual({
      status: 400,
      error: expect.stringContaining('unexpected algorithm'),
    })
  })

  it("is renewed on the role's terms, and no more once the role is gone", async () => {
    const { client_token } = (await loginAs(claims)).body.auth
    await harness.call('POST', 'auth/jwt/role/ci', { token_ttl: '2h' })
    expect((await harness.call('POST', 'auth/token/renew-self', {}, client_token)).body.auth.lease_duration).toBe(7200)
    await harness.call('DELETE', 'auth/jwt/role/ci')
    expect(outcome(await harness.call('POST', 'auth/token/renew-self', {}, client_token))).toEqual({
      status: 500,
      error: expect.stringContaining('does not exist during renewal'),
    })
    expect((await harness.call('GET', 'auth/token/lookup-self', undefined, client_token)).status).toBe(200)
  })
})

describe('a role', () => {
  it('answers all its settings, typed, and keeps what a later write leaves out', async () => {
    await harness.call('PUT', 'auth/jwt/role/ci', { token_period: 60, claim_mappings: { team: 't' } })
    expect((await harness.call('GET', 'auth/jwt/role/ci')).body.data).toEqual({
      role_type: 'jwt',
      bound_audiences: ['mcp', 'mcp2'],
      bound_subject: '',
      bound_claims: { team: ['billing', 'finance'] },
      bound_claims_type: 'string',
      user_claim: 'sub',
      user_claim_json_pointer: false,
      clock_skew_leeway: 0,
      expiration_leeway: 0,
      not_before_leeway: 0,
      claim_mappings: { team: 't' },
      allowed_redirect_uris: null,
      groups_claim: '',
      max_age: 0,
      oidc_scopes: null,
      verbose_oidc_logging: false,
      token_policies: ['mcp-agent'],
      token_ttl: 3600,
      token_max_ttl: 86400,
      token_explicit_max_ttl: 0,
      token_period: 60,
      token_num_uses: 0,
      token_no_default_policy: false,
      token_type: 'default',
      token_bound_cidrs: [],
      token_strictly_bind_ip: false,
    })
    expect((await harness.call('LIST', 'auth/jwt/role')).body.data.keys).toEqual(['ci'])
    for (const times of [1, 2])
      expect([times, (await harness.call('DELETE', 'auth/jwt/role/ci')).status]).toEqual([times, 204])
    expect((await harness.call('GET', 'auth/jwt/role/ci')).status).toBe(404)
  })

  it('compares texts with * when asked, looks into claims, and copies them into the metadata', async () => {
    await harness.call('PUT', 'auth/jwt/role/glob', {
      role_type: 'jwt',
      user_claim: '/who/name',
      user_claim_json_pointer: true,
      bound_claims_type: 'glob',
      bound_claims: { sub: 'repo:acme/*:ref:*/main', '/who/org': 'a*' },
      bound_audiences: 'mcp',
      claim_mappings: { '/who/org': 'org', n: 'n', missing: 'missing' },
    })
    const good = { ...claims, sub: 'repo:acme/app:ref:refs/heads/main', who: { name: 'jane', org: 'acme' }, n: 5 }
    expect((await loginAs(good, 'glob')).body.auth.metadata).toEqual({ role: 'glob', org: 'acme', n: '5' })
    for (const sub of [
      'repo:acme/app:ref:refs/heads/main2',
      'xrepo:acme/app:ref:refs/heads/main',
      'repo:acme/:ref:main',
    ]) {
      expect(outcome(await loginAs({ ...good, sub }, 'glob'))).toEqual({
        status: 400,
        error: 'error validating claims: claim "sub" does not match any associated bound claim values',
      })
    }
    expect(outcome(await loginAs({ ...good, who: { org: 'acme' } }, 'glob'))).toEqual({
      status: 400,
      error: 'claim "/who/name" not found in token',
    })
  })

  it('of a subject alone takes no token that is made for an audience', async () => {
    await harness.call('PUT', 'auth/jwt/role/sub', { role_type: 'jwt', user_claim: 'sub', bound_subject: 'svc' })
    expect(outcome(await loginAs(without('aud'), 'sub'))).toEqual({ status: 200, error: null })
    expect(outcome(await loginAs(claims, 'sub'))).toEqual({
      status: 400,
      error: 'audience claim found in JWT but no audiences bound to the role',
    })
    expect(outcome(await loginAs({ ...without('aud'), sub: 'other' }, 'sub'))).toEqual({
      status: 400,
      error: 'error validating token: invalid subject (sub) claim',
    })
  })

  it('has leeways of its own: none for -1', async () => {
    await harness.call('PUT', 'auth/jwt/role/ci', { clock_skew_leeway: -1, expiration_leeway: 10 })
    expect(outcome(await loginAs({ ...claims, iat: NOW - 9, exp: NOW }))).toEqual({ status: 200, error: null })
    expect(outcome(await loginAs({ ...claims, iat: NOW - 9, exp: NOW - 1 }))).toMatchObject({ status: 400 })
    expect(outcome(await loginAs({ ...without('exp'), iat: NOW - 10 }))).toEqual({ status: 200, error: null })
    expect(outcome(await loginAs({ ...without('exp'), iat: NOW - 11 }))).toMatchObject({ status: 400 })
  })

  it.each<[string, object, string]>([
    ['no user claim', { user_claim: '' }, 'a user claim must be defined'],
    ['nothing bound', { bound_audiences: [], bound_claims: {} }, 'must have at least one bound constraint'],
    ['no type', { role_type: '' }, 'no browser logins'],
    ['browser logins', { role_type: 'oidc' }, 'no browser logins'],
    ['another type', { role_type: 'x' }, "invalid 'role_type': x"],
    ['another comparison', { bound_claims_type: 'x' }, "invalid 'bound_claims_type': x"],
    ['a bound claim without a value', { bound_claims: { team: [] } }, 'bound_claims.team must be a value'],
    ['a glob over a number', { bound_claims_type: 'glob', bound_claims: { n: 5 } }, 'compares texts'],
    ["metadata that is the role's", { claim_mappings: { x: 'role' } }, 'reserved'],
    ['two claims for one metadata', { claim_mappings: { x: 'a', y: 'a' } }, 'multiple keys are mapped'],
    ['a ttl over the maximum', { token_ttl: '48h' }, "'token_ttl' cannot be greater"],
    ['a type there is not', { token_type: 'x' }, 'token_type'],
    ['bound addresses that are none', { token_bound_cidrs: ['10.0.0.0/64'] }, 'is not an address block'],
    ['groups', { groups_claim: 'groups' }, 'groups_claim is not supported'],
  ])('is refused with %s, and stays as it was', async (_case, change, message) => {
    const before = (await harness.call('GET', 'auth/jwt/role/ci')).body.data
    expect(outcome(await harness.call('PUT', 'auth/jwt/role/ci', change))).toEqual({
      status: 400,
      error: expect.stringContaining(message),
    })
    expect((await harness.call('GET', 'auth/jwt/role/ci')).body.data).toEqual(before)
  })
})

describe('the configuration', () => {
  it('is replaced as a whole, and missing until it is written', async () => {
    await harness.call('PUT', 'auth/jwt/config', { jwt_validation_pubkeys: pems[0], namespace_in_state: true })
    expect((await harness.call('GET', 'auth/jwt/config')).body.data).toMatchObject({
      jwt_validation_pubkeys: [pems[0]!.trim()],
      bound_issuer: '',
      jwks_url: '',
      jwt_supported_algs: [],
      namespace_in_state: true,
    })
    await harness.call('POST', 'sys/auth/other', { type: 'jwt' })
    expect((await harness.call('GET', 'auth/other/config')).status).toBe(404)
    expect(outcome(await harness.call('POST', 'auth/other/login', { role: 'ci', jwt: 'x' }, ''))).toEqual({
      status: 400,
      error: 'could not load configuration',
    })
  })

  it.each<[string, () => Promise<object> | object, string]>([
    ['no source of keys', () => ({}), 'exactly one of'],
    ['two sources', () => ({ jwt_validation_pubkeys: pems, jwks_url: 'http://127.0.0.1:1/x' }), 'exactly one of'],
    ['a key that is none', () => ({ jwt_validation_pubkeys: ['abc'] }), 'does not contain any valid public keys'],
    [
      'a private key',
      async () => ({ jwt_validation_pubkeys: [await exportPKCS8(rsa.privateKey)] }),
      'does not contain any valid public keys',
    ],
    [
      'an algorithm that is none',
      () => ({ jwt_validation_pubkeys: pems, jwt_supported_algs: ['XX'] }),
      'unsupported signing algorithm "XX"',
    ],
    [
      'an algorithm without a private key',
      () => ({ jwt_validation_pubkeys: pems, jwt_supported_algs: ['HS256'] }),
      'unsupported signing algorithm "HS256"',
    ],
    ['a key set nobody serves', () => ({ jwks_url: 'http://127.0.0.1:1/x' }), 'error checking jwks URL'],
    ['a key set in a file', () => ({ jwks_url: 'file:///etc/keys' }), 'must be an http or https URL'],
    [
      'an issuer nobody serves',
      () => ({ oidc_discovery_url: 'http://127.0.0.1:1' }),
      'error checking oidc discovery URL',
    ],
    [
      'a client of browser logins',
      () => ({ jwt_validation_pubkeys: pems, oidc_client_id: 'x' }),
      'oidc_client_id is not supported',
    ],
    [
      'certificates of its own',
      () => ({ jwks_url: 'https://idp.example', jwks_ca_pem: 'x' }),
      'jwks_ca_pem is not supported',
    ],
  ])('is refused with %s, and stays as it was', async (_case, change, message) => {
    expect(outcome(await harness.call('PUT', 'auth/jwt/config', await change()))).toEqual({
      status: 400,
      error: expect.stringContaining(message),
    })
    expect((await harness.call('GET', 'auth/jwt/config')).body.data.bound_issuer).toBe(ISSUER)
    expect((await loginAs(claims)).status).toBe(200)
  })

  describe('with keys on the network', () => {
    let server: Server
    let url: string
    let documents: Record<string, unknown>
    beforeEach(async () => {
      server = createServer((request, response) => {
        const document = documents[request.url ?? '']
        response
          .writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' })
          .end(JSON.stringify(document ?? null))
      })
      await new Promise<void>((listening) => {
        server.listen(0, '127.0.0.1', listening)
      })
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const keys = await Promise.all(
        [
          ['one', rsa],
          ['two', unauthenticated],
        ].map(async ([kid, pair]) => ({ ...(await exportJWK((pair as KeyPair).publicKey)), kid, alg: 'RS256' })),
      )
      documents = { '/keys': { keys }, '/.well-known/openid-configuration': { issuer: url, jwks_uri: `${url}/keys` } }
    })
    afterEach(async () => {
      server.closeAllConnections()
      await new Promise((closed) => {
        server.close(closed)
      })
    })

    it.each(['jwks_url', 'oidc_discovery_url'])('takes what is signed by one of them: %s', async (source) => {
      expect(
        (await harness.call('PUT', 'auth/jwt/config', { [source]: source === 'jwks_url' ? `${url}/keys` : url }))
          .status,
      ).toBe(204)
      for (const options of [{ kid: 'one' }, { kid: 'two', key: unauthenticated }, {}, { key: unauthenticated }]) {
        expect(outcome(await login({ role: 'ci', jwt: await sign(claims, options) }))).toEqual({
          status: 200,
          error: null,
        })
      }
      for (const options of [{ kid: 'one', key: unauthenticated }, { alg: 'ES256' }]) {
        expect(outcome(await login({ role: 'ci', jwt: await sign(claims, options) }))).toEqual({
          status: 400,
          error: expect.stringContaining(UNSIGNED),
        })
      }
    })

    it("takes no other issuer's discovery document", async () => {
      documents['/.well-known/openid-configuration'] = { issuer: 'https://other.example', jwks_uri: `${url}/keys` }
      expect(outcome(await harness.call('PUT', 'auth/jwt/config', { oidc_discovery_url: url }))).toEqual({
        status: 400,
        error: expect.stringContaining('another issuer'),
      })
    })

    it('calls keys that cannot be fetched an outage, and logs in again once they can', async () => {
      await harness.call('PUT', 'auth/jwt/config', { jwks_url: `${url}/keys` })
      const keys = documents['/keys']
      delete documents['/keys']
      // What a restarted server does: nothing is fetched yet.
      const restarted = await startHostHarness({ storage: harness.storage, clock: harness.clock })
      const again = async () =>
        callHost(restarted.host, 'POST', 'auth/jwt/login', { role: 'ci', jwt: await sign(claims, { kid: 'one' }) }, {})
      try {
        expect(outcome(await again())).toEqual({
          status: 503,
          error: 'the keys that tokens are signed with cannot be fetched',
        })
        documents['/keys'] = keys
        expect(outcome(await again())).toEqual({ status: 200, error: null })
      } finally {
        await restarted.host.close()
      }
    })
  })
})

it('writing roles and the configuration needs a token that may', async () => {
  const token = await harness.tokenFor({ none: '' })
  for (const path of ['auth/jwt/config', 'auth/jwt/role/ci']) {
    for (const method of ['GET', 'PUT'])
      expect([
        path,
        method,
        (await harness.call(method, path, method === 'PUT' ? ci : undefined, token)).status,
      ]).toEqual([path, method, 403])
  }
})
