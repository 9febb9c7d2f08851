/** The Discord API for bots. https://discord.com/developers/docs/reference */
import { callsWith, json, madeUp, pageOf, withHeaders, withQuery } from '../fake-api.ts'
import type { ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const KEY = madeUp('MTAw.')
const messages = [5, 4, 3, 2, 1].map((number) => ({ id: `100${String(number)}`, content: `Message ${String(number)}` }))
const badKey = json(401, { message: '401: Unauthorized', code: 0 })
const limits = { 'x-ratelimit-limit': '5', 'x-ratelimit-remaining': '4', 'x-ratelimit-bucket': 'made-up' }

function respond({ method, path, query, headers, body }: ApiRequest, { keyWorks }: FakeState): ApiResponse {
  if (!/^DiscordBot \(\S+, \S+\)/.test(headers['user-agent'] ?? ''))
    return { status: 403, headers: { 'content-type': 'text/plain' }, body: 'error code: 1010' }
  if (!keyWorks || headers.authorization !== `Bot ${KEY}`) return badKey
  const rest = path.replace(/^\/api\/v10\//, '')
  if (rest === 'users/@me') return json(200, { id: '1', bot: true }, limits)
  if (method === 'GET' && rest === 'channels/100/messages') {
    const before = query.get('before')
    const from = before === null ? 0 : messages.findIndex(({ id }) => id === before) + 1
    return json(200, pageOf(messages, from), limits)
  }
  if (method === 'POST' && rest === 'channels/100/messages') {
    const reason = headers['x-audit-log-reason']
    return json(200, { id: '1006', ...(JSON.parse(body) as object), reason }, limits)
  }
  return json(404, { message: 'Unknown Channel', code: 10003 }, limits)
}

const call = callsWith({ 'User-Agent': 'DiscordBot (https://discord.js.org, 2.6.3) Node.js/22' })
const list = call('GET', '/api/v10/channels/100/messages?limit=2')

export const discord: FakeApi = {
  name: 'discord',
  secret: { api_key: KEY },
  respond,
  authorize: (sent, token) => withHeaders(sent, { Authorization: `Bot ${token}` }),
  authorizeDirectly: (sent) => withHeaders(sent, { Authorization: `Bot ${KEY}` }),
  pages: {
    scope: 'read:discord:messages',
    first: list,
    next: ({ text }) => withQuery(list, 'before', (JSON.parse(text) as { id: string }[]).at(-1)!.id),
    items: ({ text }) => (JSON.parse(text) as { id: string }[]).map(({ id }) => id),
    expected: [
      ['1005', '1004'],
      ['1003', '1002'],
    ],
  },
  write: {
    scope: 'create:discord:messages:write',
    call: withHeaders(call('POST', '/api/v10/channels/100/messages', { content: 'Hello' }), {
      'X-Audit-Log-Reason': 'because%20of%20it',
    }),
    status: 200,
  },
  missing: { scope: 'read:discord:messages', call: call('GET', '/api/v10/channels/404/messages'), status: 404 },
  undeclared: call('PUT', '/api/v10/guilds/1/bans/2', {}),
  otherScope: 'read:discord:members',
  badKey,
  refused: [
    { what: 'without its key', call: list, status: 401 },
    {
      what: 'with its key as a bearer token',
      call: withHeaders(list, { Authorization: `Bearer ${KEY}` }),
      status: 401,
    },
    {
      what: 'with a User-Agent of another kind',
      call: withHeaders(list, { Authorization: `Bot ${KEY}`, 'User-Agent': 'curl/8.14.1' }),
      status: 403,
    },
  ],
  onBehalf: [],
  // Its client shows no message without a code beside it.
  sentence: ({ json: body }) => ('code' in body ? body.message : undefined),
}
