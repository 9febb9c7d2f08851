// Stripe's own client. It knows no path before the API's, so it talks to a port of the gateway that stands for Stripe alone.
import assert from 'node:assert/strict'
import { bodyOf, hasBearer, rejectionOf, respondJson } from './harness/fake.mjs'

export const packages = ['stripe@23.1.0']

export const upstreams = {
  stripe: {
    listener: true,
    preset: 'stripe',
    document: { request_headers: { 'Stripe-Account': ['acct_1', 'acct_2'] } },
    tools: {
      more: [
        'GET /v2/core/events',
        { method: 'DELETE', path: '/v1/customers/{id}', capability: 'read' },
        { method: 'POST', path: '/v1/payment_intents', capability: 'read' },
      ],
    },
    fake: api,
  },
}
export const scopes = [
  ...['invoices', 'customers', 'expanded', 'more'].map((tool) => `read:stripe:${tool}`),
  'create:stripe:customers:write',
  'update:stripe:customers:write',
]
export const responsesLeftOut = { 'stripe-account': 'repeats what the client has said' }
export const leftOut = {
  'x-stripe-client-user-agent': 'telemetry of the SDK',
  'x-stripe-client-telemetry': 'telemetry of the SDK',
}
/** The SDK makes one up for each write, and keeps it for further tries. */
export const comparable = {
  'idempotency-key': (value) => value.replace(/^(stripe-node-retry-)[0-9a-f-]{36}$/, '$1'),
}

const always = {
  server: 'nginx',
  'request-id': 'req_example',
  'stripe-version': '2026-10-28.example',
  'access-control-allow-origin': '*',
  'cache-control': 'no-cache, no-store',
  vary: 'Origin',
  'strict-transport-security': 'max-age=63072000; includeSubDomains; preload',
}

const invoices = Array.from({ length: 7 }, (_, at) => ({ id: `in_${at}`, object: 'invoice', total: 100 * at }))

function listed({ searchParams }) {
  const begin = 1 + invoices.findIndex(({ id }) => id === searchParams.get('starting_after'))
  const end = begin + Number(searchParams.get('limit') ?? 10)
  return { object: 'list', url: '/v1/invoices', has_more: end < invoices.length, data: invoices.slice(begin, end) }
}

function searched({ searchParams }) {
  const isFirst = !searchParams.has('page')
  return {
    object: 'search_result',
    url: '/v1/invoices/search',
    has_more: isFirst,
    next_page: isFirst ? 'WzE3+/==' : null,
    data: [{ ...invoices[isFirst ? 0 : 1], metadata: { query: searchParams.get('query') } }],
  }
}

function api({ key }) {
  const state = { tries: 0, key: undefined }
  const found = (response, request, value) => {
    const { 'stripe-account': account, 'idempotency-key': idempotency } = request.headers
    const echoed = {
      ...(account && { 'stripe-account': account }),
      ...(idempotency && { 'idempotency-key': idempotency }),
    }
    respondJson(response, 200, value, { ...always, ...(idempotency?.includes('retry') ? {} : echoed) })
  }
  const problem = (response, status, error, headers) =>
    respondJson(response, status, { error }, { ...always, ...headers })
  const routes = {
    'GET /v1/invoices': (response, request, url) => found(response, request, listed(url)),
    'GET /v1/invoices/search': (response, request, url) => found(response, request, searched(url)),
    'GET /v1/customers': (response, request, url) =>
      found(response, request, { object: 'list', data: [], has_more: false, url: url.search }),
    'GET /v2/core/events': (response, request, url) => found(response, request, { data: [], url: url.search }),
    'POST /v1/customers': (response, request, _, body) =>
      found(response, request, {
        id: 'cus_1',
        object: 'customer',
        form: body,
        account: request.headers['stripe-account'],
      }),
    'DELETE /v1/customers/cus_1': (response, request) => found(response, request, { id: 'cus_1', deleted: true }),
    'POST /v1/customers/cus_busy': (response, request) => {
      const idempotency = request.headers['idempotency-key']
      if (state.tries++ === 0) {
        state.key = idempotency
        return problem(
          response,
          409,
          { type: 'idempotency_error', code: 'lock_timeout' },
          { 'stripe-should-retry': 'true' },
        )
      }
      found(response, request, { id: 'cus_busy', object: 'customer', is_same: idempotency === state.key })
    },
    'POST /v1/payment_intents': (response) =>
      problem(response, 402, {
        type: 'card_error',
        code: 'card_declined',
        decline_code: 'lost_card',
        message: 'Declined.',
      }),
  }
  return async (request, response) => {
    const body = (await bodyOf(request)).toString('utf8')
    if (!hasBearer(request, key)) return problem(response, 401, { message: 'Invalid API Key provided' })
    const url = new URL(request.url, 'http://fake')
    const route = routes[`${request.method} ${url.pathname}`]
    if (route === undefined) return problem(response, 404, { type: 'invalid_request_error', message: request.url })
    route(response, request, url, body)
  }
}

/** What Stripe itself returned, without what the SDK adds to it. */
const plain = (value) => JSON.parse(JSON.stringify(value))

async function read({ step, stripe }) {
  await step('invoices.list, with an expansion', async () => {
    const list = await stripe.invoices.list({ limit: 3, expand: ['data.customer'], created: { gte: 1, lt: 2 } })
    assert.equal(list.lastResponse.requestId, 'req_example')
    return { list: plain(list), version: list.lastResponse.apiVersion }
  })
  await step('all pages', async () => {
    const ids = []
    for await (const { id } of stripe.invoices.list({ limit: 3 })) ids.push(id)
    assert.equal(ids.length, invoices.length)
    return ids
  })
  await step('all pages of a search', async () => {
    const query = `status:'open' AND metadata["a&b"]:"ü+1"`
    const all = await stripe.invoices.search({ query }).autoPagingToArray({ limit: 10 })
    assert.deepEqual(
      all.map(({ metadata }) => metadata.query),
      [query, query],
    )
    return plain(all)
  })
  await step('for a connected account', async () =>
    plain(await stripe.customers.list({ email: 'a+b@example.com' }, { stripeAccount: 'acct_1' })),
  )
  await step('an API of the second kind', async () => plain(await stripe.rawRequest('GET', '/v2/core/events?limit=2')))
}

async function write({ step, stripe }) {
  await step('customers.create, for a connected account, once', async () =>
    plain(
      await stripe.customers.create(
        { name: 'Ü & Söhne =', metadata: { 'a b': '[x]' }, address: { line1: '1+1' }, preferred_locales: ['de', 'en'] },
        { stripeAccount: 'acct_2', idempotencyKey: 'order-17 "a"' },
      ),
    ),
  )
  await step('customers.del', async () => plain(await stripe.customers.del('cus_1')))
  await step('a conflict, and the same call again', async () => {
    const customer = plain(await stripe.customers.update('cus_busy', { name: 'a' }))
    assert.equal(customer.is_same, true)
    return customer
  })
  await step('a card that is declined', () =>
    rejectionOf(stripe.paymentIntents.create({ amount: 1, currency: 'eur' }), [
      'type',
      'statusCode',
      'code',
      'decline_code',
      'message',
      'requestId',
    ]),
  )
}

export async function run({ at, load, step, refused }) {
  const { default: Stripe } = await load('stripe')
  const { hostname, port } = new URL(at.stripe.url)
  const settings = { host: hostname, port: Number(port), protocol: 'http', maxNetworkRetries: 2 }
  const stripe = new Stripe(at.stripe.key, settings)
  await read({ step, stripe })
  await write({ step, stripe })
  await refused(
    'a token of nobody',
    () => new Stripe(at.stripe.wrongKey, settings).invoices.list(),
    /is not a token of this gateway/,
  )
  await refused(
    'a tool that was not granted',
    () => stripe.refunds.create({ charge: 'ch_1' }),
    /create:stripe:refunds:write/,
  )
  await refused('what no tool covers', () => stripe.accounts.retrieve('acct_1'), /no tool of stripe covers GET/)
  await refused(
    'another account',
    () => stripe.invoices.list({}, { stripeAccount: 'acct_of_another' }),
    /stripe-account has a value that upstream stripe does not allow/,
  )
}
