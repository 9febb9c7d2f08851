// Gitbeaker, a client of GitLab: paths of projects and files in one segment, pages by link.
import { bodyOf, rejectionOf, respond, respondJson } from './harness/fake.mjs'

export const packages = ['@gitbeaker/rest@43.8.0']
export const upstreams = { gitlab: { preset: 'gitlab', fake: api } }
export const scopes = ['read:gitlab:issues', 'create:gitlab:issues:write', 'read:gitlab:repository']

function api({ key, url: base }) {
  const project = '/api/v4/projects/acme%2Fapp'
  const routes = {
    [`GET ${project}/issues`]: (response, _, url) => {
      const page = Number(url.searchParams.get('page') ?? 1)
      const next = `<${base}${project}/issues?page=${page + 1}&per_page=1>; rel="next"`
      const more = page < 3 ? { link: next, 'x-next-page': String(page + 1) } : { 'x-next-page': '' }
      const counts = { 'x-page': String(page), 'x-per-page': '1', 'x-total': '3', 'x-total-pages': '3' }
      respondJson(response, 200, [{ iid: page }], { ...counts, ...more })
    },
    [`POST ${project}/issues`]: (response, body) => respondJson(response, 201, { iid: 9, ...JSON.parse(body) }),
    [`GET ${project}/repository/files/src%2F%C3%BC.ts/raw`]: (response, _, url) =>
      respond(response, 200, `// ${url.search}\n`, {
        'content-type': 'text/plain; charset=utf-8',
        'x-gitlab-ref': 'main',
      }),
  }
  return async (request, response) => {
    const body = await bodyOf(request)
    if (request.headers['private-token'] !== key) return respondJson(response, 401, { message: '401 Unauthorized' })
    const url = new URL(request.url, 'http://fake')
    const route = routes[`${request.method} ${url.pathname}`]
    return route ? route(response, body, url) : respondJson(response, 404, { message: '404 Not found' })
  }
}

export async function run({ at, load, step, refused }) {
  const { Gitlab } = await load('@gitbeaker/rest')
  const gitlab = new Gitlab({ host: at.gitlab.url, token: at.gitlab.key })
  const project = 'acme/app'
  await step('all issues', () => gitlab.Issues.all({ projectId: project, perPage: 1 }))
  await step('a new issue', () => gitlab.Issues.create(project, 'ü 😀', { labels: 'a,b' }))
  await step('a file', () => gitlab.RepositoryFiles.showRaw(project, 'src/ü.ts', 'main'))
  const told = async () => {
    const { message, description, response } = await rejectionOf(gitlab.Issues.show(404, { projectId: project }), [
      'message',
      'description',
      'response',
    ])
    return { message, description, status: response?.status }
  }
  await step('what GitLab does not know', told)
  await refused('a tool that was not granted', () => gitlab.MergeRequests.all({ projectId: project }), /merge-requests/)
  await refused('what no tool covers', () => gitlab.Projects.remove(project), /no tool of gitlab covers DELETE/)
}
