/** The Twilio REST API of 2010, with forms and paths to further pages. https://www.twilio.com/docs/usage/twilios-response */
import { basic, callsWith, json, madeUp, pageOf, withHeaders, withQuery } from '../fake-api.ts'
import type { ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const SID = `AC${'0'.repeat(32)}`
const KEY = madeUp('')
const messages = [1, 2, 3, 4, 5].map((number) => ({ sid: `SM${String(number)}` }))
const named = { 'twilio-request-id': 'RQmadeup', 'twilio-request-duration': '0.01', 'twilio-concurrent-requests': '1' }
const error = (status: number, code: number, message: string): ApiResponse =>
  json(status, { code, message, more_info: `https://www.twilio.com/docs/errors/${String(code)}`, status }, named)
const badKey = error(401, 20003, 'Authenticate')

function respond({ method, path, query, headers, body }: ApiRequest, { keyWorks }: FakeState): ApiResponse {
  if (!keyWorks || headers.authorization !== basic(SID, KEY))
    return { ...badKey, headers: { ...badKey.headers, 'www-authenticate': 'Basic realm="Twilio API"' } }
  const account = `/2010-04-01/Accounts/${SID}`
  if (path === `${account}.json`) return json(200, { auth_token: KEY, sid: SID, status: 'active' })
  if (method === 'GET' && path === `${account}/Messages.json`) {
    const page = Number(query.get('Page') ?? '0')
    const next = `${path}?PageSize=2&Page=${String(page + 1)}&PageToken=PASM${String(page + 1)}`
    return json(200, { page, page_size: 2, messages: pageOf(messages, page * 2), next_page_uri: next }, named)
  }
  if (method === 'POST' && path === `${account}/Messages.json`) {
    if (headers['content-type'] !== 'application/x-www-form-urlencoded') return error(400, 21604, "A 'To' is required.")
    return json(201, { sid: 'SM6', body: new URLSearchParams(body).get('Body') }, named)
  }
  return error(404, 20404, `The requested resource ${path} was not found`)
}

const call = callsWith(
  { 'User-Agent': 'twilio-node/6.3.1 (linux x64) node/22', 'Accept-Charset': 'utf-8' },
  'application/x-www-form-urlencoded',
)
const path = `/2010-04-01/Accounts/${SID}`
const list = call('GET', `${path}/Messages.json?PageSize=2`)

export const twilio: FakeApi = {
  name: 'twilio',
  variables: { account: SID },
  secret: { auth_token: KEY },
  respond,
  authorize: (sent, token) => withHeaders(sent, { Authorization: basic(SID, token) }),
  authorizeDirectly: (sent) => withHeaders(sent, { Authorization: basic(SID, KEY) }),
  pages: {
    scope: 'read:twilio:messages',
    first: list,
    next: ({ json: page }) => ({ ...list, path: page.next_page_uri as string }),
    items: ({ json: page }) => (page.messages as { sid: string }[]).map(({ sid }) => sid),
    expected: [
      ['SM1', 'SM2'],
      ['SM3', 'SM4'],
    ],
  },
  write: {
    scope: 'create:twilio:messages:write',
    call: withHeaders(call('POST', `${path}/Messages.json`, 'To=%2B15550100&From=%2B15550101&Body=Hi+there'), {
      'I-Twilio-Idempotency-Token': 'made-up',
    }),
    status: 201,
  },
  missing: { scope: 'read:twilio:messages', call: call('GET', `${path}/Messages/SM404.json`), status: 404 },
  undeclared: call('GET', `/2010-04-01/Accounts/AC${'1'.repeat(32)}/Messages.json`),
  otherScope: 'read:twilio:calls',
  badKey,
  refused: [
    { what: 'without its key', call: list, status: 401 },
    {
      what: 'with its key as a bearer token',
      call: withHeaders(list, { Authorization: `Bearer ${KEY}` }),
      status: 401,
    },
    { what: 'with its key as the user', call: withHeaders(list, { Authorization: basic(KEY, '') }), status: 401 },
    { what: 'with its key in the query', call: withQuery(list, 'AuthToken', KEY), status: 401 },
  ],
  onBehalf: [],
  // An account tells its own auth token.
  passes: (text) => text.replace(/"auth_token":"[^"]*",/, ''),
  sentence: ({ json: body }) => body.message,
}
