// The real Stripe SDK, with a phantom token for a key, through the gateway to Stripe's own stripe-mock, which checks every request
// against Stripe's OpenAPI. Needs Go and a build (npm run build); the module and its version are in test/conformance/stripe-mock.mod.
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { setTimeout } from 'node:timers'
import Stripe from 'stripe'
import { auditPath, cli, endAll, startRelay, startServer, startStripeMock } from './stripe-mock-servers.mjs'

const AGENT = 'stripe-conformance'
const SCOPES = ['read:stripe:invoices', 'read:stripe:customers:id-only', 'create:stripe:invoiceitems']
const TOOLS = {
  invoices: { operations: ['GET /v1/invoices', 'GET /v1/invoices/{id}'] },
  'customers/id-only': { operations: ['GET /v1/customers'], fields: ['object', 'url', 'has_more', 'data[].id'] },
  invoiceitems: { operations: ['POST /v1/invoiceitems'] },
  refunds: { operations: ['POST /v1/refunds'] },
}
/** The strictest staleness limit is 5 s; a long poll that is under way when contact is lost comes on top. */
const FEED_LOST_MS = 90_000

const key = `sk_test_${randomBytes(16).toString('hex')}`
const tokens = []
let checks = 0

function check(what, ok, found) {
  if (!ok)
    throw new Error(
      `${what}${found === undefined ? '' : `; found ${typeof found === 'string' ? found : JSON.stringify(found)}`}`,
    )
  checks++
  console.log(`  ok  ${what}`)
}

/** Vault's HTTP API under the root token. */
const vaultAt = (vaultUrl) => async (method, path, body) => {
  const answer = await fetch(`${vaultUrl}/v1/${path}`, {
    method,
    headers: { 'x-vault-token': 'root' },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
  return text === '' ? {} : JSON.parse(text)
}

async function provision(vault, upstreamUrl) {
  await vault('POST', 'secret/data/mcp/stripe', { data: { api_key: key } })
  await vault('POST', 'mcp/upstreams/stripe', { url: upstreamUrl, allow_private_addresses: true, sensitivity: 'high' })
  for (const [name, tool] of Object.entries(TOOLS)) await vault('POST', `mcp/tools/stripe/${name}`, tool)
  await vault('POST', `mcp/agents/${AGENT}`, { owner: 'platform-team', environment: 'test' })
  await vault('POST', `mcp/agents/${AGENT}/scopes`, { scopes: SCOPES })
}

async function issue(vault) {
  const issued = await vault('POST', `mcp/creds/${AGENT}`, { purpose: 'conformance' })
  tokens.push(issued.data.token)
  return { token: issued.data.token, lease: issued.lease_id }
}

function sdk(stripeUrl, token) {
  const { hostname, port } = new URL(stripeUrl)
  return new Stripe(token, {
    host: hostname,
    port: Number(port),
    protocol: 'http',
    maxNetworkRetries: 0,
    telemetry: false,
  })
}

/** The SDK's error, which the call must throw. */
async function refused(what, type, statusCode, call) {
  const error = await call().then(
    () => undefined,
    (thrown) => thrown,
  )
  check(
    `${what}: ${type}${statusCode === undefined ? '' : ` ${statusCode}`}`,
    error?.type === type && error.statusCode === statusCode,
    error ? `${error.type} ${error.statusCode} ${error.message}` : 'success',
  )
  return error
}

async function checkConsent(vault, stripe, relay) {
  const error = await refused("a key without its owner's consent", 'StripeAPIError', 502, () => stripe.invoices.list())
  check(
    'the refusal says so, and nothing was sent upstream',
    error.code === 'key_consent_missing' && relay.seen() === '',
    error.code,
  )
  await vault('POST', 'secret/metadata/mcp/stripe', { custom_metadata: { mcp_origins: relay.url } })
}

async function checkAllowed(stripe, mock) {
  const invoices = await stripe.invoices.list({ limit: 3 })
  check('invoices.list', invoices.object === 'list' && invoices.data[0].object === 'invoice', invoices.object)
  const paged = []
  for await (const { id } of stripe.invoices.list({ limit: 1 })) paged.push(id)
  check('invoices.list, page by page', paged.length > 0)
  const invoice = await stripe.invoices.retrieve('in_conformance', { expand: ['customer'] })
  check(
    'invoices.retrieve with an expansion',
    invoice.id === 'in_conformance' && invoice.customer.object === 'customer',
    invoice.id,
  )
  check(
    "the answer carries the upstream's own request id",
    invoice.lastResponse.requestId === 'req_123',
    invoice.lastResponse.requestId,
  )
  const item = await stripe.invoiceItems.create(
    { customer: 'cus_1', amount: 4200, currency: 'eur', metadata: { 'a b': 'ü&=' } },
    { idempotencyKey: 'once' },
  )
  check(
    'invoiceItems.create: the form arrives as it was sent',
    item.object === 'invoiceitem' && mock.log().includes('a b:ü&='),
    item.object,
  )
  const customers = await stripe.customers.list()
  check(
    'customers.list returns ids and nothing else of a customer',
    customers.data.length > 0 && customers.data.every((customer) => Object.keys(customer).join() === 'id'),
    customers.data[0],
  )
  await refused('what Stripe refuses, an unknown parameter', 'StripeInvalidRequestError', 400, () =>
    stripe.invoices.list({ no_such_parameter: 1 }),
  )
}

async function checkDenied(stripe, mock) {
  const error = await refused('refunds.create without the scope', 'StripePermissionError', 403, () =>
    stripe.refunds.create({ charge: 'ch_1' }),
  )
  check('the refusal names the scope that would help', error.message.includes('create:stripe:refunds'), error.message)
  await refused('customers.retrieve, which no tool covers', 'StripePermissionError', 403, () =>
    stripe.customers.retrieve('cus_1'),
  )
  check(
    'stripe-mock was asked for neither',
    mock.log().includes('Request: GET /v1/customers\n') && !/Request: \w+ \/v1\/(refunds|customers\/)/.test(mock.log()),
  )
}

async function checkRevoked(vault, stripe, { lease }, relay) {
  await vault('POST', 'sys/leases/revoke', { lease_id: lease, sync: true })
  const error = await eventually(20_000, () =>
    stripe.invoices.list().then(
      () => undefined,
      (thrown) => thrown,
    ),
  )
  check(
    'after the revocation: StripeAuthenticationError 401',
    error.type === 'StripeAuthenticationError' && error.statusCode === 401,
    `${error.type} ${error.statusCode}`,
  )
  const sent = relay.seen().length
  await refused('and again', 'StripeAuthenticationError', 401, () => stripe.invoices.retrieve('in_1'))
  check('from then on nothing goes upstream', relay.seen().length === sent)
}

/** Takes the gateway's Vault token away: it hears nothing more of revocations, and must say so instead of guessing. */
async function checkFeedLost(vault, stripe, relay) {
  await stripe.invoices.list()
  const {
    data: { keys },
  } = await vault('LIST', 'auth/token/accessors')
  for (const accessor of keys) {
    const { data } = await vault('POST', 'auth/token/lookup-accessor', { accessor })
    if (data.policies.includes('mcp-gateway')) await vault('POST', 'auth/token/revoke-accessor', { accessor })
  }
  const error = await eventually(FEED_LOST_MS, () =>
    stripe.invoices.list().then(
      () => undefined,
      (thrown) => thrown,
    ),
  )
  check(
    'a live token, the feed lost: 503, not 401',
    error.type === 'StripeAPIError' && error.statusCode === 503,
    `${error.type} ${error.statusCode} ${error.message}`,
  )
  const sent = relay.seen().length
  await refused('and again', 'StripeAPIError', 503, () => stripe.invoices.retrieve('in_1'))
  check('no key is used without contact', relay.seen().length === sent)
}

/** What `ask` answers first that is not undefined. */
async function eventually(withinMs, ask) {
  const until = performance.now() + withinMs
  while (performance.now() < until) {
    const answer = await ask()
    if (answer !== undefined) return answer
    await new Promise((wait) => setTimeout(wait, 200))
  }
  throw new Error(`nothing changed within ${withinMs / 1000} s`)
}

function checkSecrecy(mock, relay, server) {
  const sent = relay.seen()
  check('stripe-mock was called with its real key', sent.includes(`Bearer ${key}`))
  check(
    'no phantom token ever went to stripe-mock',
    !tokens.some((token) => sent.includes(token) || mock.log().includes(token)),
  )
  const kept = readFileSync(auditPath, 'utf8') + server.log()
  check(
    "neither the key nor a phantom token stands in the audit log or on the server's output",
    ![key, ...tokens].some((secret) => kept.includes(secret)),
  )
}

async function run() {
  if (!existsSync(cli)) throw new Error('there is no build; run npm run build first')
  const mock = await startStripeMock()
  const relay = await startRelay(mock.port)
  const server = await startServer()
  const vault = vaultAt(server.vaultUrl)
  await provision(vault, relay.url)
  const first = await issue(vault)
  const stripe = sdk(server.stripeUrl, first.token)
  await checkConsent(vault, stripe, relay)
  await checkAllowed(stripe, mock)
  await checkDenied(stripe, mock)
  await refused('a token nobody issued', 'StripeAuthenticationError', 401, () =>
    sdk(server.stripeUrl, 'svt_test_nonsense').invoices.list(),
  )
  await refused('the real key itself', 'StripeAuthenticationError', 401, () =>
    sdk(server.stripeUrl, key).invoices.list(),
  )
  await checkRevoked(vault, stripe, first, relay)
  const second = sdk(server.stripeUrl, (await issue(vault)).token)
  await checkFeedLost(vault, second, relay)
  const gone = new Promise((ended) => server.child.once('exit', ended))
  server.child.kill('SIGTERM')
  await gone
  await refused('a live token, the gateway stopped', 'StripeConnectionError', undefined, () => second.invoices.list())
  checkSecrecy(mock, relay, server)
}

try {
  await run()
  console.log(`stripe-mock: ${checks} checks passed`)
} catch (error) {
  console.error(`stripe-mock: failed after ${checks} checks: ${error.message}`)
  process.exitCode = 1
} finally {
  endAll()
}
