// Shopify's own client of its Admin API, over REST and GraphQL: it knows a host and no path before the API's.
import { bodyOf, respondJson } from './harness/fake.mjs'

export const packages = ['@shopify/admin-api-client@2.0.0']
export const upstreams = { shopify: { preset: 'shopify', variables: { shop: 'acme' }, listener: true, fake: api } }
export const scopes = ['read:shopify:products', 'create:shopify:products:write', 'create:shopify:graphql']

const always = { 'x-shopify-shop-api-call-limit': '1/40', 'x-shopify-api-version': '2026-07' }

function api({ key, url: base }) {
  const routes = {
    'GET products': (response, _, url) => {
      const page = Number(url.searchParams.get('page_info') ?? 0)
      const link = `<${base}${url.pathname}?limit=1&page_info=${page + 1}>; rel="next"`
      respondJson(response, 200, { products: [{ id: page }] }, { ...always, ...(page < 2 && { link }) })
    },
    'POST products': (response, body) => respondJson(response, 201, { product: JSON.parse(body).product }, always),
    'POST graphql': (response, body) => respondJson(response, 200, { data: { asked: JSON.parse(body) } }, always),
  }
  return async (request, response) => {
    const body = await bodyOf(request)
    if (request.headers['x-shopify-access-token'] !== key)
      return respondJson(response, 401, { errors: '[API] Invalid API key or access token' })
    const url = new URL(request.url, 'http://fake')
    const route = routes[`${request.method} ${/^\/admin\/api\/2026-07\/(.*)\.json$/.exec(url.pathname)?.[1]}`]
    return route ? route(response, body, url) : respondJson(response, 404, { errors: 'Not Found' }, always)
  }
}

export async function run({ at, load, step, refused }) {
  const { createAdminApiClient, createAdminRestApiClient } = await load('@shopify/admin-api-client')
  const { key: accessToken, url } = at.shopify
  const settings = { storeDomain: new URL(url).host, apiVersion: '2026-07', accessToken, isTesting: true }
  const rest = createAdminRestApiClient({ ...settings, scheme: 'http' })
  const told = async (call) => {
    const response = await call
    return {
      status: response.status,
      link: response.headers.get('link')?.replace(url, ''),
      text: await response.text(),
    }
  }
  await step('a page of products', () => told(rest.get('products', { searchParams: { limit: 1, title: 'ü & +' } })))
  await step('the next one', () => told(rest.get('products', { searchParams: { limit: 1, page_info: '1' } })))
  await step('a new product', () => told(rest.post('products', { data: { product: { title: 'ü 😀' } } })))
  await step('what Shopify does not know', () => told(rest.get('products/404')))
  const graphql = createAdminApiClient({
    ...settings,
    // It speaks https to shops; here the shop is on loopback.
    customFetchApi: (target, options) => globalThis.fetch(target.replace(/^https:/, 'http:'), options),
  })
  await step('a query', async () => {
    const { data, errors } = await graphql.request('{ shop { name } }', { variables: { a: 'ü' } })
    return errors ?? data
  })
  const failing = async (call) => {
    const response = await call
    if (!response.ok) throw new Error(await response.text())
  }
  await refused('a tool that was not granted', () => failing(rest.get('orders')), /read:shopify:orders/)
  await refused('what no tool covers', () => failing(rest.delete('products/1')), /no tool of shopify covers DELETE/)
}
