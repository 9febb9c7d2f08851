import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isCredentialName, redactCredentials, redactText } from '../../src/audit/index.ts'

const body43 = '7f3k9m2pQx7f3k9m2pQx7f3k9m2pQx7f3k9m2pQxabc'
const phantom = `svt_prod_${body43}d3C6zZ`
const service = `gst_dev_${body43}d3C6zZ`
const vaultToken = 'hvs.CAESIJ5vT0kenOfTheGatewayItself0001'
const jwt = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const basic = Buffer.from('alice:wonderland').toString('base64')

const credentials: readonly [string, string][] = [
  // Authorization and cookies
  ['Authorization: Bearer abc', 'Authorization: Bearer [redacted:authorization]'],
  ['authorization: bearer abc then more', 'authorization: bearer [redacted:authorization] then more'],
  [
    '{"authorization":"Bearer abc.def","method":"GET"}',
    '{"authorization":"Bearer [redacted:authorization]","method":"GET"}',
  ],
  ['{\\"authorization\\":\\"Token abc\\"}', '{\\"authorization\\":\\"Token [redacted:authorization]\\"}'],
  [
    'Authorization: Digest username="m", response="6629fae4"\nHost: a',
    'Authorization: [redacted:authorization]\nHost: a',
  ],
  ['Authorization: AWS4-HMAC-SHA256 Credential=AK/2026, Signature=fe5f', 'Authorization: [redacted:authorization]'],
  ['Proxy-Authorization = Basic cDp3', 'Proxy-Authorization = Basic [redacted:authorization]'],
  ['authorization=plain', 'authorization=[redacted:authorization]'],
  ['sent Bearer s3cr3tvalue to it', 'sent Bearer [redacted:authorization] to it'],
  [`curl -H Basic ${basic} x`, 'curl -H Basic [redacted:authorization] x'],
  ['Cookie: sid=31d4; theme=dark\nHost: a', 'Cookie: [redacted:authorization]\nHost: a'],
  ['set-cookie: id=a3fWa; Secure', 'set-cookie: [redacted:authorization]'],
  // Tokens
  [phantom, '[redacted:token]'],
  [`the token ${phantom}, expired`, 'the token [redacted:token], expired'],
  [`acme7_staging_${body43}d3C6zZ`, '[redacted:token]'],
  [`x-${phantom}-y`, 'x-[redacted:token]-y'],
  [phantom.slice(0, 30), '[redacted:token]'],
  [`${phantom}extra`, '[redacted:token]'],
  [service, '[redacted:token]'],
  ['gst_dev_3f9a0c77d1b2', '[redacted:token]'],
  [vaultToken, '[redacted:token]'],
  [`wrapped ${vaultToken}.ns1`, 'wrapped [redacted:token]'],
  ['hvb.AAAAAQJ-abc_def', '[redacted:token]'],
  ['s.iyNUhq8Ov4hIAx6snw5mB2nL', '[redacted:token]'],
  ['b.AAAAAQL_tyer_gNuQqvQYPVQgsNxjap_YW1NB2m4CDHHadQo7rF2XLFGdw', '[redacted:token]'],
  [`jwt ${jwt}`, 'jwt [redacted:token]'],
  // Keys of known issuers
  ['sk_live_51TheRealKey', '[redacted:key]'],
  ['rk_test_4eC39HqLyjWDarjtT1', '[redacted:key]'],
  ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', '[redacted:key]'],
  ['ghp_16C7e42F292c6912E7710c838347Ae178B4a', '[redacted:key]'],
  ['github_pat_11ABCDEFG0123456789_abcdefghij', '[redacted:key]'],
  ['glpat-XYZabc-123_456defgh', '[redacted:key]'],
  ['xoxb-17653672481-19874698323', '[redacted:key]'],
  ['sk-ant-api03-R2D2abcdefghijklmno', '[redacted:key]'],
  ['AKIAIOSFODNN7EXAMPLE', '[redacted:key]'],
  ['AIzaSyA-1234567890abcdefghijklmnopqrstu', '[redacted:key]'],
  ['npm_aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789', '[redacted:key]'],
  ['-----BEGIN EC PRIVATE KEY-----\nMHcCAQ\n-----END EC PRIVATE KEY-----\nend', '[redacted:key]\nend'],
  ['-----BEGIN PRIVATE KEY-----\nMHcCAQ torn', '[redacted:key]'],
  // Parameters, members, variables
  ['GET /v1/a?access_token=abc&limit=3', 'GET /v1/a?access_token=[redacted:credential]&limit=3'],
  ['/cb?next=%2Fa%3Frefresh_token%3Dabc', '/cb?next=%2Fa%3Frefresh_token%3D[redacted:credential]'],
  ['/cb?code=SplxlOBeZQQYbYS6WxSbIA&state=1', '/cb?code=[redacted:credential]&state=1'],
  ['/maps?key=abcdefghijklmnop&q=x', '/maps?key=[redacted:credential]&q=x'],
  ['?X-Amz-Signature=fe5f80&x=1', '?X-Amz-Signature=[redacted:credential]&x=1'],
  ['?sig=a%2Fb&api-key=1', '?sig=[redacted:credential]&api-key=[redacted:credential]'],
  ['client_secret=s&client_id=c', 'client_secret=[redacted:credential]&client_id=c'],
  ['MCP_SESSION_TOKEN=abc npm start', 'MCP_SESSION_TOKEN=[redacted:credential] npm start'],
  ['password="correct horse battery"', 'password="[redacted:credential]"'],
  ['{"api_key":"correct \\"horse\\" battery","a":1}', '{"api_key":"[redacted:credential]","a":1}'],
  ['{"refresh_token" : "r1", "token_id":"tok_1"}', '{"refresh_token" : "[redacted:credential]", "token_id":"tok_1"}'],
  ['{\\"password\\":\\"p w\\",\\"a\\":1}', '{\\"password\\":\\"[redacted:credential]\\",\\"a\\":1}'],
  ["{accessToken: 'abc def'}", "{accessToken: '[redacted:credential]'}"],
  ['x-api-key: abc123def', 'x-api-key: [redacted:credential]'],
  ['password: hunter2', 'password: [redacted:credential]'],
  ['postgres://app:hunter2@db:5432/x', 'postgres://[redacted:credential]@db:5432/x'],
]

const personal: readonly [string, string][] = [
  ['write to alice.smith+tag@example.co.uk today', 'write to [redacted:email] today'],
  ['?email=alice%40example.com&x=1', '?email=[redacted:email]&x=1'],
  ['<jörg@müller.example>', '<[redacted:email]>'],
  ['call +1 (415) 555-2671.', 'call [redacted:phone].'],
  ['+4915112345678', '[redacted:phone]'],
  ['+49 30 1234 5678', '[redacted:phone]'],
  ['to=%2B14155552671', 'to=[redacted:phone]'],
  ['(415) 555-2671', '[redacted:phone]'],
  ['415-555-2671', '[redacted:phone]'],
  ['415.555.2671', '[redacted:phone]'],
  ['415 555 2671', '[redacted:phone]'],
  ['030 12345678', '[redacted:phone]'],
  ['phone: 4155552671', 'phone: [redacted:phone]'],
  ['{"phone_number":"4155552671"}', '{"phone_number":"[redacted:phone]"}'],
  ['card 4111 1111 1111 1111 exp 12/28', 'card [redacted:card] exp 12/28'],
  ['4111111111111111', '[redacted:card]'],
  ['5555-5555-5555-4444', '[redacted:card]'],
  ['378282246310005', '[redacted:card]'],
  ['6011111111111117.', '[redacted:card].'],
  ['2223003122003222', '[redacted:card]'],
  ['amount 12 4111 1111 1111 1111 20', 'amount 12 [redacted:card] 20'],
]

const untouched: readonly string[] = [
  '',
  ' ',
  'tok_01JNKQ8X4F2MVBP7RD3WCZH9GT',
  'sess_01JNKQ8X4F2MVBP7RD3WCZH9GT',
  '01JNKQ8X4F2MVBP7RD3WCZH9GT',
  'token_id=tok_01JNKQ8X4F2MVBP7RD3WCZH9GT session_id=sess_01JNKQ8X4F2MVBP7RD3WCZH9GT',
  'token: tok_01JNKQ8X4F2MVBP7RD3WCZH9GT',
  'token=sess_01JNKQ8X4F2MVBP7RD3WCZH9GT',
  'read:stripe:customers:id-only',
  'tools/stripe/customers/id-only',
  'mcp/creds/claude-billing-agent/01JNKQ8X4F2MVBP7RD3WCZH9GT',
  '2026-03-15T16:00:00Z',
  '2026-03-15T16:00:00.123+01:00',
  '1773590400',
  '1773590400000',
  '1773590400000000',
  '1773590400000000000',
  '5806 1932839975271',
  'GET /v1/invoices/{id}',
  'quarterly-invoice-reconciliation',
  'claude-billing-agent',
  'list_invoices',
  'create_refund_for_customer',
  'the bearer of bad news',
  'bearer tools/stripe2/invoices',
  'a basic understanding',
  'basic JavaScript',
  'Bearer authentication',
  'authorization header missing',
  'token: expired',
  'invalid token: reuse after revocation',
  'secret: none',
  'password: required',
  'signature: valid',
  'max_tokens=100',
  'token_type=bearer',
  'token_prefix=svt',
  'token_sha256=abc',
  'gst_registration_number',
  'svt_prefix_is_configurable',
  'sk-learn-something-useful-today',
  's.someverylongidentifierofcode',
  'design=new',
  'keyboard=us',
  'monkey=1',
  '/cb?code=404',
  '?key=name',
  'npm i pkg@1.2.3',
  '@modelcontextprotocol/sdk@1.32.2',
  'user@localhost',
  'sha256:9c1e44b0a3',
  'da39a3ee5e6b4b0d3255bfef95601890afd80709',
  'build_prod_da39a3ee5e6b4b0d3255bfef95601890afd80709',
  '550e8400-e29b-41d4-a716-446655440000',
  '192.168.100.200:8250',
  '10.0.0.1',
  'https://api.stripe.com/v1/invoices?limit=3',
  'http://127.0.0.1:8251/u/stripe',
  '4111111111111112',
  '1234567890123456',
  'v1.2.3-rc.4',
  'cookie: refused',
  'in 12 ms, 345 bytes',
  '200 OK',
  '+00:00',
  '1e+10000000',
  'ü ☃ 日本語',
  '0.4111111111111111',
  'x4111111111111111',
]

describe('redaction', () => {
  it.each(credentials)('takes the credential out of %j', (text, expected) => {
    expect(redactCredentials(text)).toBe(expected)
    expect(redactText(text)).toBe(expected)
  })

  it.each(personal)('takes personal data out of %j in free text only', (text, expected) => {
    expect(redactText(text)).toBe(expected)
    expect(redactCredentials(text)).toBe(text)
  })

  it.each(untouched)('leaves %j alone', (text) => {
    expect(redactText(text)).toBe(text)
  })

  it('leaves any sentence of ordinary words, ids, times, tools and scopes alone', () => {
    const ulid = fc.string({
      unit: fc.constantFrom(...'0123456789ABCDEFGHJKMNPQRSTVWXYZ'),
      minLength: 26,
      maxLength: 26,
    })
    const name = fc.stringMatching(/^[a-z]{1,6}\d{0,2}(?:[_-][a-z]{1,4}\d{0,2}){0,2}$/)
    const word = fc.oneof(
      fc.constantFrom(
        'the',
        'agent',
        'token',
        'session',
        'secret',
        'key',
        'was',
        'refused',
        'expired',
        'revoked',
        'bearer',
        'basic',
        'password',
        'for',
        'policy',
        'signature',
        'cookie',
        'phone',
        'card',
      ),
      ulid,
      ulid.map((id) => `tok_${id}`),
      ulid.map((id) => `sess_${id}`),
      fc
        .date({ min: new Date('2020-01-01'), max: new Date('2032-12-31'), noInvalidDate: true })
        .chain((date) =>
          fc.constantFrom(date.toISOString(), String(date.getTime()), String(Math.floor(date.getTime() / 1000))),
        ),
      fc.tuple(fc.constantFrom('read', 'write', 'create', 'list'), name, name).map((parts) => parts.join(':')),
      fc.tuple(name, name).map((parts) => `tools/${parts.join('/')}`),
      fc.nat(999).map(String),
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 20 }), fc.constantFrom(' ', ', ', '; '), (words, gap) => {
        const text = words.join(gap)
        expect(redactText(text)).toBe(text)
      }),
      { numRuns: 500 },
    )
  })

  it('finds a token wherever it stands', () => {
    const around = fc.string({ unit: 'binary', maxLength: 30 })
    fc.assert(
      fc.property(
        around,
        around,
        fc.constantFrom(phantom, service, vaultToken, jwt),
        fc.constantFrom(' ', '"', '=', '/', ':', '\n', '-', ',', '(', '\u0000'),
        (before, after, secret, edge) => {
          expect(redactText(before + edge + secret + edge + after)).not.toContain(secret)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('changes nothing more the second time', () => {
    const piece = fc.oneof(
      fc.constantFrom(...[...credentials, ...personal].map(([text]) => text), ...untouched),
      fc.string({ maxLength: 12 }),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), fc.constantFrom(' ', '\n', ', '), (pieces, gap) => {
        const once = redactText(pieces.join(gap))
        expect(redactText(once)).toBe(once)
      }),
      { numRuns: 500 },
    )
  })

  it('never throws, whatever it is given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        expect(typeof redactText(text)).toBe('string')
      }),
    )
    for (const odd of [undefined, null, 1, {}, []]) expect(redactText(odd as string)).toBe('[redacted:unreadable]')
  })

  it.each([
    'a',
    '1',
    '1 ',
    '1-',
    '(1',
    '+1',
    '0',
    '01 ',
    '.',
    '@',
    'a@',
    'a@b',
    'a@b.',
    'a.a@',
    '_',
    'a_',
    'a_a_',
    'svt_',
    'gst_',
    's.',
    'hvs.',
    'eyJ',
    'eyJaaaaaaaa.',
    '-',
    'sk-',
    ':',
    '://',
    '://a',
    '://a:',
    '=',
    '"',
    '\\',
    '\\"',
    "'",
    'token',
    'token=',
    'token":"',
    'token: ',
    'token\\":\\"',
    'authorization',
    'authorization: ',
    'authorization: bearer ',
    'bearer ',
    'basic ',
    'cookie: ',
    'phone: ',
    'phone: 1 ',
    '-----BEGIN PRIVATE KEY-----',
    '-----BEGIN ',
    '?key=',
    '%3d',
    '%40',
    '4111 1111 1111 1111 ',
    'access_',
    'ghp_',
    'a-',
    '\u00a0',
    '415-555-',
  ])(
    'does work in proportion to the length of a text made of %j',
    (unit) => {
      // Quadratic work would be 10^11 steps: the runner's time limit is the assertion.
      const text = unit.repeat(Math.ceil(300_000 / unit.length))
      expect(typeof redactText(text)).toBe('string')
      expect(typeof redactText(`${text}!`)).toBe('string')
    },
    20_000,
  )
})

describe('names of credentials', () => {
  it.each([
    'token',
    'api_key',
    'X-Api-Key',
    'X-Vault-Token',
    'refresh_token',
    'accessToken',
    'client_secret',
    'secret_id',
    'password',
    'Authorization',
    'Proxy-Authorization',
    'Set-Cookie',
    'parent_token',
    'private_key',
    'stripe_api_key',
  ])('knows %s', (name) => {
    expect(isCredentialName(name)).toBe(true)
  })

  it.each([
    'token_id',
    'token_type',
    'token_sha256',
    'key_consent',
    'key_id',
    'kv_key',
    'tokens',
    'secretary',
    'author',
    'cookies_enabled',
    'purpose',
    '',
    'a'.repeat(1000),
  ])('does not take %s for one', (name) => {
    expect(isCredentialName(name)).toBe(false)
  })
})
