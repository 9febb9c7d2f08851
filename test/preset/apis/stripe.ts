/** The Stripe API. https://docs.stripe.com/api */
import { basic, callsWith, json, madeUp, pageOf, withHeaders, withQuery } from '../fake-api.ts'
import type { ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const KEY = madeUp('rk_test_')
const customers = [1, 2, 3, 4, 5].map((number) => ({ id: `cus_${String(number)}`, object: 'customer' }))
const error = (status: number, message: string, code?: string): ApiResponse =>
  json(status, { error: { ...(code !== undefined && { code }), message, type: 'invalid_request_error' } })
const badKey = error(401, 'Invalid API Key provided: rk_test_****6789')

function respond({ method, path, query, headers, body }: ApiRequest, { keyWorks }: FakeState): ApiResponse {
  const { authorization } = headers
  if (authorization === undefined) return error(401, 'You did not provide an API key.')
  if (!keyWorks || ![`Bearer ${KEY}`, basic(KEY, '')].includes(authorization)) return badKey
  const version = headers['stripe-version']
  if (version !== undefined && !/^\d{4}-\d{2}-\d{2}(?:\.[a-z]+)?$/.test(String(version)))
    return error(400, 'Invalid Stripe API version')
  const named = {
    'request-id': 'req_made_up',
    'stripe-version': '2026-10-28.dahlia',
    ...(typeof headers['idempotency-key'] === 'string' && { 'idempotency-key': headers['idempotency-key'] }),
  }
  if (method === 'GET' && path === '/v1/customers') {
    const after = customers.findIndex(({ id }) => id === query.get('starting_after')) + 1
    return json(200, { object: 'list', data: pageOf(customers, after), has_more: after + 2 < customers.length }, named)
  }
  if (method === 'POST' && path === '/v1/customers') {
    if (headers['content-type'] !== 'application/x-www-form-urlencoded') return error(400, 'Invalid request body')
    return json(200, { id: 'cus_6', email: new URLSearchParams(body).get('email') }, named)
  }
  if (path === '/v1/balance') return json(200, { object: 'balance', available: [] }, named)
  return error(404, `No such customer: '${path.split('/').at(-1) ?? ''}'`, 'resource_missing')
}

const call = callsWith(
  { 'User-Agent': 'Stripe/v1 NodeBindings/23.1.0', 'Stripe-Version': '2026-10-28.dahlia' },
  'application/x-www-form-urlencoded',
)
const list = call('GET', '/v1/customers?limit=2')

export const stripe: FakeApi = {
  name: 'stripe',
  secret: { api_key: KEY },
  respond,
  // A client that wants to see a key of Stripe's format.
  authorize: (sent, token) => withHeaders(sent, { Authorization: `Bearer sk_test_${token}` }),
  authorizeDirectly: (sent) => withHeaders(sent, { Authorization: `Bearer ${KEY}` }),
  pages: {
    scope: 'read:stripe:customers',
    first: list,
    next({ json: page }) {
      const { id } = (page.data as { id: string }[]).at(-1)!
      return withQuery(list, 'starting_after', id)
    },
    items: ({ json: page }) => [page.has_more, (page.data as { id: string }[]).map(({ id }) => id)],
    expected: [
      [true, ['cus_1', 'cus_2']],
      [true, ['cus_3', 'cus_4']],
    ],
  },
  write: {
    scope: 'create:stripe:customers:write',
    call: withHeaders(call('POST', '/v1/customers', 'email=jane%40example.com&metadata[order]=7'), {
      'Idempotency-Key': 'stripe-node-retry-made-up',
    }),
    status: 200,
  },
  missing: { scope: 'read:stripe:customers', call: call('GET', '/v1/customers/cus_404'), status: 404 },
  undeclared: call('DELETE', '/v1/customers/cus_1'),
  otherScope: 'read:stripe:refunds',
  badKey,
  refused: [
    { what: 'without its key', call: list, status: 401 },
    { what: 'with its key in the query', call: withQuery(list, 'key', KEY), status: 401 },
    { what: 'with its key as the password', call: withHeaders(list, { Authorization: basic('', KEY) }), status: 401 },
    {
      what: 'with a version that is none',
      call: withHeaders(list, { Authorization: `Bearer ${KEY}`, 'Stripe-Version': 'latest' }),
      status: 400,
    },
  ],
  beyond: [
    { scope: 'read:stripe:customers', call: call('GET', '/v1/customers?expand[]=data.default_source') },
    { scope: 'read:stripe:customers', call: call('GET', '/v1/customers?expand%5B0%5D=data.subscriptions') },
    { scope: 'read:stripe:balance', call: call('GET', '/v1/balance_transactions?expand[]=data.source.customer') },
    {
      scope: 'create:stripe:refunds:write',
      call: call('POST', '/v1/refunds', 'charge=ch_1&expand[]=charge.customer'),
    },
    {
      scope: 'create:stripe:customers:write',
      call: call('POST', '/v1/customers', 'email=a&expand[0]=subscriptions'),
    },
  ],
  onBehalf: [
    ['Stripe-Account', 'acct_1'],
    ['Stripe-Context', 'acct_1/acct_2'],
  ],
  sentence: ({ json: body }) => (body.error as { message: string }).message,
}
