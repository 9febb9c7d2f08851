/** One set of rules for upstreams, at the three places that judge them. */
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { upstreamFields } from '../../src/document/index.ts'
import { Sides, gatewayRefuses, kinds } from './sides.ts'
import type { Document } from './sides.ts'

let sides: Sides
beforeAll(async () => {
  sides = await Sides.start({}, 86_400)
})

const judged = async (values: Document) => {
  const document = { name: 'a', ...values }
  return {
    engine: await sides.engineRefuses(kinds.upstream, document),
    gateway: gatewayRefuses(kinds.upstream, document),
    plan: await sides.planRefuses(kinds.upstream, document),
  }
}

const url = 'https://api.stripe.com'

const accepts: readonly Document[] = [
  { url },
  { url: 'https://api.stripe.com/v1/' },
  { url: 'http://10.0.0.1:8080', allow_private_addresses: true },
  { url, auth: 'none' },
  { url, auth: 'basic' },
  { url, auth: 'header:X-Api-Key' },
  { url, auth: 'header:Authorization' },
  { url, auth: 'query:key' },
  { url, auth: 'basic:{user}:{api_key}' },
  { url, auth: 'basic:{mail}/token:{api_key}' },
  { url, auth: 'header:Authorization=Bot {api_key}' },
  { url, auth: 'header:Authorization=Token token={api_key}' },
  { url, auth: 'header:DD-API-KEY, header:DD-APPLICATION-KEY={app_key}' },
  { url, auth: 'header:apikey,bearer' },
  { url, auth: 'query:key={a},query:token={b}' },
  { url, auth: 'path:/bot{api_key}' },
  { url, auth: 'path:/services/{team}/{bot}/{api_key}' },
  { url, auth: 'body:token' },
  { url, auth: 'bearer,body:client_id={id},body:secret={api_key}' },
  { url, auth: 'oauth2_client_credentials:https://login.example/oauth/token' },
  {
    url,
    auth: 'oauth2_client_credentials:https://login.example/t;scope=a b;audience=https://a.example;client_auth=post',
  },
  { url, auth: 'oauth2_client_credentials:http://10.0.0.1/t', allow_private_addresses: true },
  { url, auth: 'oauth2_refresh:https://login.example/oauth/token' },
  { url, auth: 'oauth2_refresh:https://login.example/t;scope=a b;resource=https://a.example;client_auth=none' },
  { url, auth: 'oauth2_refresh:https://login.example/t;client_auth=post' },
  { url, auth: 'aws_sigv4:s3/eu-central-1' },
  { url, auth: 'github_app:12345/678' },
  { url, auth: 'github_app:Iv1.abc/678;api=https://ghe.example/api/v3' },
  { url, auth: 'google_service_account:https://www.googleapis.com/auth/calendar;subject=jane@example.com' },
  { url, token_alias: 'sk_test_' },
  { url, token_alias: '{token}-us6' },
  { url, token_alias: '' },
  { url, headers: { 'Stripe-Version': '2025-03-31' } },
  { url, request_headers: { 'Stripe-Account': ['acct_1', 'acct 2'], 'X-Tenant-Id': ['*'] }, allow_range: true },
  { url, request_headers: { 'X-Atlassian-Token': ['no-check'], Baggage: ['*'], Depth: ['0'] } },
  { url, response_headers: ['X-Custom-Total', 'x-next-page-token'] },
  { url, follow_redirects: ['codeload.github.com', 'a-b.example'] },
  { url, kv_mount: 'team/secret', kv_path: 'mcp/{{environment}}/stripe', kv_field: 'the key' },
  { url, sensitivity: 'low', timeout: 1, max_request_bytes: 1 },
  { url, timeout: 9_223_372_036 },
]

const refuses: readonly Document[] = [
  { url: '' },
  { url: 'api.stripe.com' },
  { url: 'ftp://api.stripe.com' },
  { url: 'http://api.stripe.com' },
  { url: 'https://user:pw@api.stripe.com' },
  { url: 'https://api.stripe.com/?a=b' },
  { url: 'https://api.stripe.com/?' },
  { url: 'https://api.stripe.com/#' },
  { url, auth: '' },
  { url, auth: 'Bearer' },
  { url, auth: 'header:' },
  { url, auth: 'header:Range' },
  { url, auth: 'header:X-Forwarded-For' },
  { url, auth: 'header:Via' },
  { url, auth: 'header:Accept-Encoding' },
  { url, auth: 'header:Set-Cookie' },
  { url, auth: 'header:X A' },
  { url, auth: 'query:' },
  { url, auth: 'query:a b' },
  { url, auth: 'query:a&b' },
  { url, auth: 'bearer,' },
  { url, auth: ' bearer' },
  { url, auth: 'bearer,basic' },
  { url, auth: 'bearer,header:authorization' },
  { url, auth: 'bearer,none' },
  { url, auth: 'query:key,query:KEY={a}' },
  { url, auth: 'header:X-A=fixed' },
  { url, auth: 'header:X-A={a}{b}' },
  { url, auth: 'header:X-A={a b}' },
  { url, auth: 'header:X-A=a, {b}' },
  { url, auth: 'header:X-A=a  {b}' },
  { url, auth: 'header:X-A=\u00e9{b}' },
  { url, auth: 'basic:{api_key}' },
  { url, auth: 'path:bot{api_key}' },
  { url, auth: 'path:/bot' },
  { url, auth: 'path:/a//{api_key}' },
  { url, auth: 'path:/../{api_key}' },
  { url, auth: 'path:/a?b={api_key}' },
  { url, auth: 'path:/%2e%2e/{api_key}' },
  { url, auth: 'path:/{a},path:/{b}' },
  { url, auth: 'oauth2_client_credentials:login.example' },
  { url, auth: 'oauth2_client_credentials:http://login.example/t' },
  { url, auth: 'oauth2_client_credentials:ftp://login.example/t' },
  { url, auth: 'oauth2_client_credentials:https://u:p@login.example/t' },
  { url, auth: 'oauth2_client_credentials:https://login.example/t?a=b' },
  { url, auth: 'oauth2_client_credentials:https://login.example/t;scopes=a' },
  { url, auth: 'oauth2_client_credentials:https://login.example/t;scope=' },
  { url, auth: 'oauth2_client_credentials:https://login.example/t;client_auth=none' },
  { url, auth: 'oauth2_client_credentials:https://login.example/t,header:X-Api-Key' },
  { url, auth: 'oauth2_refresh:' },
  { url, auth: 'oauth2_refresh:login.example' },
  { url, auth: 'oauth2_refresh:http://login.example/t' },
  { url, auth: 'oauth2_refresh:https://login.example/t#f' },
  { url, auth: 'oauth2_refresh:https://login.example/t;refresh_token=abc' },
  { url, auth: 'oauth2_refresh:https://login.example/t;client_auth=jwt' },
  { url, auth: 'oauth2_refresh:https://login.example/t;client_auth=' },
  { url, auth: 'bearer,oauth2_refresh:https://login.example/t' },
  { url, auth: 'aws_sigv4:s3' },
  { url, auth: 'aws_sigv4:S3/eu-central-1' },
  { url, auth: 'aws_sigv4:s3/a/b' },
  { url, auth: 'aws_sigv4:s3/eu-central-1,bearer' },
  { url, auth: 'github_app:12345' },
  { url, auth: 'github_app:12345/x' },
  { url, auth: 'github_app:a b/1' },
  { url, auth: 'google_service_account:' },
  { url, auth: 'google_service_account:a;token_url=http://a.example' },
  { url, auth: 'body:_method' },
  { url, auth: 'body:a,body:A' },
  { url, auth: 'body:a.b' },
  { url, auth: `header:X-A=${'a'.repeat(300)}{b}` },
  { url, auth: Array.from({ length: 9 }, (_, at) => `header:X-${String(at)}`).join() },
  { url, token_alias: 'a b' },
  { url, token_alias: 'a'.repeat(65) },
  { url, token_alias: '{token}{token}' },
  { url, headers: { Range: 'bytes=0-1' } },
  { url, headers: { 'x-forwarded-host': 'a.example' } },
  { url, headers: { Forwarded: 'for=1.2.3.4' } },
  { url, headers: { Authorization: 'Bearer x' } },
  { url, headers: { Cookie: 'a=b' } },
  { url, headers: { 'X A': 'b' } },
  { url, headers: { 'X-A': 'a\r\nB: c' } },
  { url, headers: { 'X-A': 'é' } },
  { url, headers: { 'X-A': 'a'.repeat(1025) } },
  ...[
    'Host',
    'Content-Length',
    'Transfer-Encoding',
    'Connection',
    'X-HTTP-Method-Override',
    'X_HTTP_Method',
    'X-Original-URL',
    'X-Forwarded-For',
    'X-Real-IP',
    'Forwarded',
    'Authorization',
    'Cookie',
    'X-Api-Key',
    'X-Sentry-Auth',
    'X-Vault-Token',
    'Range',
    'If-Range',
    'X-Ms-Range',
    'Accept-Encoding',
    'X A',
    '',
  ].map((name): Document => ({ url, request_headers: { [name]: ['*'] } })),
  { url, auth: 'header:X-Tenant', request_headers: { 'x-tenant': ['*'] } },
  { url, headers: { 'X-Tenant': 'a' }, request_headers: { 'x-tenant': ['*'] } },
  { url, request_headers: { 'X-Tenant': ['a'], 'x-tenant': ['b'] } },
  { url, request_headers: { 'X-Tenant': [] } },
  { url, request_headers: { 'X-Tenant': ['a\nb'] } },
  { url, request_headers: { 'X-Tenant': ['é'] } },
  { url, request_headers: { 'X-Tenant': Array.from({ length: 1001 }, (_, at) => String(at)) } },
  ...[
    'Set-Cookie',
    'Location',
    'Refresh',
    'Access-Control-Allow-Origin',
    'Clear-Site-Data',
    'Content-Length',
    'Transfer-Encoding',
    'WWW-Authenticate',
    'Authentication-Info',
    'X-Subject-Token',
    'X-Api-Key',
    'Strict-Transport-Security',
    'a b',
    '',
  ].map((name): Document => ({ url, response_headers: [name] })),
  ...[
    '',
    'localhost',
    '*',
    '*.example.com',
    'https://a.example',
    'a.example:443',
    'a.example/x',
    'A.example',
    '10.0.0.1',
    '169.254.169.254',
    '[::1]',
    'a..example',
    '-a.example',
    'a.example.',
    'a b.example',
    `${'a'.repeat(64)}.example`,
  ].map((host): Document => ({ url, follow_redirects: [host] })),
  { url, kv_path: 'mcp/../other' },
  { url, kv_path: '/mcp/a' },
  { url, kv_path: 'mcp/{{agent}}' },
  { url, kv_path: 'a'.repeat(513) },
  { url, kv_mount: 'secret/' },
  { url, kv_mount: '{{environment}}' },
  { url, kv_field: '' },
  { url, sensitivity: 'extreme' },
  { url, timeout: 0 },
  { url, timeout: -1 },
  { url, max_request_bytes: 1.5 },
  { url, max_response_bytes: 0 },
  { url, max_response_bytes: 1e300 },
  { url, timeout: 9_223_372_037 },
]

const from = <T>(...values: readonly T[]) => fc.constantFrom(...values)

const headerName = fc.oneof(
  from(
    'Range',
    'range',
    'Host',
    'Via',
    'X-Forwarded-For',
    'Cookie',
    'TE',
    'Accept',
    'Stripe-Version',
    'Api-Key',
    'X-Token',
  ),
  fc.string({ maxLength: 8 }),
  fc.string({ unit: from('a', 'B', '-', '1', ':', ' ', '\n'), minLength: 1, maxLength: 6 }),
)
const document: fc.Arbitrary<Document> = fc.record(
  {
    url: fc.oneof(
      fc.webUrl({ withQueryParameters: true, withFragments: true }),
      fc
        .tuple(
          from('https://', 'http://', 'HTTPS://', 'ftp://', 'https:', ''),
          from('', 'u@', 'u:p@', '@'),
          from('a.example', '10.0.0.1:80', '[::1]:1', 'a b', ''),
          from('', '/', '/v1', '/?', '/#', '?a=b', '/..', '/%2e', ' '),
        )
        .map((parts) => parts.join('')),
      fc.string({ maxLength: 12 }),
    ),
    auth: fc.oneof(
      from('bearer', 'basic', 'none', 'Bearer', ''),
      fc
        .array(
          fc
            .tuple(
              from('header:', 'query:', 'path:/', 'basic:', 'body:', ':'),
              headerName,
              from('', '=', '={api_key}', '{api_key}', ':{api_key}', '=Bot {api_key}', '={api_key'),
            )
            .map((parts) => parts.join('')),
          { minLength: 1, maxLength: 2 },
        )
        .map((places) => places.join()),
    ),
    token_alias: fc.oneof(from('sk_test_', '{token}', '{token}x', 'a{token}b'), fc.string({ maxLength: 6 })),
    headers: fc.dictionary(headerName, fc.oneof(from('1', '', 'a\tb', 'a\nb', 'é'), fc.string({ maxLength: 6 })), {
      maxKeys: 2,
    }),
    request_headers: fc.dictionary(headerName, fc.array(from('1', '*', '', 'a\nb'), { maxLength: 2 }), { maxKeys: 2 }),
    response_headers: fc.array(headerName, { maxLength: 2 }),
    allow_range: fc.boolean(),
    follow_redirects: fc.array(from('a.example', '*.example', '10.0.0.1', 'A', ''), { maxLength: 2 }),
    kv_mount: fc.oneof(from('secret', 'a/b', 'secret/', '', '{{environment}}', '..'), fc.string({ maxLength: 6 })),
    kv_path: fc.oneof(
      from('mcp/a', '{{environment}}/a', 'mcp//a', './a', '{{agent}}', ''),
      fc.string({ maxLength: 6 }),
    ),
    kv_field: fc.string({ maxLength: 6 }),
    sensitivity: fc.oneof(from('high', 'standard', 'low', 'High', '')),
    allow_private_addresses: fc.boolean(),
    // Whole ones: the API cuts 1.5 s to 1 s, as Vault does, and a plan refuses what would read back as something else.
    connect_timeout: fc.oneof(fc.integer({ min: -2, max: 5 }), from(1e300)),
    timeout: fc.integer({ min: -2, max: 5 }),
    idle_timeout: fc.integer({ min: -2, max: 5 }),
    max_request_bytes: fc.oneof(fc.integer({ min: -2, max: 5 }), from(0.5, 2 ** 40)),
    max_response_bytes: fc.integer({ min: -2, max: 5 }),
  },
  { requiredKeys: ['url'] },
)

/** One wrong field hides what the others do, so most documents are right but for one. */
const nearlyRight = fc
  .tuple(document, fc.constantFrom(...Object.keys(upstreamFields).filter((name) => name !== 'name')))
  .map(([{ ...values }, name]): Document => (name in values ? { url, [name]: values[name]! } : { url }))

describe('an upstream', () => {
  it.each(accepts.map((values) => [JSON.stringify(values).slice(0, 100), values] as const))(
    'is accepted by engine, gateway and plan: %s',
    async (_text, values) => {
      expect(await judged(values)).toEqual({ engine: undefined, gateway: undefined, plan: undefined })
    },
  )

  it.each(refuses.map((values) => [JSON.stringify(values).slice(0, 100), values] as const))(
    'is refused by engine, gateway and plan: %s',
    async (_text, values) => {
      const refused = expect.any(String) as string
      expect(await judged(values)).toEqual({ engine: refused, gateway: refused, plan: refused })
    },
  )

  it('the engine stores is one the gateway can use and a clean plan, and no other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(nearlyRight, document), async (values) => {
        const { engine, gateway, plan } = await judged(values)
        expect({ gateway: gateway === undefined, plan: plan === undefined }).toEqual({
          gateway: engine === undefined,
          plan: engine === undefined,
        })
      }),
      { numRuns: 1_000 },
    )
  }, 60_000)
})
