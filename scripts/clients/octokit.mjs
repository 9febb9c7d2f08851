// GitHub's own client. Uploads have a host of their own, and archives are somewhere else again.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { bodyOf, hasBearer, respond, respondJson } from './harness/fake.mjs'

export const packages = ['octokit@5.0.5']

const repo = '/repos/{owner}/{repo}'

export const upstreams = {
  github: {
    preset: 'github',
    tools: {
      // What the preset leaves out, and what only this fake has.
      more: [
        `GET ${repo}/git/matching-refs/{ref...}`,
        'GET /archives/{name}',
        'GET /limited',
        { method: 'DELETE', path: `${repo}/subscription`, capability: 'read' },
        { method: 'POST', path: '/graphql', capability: 'read' },
      ],
    },
    fake: api,
  },
  'github-uploads': {
    tools: { assets: [{ method: 'POST', path: `${repo}/releases/{id}/assets`, capability: 'create' }] },
    fake: uploads,
  },
  // It is not known to the gateway.
  codeload: { isOutside: true, fake: archives },
}
export const scopes = [
  ...['user', 'repos', 'contents', 'issues', 'search', 'more'].map((tool) => `read:github:${tool}`),
  'update:github:contents:write',
  'create:github:issues:write',
  'update:github:issues:write',
  'create:github-uploads:assets',
]

/** What GitHub sends with every response. */
const always = {
  server: 'github.com',
  'cache-control': 'private, max-age=60, s-maxage=60',
  vary: 'Accept, Authorization, Cookie, X-GitHub-OTP,Accept-Encoding, Accept, X-Requested-With',
  'x-oauth-scopes': 'repo, read:org',
  'x-accepted-oauth-scopes': 'repo',
  'x-github-media-type': 'github.v3; format=json',
  'x-github-api-version-selected': '2022-11-28',
  'x-github-request-id': 'E1C2:3AFF:1:2:65A0',
  'x-ratelimit-limit': '5000',
  'x-ratelimit-remaining': '4990',
  'x-ratelimit-reset': '1796126400',
  'x-ratelimit-used': '10',
  'x-ratelimit-resource': 'core',
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'ETag, Link, Location, Retry-After',
  'strict-transport-security': 'max-age=31536000; includeSubdomains; preload',
  'x-frame-options': 'deny',
  'x-content-type-options': 'nosniff',
  'x-xss-protection': '0',
  'referrer-policy': 'origin-when-cross-origin, strict-origin-when-cross-origin',
  'content-security-policy': "default-src 'none'",
}
const found = (response, value, headers) => respondJson(response, 200, value, { ...always, ...headers })

const archive = Buffer.from('archive of the branch feature/a, in bytes: \x00\x01\x02\xff', 'latin1')
const issues = Array.from({ length: 95 }, (_, at) => ({ number: at + 1, title: `issue ${at + 1}`, state: 'open' }))

/** A page, with links as GitHub writes them: under another path than the one that was asked for. */
function page(response, url, base) {
  const [per, at] = ['per_page', 'page'].map((name, i) => Number(url.searchParams.get(name) ?? [30, 1][i]))
  const last = Math.ceil(issues.length / per)
  const link = (to, rel) => `<${base}/repositories/42/issues?state=all&per_page=${per}&page=${to}>; rel="${rel}"`
  const links = [
    ...(at > 1 ? [link(at - 1, 'prev'), link(1, 'first')] : []),
    ...(at < last ? [link(at + 1, 'next'), link(last, 'last')] : []),
  ]
  found(response, issues.slice((at - 1) * per, at * per), { link: links.join(', ') })
}

const nestedFile = (response, url) => {
  const path = decodeURIComponent(url.pathname.slice('/repos/o/r/contents/'.length))
  found(response, { type: 'file', path, encoding: 'base64', content: 'aGVsbG8=', sha: 'a1' })
}

/** By method and the beginning of the path; the longest wins. */
const routes = ({ url: base, urls, state }) => ({
  'GET /user': (response) => found(response, { login: 'octocat', id: 1 }),
  'GET /repos/o/r/contents/': (response, url, request) => {
    if (!request.headers.accept.includes('raw')) return nestedFile(response, url)
    respond(response, 200, 'plain text\r\nas it is', { ...always, 'content-type': 'application/vnd.github.raw' })
  },
  'PUT /repos/o/r/contents/': (response, url, _, body) => found(response, { commit: JSON.parse(body).message }),
  'GET /repos/o/r/git/ref/': (response, url) => found(response, { ref: decodeURIComponent(url.pathname) }),
  'GET /repos/o/r/git/matching-refs/': (response, url) => found(response, [{ ref: url.pathname }]),
  'GET /repos/o/r/compare/': (response, url) => found(response, { status: 'ahead', url: url.pathname }),
  'GET /repos/o/r/tarball/': (response) => moved(response, 302, `${base}/archives/a.tar.gz?signature=1`),
  'GET /repos/o/r/zipball/': (response) => moved(response, 302, `${urls.codeload}/o/r/legacy.zip/main?token=A`),
  'GET /archives/': (response) =>
    respond(response, 200, archive, {
      'content-type': 'application/x-gzip',
      'content-disposition': 'attachment; filename=o-r-a1.tar.gz',
      etag: 'W/"a1"',
    }),
  'GET /repos/o/old': (response) => moved(response, 301, `${base}/repositories/42`),
  'GET /repositories/42': (response) => found(response, { id: 42, full_name: 'o/r' }),
  'GET /repositories/42/issues': (response, url) => page(response, url, base),
  'GET /repos/o/r/issues': (response, url) => page(response, url, base),
  'GET /repos/o/r/issues/7': (response, url, request) => {
    if (request.headers['if-none-match'] !== '"i7"') return found(response, issues[6], { etag: '"i7"' })
    response.writeHead(304, { ...always, etag: '"i7"' }).end()
  },
  'POST /repos/o/r/issues': (response, url, _, body) =>
    respondJson(
      response,
      201,
      { number: 96, ...JSON.parse(body) },
      { ...always, location: `${base}/repos/o/r/issues/96` },
    ),
  'PATCH /repos/o/r/issues/7': (response, url, _, body) => found(response, JSON.parse(body)),
  'DELETE /repos/o/r/subscription': (response) => response.writeHead(204, always).end(),
  'GET /search/code': (response, url) => found(response, { total_count: 1, items: [{ query: url.search }] }),
  'POST /graphql': (response, url, _, body) => found(response, { data: { asked: JSON.parse(body).variables } }),
  'GET /limited': (response) => {
    if (state.tries++ > 0) return found(response, { tries: state.tries })
    respondJson(
      response,
      429,
      { message: 'API rate limit exceeded' },
      { ...always, 'retry-after': '1', 'x-ratelimit-remaining': '0' },
    )
  },
})

const moved = (response, status, location) =>
  response.writeHead(status, { ...always, location, 'content-type': 'text/html', 'content-length': 0 }).end()

function api({ key, ...places }) {
  const table = routes({ ...places, state: { tries: 0 } })
  return async (request, response) => {
    const body = await bodyOf(request)
    if (!hasBearer(request, key)) return respondJson(response, 401, { message: 'Bad credentials' }, always)
    const url = new URL(request.url, 'http://fake')
    const asked = `${request.method} ${url.pathname}`
    const route = Object.keys(table)
      .filter((one) => (one.endsWith('/') ? asked.startsWith(one) : asked === one))
      .sort((one, other) => other.length - one.length)[0]
    if (route === undefined) return respondJson(response, 404, { message: 'Not Found' }, always)
    table[route](response, url, request, body)
  }
}

function uploads({ key }) {
  return async (request, response) => {
    const body = await bodyOf(request)
    if (!hasBearer(request, key)) return respondJson(response, 401, { message: 'Bad credentials' }, always)
    const name = new URL(request.url, 'http://fake').searchParams.get('name')
    const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`
    respondJson(
      response,
      201,
      { name, size: body.length, digest, content_type: request.headers['content-type'] },
      always,
    )
  }
}

function archives() {
  return async (_, response) => respond(response, 200, archive, { 'content-type': 'application/zip' })
}

const named = { owner: 'o', repo: 'r' }
const bytesOf = (data) => Buffer.from(data).toString('base64')

async function read({ step, octokit: { rest, paginate, request } }) {
  const told = async (asking) => {
    const { data, status, headers } = await asking
    return { status, data, etag: headers.etag, left: headers['x-ratelimit-remaining'] }
  }
  await step('users.getAuthenticated', () => told(rest.users.getAuthenticated()))
  await step('a file in folders', () =>
    told(rest.repos.getContent({ ...named, path: 'src/a b/ü#?.ts', ref: 'feature/a' })),
  )
  await step('a file as it is', () =>
    told(rest.repos.getContent({ ...named, path: 'docs/x.txt', mediaType: { format: 'raw' } })),
  )
  await step('a branch with slashes', () => told(rest.git.getRef({ ...named, ref: 'heads/feature/a' })))
  await step('branches that begin alike', () => told(rest.git.listMatchingRefs({ ...named, ref: 'heads/feature' })))
  await step('a comparison', () =>
    told(rest.repos.compareCommitsWithBasehead({ ...named, basehead: 'v1...feature/a' })),
  )
  await step('an archive, by a redirect', async () => {
    const { status, data, headers } = await rest.repos.downloadTarballArchive({ ...named, ref: 'feature/a' })
    assert.equal(bytesOf(data), archive.toString('base64'))
    return { status, name: headers['content-disposition'] }
  })
  await step('a repository that has moved', () => told(rest.repos.get({ owner: 'o', repo: 'old' })))
  await step('all pages', async () => {
    const all = await paginate(rest.issues.listForRepo, { ...named, state: 'all', per_page: 40 })
    assert.equal(all.length, issues.length)
    return all
  })
  await step('what has not changed', async () => {
    const { headers } = await rest.issues.get({ ...named, issue_number: 7 })
    const again = rest.issues.get({ ...named, issue_number: 7, headers: { 'if-none-match': headers.etag } })
    const { status } = await again.then(assert.fail, (error) => error)
    assert.equal(status, 304)
    return { etag: headers.etag, status }
  })
  await step('a search', () => told(rest.search.code({ q: 'addClass in:file language:js repo:o/r "a+b&c"' })))
  await step('a rate limit, and the call again', () => told(request('GET /limited')))
  await step('what GitHub does not know', async () => {
    const { status, message } = await rest.issues.get({ ...named, issue_number: 8 }).then(assert.fail, (error) => error)
    return { status, message }
  })
}

async function write({ step, octokit: { rest, graphql } }) {
  await step(
    'a new file',
    async () =>
      (await rest.repos.createOrUpdateFileContents({ ...named, path: 'a/b.txt', message: 'ü', content: 'aGVsbG8=' }))
        .data,
  )
  await step(
    'a new issue',
    async () => (await rest.issues.create({ ...named, title: 'ü "quoted"', labels: ['a'] })).headers.location,
  )
  await step(
    'a changed issue',
    async () => (await rest.issues.update({ ...named, issue_number: 7, state: 'closed' })).data,
  )
  await step('a deletion', async () => (await rest.activity.deleteRepoSubscription(named)).status)
  await step('GraphQL', () => graphql('query($login: String!) { user(login: $login) { id } }', { login: 'octocat' }))
}

const assetBytes = randomBytes(300_000)
const uploaded = ({ octokit, at }) =>
  octokit.rest.repos.uploadReleaseAsset({
    ...named,
    release_id: 1,
    baseUrl: at['github-uploads'].url,
    name: 'mcp vault+ü.tar.gz',
    label: 'for Linux',
    data: assetBytes,
    headers: { 'content-type': 'application/gzip' },
  })

export async function run({ at, load, step, refused }) {
  const { Octokit } = await load('octokit')
  const quiet = { debug() {}, info() {}, warn() {}, error() {} }
  const octokitOf = ({ url, key }) => new Octokit({ auth: key, baseUrl: url, log: quiet })
  const octokit = octokitOf(at.github)
  await read({ step, octokit })
  await write({ step, octokit })
  const uploading = octokitOf({ ...at.github, key: at['github-uploads'].key })
  await step('a release asset, to the host for uploads', async () => (await uploaded({ octokit: uploading, at })).data)
  const stranger = () => octokitOf({ ...at.github, key: at.github.wrongKey })
  await refused('a token of nobody', () => stranger().rest.users.getAuthenticated(), /is not a token of this gateway/)
  await refused('a tool that was not granted', () => octokit.rest.pulls.list(named), /read:github:pulls/)
  await refused(
    'an archive that is somewhere else',
    () => octokit.rest.repos.downloadZipballArchive({ ...named, ref: 'main' }),
    /redirects to .*follow_redirects/,
    1,
  )
  await refused('what no tool covers', () => octokit.rest.repos.delete(named), /no tool of github covers DELETE/)
}
