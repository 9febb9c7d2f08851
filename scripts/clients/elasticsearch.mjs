// Elasticsearch's own client: compressed bodies, lists of actions a line each, GET with a body, and a check of who responds.
import assert from 'node:assert/strict'
import { gunzipSync, gzipSync } from 'node:zlib'
import { bodyOf, rejectionOf, respond, respondJson } from './harness/fake.mjs'

export const packages = ['@elastic/elasticsearch@9.4.3']

export const upstreams = {
  elasticsearch: {
    preset: 'elasticsearch',
    variables: { host: 'example.com' },
    tools: {
      more: [
        'GET /_cat/indices',
        { method: 'POST', path: '/_search/scroll', capability: 'read' },
        { method: 'DELETE', path: '/_search/scroll', capability: 'read' },
      ],
      indices: ['DELETE /{index}'],
    },
    fake: api,
  },
}
export const scopes = [
  ...['info', 'search', 'documents', 'more'].map((tool) => `read:elasticsearch:${tool}`),
  ...['create', 'update'].map((capability) => `${capability}:elasticsearch:documents:write`),
  'update:elasticsearch:bulk',
  'delete:elasticsearch:documents:delete',
]
export const leftOut = { 'x-elastic-client-meta': 'telemetry of the SDK' }

const always = {
  'x-elastic-product': 'Elasticsearch',
  'content-type': 'application/vnd.elasticsearch+json;compatible-with=9',
}

/** A body as Elasticsearch sends it: compressed where the client can read that. */
function tell(response, status, value, headers = {}) {
  const text = JSON.stringify(value)
  if (!/gzip/.test(response.req.headers['accept-encoding'] ?? ''))
    return respond(response, status, text, { ...always, ...headers })
  respond(response, status, gzipSync(text), {
    ...always,
    ...headers,
    'content-encoding': 'gzip',
    vary: 'Accept-Encoding',
  })
}

const problem = (response, status, type, reason) =>
  tell(response, status, { error: { root_cause: [{ type, reason }], type, reason }, status })

function searched(response, { body, url, request }) {
  const hits = [{ _id: '1', _score: 1.5, _source: { asked: body === '' ? null : JSON.parse(body) } }]
  const headers = { warning: '299 Elasticsearch-9.4.0-a1 "[types removal] is deprecated"' }
  tell(response, 200, { took: 1, url: url.search, by: request.method, hits: { hits }, _scroll_id: 'DXF1==' }, headers)
}

function bulked(response, { body }) {
  const lines = body
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
  const actions = lines.filter((line) => line.index ?? line.delete)
  tell(response, 200, {
    errors: false,
    items: actions.map((action) => ({ index: { status: 201, asked: action } })),
    lines: lines.length,
  })
}

const routes = {
  'GET /': (response) =>
    tell(response, 200, { version: { number: '9.4.0', build_flavor: 'default' }, tagline: 'You Know, for Search' }),
  'HEAD /logs/_doc/1': (response) => response.writeHead(200, { ...always, 'content-length': '123' }).end(),
  'GET /logs/_doc/a%2Fb%20%C3%BC': (response, { url }) => tell(response, 200, { found: true, path: url.pathname }),
  'GET /logs-*%2Cmetrics/_search': searched,
  'POST /logs-*%2Cmetrics/_search': searched,
  'POST /logs/_count': (response, { body }) => tell(response, 200, { count: 1, asked: JSON.parse(body) }),
  'POST /_search/scroll': searched,
  'DELETE /_search/scroll': (response, { body }) => tell(response, 200, { succeeded: true, num_freed: body.length }),
  'GET /_cat/indices': (response) =>
    respond(response, 200, 'green open logs 1 1\n', { ...always, 'content-type': 'text/plain; charset=UTF-8' }),
  'PUT /logs/_doc/2': (response, { body, url, request }) =>
    tell(response, 201, { _id: '2', asked: body, url: url.search, opaque: request.headers['x-opaque-id'] }),
  'PUT /logs/_create/1': (response) =>
    problem(response, 409, 'version_conflict_engine_exception', 'document already exists'),
  'POST /logs/_update/1': (response, { body }) => tell(response, 200, { result: 'updated', asked: JSON.parse(body) }),
  'POST /logs/_bulk': bulked,
  'DELETE /logs/_doc/1': (response) => tell(response, 200, { result: 'deleted' }),
}

function api({ key }) {
  return async (request, response) => {
    const bytes = await bodyOf(request)
    if (request.headers.authorization !== `ApiKey ${key}`)
      return problem(response, 401, 'security_exception', 'no such key')
    const body = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString('utf8')
    const url = new URL(request.url, 'http://fake')
    const route = routes[`${request.method} ${url.pathname}`]
    if (route) return route(response, { request, body, url })
    if (request.method === 'HEAD') return respondJson(response, 404, {}, always)
    problem(response, 404, 'index_not_found_exception', `no such index [${url.pathname}]`)
  }
}

const index = 'logs-*,metrics'
const query = { bool: { filter: [{ term: { 'user.name': 'ü' } }, { range: { n: { gte: 1e21 } } }] } }

async function read({ step, client }) {
  await step('info', () => client.info())
  await step('exists', () => client.exists({ index: 'logs', id: '1' }))
  await step('exists, and does not', () => client.exists({ index: 'logs', id: 'none' }))
  await step('a document whose id holds a slash', () => client.get({ index: 'logs', id: 'a/b ü' }))
  await step('a search', () => client.search({ index, query, size: 1, sort: [{ n: 'desc' }], scroll: '1m' }))
  await step('a search by GET with a body', () =>
    client.transport.request({ method: 'GET', path: `/${encodeURIComponent(index)}/_search`, body: { query } }),
  )
  await step('a search by GET without a body', () => client.search({ index, q: 'a:b AND c:"d&e"' }))
  await step('a count', () => client.count({ index: 'logs', query }))
  await step('the next page', () => client.scroll({ scroll_id: 'DXF1==' }))
  await step('the end of a search, by DELETE with a body', () => client.clearScroll({ scroll_id: 'DXF1==' }))
  await step('a table', () => client.cat.indices())
}

async function write({ step, client }) {
  await step('a new document', () =>
    client.index(
      { index: 'logs', id: '2', document: { text: 'ü'.repeat(5_000) }, refresh: 'wait_for' },
      { opaqueId: 'a1' },
    ),
  )
  await step('a changed document', () => client.update({ index: 'logs', id: '1', doc: { a: null } }))
  await step('many at once', async () => {
    const datasource = Array.from({ length: 500 }, (_, id) => ({ id, text: `line ${id} ü\u2028` }))
    const { total, successful } = await client.helpers.bulk({
      datasource,
      index: 'logs',
      onDocument: ({ id }) => ({ index: { _index: 'logs', _id: String(id) } }),
    })
    assert.equal(successful, 500)
    return total
  })
  await step('a document that is gone', () => client.delete({ index: 'logs', id: '1' }))
  await step('a conflict', () =>
    rejectionOf(client.create({ index: 'logs', id: '1', document: {} }), ['name', 'statusCode', 'message']),
  )
}

export async function run({ at, load, step, refused }) {
  const { Client } = await load('@elastic/elasticsearch')
  const options = { node: at.elasticsearch.url, auth: { apiKey: at.elasticsearch.key } }
  const client = new Client({ ...options, compression: true })
  await read({ step, client })
  await write({ step, client })
  await step('a search, uncompressed', () => new Client(options).search({ index, query }))
  const stranger = () => new Client({ ...options, auth: { apiKey: at.elasticsearch.wrongKey } })
  await refused('a token of nobody', () => stranger().info(), /is not a token of this gateway/)
  await refused(
    'a tool that was not granted',
    () => client.indices.delete({ index: 'logs' }),
    /delete:elasticsearch:indices/,
  )
  await refused('what no tool covers', () => client.cluster.stats(), /no tool of elasticsearch covers GET/)
}
