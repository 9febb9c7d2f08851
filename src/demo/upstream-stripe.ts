import { randomBytes } from 'node:crypto'
import { listen } from './upstream.ts'
import type { DemoResponse, ReceivedRequest, LocalUpstream, LocalUpstreamOptions } from './upstream.ts'

/** The parts of Stripe's API that the article needs: `Authorization: Bearer <key>`, or basic with the key as user name. */

const created = Date.parse('2026-01-15T09:00:00Z') / 1000

const customers = [
  {
    id: 'cus_1',
    object: 'customer',
    name: 'Ada Marchetti',
    email: 'ada.marchetti@example.com',
    phone: '+1 415 555 0117',
    address: { line1: '510 Townsend Street', city: 'San Francisco', country: 'US' },
    created,
    livemode: true,
  },
  {
    id: 'cus_2',
    object: 'customer',
    name: 'Bernd Okafor',
    email: 'bernd.okafor@example.com',
    phone: '+49 30 5550142',
    address: { line1: 'Torstrasse 12', city: 'Berlin', country: 'DE' },
    created: created + 3600,
    livemode: true,
  },
]

const invoice = (number: number, customer: string, total: number, status: string) => ({
  id: `in_${number}`,
  object: 'invoice',
  customer,
  currency: 'usd',
  total,
  amount_due: status === 'paid' ? 0 : total,
  amount_paid: status === 'paid' ? total : 0,
  status,
  number: `ACME-000${number}`,
  created: created + number * 86_400,
  livemode: true,
})
const invoices = [
  invoice(1, 'cus_1', 4200, 'paid'),
  invoice(2, 'cus_2', 129_900, 'open'),
  invoice(3, 'cus_1', 4200, 'paid'),
]

const subscriptions = [
  {
    id: 'sub_1',
    object: 'subscription',
    customer: 'cus_1',
    status: 'active',
    current_period_end: created + 30 * 86_400,
    items: { object: 'list', data: [{ id: 'si_1', object: 'subscription_item', quantity: 1 }], has_more: false },
  },
]

const charges: Readonly<Record<string, number>> = { ch_1: 4200, ch_2: 129_900 }

interface Refund {
  readonly id: string
  readonly object: 'refund'
  readonly amount: number
  readonly charge: string
  readonly currency: 'usd'
  readonly status: 'succeeded'
}

/** A Stripe-like API on loopback. */
export function startStripe(options?: LocalUpstreamOptions): Promise<LocalUpstream> {
  const key = `sk_live_${randomBytes(24).toString('hex')}`
  const refunds: Refund[] = []
  const byIdempotencyKey = new Map<string, DemoResponse>()

  function respond(request: ReceivedRequest): DemoResponse {
    const { method, path, headers } = request
    if (path === '/v1/echo')
      return {
        status: 200,
        headers: { 'x-echo-authorization': headers.authorization ?? '' },
        body: { object: 'echo', authorization: headers.authorization, key, body: request.body },
      }
    if (method === 'GET' && path === '/v1/events/stream')
      return {
        status: 200,
        events: (count) => ({
          id: `evt_${count}`,
          object: 'event',
          type: 'invoice.paid',
          data: { object: { id: `in_${count}` } },
        }),
      }
    if (method === 'POST' && path === '/v1/refunds')
      return once(headers['idempotency-key'], () => refund(request, refunds))
    if (method === 'GET' || method === 'HEAD')
      return collection(request, { invoices, customers, subscriptions, refunds })
    return unrecognized(request)
  }

  function once(idempotencyKey: string | string[] | undefined, act: () => DemoResponse): DemoResponse {
    if (typeof idempotencyKey !== 'string') return act()
    const earlier = byIdempotencyKey.get(idempotencyKey)
    if (earlier) return { ...earlier, headers: { ...earlier.headers, 'idempotent-replayed': 'true' } }
    const result = act()
    byIdempotencyKey.set(idempotencyKey, result)
    return result
  }

  return listen(
    { key, isAuthorized: ({ authorization }) => keyOf(authorization) === key, unauthorized, respond },
    options,
  )
}

/** Refunds a charge, whole or in part, and adds it to those made so far. */
function refund({ body }: ReceivedRequest, refunds: Refund[]): DemoResponse {
  const form = new URLSearchParams(body)
  const charge = form.get('charge')
  if (charge === null)
    return failure(400, 'One of the following params should be provided for this request: payment_intent or charge.')
  const charged = Object.hasOwn(charges, charge) ? charges[charge] : undefined
  if (charged === undefined)
    return failure(404, `No such charge: '${charge}'`, { code: 'resource_missing', param: 'charge' })
  const amount = Number(form.get('amount') ?? charged)
  const left =
    charged - refunds.filter((other) => other.charge === charge).reduce((sum, other) => sum + other.amount, 0)
  if (!Number.isInteger(amount) || amount < 1 || amount > left)
    return failure(
      400,
      `Refund amount (${form.get('amount') ?? String(charged)}) is greater than unrefunded amount on charge (${left})`,
      { param: 'amount' },
    )
  const made: Refund = {
    id: `re_${refunds.length + 1}`,
    object: 'refund',
    amount,
    charge,
    currency: 'usd',
    status: 'succeeded',
  }
  refunds.push(made)
  return result(200, made)
}

function keyOf(authorization: string | undefined): string | undefined {
  const [, scheme, credential] = /^(bearer|basic) +(\S+)$/i.exec(authorization ?? '') ?? []
  if (scheme === undefined || credential === undefined) return undefined
  return scheme.toLowerCase() === 'bearer'
    ? credential
    : Buffer.from(credential, 'base64').toString('utf8').split(':')[0]
}

/** `/v1/<name>` and `/v1/<name>/<id>`. */
function collection(
  request: ReceivedRequest,
  lists: Readonly<Record<string, readonly { readonly id: string; readonly customer?: string }[]>>,
): DemoResponse {
  const [, name = '', id] = /^\/v1\/([a-z]+)(?:\/([\w-]+))?$/.exec(request.path) ?? []
  const entries = Object.hasOwn(lists, name) ? lists[name] : undefined
  if (entries === undefined) return unrecognized(request)
  if (id !== undefined) {
    const found = entries.find((entry) => entry.id === id)
    return found
      ? result(200, found)
      : failure(404, `No such ${name.slice(0, -1)}: '${id}'`, { code: 'resource_missing', param: 'id' })
  }
  return page(name, entries, request.query)
}

function page(
  name: string,
  entries: readonly { readonly id: string; readonly customer?: string }[],
  query: URLSearchParams,
): DemoResponse {
  const customer = query.get('customer')
  const after = query.get('starting_after')
  const limit = Number(query.get('limit') ?? 10)
  if (!Number.isInteger(limit) || limit < 1 || limit > 100)
    return failure(400, 'Invalid integer: limit must be between 1 and 100', { param: 'limit' })
  const wanted = customer === null ? entries : entries.filter((entry) => entry.customer === customer)
  const start = after === null ? 0 : wanted.findIndex((entry) => entry.id === after) + 1
  return result(200, {
    object: 'list',
    url: `/v1/${name}`,
    has_more: wanted.length > start + limit,
    data: wanted.slice(start, start + limit),
  })
}

const result = (status: number, body: unknown): DemoResponse => ({
  status,
  headers: { 'request-id': `req_${randomBytes(7).toString('hex')}`, 'stripe-version': '2026-01-28' },
  body,
})
const failure = (status: number, message: string, details: object = {}): DemoResponse =>
  result(status, { error: { type: 'invalid_request_error', message, ...details } })
const unrecognized = ({ method, path }: ReceivedRequest): DemoResponse =>
  failure(404, `Unrecognized request URL (${method}: ${path}).`)
const unauthorized: DemoResponse = {
  status: 401,
  headers: { 'www-authenticate': 'Basic realm="Stripe"' },
  body: { error: { type: 'invalid_request_error', message: 'Invalid API Key provided.' } },
}
