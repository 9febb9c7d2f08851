// What a program's fake API is made of: a server on loopback behind a tap, and short ways to respond.
import { createServer } from 'node:http'
import { openTap } from './tap.mjs'

/** A response's Date differs from one run to the next, so fakes have one of their own. */
const DATE = 'Tue, 01 Dec 2026 12:00:00 GMT'

/** `serve(handler)` exchanges the handler; `url` is where the API is, for programs and the gateway alike. */
export async function openFake(exchanges, traits) {
  let current
  const server = createServer((request, response) => {
    response.sendDate = false
    response.setHeader('date', DATE)
    current(request, response).catch((fault) => {
      console.error(`the fake failed at ${request.method} ${request.url}: ${fault.stack}`)
      response.destroy()
    })
  })
  // A connection that the server closes when it is idle would make chance decide on which one a request goes out.
  server.keepAliveTimeout = 120_000
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
  const tap = await openTap(exchanges, traits)
  tap.forward(`http://127.0.0.1:${server.address().port}`)
  return {
    url: tap.url,
    faults: tap.faults,
    serve: (handler) => {
      current = handler
    },
    close: () => {
      tap.close()
      server.closeAllConnections()
      server.close()
    },
  }
}

/** The bytes of a request's body. */
export async function bodyOf(request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks)
}

export function respond(response, status, body, headers = {}) {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}

export const respondJson = (response, status, value, headers = {}) =>
  respond(response, status, JSON.stringify(value), { 'content-type': 'application/json; charset=utf-8', ...headers })

/** Whether a request has the key as a bearer token, under either of the words that are in use. */
export const hasBearer = ({ headers }, key) => headers.authorization?.replace(/^(?:bearer|token) /i, '') === key

/** Something one side waits for until the other side lets it go on. */
export function openGate() {
  let open
  const passed = new Promise((resolved) => {
    open = resolved
  })
  return { open, passed }
}

/** What a call is rejected with, in the members that programs look at. It must be rejected. */
export async function rejectionOf(call, members = ['name', 'status', 'code', 'message']) {
  const error = await call.then(
    (value) => {
      throw new Error(`it was not rejected: ${JSON.stringify(value)}`)
    },
    (rejected) => rejected,
  )
  return Object.fromEntries(members.map((member) => [member, error[member]]))
}
