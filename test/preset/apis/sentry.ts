/** The Sentry Web API: paths end in a slash, and links tell whether there is more. https://docs.sentry.io/api/ */
import { callsWith, json, linked, madeUp, pageOf, withHeaders, withQuery } from '../fake-api.ts'
import type { ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const KEY = madeUp('sntryu_')
const issues = [1, 2, 3, 4, 5].map((number) => ({ id: String(number), status: 'unresolved' }))
const badKey = json(401, { detail: 'Invalid token' })
const rate = { 'x-sentry-rate-limit-limit': '40', 'x-sentry-rate-limit-remaining': '39', 'x-hits': '5' }

function respond({ method, path, query, headers, body }: ApiRequest, { origin, keyWorks }: FakeState): ApiResponse {
  if (!path.endsWith('/')) return { status: 404, headers: { 'content-type': 'text/html' }, body: 'Not Found' }
  if (headers.authorization === undefined) return json(401, { detail: 'Authentication credentials were not provided.' })
  if (!keyWorks || headers.authorization !== `Bearer ${KEY}`) return badKey
  if (path === '/api/0/organizations/') return json(200, [{ slug: 'acme' }], rate)
  if (method === 'GET' && path === '/api/0/organizations/acme/issues/') {
    const after = Number((query.get('cursor') ?? '0:0:0').split(':')[1])
    const link = (to: number, relation: string, results: boolean) =>
      `<${origin}${path}?limit=2&cursor=0:${String(to)}:0>; rel="${relation}"; results="${String(results)}"; cursor="0:${String(to)}:0"`
    const more = after + 2 < issues.length
    return json(200, pageOf(issues, after), {
      ...rate,
      link: `${link(Math.max(after - 2, 0), 'previous', after > 0)}, ${link(after + 2, 'next', more)}`,
    })
  }
  if (method === 'PUT' && path === '/api/0/organizations/acme/issues/1/')
    return json(200, { ...issues[0], ...(JSON.parse(body) as object) }, rate)
  return json(404, { detail: 'The requested resource does not exist' }, rate)
}

const call = callsWith({ 'User-Agent': 'python-requests/2.33' })
const list = call('GET', '/api/0/organizations/acme/issues/?limit=2')

export const sentry: FakeApi = {
  name: 'sentry',
  variables: { host: 'us.sentry.io' },
  secret: { api_key: KEY },
  respond,
  authorize: (sent, token) => withHeaders(sent, { Authorization: `Bearer ${token}` }),
  authorizeDirectly: (sent) => withHeaders(sent, { Authorization: `Bearer ${KEY}` }),
  pages: {
    scope: 'read:sentry:issues',
    first: list,
    next: (response, base) => ({ ...list, ...linked(response, base, 'next') }),
    items: ({ text, headers }) => [
      /rel="next"; results="(\w+)"; cursor="([^"]*)"/.exec(String(headers.link))?.slice(1),
      (JSON.parse(text) as { id: string }[]).map(({ id }) => id),
    ],
    expected: [
      [
        ['true', '0:2:0'],
        ['1', '2'],
      ],
      [
        ['true', '0:4:0'],
        ['3', '4'],
      ],
    ],
  },
  write: {
    scope: 'update:sentry:issues:write',
    call: call('PUT', '/api/0/organizations/acme/issues/1/', { status: 'resolved' }),
    status: 200,
  },
  missing: { scope: 'read:sentry:issues', call: call('GET', '/api/0/organizations/gone/issues/'), status: 404 },
  undeclared: call('DELETE', '/api/0/projects/acme/app/'),
  otherScope: 'read:sentry:releases',
  badKey,
  refused: [
    { what: 'without its key', call: list, status: 401 },
    { what: 'with its key in the query', call: withQuery(list, 'token', KEY), status: 401 },
    {
      what: 'without a slash at the end',
      call: { ...withHeaders(list, { Authorization: `Bearer ${KEY}` }), path: '/api/0/organizations/acme/issues' },
      status: 404,
    },
  ],
  onBehalf: [],
}
