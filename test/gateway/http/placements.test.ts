/** Each way of sending a key, against an upstream that enforces it, as that API's own clients write theirs. */
import type { IncomingMessage } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSession, tokenOf } from '../harness.ts'
import { bearer, refusal, sendRequest, startHttpHarness } from './harness.ts'
import type { HttpHarness, HttpResponse } from './harness.ts'

let harness: HttpHarness
let token: string
beforeEach(async () => {
  harness = await startHttpHarness()
  harness.engine.agent('claude-billing-agent', { scopes: ['read:api:all'] })
  harness.engine.tool('api', 'all', ['GET /x', 'GET /getMe', 'GET /'])
  await harness.flush()
  token = tokenOf(openSession(harness, { scopes: ['read:api:all'] }))
})
afterEach(() => harness.stop())

interface Setting {
  readonly auth: string
  readonly token_alias?: string
  /** The secret; by default one field. */
  readonly secret?: Record<string, string>
  readonly consent?: Record<string, string>
  readonly accepts: (request: IncomingMessage) => boolean
}

const KEY = 'real_0123456789'

async function declare({ auth, token_alias, secret = { api_key: KEY }, consent, accepts }: Setting): Promise<void> {
  harness.engine.upstream('api', { url: harness.upstreamUrl, allow_private_addresses: true, auth, token_alias })
  harness.vault.putKey('mcp/api', secret, harness.upstreamUrl, consent)
  harness.respond((request, response) => {
    response.writeHead(accepts(request) ? 200 : 403, { 'content-type': 'text/plain' }).end('done')
  })
  await harness.flush()
}

const base64 = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
const authorization =
  (wanted: string) =>
  ({ headers }: IncomingMessage) =>
    headers.authorization === wanted
const header =
  (name: string, wanted: string) =>
  ({ headers }: IncomingMessage) =>
    headers[name] === wanted
const query =
  (name: string, wanted: string) =>
  ({ url }: IncomingMessage) =>
    new URL(url!, 'http://a').searchParams.getAll(name).join() === wanted

/** What the client sends: headers, and a target if the token stands there. */
type Client = (token: string) => { readonly headers?: Record<string, string>; readonly target?: string }
const ownHeader =
  (name: string): Client =>
  (text) => ({ headers: { [name]: text } })
const inAuthorization =
  (before: string): Client =>
  (text) => ({ headers: { Authorization: before + text } })
const inQuery =
  (name: string): Client =>
  (text) => ({ target: `/x?${name}=${text}` })
const two = 'header:DD-API-KEY={api_key},header:DD-APPLICATION-KEY={app_key}'
const trello = 'query:key={app},query:token={api_key}'

const schemes: readonly [string, Omit<Setting, 'accepts'>, Setting['accepts'], Client][] = [
  ['Discord', { auth: 'header:Authorization=Bot {api_key}' }, authorization(`Bot ${KEY}`), inAuthorization('Bot ')],
  ['Okta', { auth: 'header:Authorization=SSWS {api_key}' }, authorization(`SSWS ${KEY}`), inAuthorization('SSWS ')],
  [
    'Klaviyo',
    { auth: 'header:Authorization=Klaviyo-API-Key {api_key}' },
    authorization(`Klaviyo-API-Key ${KEY}`),
    inAuthorization('Klaviyo-API-Key '),
  ],
  [
    'DeepL',
    { auth: 'header:Authorization=DeepL-Auth-Key {api_key}' },
    authorization(`DeepL-Auth-Key ${KEY}`),
    inAuthorization('DeepL-Auth-Key '),
  ],
  [
    'PagerDuty',
    {
      auth: 'header:Authorization=Token token={api_key}',
      consent: { mcp_auth: 'header:Authorization=Token token={api_key}' },
    },
    authorization(`Token token=${KEY}`),
    inAuthorization('Token token='),
  ],
  [
    'OpsGenie',
    { auth: 'header:Authorization=GenieKey {api_key}' },
    authorization(`GenieKey ${KEY}`),
    inAuthorization('GenieKey '),
  ],
  ['fal.ai', { auth: 'header:Authorization=Key {api_key}' }, authorization(`Key ${KEY}`), inAuthorization('Key ')],
  ['Linear', { auth: 'header:Authorization' }, authorization(KEY), inAuthorization('')],
  [
    'GitHub',
    { auth: 'header:Authorization=token {api_key}' },
    authorization(`token ${KEY}`),
    inAuthorization('token '),
  ],
  ['GitLab', { auth: 'header:PRIVATE-TOKEN' }, header('private-token', KEY), ownHeader('Private-Token')],
  [
    'Jira',
    { auth: 'basic', secret: { api_key: `me@x.example:${KEY}` } },
    authorization(base64(`me@x.example:${KEY}`)),
    (t) => ({ headers: { Authorization: base64(`me@x.example:${t}`) } }),
  ],
  [
    'Twilio',
    {
      auth: 'basic:{sid}:{api_key}',
      secret: { sid: 'AC1', api_key: KEY },
      consent: { mcp_auth: 'basic:{sid}:{api_key}', mcp_fields: 'sid,api_key' },
    },
    authorization(base64(`AC1:${KEY}`)),
    (t) => ({ headers: { Authorization: base64(`AC1:${t}`) } }),
  ],
  ['Google', { auth: 'query:key' }, query('key', KEY), inQuery('key')],
  [
    'Supabase',
    { auth: 'header:apikey,bearer' },
    (r) => header('apikey', KEY)(r) && authorization(`Bearer ${KEY}`)(r),
    (t) => ({ headers: { apikey: t, Authorization: `Bearer ${t}` } }),
  ],
  [
    'Datadog',
    {
      auth: two,
      secret: { api_key: KEY, app_key: 'app_0123456789' },
      consent: { mcp_auth: two, mcp_fields: 'api_key,app_key' },
    },
    (r) => header('dd-api-key', KEY)(r) && header('dd-application-key', 'app_0123456789')(r),
    (t) => ({ headers: { 'DD-API-KEY': t, 'DD-APPLICATION-KEY': t } }),
  ],
  [
    'Trello',
    {
      auth: trello,
      secret: { api_key: KEY, app: 'app_0123456789' },
      consent: { mcp_auth: trello, mcp_fields: 'api_key,app' },
    },
    (r) => query('key', 'app_0123456789')(r) && query('token', KEY)(r),
    (t) => ({ target: `/x?key=${t}&token=${t}` }),
  ],
  [
    'Telegram',
    { auth: 'path:/bot{api_key}', secret: { api_key: '12345:real-0123' }, consent: { mcp_auth: 'path:/bot{api_key}' } },
    ({ url }) => url === '/bot12345:real-0123/getMe',
    (t) => ({ target: `/bot${t}/getMe` }),
  ],
  [
    'a webhook of Slack',
    {
      auth: 'path:/services/{team}/{api_key}',
      secret: { team: 'T0', api_key: KEY },
      consent: { mcp_auth: 'path:/services/{team}/{api_key}', mcp_fields: 'team,api_key' },
    },
    ({ url }) => url === `/services/T0/${KEY}`,
    (t) => ({ target: `/services/T0/${t}` }),
  ],
  [
    'Shopify',
    { auth: 'header:X-Shopify-Access-Token' },
    header('x-shopify-access-token', KEY),
    ownHeader('X-Shopify-Access-Token'),
  ],
  ['Azure OpenAI', { auth: 'header:api-key' }, header('api-key', KEY), ownHeader('api-key')],
  ['ElevenLabs', { auth: 'header:xi-api-key' }, header('xi-api-key', KEY), ownHeader('xi-api-key')],
  [
    'Postmark',
    { auth: 'header:X-Postmark-Server-Token' },
    header('x-postmark-server-token', KEY),
    ownHeader('X-Postmark-Server-Token'),
  ],
  [
    'Brave',
    { auth: 'header:X-Subscription-Token' },
    header('x-subscription-token', KEY),
    ownHeader('X-Subscription-Token'),
  ],
  ['Figma', { auth: 'header:X-Figma-Token' }, header('x-figma-token', KEY), ownHeader('X-Figma-Token')],
  ['Algolia', { auth: 'header:x-algolia-api-key' }, header('x-algolia-api-key', KEY), ownHeader('x-algolia-api-key')],
  ['OpenWeather', { auth: 'query:appid' }, query('appid', KEY), inQuery('appid')],
  ['SerpAPI', { auth: 'query:api_key' }, query('api_key', KEY), inQuery('api_key')],
  ['NASA', { auth: 'query:apikey' }, query('apikey', KEY), inQuery('apikey')],
  ['Mapbox', { auth: 'query:access_token' }, query('access_token', KEY), inQuery('access_token')],
  [
    'a secret stored with its scheme word',
    { auth: 'header:Authorization', secret: { api_key: `SSWS ${KEY}` } },
    authorization(`SSWS ${KEY}`),
    inAuthorization('SSWS '),
  ],
  [
    'a client that checks for xoxb-',
    { auth: 'bearer', token_alias: 'xoxb-' },
    authorization(`Bearer ${KEY}`),
    inAuthorization('Bearer xoxb-'),
  ],
]

describe.each(schemes)("%s's way", (_name, setting, accepts, client) => {
  const ask = (text: string) => {
    const { headers = {}, target = '/x' } = client(text)
    return sendRequest(harness.url, `/u/api${target}`, { headers })
  }

  it('works with the phantom token where the key stood, and the token goes no further', async () => {
    await declare({ ...setting, accepts })
    expect(await ask(token)).toMatchObject({ status: 200, text: 'done' })
    expect(JSON.stringify(harness.received)).not.toContain(token)
    expect(JSON.stringify(harness.sink.records)).not.toMatch(/real[_-]0123|bot|services/)
  })

  it('works with a bearer token, too', async () => {
    await declare({ ...setting, accepts })
    const bare = new URL(client('').target ?? '/x', 'http://a').pathname
    const target = bare.replace(/^\/bot|^\/services\/T0\//, '')
    expect((await sendRequest(harness.url, `/u/api${target}`, { headers: bearer(token) })).status).toBe(200)
  })

  it('is refused with another token, and the upstream hears nothing', async () => {
    await declare({ ...setting, accepts })
    const refused = await ask(`${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`)
    expect(refused.status).toBe(401)
    expect(harness.received).toEqual([])
  })
})

describe('consent to a place', () => {
  it.each([
    ['several fields', two],
    ['a template beyond one scheme word', 'header:Authorization=Token token={api_key}'],
    ['a user name beside the key', 'basic:me:{api_key}'],
    ['the path', 'path:/bot{api_key}'],
  ])('is needed for %s', async (_what, auth) => {
    await declare({ auth, secret: { api_key: KEY, app_key: 'app_0123456789' }, accepts: () => true })
    expect(refusal(await sendRequest(harness.url, '/u/api/x', { headers: bearer(token) }))).toBe(
      '502 upstream_error key_consent_missing',
    )
    expect(harness.received).toEqual([])
  })

  it.each([
    ['one of two places', { mcp_auth: 'header:DD-API-KEY={api_key}', mcp_fields: 'api_key,app_key' }],
    ['one of two fields', { mcp_auth: two, mcp_fields: 'api_key' }],
    ['no field beside the default one', { mcp_auth: two }],
  ])('does not cover what the owner left out: listed is %s', async (_what, consent) => {
    await declare({ auth: two, secret: { api_key: KEY, app_key: 'app_0123456789' }, consent, accepts: () => true })
    expect(refusal(await sendRequest(harness.url, '/u/api/x', { headers: bearer(token) }))).toBe(
      '502 upstream_error key_consent_missing',
    )
  })
})

describe('a key in the path', () => {
  const auth = 'path:/bot{api_key}'
  const consent = { mcp_auth: auth }

  it('is in no link the upstream sends back', async () => {
    await declare({ auth, consent, accepts: () => true })
    harness.respond((_request, response) => {
      response.writeHead(200, {
        location: `${harness.upstreamUrl}/bot${KEY}/getMe?a=1`,
        link: `</bot${KEY}/x>; rel=next`,
      })
      response.end()
    })
    const { headers } = await sendRequest(harness.url, `/u/api/bot${token}/getMe`)
    expect(headers.location).toBe(`${harness.url}/u/api/getMe?a=1`)
    expect(headers.link).toBe(`<${harness.url}/u/api/x>; rel=next`)
  })

  it.each(['a/../../b-0123456', 'aaaaaaaa\\b'])('is refused where it is no part of a segment: %s', async (api_key) => {
    await declare({ auth, secret: { api_key }, consent, accepts: () => true })
    const refused = await sendRequest(harness.url, `/u/api/bot${token}/getMe`)
    expect(refusal(refused)).toBe('502 upstream_error key_unavailable')
    expect(refused.text).not.toContain(api_key)
  })

  it('is in no refusal, even where a caller sent it', async () => {
    await declare({ auth, consent, accepts: () => true })
    const refused = await sendRequest(harness.url, `/u/api/bot${KEY}/getMe`, { headers: bearer(token) })
    expect(refusal(refused)).toBe('400 invalid_request bad_request')
    expect(refused.text + JSON.stringify(harness.sink.records)).not.toContain(KEY)
  })
})

describe('a key in the body', () => {
  const auth = 'body:token'
  const consent = { mcp_auth: auth }
  const FORM = 'application/x-www-form-urlencoded'
  const post = (body: string, headers: Record<string, string> = {}) =>
    sendRequest(harness.url, '/u/api/x', {
      method: 'POST',
      headers: { 'Content-Type': FORM, 'Content-Length': String(Buffer.byteLength(body)), ...headers },
      body,
    })
  const bodies = () => harness.received.map(({ body }) => body)
  beforeEach(async () => {
    harness.engine.agent('claude-billing-agent', { scopes: ['create:api:post'] })
    harness.engine.tool('api', 'post', ['POST /x'])
    await harness.flush()
    token = tokenOf(openSession(harness, { scopes: ['create:api:post'] }))
    await declare({ auth, consent, accepts: () => true })
  })

  it('goes where the token stood, in a form', async () => {
    expect((await post(`channel=C1&token=${token}&text=a+b`)).status).toBe(200)
    expect(bodies()).toEqual([`token=${KEY}&channel=C1&text=a+b`])
    expect(harness.received[0]?.headers['content-length']).toBe(String(bodies()[0]!.length))
  })

  it('and in an object', async () => {
    expect((await post(`{"channel":"C1","token":"${token}"}`, { 'Content-Type': 'application/json' })).status).toBe(200)
    expect(bodies()).toEqual([`{"token":"${KEY}","channel":"C1"}`])
  })

  it('where the token stood elsewhere', async () => {
    expect((await post('channel=C1', bearer(token))).status).toBe(200)
    expect(bodies()).toEqual([`token=${KEY}&channel=C1`])
  })

  it('is no parameter of the call: rules neither need nor see it', async () => {
    harness.engine.put('policies/only-channel', {
      name: 'only-channel',
      policy: 'path "tools/api/post" { capabilities = ["create"] allowed_parameters = { "channel" = [] } }',
    })
    harness.engine.agent('claude-billing-agent', { scopes: null, policies: ['only-channel'] })
    await harness.flush()
    const judged = tokenOf(openSession(harness, { scopes: ['create:api:post'] }))
    expect((await post(`channel=C1&token=${judged}`)).status).toBe(200)
    expect(bodies()).toEqual([`token=${KEY}&channel=C1`])
    expect(refusal(await post(`channel=C1&other=1&token=${judged}`))).toMatch(/^403 insufficient_scope/)
  })

  it.each<[string, () => Promise<HttpResponse>]>([
    ['a field given twice', () => post(`token=${token}&token[]=${token}`)],
    ['another token beside one in the head', () => post('token=xoxb-1', bearer(token))],
    ['a digest of what is not sent', () => post('a=1', { ...bearer(token), 'Content-MD5': 'x' })],
    ['another type of body', () => post('a=1', { ...bearer(token), 'Content-Type': 'text/plain' })],
    ['no body', () => post('', bearer(token))],
  ])('is not sent with %s', async (_what, sent) => {
    expect(refusal(await sent())).toBe('400 invalid_request bad_request')
    expect(harness.received).toEqual([])
  })

  it.each<[string, () => Promise<HttpResponse>]>([
    ['where nobody says who is calling', () => post('channel=C1')],
    [
      'with a token in the body of an upstream that takes its key elsewhere',
      async () => {
        await declare({ auth: 'bearer', accepts: () => true })
        return post(`token=${token}`)
      },
    ],
    ['with an unknown token', () => post(`token=${token.slice(0, -1)}x`)],
  ])('is not sent %s', async (_what, sent) => {
    expect((await sent()).status).toBe(401)
    expect(harness.received).toEqual([])
  })
})

describe('a stored key', () => {
  it.each([
    ['with a newline at its end', `${KEY}\n`],
    ['with CR and LF at its end', `${KEY}\r\n`],
  ])('%s is sent without', async (_what, api_key) => {
    await declare({ auth: 'bearer', secret: { api_key }, accepts: authorization(`Bearer ${KEY}`) })
    expect((await sendRequest(harness.url, '/u/api/x', { headers: bearer(token) })).status).toBe(200)
  })

  it.each([
    ['with blanks around', 'bearer', `  ${KEY} `, 'a space at one end'],
    ['in quotes', 'bearer', `"${KEY}"`, 'stands in quotes'],
    ['in quotes, for the query', 'query:key', `'${KEY}'`, 'stands in quotes'],
    ['with the scheme word that is added anyway', 'bearer', `Bearer ${KEY}`, 'begins with the word Bearer'],
    ["with its template's scheme word", 'header:Authorization=Bot {api_key}', `bot ${KEY}`, 'begins with the word Bot'],
  ])('%s is refused with the reason', async (_what, auth, api_key, reason) => {
    await declare({ auth, secret: { api_key }, accepts: () => true })
    const refused = await sendRequest(harness.url, '/u/api/x', { headers: bearer(token) })
    expect(refusal(refused)).toBe('502 upstream_error key_unavailable')
    expect(refused.text).toContain(reason)
    expect(refused.text).not.toContain(KEY)
  })
})

describe('a 401 asks for', () => {
  const ask = async (headers: Record<string, string>) => {
    const response = await sendRequest(harness.url, '/u/api/x', { headers })
    return [response.status, response.headers['www-authenticate']]
  }
  const used = async (auth: string) => {
    await declare({ auth, accepts: () => true })
    await sendRequest(harness.url, '/u/api/x', { headers: bearer(token) })
  }

  it('Basic, where the upstream is basic, so that git sends its password', async () => {
    await used('basic')
    expect(await ask({})).toEqual([401, 'Basic realm="mcp", charset="UTF-8", Bearer realm="mcp"'])
    expect((await ask(bearer('svt_no')))[1]).toContain('Basic realm="mcp", charset="UTF-8", Bearer realm="mcp", error=')
  })

  it('a bearer token where it is not', async () => {
    await used('header:X-Api-Key')
    expect(await ask({})).toEqual([401, 'Bearer realm="mcp"'])
  })

  it('either, where the upstream is not known yet, and reads nothing for it', async () => {
    await declare({ auth: 'basic', accepts: () => true })
    const reads = harness.vault.count('mcp/upstreams/api')
    expect(await ask({})).toEqual([401, 'Bearer realm="mcp", Basic realm="mcp", charset="UTF-8"'])
    expect(harness.vault.count('mcp/upstreams/api')).toBe(reads)
  })
})
