// One attack, as a process of its own: `attacker.mjs <kind> <JSON of {seconds, server, gateway, token}>`. Prints how its requests ended.
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { request, Agent } from 'undici'
import { mintToken } from '../../dist/scope/index.js'
import { randomBytes } from 'node:crypto'

const [kind, text] = process.argv.slice(2)
const { seconds, server, gateway, token } = JSON.parse(text)
const MANY = 2048
/** Requests at a time of a flood, and of the load that does no harm. */
const WIDTH = 32
const dispatcher = new Agent({ connections: MANY, pipelining: 1, headersTimeout: 30_000, bodyTimeout: 30_000 })
const endMs = Date.now() + 1000 * seconds
const ended = {}
let sent = 0

function count(status) {
  ended[status] = (ended[status] ?? 0) + 1
}

/** Counts how a request ends; `read` false leaves the response open. */
async function send(base, path, options = {}, read = true) {
  sent++
  try {
    const { statusCode, body } = await request(base + path, { dispatcher, ...options })
    count(statusCode)
    if (read) await body.dump({ limit: 64 * 1024 * 1024 })
    else body.on('error', () => undefined)
  } catch (error) {
    count(error.code ?? 'failed')
  }
}

/** `width` requests at a time until the time is up. */
const keepUp = (width, next) =>
  Promise.all(
    Array.from({ length: width }, async () => {
      while (Date.now() < endMs) await next()
    }),
  )

const bearer = (value) => ({ authorization: `Bearer ${value}` })
const json = { 'content-type': 'application/json' }
const shop = (path, options, read) =>
  send(gateway, `/u/shop/${path}`, { ...options, headers: { ...bearer(token), ...options?.headers } }, read)
const unknown = () => mintToken({ prefix: 'svt', label: 'test', random: randomBytes })

const MIB = 1024 * 1024
const bombs = [
  JSON.stringify({ a: Array(MIB).fill('x') }),
  '['.repeat(2 * MIB) + ']'.repeat(2 * MIB),
  `{"a":${'9'.repeat(4 * MIB)}}`,
  `{${Array.from({ length: 200_000 }, (_, index) => `"n${index}":""`).join(',')}}`,
]
let turn = 0
const bombAt = (base, path) => send(base, path, { method: 'POST', headers: json, body: bombs[turn++ % bombs.length] })

/** Sockets that promise a body, send most of it and go silent. */
function holdSockets(base, path, sizes) {
  const { hostname, port, host } = new URL(base)
  for (const bytes of sizes) {
    const socket = connect(Number(port), hostname)
    socket.on('error', (error) => {
      count(error.code)
    })
    socket.write(`POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: ${bytes + 1}\r\n\r\n`)
    socket.write(Buffer.alloc(bytes, 32))
    sent++
  }
}

const pages = ['integers', 'decimals', 'objects', 'strings', 'nested', 'same-name', 'names', 'escapes']
const form = { 'content-type': 'application/x-www-form-urlencoded' }
const kinds = {
  harmless: () => keepUp(WIDTH, () => shop('things')),
  // Every other one of a shape no token has.
  'unknown-tokens': () =>
    keepUp(WIDTH, () =>
      send(gateway, '/u/shop/things', { headers: bearer(turn++ % 2 ? 'svt_test_made-up' : unknown()) }),
    ),
  'refused-calls': () => keepUp(WIDTH, () => shop('nothing-of-the-kind')),
  async 'open-streams'() {
    await Promise.all(Array.from({ length: 1024 }, () => shop('stream', {}, false)))
    await pause(Math.max(0, endMs - Date.now()))
  },
  'json-bombs': () => keepUp(4, () => bombAt(server, '/v1/auth/token/create')),
  'json-bombs-at-gateway': () => keepUp(4, () => bombAt(gateway, '/validate')),
  async 'one-big-request'() {
    await send(server, '/v1/sys/anything', { method: 'POST', body: JSON.stringify({ a: Array(2 * MIB).fill('x') }) })
    await pause(Math.max(0, endMs - Date.now()))
  },
  'awkward-pages': () => keepUp(4, () => shop(`page/${pages[turn++ % pages.length]}`)),
  async 'slow-bodies'() {
    holdSockets(server, '/v1/nothing', [31 * MIB, 31 * MIB, 31 * MIB, 31 * MIB, 4 * MIB])
    holdSockets(gateway, '/validate', Array(8).fill(8 * MIB))
    await pause(Math.max(0, endMs - Date.now()))
  },
  async 'endless-responses'() {
    for (let index = 0; index < 50; index++) void shop('endless')
    await pause(Math.max(0, endMs - Date.now()))
  },
  forms: () => keepUp(2, () => shop('refunds', { method: 'POST', headers: form, body: 'a=1&'.repeat(40_000) })),
  'deep-json': () =>
    keepUp(2, () => {
      const depth = 100_000
      const body = `{"amount":${'['.repeat(depth)}${']'.repeat(depth)}}`
      return shop('refunds', { method: 'POST', headers: json, body })
    }),
}

console.log('begun')
await kinds[kind]()
console.log(JSON.stringify({ sent, ended }))
process.exit(0)
