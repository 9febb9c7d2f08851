// What the product is measured beside, as a process of its own: the least a node:http and a grpc-js server can do for a request of
// the same size. Its `/things` and `/stream` are also the upstream that gateways call, so that direct and brokered calls end alike.
import { createServer } from 'node:http'
import { clearInterval, setInterval } from 'node:timers'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import { service } from '../../dist/client/wire.js'
import { durableLines } from './durable-lines.mjs'

/** With a path: a durable line stands behind each validation, as it does behind a gateway's. */
const record = process.argv[2] === undefined ? (tell) => tell() : durableLines(process.argv[2])

const TICK_MS = 1
// Longer than the key: the gateway holds back what could be the beginning of one.
const tick = `data: ${'x'.repeat(100)}\n\n`
const validation = {
  active: true,
  scope_match: true,
  required_scope: 'read:bench:things',
  session_id: 'sess_01JD5WZ5C0000000000000000',
  agent_id: 'bench',
  token_id: 'tok_01JD5WZ5C0000000000000000',
  scopes: ['read:bench:things', 'read:bench:stream'],
  environment: 'test',
  expires_at: '2026-01-01T00:00:00Z',
  expires_at_unix: 1767225600,
  request_id: 'req_00000000-0000-0000-0000-000000000000',
}
const things = JSON.stringify({
  data: Array.from({ length: 4 }, (_, index) => ({ id: `thing_${index}`, amount: 4200, currency: 'eur' })),
  has_more: false,
})

function answerJson(response, text) {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

async function echo(request, response) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const { request_id } = JSON.parse(Buffer.concat(chunks).toString())
  record(() => answerJson(response, JSON.stringify({ ...validation, request_id })))
}

function stream(response) {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const timer = setInterval(() => response.write(tick), TICK_MS)
  response.on('close', () => clearInterval(timer))
}

const http = createServer((request, response) => {
  if (request.url === '/stream') stream(response)
  else if (request.url === '/things') answerJson(response, things)
  else void echo(request, response)
})
await new Promise((listening) => http.listen(0, '127.0.0.1', listening))

const grpc = new Server()
grpc.addService(service('Tokens'), {
  Validate: (call, done) => record(() => done(null, { ...validation, request_id: call.request.request_id })),
})
const port = await new Promise((bound, failed) =>
  grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, number) =>
    error ? failed(error) : bound(number),
  ),
)
console.log(`bare http://127.0.0.1:${http.address().port} 127.0.0.1:${port}`)
