/** The Claude API. https://docs.claude.com/en/api/overview */
import { callsWith, json, madeUp, pageOf, withHeaders, withQuery } from '../fake-api.ts'
import type { ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const KEY = madeUp('sk-ant-')
const models = [1, 2, 3, 4, 5].map((number) => ({ type: 'model', id: `claude-${String(number)}` }))
const named = { 'request-id': 'req_made_up', 'anthropic-organization-id': 'org-made-up' }
const error = (status: number, type: string, message: string): ApiResponse =>
  json(status, { type: 'error', error: { type, message }, request_id: 'req_made_up' }, named)
const badKey = error(401, 'authentication_error', 'invalid x-api-key')

function respond({ method, path, query, headers, body }: ApiRequest, { keyWorks }: FakeState): ApiResponse {
  if (headers['x-api-key'] === undefined) return error(401, 'authentication_error', 'x-api-key header is required')
  if (!keyWorks || headers['x-api-key'] !== KEY) return badKey
  if (!/^\d{4}-\d{2}-\d{2}$/.test(String(headers['anthropic-version'])))
    return error(400, 'invalid_request_error', 'anthropic-version: header is required')
  if (method === 'GET' && path === '/v1/models') {
    const after = models.findIndex(({ id }) => id === query.get('after_id')) + 1
    const data = pageOf(models, after)
    const ends = { first_id: data[0]?.id, last_id: data.at(-1)?.id }
    return json(200, { data, has_more: after + 2 < models.length, ...ends }, named)
  }
  if (method === 'POST' && path === '/v1/messages') {
    const { model } = JSON.parse(body) as { model: string }
    return json(200, { id: 'msg_1', type: 'message', model, content: [{ type: 'text', text: 'Hello' }] }, named)
  }
  return error(404, 'not_found_error', 'model: claude-404')
}

const call = callsWith({
  'User-Agent': 'Anthropic/JS 1.15.0',
  'anthropic-version': '2023-06-01',
  'anthropic-beta': 'files-api-2025-04-14',
})
const list = call('GET', '/v1/models?limit=2')

export const anthropic: FakeApi = {
  name: 'anthropic',
  secret: { api_key: KEY },
  respond,
  authorize: (sent, token) => withHeaders(sent, { 'X-Api-Key': `sk-ant-${token}` }),
  authorizeDirectly: (sent) => withHeaders(sent, { 'X-Api-Key': KEY }),
  pages: {
    scope: 'read:anthropic:models',
    first: list,
    next: ({ json: page }) => withQuery(list, 'after_id', page.last_id as string),
    items: ({ json: page }) => (page.data as { id: string }[]).map(({ id }) => id),
    expected: [
      ['claude-1', 'claude-2'],
      ['claude-3', 'claude-4'],
    ],
  },
  write: {
    scope: 'create:anthropic:messages',
    call: call('POST', '/v1/messages', {
      model: 'claude-1',
      max_tokens: 8,
      messages: [{ role: 'user', content: 'Hi' }],
    }),
    status: 200,
  },
  missing: { scope: 'read:anthropic:models', call: call('GET', '/v1/models/claude-404'), status: 404 },
  undeclared: call('GET', '/v1/organizations/me'),
  otherScope: 'create:anthropic:messages',
  badKey,
  refused: [
    { what: 'without its key', call: list, status: 401 },
    { what: 'with its key in the query', call: withQuery(list, 'api_key', KEY), status: 401 },
    {
      what: 'without a version',
      call: withHeaders(list, { 'X-Api-Key': KEY, 'anthropic-version': '' }),
      status: 400,
      says: 'anthropic-version',
    },
  ],
  onBehalf: [['anthropic-workspace-id', 'wrkspc_1']],
  sentence: ({ json: body }) => (body.error as { message: string }).message,
}
