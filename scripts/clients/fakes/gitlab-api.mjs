// GitLab's REST API as far as its clients' habits go: projects and files by encoded path, pages by header and by Link, its errors.
import { bodyOf, respond, respondJson } from '../harness/fake.mjs'

const ISSUES = Array.from({ length: 5 }, (_, at) => ({
  id: 100 + at,
  iid: at + 1,
  project_id: 7,
  title: `issue ${at + 1}`,
}))
const FILE = 'export const a = "ü"\n'

export function gitlabApi({ key, url: origin }) {
  const state = { tries: 0 }
  return async (request, response) => {
    const body = await bodyOf(request)
    const { pathname, searchParams: search } = new URL(request.url, origin)
    if (request.headers['private-token'] !== key) return respondJson(response, 401, { message: '401 Unauthorized' })
    const route = routes[`${request.method} ${pathname}`]
    if (route === undefined) return respondJson(response, 404, { message: '404 Project Not Found' })
    return route({ response, body, origin, search, state })
  }
}

const project = '/api/v4/projects/acme%2Fweb.app'
const files = `${project}/repository/files`

const fileNamed = (path, ref) => ({
  file_name: path.split('/').at(-1),
  file_path: path,
  size: Buffer.byteLength(FILE),
  encoding: 'base64',
  content: Buffer.from(FILE).toString('base64'),
  ref,
})

const sendText = ({ response }) => respond(response, 200, FILE, { 'content-type': 'text/plain; charset=utf-8' })
/** https://docs.gitlab.com/api/repository_files/: what HEAD is for. */
const fileHeaders = { 'x-gitlab-file-path': 'src/lib/a.ts', 'x-gitlab-size': '22', 'x-gitlab-content-sha256': 'abc' }

const routes = {
  'GET /api/v4/user': ({ response }) => respondJson(response, 200, { id: 1, username: 'someone' }),
  'GET /api/v4/projects': sendKeyset,
  'GET /api/v4/limited': ({ response, state }) =>
    state.tries++ === 0
      ? respondJson(response, 429, { message: 'Retry later' }, { 'retry-after': '1' })
      : respondJson(response, 200, { tries: state.tries }),
  [`GET ${project}`]: ({ response, origin }) =>
    respondJson(response, 200, {
      id: 7,
      path_with_namespace: 'acme/web.app',
      _links: { self: `${origin}/api/v4/projects/7` },
    }),
  [`GET ${project}/issues`]: sendPage,
  [`POST ${project}/issues`]: ({ response, body, origin }) =>
    respondJson(response, 201, { iid: 6, ...JSON.parse(body) }, { location: `${origin}${project}/issues/6` }),
  [`DELETE ${project}/issues/1`]: ({ response }) => response.writeHead(204).end(),
  [`GET ${project}/variables/KEY`]: ({ response, search }) =>
    respondJson(response, 200, { key: 'KEY', value: search.get('filter[environment_scope]') }),
  [`GET ${project}/repository/branches/feature%2Fx`]: ({ response }) =>
    respondJson(response, 200, { name: 'feature/x' }),
  [`GET ${files}/src%2Flib%2Fa%20b.ts`]: ({ response, search }) =>
    respondJson(response, 200, fileNamed('src/lib/a b.ts', search.get('ref'))),
  [`HEAD ${files}/src%2Flib%2Fa.ts`]: ({ response }) => response.writeHead(200, fileHeaders).end(),
  [`GET ${files}/src%2Flib%2Fa%20b.ts/raw`]: sendText,
  [`GET ${files}/src%2Flib%2F%C3%BC.ts/raw`]: sendText,
  [`POST ${files}/docs%2Fnew.bin`]: ({ response, body }) =>
    respondJson(response, 201, { file_path: 'docs/new.bin', branch: JSON.parse(body).branch }),
  'POST /api/v4/projects/7/uploads': ({ response, body }) =>
    respondJson(response, 201, { alt: 'a', url: '/uploads/a', markdown: String(body.length) }),
  [`PUT ${project}/packages/generic/tool/1.0/tool.tgz`]: ({ response }) =>
    respondJson(response, 201, { message: '201 Created' }),
  [`GET ${project}/repository/archive.tar.gz`]: ({ response }) =>
    respond(response, 200, Buffer.alloc(70_000, 1), { 'content-type': 'application/octet-stream' }),
}

/** https://docs.gitlab.com/api/rest/#offset-based-pagination */
function sendPage({ response, origin, search }) {
  const size = Number(search.get('per_page') ?? 20)
  const page = Number(search.get('page') ?? 1)
  const last = Math.ceil(ISSUES.length / size)
  const link = (rel, to) => `<${origin}${project}/issues?page=${to}&per_page=${size}>; rel="${rel}"`
  const links = [...(page < last ? [link('next', page + 1)] : []), link('first', 1), link('last', last)]
  respondJson(response, 200, ISSUES.slice((page - 1) * size, page * size), {
    link: links.join(', '),
    'x-next-page': page < last ? String(page + 1) : '',
    'x-page': String(page),
    'x-per-page': String(size),
    'x-prev-page': page > 1 ? String(page - 1) : '',
    'x-total': String(ISSUES.length),
    'x-total-pages': String(last),
  })
}

/** https://docs.gitlab.com/api/rest/#keyset-based-pagination */
function sendKeyset({ response, origin, search }) {
  const after = Number(search.get('id_after') ?? 0)
  const found = [1, 2, 3, 4, 5].filter((id) => id > after).slice(0, 2)
  const next = `<${origin}/api/v4/projects?id_after=${found.at(-1)}&order_by=id&pagination=keyset&per_page=2&sort=asc>; rel="next"`
  respondJson(
    response,
    200,
    found.map((id) => ({ id })),
    found.length === 2 ? { link: next } : {},
  )
}
