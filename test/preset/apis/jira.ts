/** The Jira Cloud REST API. https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro/ */
import { basic, callsWith, json, madeUp, pageOf, withHeaders } from '../fake-api.ts'
import type { ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const EMAIL = 'robot@acme.example'
const KEY = madeUp('ATATT')
const issues = [1, 2, 3, 4, 5].map((number) => ({ id: String(number), key: `APP-${String(number)}` }))
const named = { 'x-arequestid': 'made-up', 'x-aaccountid': '5b10', 'x-ratelimit-remaining': '99' }
const badKey: ApiResponse = {
  status: 401,
  headers: { 'content-type': 'text/html;charset=UTF-8', 'www-authenticate': 'OAuth realm="https%3A%2F%2Facme"' },
  body: 'Client must be authenticated to access this resource.',
}
const missing = json(404, {
  errorMessages: ['Issue does not exist or you do not have permission to see it.'],
  errors: {},
})

function respond({ method, path, query, headers, body }: ApiRequest, { keyWorks }: FakeState): ApiResponse {
  if (!keyWorks || headers.authorization !== basic(EMAIL, KEY)) return badKey
  const rest = path.replace(/^\/rest\/api\/3\//, '')
  if (rest === 'myself') return json(200, { emailAddress: EMAIL }, named)
  if (method === 'GET' && rest === 'search/jql') {
    const after = Number(query.get('nextPageToken') ?? '0')
    const rows = pageOf(issues, after)
    return json(200, { issues: rows, isLast: false, nextPageToken: String(after + 2) }, named)
  }
  if (method === 'POST' && rest === 'issue/APP-1/comment') {
    // Against forms of other sites, for browsers and for those that pose as one.
    const guarded = /Mozilla/.test(headers['user-agent'] ?? '') && headers['x-atlassian-token'] !== 'no-check'
    if (guarded) return { status: 403, headers: { 'content-type': 'text/plain' }, body: 'XSRF check failed' }
    return json(201, { id: '10', ...(JSON.parse(body) as object) }, named)
  }
  return missing
}

const call = callsWith({
  'User-Agent': 'axios/1.13.2',
  'X-Atlassian-Token': 'no-check',
  'X-Atlassian-Force-Account-Id': 'true',
})
const list = call('GET', '/rest/api/3/search/jql?maxResults=2&jql=project%20%3D%20APP')

export const jira: FakeApi = {
  name: 'jira',
  variables: { site: 'acme' },
  secret: { email: EMAIL, api_token: KEY },
  respond,
  authorize: (sent, token) => withHeaders(sent, { Authorization: basic('somebody@acme.example', token) }),
  authorizeDirectly: (sent) => withHeaders(sent, { Authorization: basic(EMAIL, KEY) }),
  pages: {
    scope: 'read:jira:search',
    first: list,
    next: ({ json: page }) => ({ ...list, path: `${list.path}&nextPageToken=${page.nextPageToken as string}` }),
    items: ({ json: page }) => (page.issues as { key: string }[]).map(({ key }) => key),
    expected: [
      ['APP-1', 'APP-2'],
      ['APP-3', 'APP-4'],
    ],
  },
  write: {
    scope: 'create:jira:issues:write',
    call: call('POST', '/rest/api/3/issue/APP-1/comment', { body: { type: 'doc', version: 1, content: [] } }),
    status: 201,
  },
  missing: { scope: 'read:jira:issues', call: call('GET', '/rest/api/3/issue/APP-404'), status: 404 },
  undeclared: call('DELETE', '/rest/api/3/project/APP'),
  otherScope: 'read:jira:projects',
  badKey,
  refused: [
    { what: 'without its key', call: list, status: 401 },
    {
      what: 'with its key as a bearer token',
      call: withHeaders(list, { Authorization: `Bearer ${KEY}` }),
      status: 401,
    },
    {
      what: 'with the address of another',
      call: withHeaders(list, { Authorization: basic('a@b.example', KEY) }),
      status: 401,
    },
  ],
  onBehalf: [],
}
