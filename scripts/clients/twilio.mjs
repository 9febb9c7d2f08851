// Twilio's own client: Basic authentication, forms, paths to further pages.
import { randomBytes } from 'node:crypto'
import { Buffer } from 'node:buffer'
import { bodyOf, rejectionOf, respondJson } from './harness/fake.mjs'

export const packages = ['twilio@6.3.1']
const ACCOUNT = `AC${'0'.repeat(32)}`
export const upstreams = {
  twilio: {
    preset: 'twilio',
    variables: { account: ACCOUNT },
    secret: () => ({ auth_token: randomBytes(16).toString('hex') }),
    keyField: 'auth_token',
    fake: api,
  },
}
export const scopes = ['read:twilio:messages', 'create:twilio:messages:write', 'read:twilio:numbers']

const path = `/2010-04-01/Accounts/${ACCOUNT}`
const always = { 'twilio-request-id': 'RQ0001', 'twilio-request-duration': '0.012', 'twilio-concurrent-requests': '1' }
const problem = (response, status, code, message) =>
  respondJson(
    response,
    status,
    { code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status },
    always,
  )

function api({ key }) {
  const message = (sid, more) => ({ sid, account_sid: ACCOUNT, uri: `${path}/Messages/${sid}.json`, ...more })
  return async (request, response) => {
    const body = await bodyOf(request)
    const basic = `Basic ${Buffer.from(`${ACCOUNT}:${key}`).toString('base64')}`
    if (request.headers.authorization !== basic) return problem(response, 401, 20_003, 'Authenticate')
    const url = new URL(request.url, 'http://fake')
    if (`${request.method} ${url.pathname}` === `GET ${path}/Messages.json`) {
      const page = Number(url.searchParams.get('Page') ?? 0)
      const next = page < 2 ? `${path}/Messages.json?PageSize=1&Page=${page + 1}&PageToken=PA${page + 1}` : null
      return respondJson(response, 200, { messages: [message(`SM${page}`)], page, next_page_uri: next }, always)
    }
    if (`${request.method} ${url.pathname}` === `POST ${path}/Messages.json`)
      return respondJson(response, 201, message('SM9', { body: body.toString(), status: 'queued' }), always)
    problem(response, 404, 20_404, `The requested resource ${url.pathname} was not found`)
  }
}

export async function run({ at, load, step, refused }) {
  const { default: twilio } = await load('twilio')
  const client = twilio(ACCOUNT, at.twilio.key)
  client.api.baseUrl = at.twilio.url
  const told = ({ sid, body, status }) => ({ sid, body, status })
  await step('three pages of messages', async () => (await client.messages.list({ pageSize: 1 })).map(told))
  await step('a message', async () =>
    told(await client.messages.create({ to: '+15550100', from: '+15550101', body: 'ü & 😀 + 1' })),
  )
  await step('what Twilio does not know', () =>
    rejectionOf(client.messages('SM404').fetch(), ['status', 'code', 'message', 'moreInfo']),
  )
  await refused('a tool that was not granted', () => client.calls.list({ limit: 1 }), /read:twilio:calls/)
  await refused(
    'a subaccount',
    () => client.api.accounts(`AC${'1'.repeat(32)}`).fetch(),
    /no tool of twilio covers GET/,
  )
}
