/** The Datadog API, which wants two keys. https://docs.datadoghq.com/api/latest/authentication/ */
import { callsWith, json, madeUp, pageOf, withHeaders, withQuery } from '../fake-api.ts'
import type { ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const KEY = madeUp('api_')
const APP_KEY = madeUp('app_')
const logs = [1, 2, 3, 4, 5].map((number) => ({ type: 'log', id: `log-${String(number)}` }))
const badKey = json(403, { errors: ['Forbidden'] })
const limits = { 'x-ratelimit-limit': '300', 'x-ratelimit-remaining': '299', 'x-ratelimit-period': '3600' }

function respond({ method, path, query, headers, body }: ApiRequest, { origin, keyWorks }: FakeState): ApiResponse {
  if (headers['dd-api-key'] === undefined) return json(401, { errors: ['Unauthorized'] })
  if (!keyWorks || headers['dd-api-key'] !== KEY) return badKey
  if (path === '/api/v1/validate') return json(200, { valid: true }, limits)
  // What writes data needs the API key alone.
  if (method === 'POST' && path === '/api/v1/events')
    return json(202, { status: 'ok', event: JSON.parse(body) as object }, limits)
  if (headers['dd-application-key'] !== APP_KEY) return badKey
  if (method === 'GET' && path === '/api/v2/logs/events') {
    const after = Number(query.get('page[cursor]') ?? '0')
    const next = String(after + 2)
    const links = { next: `${origin}${path}?page%5Bcursor%5D=${next}&page%5Blimit%5D=2` }
    return json(200, { data: pageOf(logs, after), links, meta: { page: { after: next }, status: 'done' } }, limits)
  }
  return json(404, { errors: ['Not Found'] }, limits)
}

const call = callsWith({ 'User-Agent': 'datadog-api-client-typescript/1.64.0 (node 22.22.0; os Linux; arch x64)' })
const list = call('GET', '/api/v2/logs/events?page%5Blimit%5D=2')

export const datadog: FakeApi = {
  name: 'datadog',
  secret: { api_key: KEY, app_key: APP_KEY },
  respond,
  authorize: (sent, token) => withHeaders(sent, { 'DD-API-KEY': token, 'DD-APPLICATION-KEY': token }),
  authorizeDirectly: (sent) => withHeaders(sent, { 'DD-API-KEY': KEY, 'DD-APPLICATION-KEY': APP_KEY }),
  pages: {
    scope: 'read:datadog:logs',
    first: list,
    next({ json: page }) {
      const { after } = (page.meta as { page: { after: string } }).page
      return withQuery(list, 'page%5Bcursor%5D', after)
    },
    items: ({ json: page }) => (page.data as { id: string }[]).map(({ id }) => id),
    expected: [
      ['log-1', 'log-2'],
      ['log-3', 'log-4'],
    ],
  },
  write: {
    scope: 'create:datadog:events:write',
    call: call('POST', '/api/v1/events', { title: 'Deployed', text: 'by a robot' }),
    status: 202,
  },
  missing: { scope: 'read:datadog:monitors', call: call('GET', '/api/v1/monitor/404'), status: 404 },
  undeclared: call('DELETE', '/api/v1/monitor/1'),
  otherScope: 'read:datadog:metrics',
  badKey,
  refused: [
    { what: 'without its keys', call: list, status: 401 },
    { what: 'with one of its keys', call: withHeaders(list, { 'DD-API-KEY': KEY }), status: 403 },
    {
      what: 'with one key in both places',
      call: withHeaders(list, { 'DD-API-KEY': KEY, 'DD-APPLICATION-KEY': KEY }),
      status: 403,
    },
    {
      what: 'with its key as a bearer token',
      call: withHeaders(list, { Authorization: `Bearer ${KEY}` }),
      status: 401,
    },
  ],
  onBehalf: [],
}
