/** The OpenAI API. https://platform.openai.com/docs/api-reference */
import { callsWith, json, madeUp, pageOf, withHeaders, withQuery } from '../fake-api.ts'
import type { ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const KEY = madeUp('sk-proj-')
const files = [1, 2, 3, 4, 5].map((number) => ({ id: `file-${String(number)}`, object: 'file' }))
const error = (status: number, message: string, code: string | null): ApiResponse =>
  json(status, { error: { message, type: 'invalid_request_error', param: null, code } })
const badKey = error(401, 'Incorrect API key provided: sk-proj-****6789.', 'invalid_api_key')
const named = { 'x-request-id': 'req_made_up', 'openai-version': '2020-10-01', 'openai-processing-ms': '12' }

function respond({ method, path, query, headers, body }: ApiRequest, { keyWorks }: FakeState): ApiResponse {
  if (headers.authorization === undefined) return error(401, "You didn't provide an API key.", null)
  if (!keyWorks || headers.authorization !== `Bearer ${KEY}`) return badKey
  if ((headers['openai-organization'] ?? 'org-acme') !== 'org-acme')
    return error(401, 'OpenAI-Organization header should match organization for API key', 'mismatched_organization')
  if (method === 'GET' && path === '/v1/files') {
    const after = files.findIndex(({ id }) => id === query.get('after')) + 1
    const data = pageOf(files, after)
    return json(200, { object: 'list', data, has_more: after + 2 < files.length, last_id: data.at(-1)?.id }, named)
  }
  if (method === 'POST' && path === '/v1/responses') {
    const { model, stream } = JSON.parse(body) as { model: string; stream: boolean }
    if (!stream) return error(400, 'this fake streams', null)
    const events = [
      { type: 'response.created', response: { model } },
      { type: 'response.output_text.delta', delta: 'Hello' },
      { type: 'response.completed' },
    ]
    return {
      status: 200,
      headers: { ...named, 'content-type': 'text/event-stream; charset=utf-8' },
      body: events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''),
    }
  }
  if (path === '/v1/models') return json(200, { object: 'list', data: [{ id: 'gpt-x' }] }, named)
  return error(404, 'No such File object: file-404', null)
}

const call = callsWith({ 'User-Agent': 'OpenAI/JS 6.49.0' })
const list = call('GET', '/v1/files?limit=2')

export const openai: FakeApi = {
  name: 'openai',
  secret: { api_key: KEY },
  respond,
  authorize: (sent, token) => withHeaders(sent, { Authorization: `Bearer sk-${token}` }),
  authorizeDirectly: (sent) => withHeaders(sent, { Authorization: `Bearer ${KEY}` }),
  pages: {
    scope: 'read:openai:files',
    first: list,
    next: ({ json: page }) => withQuery(list, 'after', page.last_id as string),
    items: ({ json: page }) => (page.data as { id: string }[]).map(({ id }) => id),
    expected: [
      ['file-1', 'file-2'],
      ['file-3', 'file-4'],
    ],
  },
  write: {
    scope: 'create:openai:responses',
    call: call('POST', '/v1/responses', { model: 'gpt-x', input: 'Hi', stream: true }),
    status: 200,
  },
  missing: { scope: 'read:openai:files', call: call('GET', '/v1/files/file-404'), status: 404 },
  undeclared: call('DELETE', '/v1/models/gpt-x'),
  otherScope: 'read:openai:models',
  badKey,
  refused: [
    { what: 'without its key', call: list, status: 401 },
    { what: 'with its key in another header', call: withHeaders(list, { 'x-api-key': KEY }), status: 401 },
    {
      what: 'for another organisation',
      call: withHeaders(list, { Authorization: `Bearer ${KEY}`, 'OpenAI-Organization': 'org-other' }),
      status: 401,
    },
  ],
  onBehalf: [
    ['OpenAI-Organization', 'org-acme'],
    ['OpenAI-Project', 'proj_1'],
  ],
  sentence: ({ json: body }) => (body.error as { message: string }).message,
}
