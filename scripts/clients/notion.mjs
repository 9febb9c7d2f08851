// Notion's own client: a version in every request, pages by cursor, JSON in every method.
import assert from 'node:assert/strict'
import { Blob } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { bodyOf, hasBearer, rejectionOf, respondJson } from './harness/fake.mjs'

export const packages = ['@notionhq/client@5.26.0']

export const upstreams = {
  notion: {
    preset: 'notion',
    tools: {
      files: ['/v1/file_uploads', '/v1/file_uploads/{id}/send'].map((path) => ({
        method: 'POST',
        path,
        capability: 'read',
      })),
    },
    fake: api,
  },
}
export const scopes = [
  ...['users', 'search', 'pages', 'data', 'files'].map((tool) => `read:notion:${tool}`),
  'create:notion:pages:write',
  'update:notion:pages:write',
]
export const responsesLeftOut = { 'cf-ray': 'of the network before the API' }

const always = {
  'x-notion-request-id': '1f6b6e8c-0000-4000-8000-000000000000',
  'cf-ray': '8a0-FRA',
  vary: 'Accept-Encoding',
  etag: 'W/"1a-example"',
  'strict-transport-security': 'max-age=5184000; includeSubDomains',
}
const found = (response, value) => respondJson(response, 200, value, always)
const problem = (response, status, code, message, headers) =>
  respondJson(response, status, { object: 'error', status, code, message }, { ...always, ...headers })
const content = randomBytes(40_000)
const ID = '1f6b6e8c-1111-4000-8000-000000000000'

const page = (response, cursor, rest) =>
  found(response, {
    object: 'list',
    results: [{ object: 'page', id: cursor ?? 'first', ...rest }],
    has_more: !cursor,
    next_cursor: cursor ? null : ID,
  })

function api({ key }) {
  const state = { tries: 0 }
  const routes = {
    'GET /v1/users/me': (response, request) =>
      found(response, { object: 'user', version: request.headers['notion-version'] }),
    [`GET /v1/pages/${ID}`]: (response) => {
      if (state.tries++ === 0) return problem(response, 429, 'rate_limited', 'slow down', { 'retry-after': '1' })
      found(response, { object: 'page', id: ID })
    },
    [`GET /v1/blocks/${ID}/children`]: (response, _, __, url) => page(response, url.searchParams.get('start_cursor')),
    'POST /v1/search': (response, _, body) =>
      page(response, JSON.parse(body).start_cursor, { asked: JSON.parse(body) }),
    [`POST /v1/data_sources/${ID}/query`]: (response, _, body, url) =>
      page(response, JSON.parse(body).start_cursor, { asked: JSON.parse(body), only: url.search }),
    'POST /v1/pages': (response, _, body) => found(response, { object: 'page', id: ID, asked: JSON.parse(body) }),
    [`PATCH /v1/pages/${ID}`]: (response, _, body) =>
      found(response, { object: 'page', id: ID, asked: JSON.parse(body) }),
    [`PATCH /v1/blocks/${ID}/children`]: (response, _, body) => found(response, { results: JSON.parse(body).children }),
    'POST /v1/file_uploads': (response) => found(response, { object: 'file_upload', id: ID, status: 'pending' }),
    [`POST /v1/file_uploads/${ID}/send`]: (response, _, body) =>
      found(response, { id: ID, content_length: body.length }),
  }
  return async (request, response) => {
    const body = await bodyOf(request)
    if (!hasBearer(request, key)) return problem(response, 401, 'unauthorized', 'API token is invalid.')
    if (!request.headers['notion-version'])
      return problem(response, 400, 'missing_version', 'Notion-Version is missing')
    const url = new URL(request.url, 'http://fake')
    const route = routes[`${request.method} ${url.pathname}`]
    return route
      ? route(response, request, body, url)
      : problem(response, 404, 'object_not_found', 'Could not find it.')
  }
}

const filter = { property: 'Größe', number: { greater_than: 1e21 } }

export async function run({ at, load, step, refused }) {
  const { Client, LogLevel, iteratePaginatedAPI } = await load('@notionhq/client')
  const settings = { baseUrl: at.notion.url, logLevel: LogLevel.ERROR }
  const notion = new Client({ ...settings, auth: at.notion.key })
  const all = async (call, asking) => {
    const results = []
    for await (const one of iteratePaginatedAPI(call, asking)) results.push(one)
    assert.equal(results.length, 2)
    return results
  }
  await step('users.me', () => notion.users.me({}))
  await step('a rate limit, and the call again', () => notion.pages.retrieve({ page_id: ID }))
  await step('all results of a search', () => all(notion.search, { query: 'ü "a"', page_size: 1 }))
  await step('all rows of a data source', () =>
    all(notion.dataSources.query, { data_source_id: ID, filter, filter_properties: ['a%3Ab', 'title'] }),
  )
  await step('all blocks of a page', () => all(notion.blocks.children.list, { block_id: ID, page_size: 1 }))
  const properties = { title: [{ text: { content: 'ü 😀 \u2028' } }] }
  await step('a new page', () => notion.pages.create({ parent: { page_id: ID }, properties }))
  await step('a changed page', () => notion.pages.update({ page_id: ID, archived: true }))
  await step('more blocks', () => notion.blocks.children.append({ block_id: ID, children: [{ divider: {} }] }))
  await step('a file, as a form', async () => {
    const { id } = await notion.fileUploads.create({ filename: 'ü.pdf', content_type: 'application/pdf' })
    return notion.fileUploads.send({ file_upload_id: id, file: { filename: 'ü.pdf', data: new Blob([content]) } })
  })
  const missing = notion.pages.retrieve.bind(notion, { page_id: ID.replace('1111', '2222') })
  await step('what Notion does not know', () => rejectionOf(missing(), ['name', 'status', 'code', 'message']))
  await refused(
    'a token of nobody',
    () => new Client({ ...settings, auth: at.notion.wrongKey }).users.me({}),
    /is not a token of this gateway/,
  )
  await refused(
    'a tool that was not granted',
    () => notion.blocks.delete({ block_id: ID }),
    /delete:notion:blocks:delete/,
  )
  await refused('what no tool covers', () => notion.fileUploads.list({}), /no tool of notion covers GET/)
}
