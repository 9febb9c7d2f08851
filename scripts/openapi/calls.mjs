// A request of each imported operation through the gateway: under its own tool's scopes, and under all others.
import { request } from 'undici'

/** A session's refusals are recorded in full up to 20 a second; beyond, they are told apart from no others. */
const REFUSALS_A_SESSION = 15
const AT_ONCE = 16

/** `check(what, ok, found)` counts. Operations are those of the document that were imported. */
export async function checkCalls({ dev, upstream, upstreamUrl, check, tools, operations, matcher }) {
  const fitting = tools.map((tool) => ({ ...tool, fits: matcher(tool.operations) }))
  const shared = []
  for (const [at, tool] of fitting.entries()) {
    const own = operations.filter(({ method, sample }) => tool.fits(method, sample))
    const others = fitting.filter((other) => other !== tool)
    const token = await openSession(dev, `own-${upstream}-${at}`, tool.scopes)
    await inTurns(own, AT_ONCE, (operation) => allowed(dev, upstream, token, operation, check))
    const refusable = own.filter((operation) => {
      const other = others.find(({ fits }) => fits(operation.method, operation.sample))
      if (other) shared.push(`${operation.method} ${operation.path}`)
      return other === undefined
    })
    const rest = others.flatMap(({ scopes }) => scopes)
    for (let from = 0; from < refusable.length; from += REFUSALS_A_SESSION) {
      const without = await openSession(dev, `rest-${upstream}-${at}`, rest)
      const some = refusable.slice(from, from + REFUSALS_A_SESSION)
      await inTurns(some, AT_ONCE, (operation) => refused(dev, upstream, without, operation, check))
    }
  }
  const covered = operations.filter(({ method, sample }) => fitting.some(({ fits }) => fits(method, sample)))
  check(`${upstream}: every operation fits a tool`, covered.length === operations.length, covered.length)
  console.log(
    `${upstream} (${upstreamUrl}): ${new Set(shared).size} operations fit two tools, and were not held to be refused`,
  )
}

async function openSession({ vault }, agent, scopes) {
  await vault('POST', `/v1/mcp/agents/${agent}`, { owner: 'openapi', environment: 'test' })
  await vault('POST', `/v1/mcp/agents/${agent}/scopes`, { scopes })
  return (await vault('POST', `/v1/mcp/creds/${agent}`, { purpose: 'openapi' })).data.token
}

async function send({ gatewayUrl }, upstream, token, { method, sample, hasBody }) {
  const response = await request(`${gatewayUrl}/u/${upstream}${sample}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(hasBody && { 'content-type': 'application/json' }) },
    ...(hasBody && { body: '{"a":1}' }),
  })
  const text = await response.body.text()
  return { status: response.statusCode, text }
}

async function allowed(dev, upstream, token, operation, check) {
  const { method, path, sample } = operation
  const { status, text } = await send(dev, upstream, token, operation)
  const arrived = status === 200 && text === JSON.stringify({ method, url: sample, keyed: true })
  check(`${upstream}: ${method} ${path} arrives as it was sent`, arrived, { status, text })
}

async function refused(dev, upstream, token, operation, check) {
  const { method, path } = operation
  const { status, text } = await send(dev, upstream, token, operation)
  check(
    `${upstream}: ${method} ${path} is refused without its scope`,
    status === 403 && text.includes('insufficient_scope'),
    { status, text },
  )
}

/** All of them, so many at once. */
async function inTurns(items, atOnce, each) {
  const waiting = [...items]
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await each(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
