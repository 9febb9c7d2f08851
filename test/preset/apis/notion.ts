/** The Notion API. https://developers.notion.com/reference/intro */
import { callsWith, json, madeUp, pageOf, withHeaders } from '../fake-api.ts'
import type { ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const KEY = madeUp('ntn_')
const pages = [1, 2, 3, 4, 5].map((number) => ({ object: 'page', id: `page-${String(number)}` }))
const named = { 'x-notion-request-id': 'made-up' }
const error = (status: number, code: string, message: string): ApiResponse =>
  json(status, { object: 'error', status, code, message, request_id: 'made-up' }, named)
const badKey = error(401, 'unauthorized', 'API token is invalid.')

function respond({ method, path, headers, body }: ApiRequest, { keyWorks }: FakeState): ApiResponse {
  if (!keyWorks || headers.authorization !== `Bearer ${KEY}`) return badKey
  const version = headers['notion-version']
  if (version === undefined)
    return error(400, 'missing_version', 'Notion-Version header failed validation: it should be defined')
  if (version !== '2025-09-03') return error(400, 'validation_error', 'Notion-Version is not a valid version')
  const given = (body === '' ? {} : JSON.parse(body)) as Record<string, unknown>
  if (method === 'POST' && path === '/v1/data_sources/source-1/query') {
    const after = Number(given.start_cursor ?? 0)
    const results = pageOf(pages, after)
    return json(200, { object: 'list', results, has_more: true, next_cursor: String(after + 2) }, named)
  }
  if (method === 'PATCH' && path === '/v1/pages/page-1') return json(200, { ...pages[0], ...given }, named)
  if (path === '/v1/users/me') return json(200, { object: 'user', type: 'bot' }, named)
  return error(404, 'object_not_found', 'Could not find data source.')
}

const call = callsWith({ 'User-Agent': 'notionhq-client/5.26.0', 'Notion-Version': '2025-09-03' })
const query = (id: string, fields: object) => call('POST', `/v1/data_sources/${id}/query`, fields)
const list = query('source-1', { page_size: 2 })

export const notion: FakeApi = {
  name: 'notion',
  secret: { api_key: KEY },
  respond,
  authorize: (sent, token) => withHeaders(sent, { Authorization: `Bearer ${token}` }),
  authorizeDirectly: (sent) => withHeaders(sent, { Authorization: `Bearer ${KEY}` }),
  pages: {
    scope: 'read:notion:data',
    first: list,
    next: ({ json: page }) => query('source-1', { page_size: 2, start_cursor: page.next_cursor }),
    items: ({ json: page }) => (page.results as { id: string }[]).map(({ id }) => id),
    expected: [
      ['page-1', 'page-2'],
      ['page-3', 'page-4'],
    ],
  },
  write: {
    scope: 'update:notion:pages:write',
    call: call('PATCH', '/v1/pages/page-1', { properties: { Done: { checkbox: true } } }),
    status: 200,
  },
  missing: { scope: 'read:notion:data', call: query('source-404', {}), status: 404 },
  undeclared: call('POST', '/v1/agents/batch', {}),
  otherScope: 'read:notion:search',
  badKey,
  refused: [
    { what: 'without its key', call: list, status: 401 },
    { what: 'with its key in another header', call: withHeaders(list, { 'X-Api-Key': KEY }), status: 401 },
    {
      what: 'without a version',
      call: withHeaders(list, { Authorization: `Bearer ${KEY}`, 'Notion-Version': '' }),
      status: 400,
      says: 'missing_version',
    },
  ],
  onBehalf: [],
  // Its client shows no message beside a code it does not know.
  sentence: ({ json: { object, code, message } }) =>
    object === 'error' && /^(?:unauthorized|restricted_resource|invalid_request)$/.test(String(code))
      ? message
      : undefined,
}
