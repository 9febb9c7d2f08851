/** The GitHub REST API. https://docs.github.com/en/rest */
import { callsWith, json, linked, madeUp, pageOf, withHeaders, withQuery } from '../fake-api.ts'
import type { ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const KEY = madeUp('github_pat_')
const issues = [1, 2, 3, 4, 5].map((number) => ({ number, title: `Issue ${String(number)}` }))
const docs = 'https://docs.github.com/rest'
const badKey = json(401, { message: 'Bad credentials', documentation_url: docs, status: '401' })
const rate = { 'x-ratelimit-remaining': '4999', 'x-github-request-id': 'C0FF:EE', 'x-github-media-type': 'github.v3' }

function respond({ method, path, query, headers, body }: ApiRequest, { origin, keyWorks }: FakeState): ApiResponse {
  if (headers['user-agent'] === undefined)
    return {
      status: 403,
      headers: { 'content-type': 'text/html' },
      body: 'Request forbidden by administrative rules. Please make sure your request has a User-Agent header.',
    }
  const [scheme = '', key] = (headers.authorization ?? '').split(' ')
  if (!keyWorks || !/^(?:bearer|token)$/i.test(scheme) || key !== KEY) return badKey
  const version = headers['x-github-api-version'] ?? '2022-11-28'
  if (version !== '2022-11-28') return json(400, { message: `API version ${String(version)} is not supported` })
  if (method === 'GET' && /^\/(?:repos\/acme\/app|repositories\/42)\/issues$/.test(path))
    return issuePage(origin, query)
  if (method === 'POST' && path === '/repos/acme/app/issues') {
    const { title } = JSON.parse(body) as { title: string }
    return json(201, { number: 6, title }, { ...rate, location: `${origin}/repos/acme/app/issues/6` })
  }
  if (path === '/user') return json(200, { login: 'octocat' }, rate)
  return json(404, { message: 'Not Found', documentation_url: docs, status: '404' }, rate)
}

/** The links name the repository by its number. */
function issuePage(origin: string, query: URLSearchParams): ApiResponse {
  const page = Number(query.get('page') ?? '1')
  const link = (number: number, relation: string) =>
    `<${origin}/repositories/42/issues?per_page=2&page=${String(number)}>; rel="${relation}"`
  return json(200, pageOf(issues, (page - 1) * 2), { ...rate, link: `${link(page + 1, 'next')}, ${link(3, 'last')}` })
}

const call = callsWith({
  Accept: 'application/vnd.github+json',
  'User-Agent': 'octokit-core.js/7.0.6',
  'X-GitHub-Api-Version': '2022-11-28',
})
const list = call('GET', '/repos/acme/app/issues?per_page=2')

export const github: FakeApi = {
  name: 'github',
  secret: { api_key: KEY },
  respond,
  // As Octokit writes it.
  authorize: (sent, token) => withHeaders(sent, { Authorization: `token ${token}` }),
  authorizeDirectly: (sent) => withHeaders(sent, { Authorization: `Bearer ${KEY}` }),
  pages: {
    scope: 'read:github:issues',
    first: list,
    next: (response, base) => ({ ...list, ...linked(response, base, 'next') }),
    items: ({ text }) => (JSON.parse(text) as { number: number }[]).map(({ number }) => number),
    expected: [
      [1, 2],
      [3, 4],
    ],
  },
  write: {
    scope: 'create:github:issues:write',
    call: call('POST', '/repos/acme/app/issues', { title: 'A new one' }),
    status: 201,
  },
  missing: { scope: 'read:github:issues', call: call('GET', '/repos/acme/app/issues/404'), status: 404 },
  undeclared: call('DELETE', '/repos/acme/app'),
  otherScope: 'read:github:search',
  badKey,
  refused: [
    { what: 'without its key', call: list, status: 401 },
    { what: 'with its key in the query', call: withQuery(list, 'access_token', KEY), status: 401 },
    { what: 'with another scheme word', call: withHeaders(list, { Authorization: `Key ${KEY}` }), status: 401 },
    {
      what: 'without a User-Agent',
      call: withHeaders(list, { Authorization: `token ${KEY}`, 'User-Agent': '' }),
      status: 403,
    },
  ],
  beyond: ['protection', 'protection/restrictions', 'protection/required_signatures'].map((rest) => ({
    scope: 'read:github:repos',
    call: call('GET', `/repos/acme/app/branches/main/${rest}`),
  })),
  onBehalf: [],
  sentence: ({ json: body }) => body.message,
}
