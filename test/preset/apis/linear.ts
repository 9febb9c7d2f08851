/** The Linear GraphQL API: one path for queries and mutations. https://linear.app/developers/graphql */
import { callsWith, json, madeUp, pageOf, withHeaders } from '../fake-api.ts'
import type { ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const KEY = madeUp('lin_api_')
const issues = [1, 2, 3, 4, 5].map((number) => ({ id: `issue-${String(number)}` }))
const named = { 'x-ratelimit-requests-remaining': '1499', 'x-complexity': '3', 'x-request-id': 'made-up' }
const error = (status: number, message: string, type: string): ApiResponse =>
  json(status, { errors: [{ message, extensions: { type, userError: true, userPresentableMessage: message } }] }, named)
const badKey = error(401, 'Authentication required, not authenticated', 'authentication error')

function respond({ method, path, headers, body }: ApiRequest, { keyWorks }: FakeState): ApiResponse {
  if (path !== '/graphql') return { status: 404 }
  // It guards against forms of other sites (CSRF).
  if (method !== 'POST' || headers['content-type'] !== 'application/json')
    return error(400, 'Bad Request', 'graphql error')
  if (/^bearer lin_api_/i.test(headers.authorization ?? ''))
    return error(400, "It looks like you're trying to use an API key as a Bearer token.", 'authentication error')
  if (!keyWorks || headers.authorization !== KEY) return badKey
  const { query, variables = {} } = JSON.parse(body) as { query: string; variables?: Record<string, string> }
  if (query.startsWith('mutation'))
    return json(200, { data: { issueCreate: { success: true, issue: variables } } }, named)
  if (query.includes('issue(id:')) return error(200, 'Entity not found: Issue', 'invalid input')
  const after = Number(variables.after ?? '0')
  const pageInfo = { hasNextPage: after + 2 < issues.length, endCursor: String(after + 2) }
  return json(200, { data: { issues: { nodes: pageOf(issues, after), pageInfo } } }, named)
}

const call = callsWith({ 'User-Agent': '@linear/sdk@98.0.0' })
const graphql = (query: string, variables: object = {}) => call('POST', '/graphql', { query, variables })
const query =
  'query ($after: String) { issues(first: 2, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }'
const list = graphql(query)

interface IssuePage {
  readonly issues: { readonly nodes: { id: string }[]; readonly pageInfo: { readonly endCursor: string } }
}

export const linear: FakeApi = {
  name: 'linear',
  secret: { api_key: KEY },
  respond,
  authorize: (sent, token) => withHeaders(sent, { Authorization: token }),
  authorizeDirectly: (sent) => withHeaders(sent, { Authorization: KEY }),
  pages: {
    scope: 'create:linear:graphql',
    first: list,
    next: ({ json: { data } }) => graphql(query, { after: (data as IssuePage).issues.pageInfo.endCursor }),
    items: ({ json: { data } }) => (data as IssuePage).issues.nodes.map(({ id }) => id),
    expected: [
      ['issue-1', 'issue-2'],
      ['issue-3', 'issue-4'],
    ],
  },
  write: {
    scope: 'create:linear:graphql',
    call: graphql('mutation ($title: String!) { issueCreate(input: { title: $title }) { success } }', { title: 'New' }),
    status: 200,
  },
  missing: { scope: 'create:linear:graphql', call: graphql('query { issue(id: "404") { id } }'), status: 200 },
  undeclared: call('POST', '/oauth/token', {}),
  // A scope that only reads: the one tool is none of those.
  otherScope: 'read:linear:graphql',
  badKey,
  refused: [
    { what: 'without its key', call: list, status: 401 },
    {
      what: 'with its key as a bearer token',
      call: withHeaders(list, { Authorization: `Bearer ${KEY}` }),
      status: 400,
      says: 'Bearer',
    },
    {
      what: 'with a form',
      call: withHeaders(list, { Authorization: KEY, 'Content-Type': 'application/x-www-form-urlencoded' }),
      status: 400,
    },
  ],
  onBehalf: [],
  // Its client shows `error` where the body is none of GraphQL.
  sentence: ({ json: body }) => body.error,
}
