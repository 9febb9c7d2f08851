// Linear's own client: its key bare in Authorization, everything a POST to one path.
import { bodyOf, rejectionOf, respondJson } from './harness/fake.mjs'

export const packages = ['@linear/sdk@98.0.0']
export const upstreams = { linear: { preset: 'linear', fake: api } }
export const scopes = ['create:linear:graphql']

const always = { 'x-complexity': '3', 'x-ratelimit-requests-remaining': '1499' }
const problem = (response, status, message, type) =>
  respondJson(
    response,
    status,
    { errors: [{ message, extensions: { type, userPresentableMessage: message } }] },
    always,
  )

function api({ key }) {
  return async (request, response) => {
    const body = await bodyOf(request)
    if (request.headers.authorization !== key)
      return problem(response, 401, 'not authenticated', 'authentication error')
    const { query, variables } = JSON.parse(body)
    if (query.includes('mutation')) {
      const made = { success: true, lastSyncId: 1, issue: { id: variables.input.title } }
      return respondJson(response, 200, { data: { issueCreate: made } }, always)
    }
    if (query.includes('issues(')) {
      const page = Number(variables.after ?? 0)
      const pageInfo = {
        hasNextPage: page < 2,
        hasPreviousPage: false,
        startCursor: String(page),
        endCursor: String(page + 1),
      }
      return respondJson(
        response,
        200,
        {
          data: {
            issues: {
              nodes: [
                {
                  id: `issue-${page}`,
                  title: 'ü',
                  sharedAccess: { isShared: false, disallowedIssueFields: [], sharedWithUsers: [] },
                  reactions: [],
                },
              ],
              pageInfo,
            },
          },
        },
        always,
      )
    }
    if (query.includes('viewer'))
      return respondJson(response, 200, { data: { viewer: { id: '1', name: 'Jürgen' } } }, always)
    problem(response, 200, 'Entity not found: Issue', 'invalid input')
  }
}

export async function run({ at, load, step, refused }) {
  const { LinearClient } = await load('@linear/sdk')
  const client = new LinearClient({ apiKey: at.linear.key, apiUrl: `${at.linear.url}/graphql` })
  await step('who it is', async () => (await client.viewer).name)
  await step('three pages of issues', async () => {
    let page = await client.issues({ first: 1 })
    while (page.pageInfo.hasNextPage) page = await page.fetchNext()
    return page.nodes.map(({ id }) => id)
  })
  await step('a new issue', async () => (await client.createIssue({ teamId: '1', title: 'ü 😀 "a"' })).success)
  await step('what Linear does not know', () => rejectionOf(client.issue('404'), ['type', 'message']))
  const elsewhere = new LinearClient({ apiKey: at.linear.key, apiUrl: `${at.linear.url}/graphql/other` })
  await refused('what no tool covers', () => elsewhere.viewer, /no tool of linear covers POST/)
}
