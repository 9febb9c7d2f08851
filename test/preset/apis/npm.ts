/** The npm registry. https://github.com/npm/registry/blob/main/docs/REGISTRY-API.md */
import { basic, callsWith, json, madeUp, pageOf, withHeaders, withQuery } from '../fake-api.ts'
import type { ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const KEY = madeUp('npm_')
const found = [1, 2, 3, 4, 5].map((number) => ({ package: { name: `@acme/app-${String(number)}` } }))
const badKey = json(401, { error: 'Unauthorized' })
const named = { 'npm-notice': 'made up' }

function respond({ method, target, query, headers, body }: ApiRequest, { keyWorks }: FakeState): ApiResponse {
  if (!keyWorks || headers.authorization !== `Bearer ${KEY}`) return badKey
  const path = target.split('?', 1)[0]!
  if (path === '/-/whoami') return json(200, { username: 'robot' }, named)
  if (method === 'GET' && path === '/-/v1/search')
    return json(200, { objects: pageOf(found, Number(query.get('from') ?? '0')), total: found.length }, named)
  // A scoped name is one segment: the registry has no such package where its slash stands for itself.
  if (method === 'PUT' && path === '/@acme%2fapp-1') {
    const { _id: id, versions } = JSON.parse(body) as { _id: string; versions: object }
    return json(201, { ok: true, id, rev: String(Object.keys(versions).length) }, named)
  }
  return json(404, { error: 'Not found' }, named)
}

const call = callsWith({ 'User-Agent': 'npm/11.6.0 node/v22.22.0 linux x64' })
const list = call('GET', '/-/v1/search?text=acme&size=2')
const document = { _id: '@acme/app-1', name: '@acme/app-1', versions: { '1.0.0': { version: '1.0.0' } } }

export const npm: FakeApi = {
  name: 'npm',
  secret: { api_key: KEY },
  respond,
  authorize: (sent, token) => withHeaders(sent, { Authorization: `Bearer ${token}` }),
  authorizeDirectly: (sent) => withHeaders(sent, { Authorization: `Bearer ${KEY}` }),
  pages: {
    scope: 'read:npm:search',
    first: list,
    next: () => withQuery(list, 'from', '2'),
    items: ({ json: page }) => (page.objects as typeof found).map(({ package: { name } }) => name),
    expected: [
      ['@acme/app-1', '@acme/app-2'],
      ['@acme/app-3', '@acme/app-4'],
    ],
  },
  write: { scope: 'update:npm:packages:publish', call: call('PUT', '/@acme%2fapp-1', document), status: 201 },
  missing: { scope: 'read:npm:packages', call: call('GET', '/@acme%2fgone'), status: 404 },
  undeclared: call('DELETE', '/@acme%2fapp-1/-rev/1-0'),
  otherScope: 'read:npm:packages',
  badKey,
  refused: [
    { what: 'without its key', call: list, status: 401 },
    {
      what: 'with its key as a password',
      call: withHeaders(list, { Authorization: basic('robot', KEY) }),
      status: 401,
    },
    {
      what: 'with the slash of a scope',
      call: { ...withHeaders(list, { Authorization: `Bearer ${KEY}` }), path: '/@acme/app-1', method: 'PUT' },
      status: 404,
    },
  ],
  onBehalf: [['npm-otp', '123456']],
  // As npm-registry-fetch reads it.
  sentence: ({ json: body }) => body.error,
}
