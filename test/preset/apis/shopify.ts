/** The Shopify Admin API over REST. https://shopify.dev/docs/api/admin-rest */
import { callsWith, json, linked, madeUp, pageOf, withHeaders, withQuery } from '../fake-api.ts'
import type { ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const KEY = madeUp('shpat_')
const products = [1, 2, 3, 4, 5].map((id) => ({ id, title: `Product ${String(id)}` }))
const badKey = json(401, { errors: '[API] Invalid API key or access token (unrecognized login or wrong password)' })
const named = { 'x-shopify-shop-api-call-limit': '1/40', 'x-shopify-api-version': '2026-07', 'x-request-id': 'made-up' }

function respond({ method, path, query, headers, body }: ApiRequest, { origin, keyWorks }: FakeState): ApiResponse {
  if (!keyWorks || headers['x-shopify-access-token'] !== KEY) return badKey
  const [, version, resource = ''] = /^\/admin\/api\/([^/]+)\/(.*)\.json$/.exec(path) ?? []
  if (!/^\d{4}-\d{2}$/.test(version ?? '')) return json(404, { errors: 'Not Found' }, named)
  if (resource === 'shop') return json(200, { shop: { name: 'Acme' } }, named)
  if (method === 'GET' && resource === 'products') {
    const after = Number(query.get('page_info') ?? '0')
    const link = `<${origin}${path}?limit=2&page_info=${String(after + 2)}>; rel="next"`
    return json(200, { products: pageOf(products, after) }, { ...named, link })
  }
  if (method === 'POST' && resource === 'products') {
    if (headers['content-type'] !== 'application/json') return json(400, { errors: { product: 'Required' } }, named)
    return json(201, { product: { id: 6, ...(JSON.parse(body) as { product: object }).product } }, named)
  }
  return json(404, { errors: 'Not Found' }, named)
}

const call = callsWith({ 'User-Agent': 'Admin REST API client v2.0.0' })
const list = call('GET', '/admin/api/2026-07/products.json?limit=2')

export const shopify: FakeApi = {
  name: 'shopify',
  variables: { shop: 'acme' },
  secret: { api_key: KEY },
  respond,
  authorize: (sent, token) => withHeaders(sent, { 'X-Shopify-Access-Token': token }),
  authorizeDirectly: (sent) => withHeaders(sent, { 'X-Shopify-Access-Token': KEY }),
  pages: {
    scope: 'read:shopify:products',
    first: list,
    next: (response, base) => ({ ...list, ...linked(response, base, 'next') }),
    items: ({ json: page }) => (page.products as { id: number }[]).map(({ id }) => id),
    expected: [
      [1, 2],
      [3, 4],
    ],
  },
  write: {
    scope: 'create:shopify:products:write',
    call: call('POST', '/admin/api/2026-07/products.json', { product: { title: 'New' } }),
    status: 201,
  },
  missing: {
    scope: 'read:shopify:products',
    call: call('GET', '/admin/api/2026-07/products/404.json'),
    status: 404,
  },
  undeclared: call('DELETE', '/admin/api/2026-07/products/1.json'),
  otherScope: 'read:shopify:orders',
  badKey,
  refused: [
    { what: 'without its key', call: list, status: 401 },
    {
      what: 'with its key as a bearer token',
      call: withHeaders(list, { Authorization: `Bearer ${KEY}` }),
      status: 401,
    },
    { what: 'with its key in the query', call: withQuery(list, 'access_token', KEY), status: 401 },
  ],
  onBehalf: [],
}
