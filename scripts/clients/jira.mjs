// jira.js, a client of Jira Cloud: Basic authentication, guards in headers, pages by token.
import { randomBytes } from 'node:crypto'
import { Buffer } from 'node:buffer'
import { bodyOf, rejectionOf, respond, respondJson } from './harness/fake.mjs'

export const packages = ['jira.js@5.4.0']
const EMAIL = 'robot@acme.example'
export const upstreams = {
  jira: {
    preset: 'jira',
    variables: { site: 'acme' },
    secret: () => ({ email: EMAIL, api_token: `ATATT${randomBytes(16).toString('hex')}` }),
    keyField: 'api_token',
    fake: api,
  },
}
export const scopes = [
  'read:jira:myself',
  'read:jira:search',
  'read:jira:issues',
  'create:jira:issues:write',
  'update:jira:issues:write',
]

const always = { 'x-arequestid': '0123', 'x-ratelimit-remaining': '99', vary: 'Accept-Encoding' }
const nothing = { errorMessages: ['Issue does not exist or you do not have permission to see it.'], errors: {} }

function api({ key }) {
  const routes = {
    'GET myself': (response) => respondJson(response, 200, { accountId: '5b10' }, always),
    'GET search/jql': (response, _, url) => {
      const page = Number(url.searchParams.get('nextPageToken') ?? 0)
      const more = page < 2 ? { nextPageToken: String(page + 1) } : { isLast: true }
      respondJson(response, 200, { issues: [{ key: `APP-${page}`, asked: url.search }], ...more }, always)
    },
    'POST search/jql': (response, body) => respondJson(response, 200, { issues: [], asked: JSON.parse(body) }, always),
    'POST issue': (response, body) => respondJson(response, 201, { key: 'APP-9', asked: JSON.parse(body) }, always),
    'PUT issue/APP-9': (response) => response.writeHead(204, always).end(),
    'POST issue/APP-9/comment': (response, body) =>
      respondJson(response, 201, { id: '1', asked: JSON.parse(body) }, always),
  }
  return async (request, response) => {
    const body = await bodyOf(request)
    const basic = `Basic ${Buffer.from(`${EMAIL}:${key}`).toString('base64')}`
    if (request.headers.authorization !== basic)
      return respond(response, 401, 'Client must be authenticated to access this resource.', {
        'content-type': 'text/html',
      })
    if (request.headers['x-atlassian-token'] !== 'no-check') return respond(response, 403, 'XSRF check failed')
    const url = new URL(request.url, 'http://fake')
    const route = routes[`${request.method} ${url.pathname.replace('/rest/api/3/', '')}`]
    return route ? route(response, body, url) : respondJson(response, 404, nothing, always)
  }
}

export async function run({ at, load, step, refused }) {
  const { Version3Client } = await load('jira.js')
  const client = new Version3Client({
    host: at.jira.url,
    noCheckAtlassianToken: true,
    strictGDPR: true,
    authentication: { basic: { email: EMAIL, apiToken: at.jira.key } },
  })
  const { issueSearch, issues, issueComments } = client
  await step('who it is', () => client.myself.getCurrentUser())
  await step('three pages of a search', async () => {
    const found = []
    let nextPageToken
    do {
      const asked = { jql: 'text ~ "ü & +"', maxResults: 1, nextPageToken }
      const page = await issueSearch.searchForIssuesUsingJqlEnhancedSearch(asked)
      found.push(...page.issues)
      nextPageToken = page.nextPageToken
    } while (nextPageToken)
    return found
  })
  await step('a search by POST', () => issueSearch.searchForIssuesUsingJqlEnhancedSearchPost({ jql: 'project = APP' }))
  const fields = { project: { key: 'APP' }, issuetype: { name: 'Task' }, summary: 'ü 😀' }
  await step('a new issue', () => issues.createIssue({ fields }))
  await step('a changed issue', () => issues.editIssue({ issueIdOrKey: 'APP-9', fields: { summary: '' } }))
  const comment = { type: 'doc', version: 1, content: [] }
  await step('a comment', () => issueComments.addComment({ issueIdOrKey: 'APP-9', comment }))
  const shown = (call) =>
    call.catch((error) => {
      throw new Error(`${error.message} ${JSON.stringify(error.response?.data)}`, { cause: error })
    })
  await step('what Jira does not know', () =>
    rejectionOf(shown(issues.getIssue({ issueIdOrKey: 'APP-404' })), ['message']),
  )
  await refused(
    'a tool that was not granted',
    () => shown(issues.deleteIssue({ issueIdOrKey: 'APP-9' })),
    /delete:jira:issues:delete/,
  )
  await refused(
    'what no tool covers',
    () => shown(client.projects.deleteProject({ projectIdOrKey: 'APP' })),
    /no tool of jira covers DELETE/,
  )
}
