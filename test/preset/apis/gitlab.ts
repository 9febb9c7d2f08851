/** The GitLab REST API. https://docs.gitlab.com/api/rest/ */
import { callsWith, json, linked, madeUp, pageOf, withHeaders } from '../fake-api.ts'
import type { ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const KEY = madeUp('glpat-')
const issues = [1, 2, 3, 4, 5].map((iid) => ({ iid, title: `Issue ${String(iid)}` }))
const badKey = json(401, { message: '401 Unauthorized' })
/** By number, or by its path in one segment: with a slash between, GitLab has another route or none. */
const project = /^\/api\/v4\/projects\/(?:42|acme%2Fapp)\//

function respond({ method, target, query, headers, body }: ApiRequest, { origin, keyWorks }: FakeState): ApiResponse {
  const given = headers['private-token'] ?? /^Bearer (.*)$/.exec(headers.authorization ?? '')?.[1]
  if (!keyWorks || given !== KEY) return badKey
  const path = target.split('?', 1)[0]!
  if (path === '/api/v4/user') return json(200, { username: 'robot' })
  if (!project.test(path)) return json(404, { message: '404 Project Not Found' })
  const rest = path.replace(project, '')
  if (method === 'GET' && rest === 'issues') return issuePage(origin, query)
  if (method === 'POST' && rest === 'issues/1/notes') return json(201, { id: 7, ...(JSON.parse(body) as object) })
  return json(404, { message: '404 Not found' })
}

function issuePage(origin: string, query: URLSearchParams): ApiResponse {
  const page = Number(query.get('page') ?? '1')
  return json(200, pageOf(issues, (page - 1) * 2), {
    link: `<${origin}/api/v4/projects/42/issues?id=42&page=${String(page + 1)}&per_page=2>; rel="next"`,
    'x-next-page': String(page + 1),
    'x-page': String(page),
    'x-per-page': '2',
    'x-total': '5',
    'x-total-pages': '3',
    'x-request-id': '01MADEUP',
    'ratelimit-remaining': '1999',
  })
}

const call = callsWith({ 'User-Agent': 'python-gitlab/6.0.0' })
const list = call('GET', '/api/v4/projects/acme%2Fapp/issues?per_page=2')

export const gitlab: FakeApi = {
  name: 'gitlab',
  secret: { api_key: KEY },
  respond,
  authorize: (sent, token) => withHeaders(sent, { 'PRIVATE-TOKEN': token }),
  authorizeDirectly: (sent) => withHeaders(sent, { 'PRIVATE-TOKEN': KEY }),
  pages: {
    scope: 'read:gitlab:issues',
    first: list,
    next: (response, base) => ({ ...list, ...linked(response, base, 'next') }),
    items: ({ text, headers }) => [
      headers['x-next-page'],
      (JSON.parse(text) as { iid: number }[]).map(({ iid }) => iid),
    ],
    expected: [
      ['2', [1, 2]],
      ['3', [3, 4]],
    ],
  },
  write: {
    scope: 'create:gitlab:issues:write',
    call: call('POST', '/api/v4/projects/acme%2Fapp/issues/1/notes', { body: 'Done.' }),
    status: 201,
  },
  missing: { scope: 'read:gitlab:issues', call: call('GET', '/api/v4/projects/acme%2Fgone/issues'), status: 404 },
  undeclared: call('DELETE', '/api/v4/projects/acme%2Fapp'),
  otherScope: 'read:gitlab:pipelines',
  badKey,
  refused: [
    { what: 'without its key', call: list, status: 401 },
    { what: 'with another scheme word', call: withHeaders(list, { Authorization: `token ${KEY}` }), status: 401 },
    {
      what: 'with a slash between group and project',
      call: { ...withHeaders(list, { 'PRIVATE-TOKEN': KEY }), path: '/api/v4/projects/acme/app/issues' },
      status: 404,
    },
  ],
  onBehalf: [['Sudo', 'administrator']],
  sentence: ({ json: body }) => body.message,
}
