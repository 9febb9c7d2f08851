/** Elasticsearch with an API key. https://www.elastic.co/docs/api/doc/elasticsearch/authentication */
import { basic, callsWith, json, pageOf, withHeaders } from '../fake-api.ts'
import type { ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const KEY = Buffer.from('made-up:0123456789012345678901').toString('base64')
const hits = [1, 2, 3, 4, 5].map((number) => ({ _id: `doc-${String(number)}`, sort: [number] }))
const TYPE = 'application/vnd.elasticsearch+json; compatible-with=9'
const named = {
  'x-elastic-product': 'Elasticsearch',
  'content-type': 'application/vnd.elasticsearch+json;compatible-with=9',
}
const error = (status: number, type: string, reason: string): ApiResponse =>
  json(status, { error: { root_cause: [{ type, reason }], type, reason }, status }, named)
const badKey = error(401, 'security_exception', 'unable to authenticate with provided credentials')

function respond({ method, path, headers, body }: ApiRequest, { keyWorks }: FakeState): ApiResponse {
  if (headers.authorization === undefined) return error(401, 'security_exception', 'missing authentication credentials')
  if (!keyWorks || headers.authorization !== `ApiKey ${KEY}`)
    return { ...badKey, headers: { ...named, 'www-authenticate': 'Basic realm="security", ApiKey' } }
  if (body !== '' && !/^application\/(?:vnd\.elasticsearch\+)?json/.test(headers['content-type'] ?? ''))
    return json(406, { error: 'Content-Type header is not supported', status: 406 }, named)
  if (path === '/_security/_authenticate') return json(200, { username: 'robot', api_key: { id: 'made-up' } }, named)
  if (path === '/logs/_search') {
    const { search_after: [after] = [0] } = JSON.parse(body) as { search_after?: number[] }
    return json(200, { hits: { hits: pageOf(hits, Number(after)) } }, named)
  }
  if (method === 'PUT' && path === '/logs/_doc/doc-6')
    return json(201, { _id: 'doc-6', result: 'created', _source: JSON.parse(body) as object }, named)
  return error(404, 'index_not_found_exception', 'no such index [gone]')
}

const call = callsWith(
  { Accept: `${TYPE},text/plain`, 'User-Agent': 'elasticsearch-js/9.4.3 (linux)', 'X-Opaque-Id': 'task-1' },
  TYPE,
)
const search = (fields: object) => call('POST', '/logs/_search', { size: 2, sort: ['at'], ...fields })
const list = search({})
const found = (page: Record<string, unknown>) => (page.hits as { hits: typeof hits }).hits

export const elasticsearch: FakeApi = {
  name: 'elasticsearch',
  variables: { host: 'cluster.acme.example' },
  secret: { api_key: KEY },
  respond,
  authorize: (sent, token) => withHeaders(sent, { Authorization: `ApiKey ${token}` }),
  authorizeDirectly: (sent) => withHeaders(sent, { Authorization: `ApiKey ${KEY}` }),
  pages: {
    scope: 'read:elasticsearch:search',
    first: list,
    next: ({ json: page }) => search({ search_after: found(page).at(-1)!.sort }),
    items: ({ json: page }) => found(page).map(({ _id: id }) => id),
    expected: [
      ['doc-1', 'doc-2'],
      ['doc-3', 'doc-4'],
    ],
  },
  write: {
    scope: 'update:elasticsearch:documents:write',
    call: call('PUT', '/logs/_doc/doc-6', { at: 6 }),
    status: 201,
  },
  missing: { scope: 'read:elasticsearch:search', call: call('GET', '/gone/_mapping'), status: 404 },
  undeclared: call('DELETE', '/logs'),
  otherScope: 'read:elasticsearch:documents',
  badKey,
  refused: [
    { what: 'without its key', call: list, status: 401 },
    {
      what: 'with its key as a bearer token',
      call: withHeaders(list, { Authorization: `Bearer ${KEY}` }),
      status: 401,
    },
    {
      what: 'with its key as a password',
      call: withHeaders(list, { Authorization: basic('made-up', KEY) }),
      status: 401,
    },
    {
      what: 'with a body of another type',
      call: withHeaders(list, { Authorization: `ApiKey ${KEY}`, 'Content-Type': 'text/plain' }),
      status: 406,
    },
  ],
  beyond: [
    ...[{ docs: [{ _index: 'salaries', _id: '1' }] }, { ids: ['1'], docs: [] }, { ids: ['1'], Docs: [] }].map(
      (body) => ({ scope: 'read:elasticsearch:documents', call: call('POST', '/logs/_mget', body) }),
    ),
    {
      scope: 'read:elasticsearch:documents',
      call: call('POST', '/logs/_mget?source=%7B%22docs%22%3A%5B%5D%7D&source_content_type=application%2Fjson'),
    },
  ],
  onBehalf: [['es-security-runas-user', 'administrator']],
  sentence: ({ json: body }) => (body.error as { root_cause: { reason: string }[] }).root_cause[0]!.reason,
}
