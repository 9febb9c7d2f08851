// A relay on loopback that passes bytes on as they come and keeps the HTTP/1.1 exchanges among them.
import { connect, createServer } from 'node:net'
import { MessageReader, framingOfRequest, framingOfResponse, statusOf } from './wire.mjs'

const HOST = '127.0.0.1'
let begun = 0

/**
 * `exchanges` grows by { request, response, interim, end }, of which `end` is undefined while it lasts, then 'whole', 'cut by the
 * client' or 'cut by the server', and `order` counts over all taps; `traits` are added. `faults` are what is no HTTP/1.1. `forward(url)` says where new connections go.
 */
export async function openTap(exchanges, traits = {}) {
  const faults = []
  const sockets = new Set()
  let target
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ host: target.hostname, port: Number(target.port), allowHalfOpen: true })
    sockets.add(client).add(upstream)
    relay(client, upstream, { exchanges, traits, faults })
  })
  await new Promise((listening) => server.listen(0, HOST, listening))
  const { port } = server.address()
  return {
    host: `${HOST}:${port}`,
    url: `http://${HOST}:${port}`,
    faults,
    forward: (url) => {
      target = new URL(url)
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

/** Both directions of one connection. */
function relay(client, upstream, { exchanges, traits, faults }) {
  const unanswered = []
  const finish = (end) => {
    for (const exchange of unanswered.splice(0)) exchange.end = end
  }
  const requests = new MessageReader({
    framing: framingOfRequest,
    begun: (request) => {
      const exchange = { ...traits, order: begun++, request, interim: [] }
      unanswered.push(exchange)
      exchanges.push(exchange)
    },
    ended: (request) => {
      request.isWhole = true
    },
  })
  const responses = new MessageReader({
    framing: (response) => framingOfResponse(response, unanswered[0].request.start.split(' ')[0]),
    begun: (response) => {
      if (unanswered.length === 0) throw new Error('a response to no request')
      if (statusOf(response) < 200) unanswered[0].interim.push(response)
      else unanswered[0].response = response
    },
    ended: (response) => {
      if (statusOf(response) < 200) return
      unanswered.shift().end = 'whole'
    },
  })
  const broken = (fault) => {
    faults.push(fault.message)
    client.resetAndDestroy()
    upstream.resetAndDestroy()
  }
  passOn(client, upstream, reading(requests, broken), () => finish('cut by the client'))
  passOn(upstream, client, reading(responses, broken), () => {
    responses.close()
    finish('cut by the server')
  })
}

const reading = (reader, broken) => (bytes) => {
  try {
    reader.push(bytes)
  } catch (error) {
    broken(error)
  }
}

/** A connection that breaks is broken on the other side, too: a response must not look whole that is not. */
function passOn(from, to, read, over) {
  from.on('data', (bytes) => {
    read(bytes)
    if (!to.destroyed && !to.write(bytes)) from.pause()
  })
  to.on('drain', () => from.resume())
  from.on('end', () => {
    over()
    to.end()
  })
  from.on('error', () => {
    over()
    to.resetAndDestroy()
  })
  from.on('close', () => {
    over()
    if (!from.readableEnded) to.resetAndDestroy()
    else if (!to.destroyed) to.end()
  })
}
