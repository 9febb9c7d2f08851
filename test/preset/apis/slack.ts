/** The Slack Web API: every method is a POST with a form, and errors have status 200. https://docs.slack.dev/apis/web-api/ */
import { callsWith, json, madeUp, pageOf, withHeaders, withQuery } from '../fake-api.ts'
import type { ApiCall, ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const KEY = madeUp('xoxb-')
const channels = [1, 2, 3, 4, 5].map((number) => ({ id: `C${String(number)}`, name: `channel-${String(number)}` }))
const named = { 'x-slack-req-id': 'made-up', 'x-oauth-scopes': 'channels:read,chat:write' }
const error = (name: string): ApiResponse => json(200, { ok: false, error: name }, named)
const badKey = error('invalid_auth')

function respond({ path, headers, body, query }: ApiRequest, { keyWorks }: FakeState): ApiResponse {
  const given = new URLSearchParams(body)
  const token = headers.authorization ?? (given.has('token') ? `Bearer ${given.get('token')!}` : undefined)
  if (token === undefined || query.has('token')) return error('not_authed')
  if (!keyWorks || token !== `Bearer ${KEY}`) return badKey
  const method = path.replace(/^\/api\//, '')
  if (method === 'auth.test') return json(200, { ok: true, user: 'robot' }, named)
  if (method === 'conversations.list') {
    const after = Number(given.get('cursor') ?? '0')
    const metadata = { response_metadata: { next_cursor: String(after + 2) } }
    return json(200, { ok: true, channels: pageOf(channels, after), ...metadata }, named)
  }
  if (method === 'chat.postMessage') return json(200, { ok: true, message: { text: given.get('text') } }, named)
  return error(method === 'conversations.info' ? 'channel_not_found' : 'unknown_method')
}

const form = callsWith({ 'User-Agent': '@slack:web-api/8.2.0' }, 'application/x-www-form-urlencoded')
const call = (method: string, fields: Readonly<Record<string, string>>): ApiCall =>
  form('POST', `/api/${method}`, new URLSearchParams(fields).toString())
const list = call('conversations.list', { limit: '2' })

export const slack: FakeApi = {
  name: 'slack',
  secret: { api_key: KEY },
  respond,
  authorize: (sent, token) => withHeaders(sent, { Authorization: `Bearer xoxb-${token}` }),
  authorizeDirectly: (sent) => withHeaders(sent, { Authorization: `Bearer ${KEY}` }),
  pages: {
    scope: 'read:slack:conversations',
    first: list,
    next({ json: page }) {
      const { next_cursor: cursor } = page.response_metadata as { next_cursor: string }
      return call('conversations.list', { limit: '2', cursor })
    },
    items: ({ json: page }) => (page.channels as { id: string }[]).map(({ id }) => id),
    expected: [
      ['C1', 'C2'],
      ['C3', 'C4'],
    ],
  },
  write: {
    scope: 'create:slack:messages:write',
    call: call('chat.postMessage', { channel: 'C1', text: 'Hello & goodbye' }),
    status: 200,
  },
  missing: { scope: 'read:slack:conversations', call: call('conversations.info', { channel: 'C404' }), status: 200 },
  undeclared: call('admin.users.remove', { user_id: 'U1' }),
  otherScope: 'read:slack:users',
  badKey,
  refused: [
    { what: 'without its key', call: list, status: 200, says: 'not_authed' },
    { what: 'with its key in the query', call: withQuery(list, 'token', KEY), status: 200, says: 'not_authed' },
    {
      what: 'with another scheme word',
      call: withHeaders(list, { Authorization: `token ${KEY}` }),
      status: 200,
      says: 'invalid_auth',
    },
  ],
  onBehalf: [],
  refusalStatus: 200,
  sentence: ({ json: { ok, error: message } }) => (ok === false ? message : undefined),
}
