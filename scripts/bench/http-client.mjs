// `npm run bench:http-client`: CPU of this process for one GET of 1 KB over kept-alive loopback connections, with the product's own client
// and with undici's `dispatch` in the same run. The server is a process of its own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers'
import { buildConnector, Pool } from 'undici'
import { ClientPool } from '../../dist/http-client/index.js'
import { systemClock } from '../../dist/logical/clock.js'
import { quantile } from './loops.mjs'

const ROUNDS = 7
const WARM_UP = 20_000
const CALLS = 20_000
const CONNECTIONS = 64
const requestHeaders = [
  'authorization',
  'Bearer not-a-real-key',
  'accept',
  '*/*',
  'user-agent',
  'bench',
  'accept-encoding',
  'identity',
]

/** Ten response headers and 1 KB, as an API of medium size sends. */
function serve() {
  const body = 'x'.repeat(1024)
  const server = createServer((request, response) => {
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': body.length,
      'cache-control': 'no-cache, no-store',
      'x-request-id': 'req_8fDkq2mXcP01',
      'x-ratelimit-limit': '1000',
      'x-ratelimit-remaining': '999',
      'strict-transport-security': 'max-age=63072000; includeSubDomains; preload',
    })
    response.end(body)
  })
  server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`))
}

/** `callback` as soon as a response is over; both clients call methods of one object a call. */
class UndiciCall {
  constructor(done) {
    this.done = done
  }
  onRequestStart() {}
  onResponseStart() {}
  onResponseData() {}
  onResponseEnd() {
    this.done()
  }
  onResponseError(_controller, error) {
    throw error
  }
}

class OwnCall {
  constructor(done) {
    this.done = done
  }
  whyNotSend() {
    return undefined
  }
  onHead() {}
  onData() {}
  onEnd() {
    this.done()
  }
  onError(error) {
    throw error
  }
  onDrain() {}
}

/** CPU microseconds of this process for each of `calls` calls, `atOnce` under way all the time. */
function measure(start, calls, atOnce) {
  return new Promise((resolve) => {
    let [started, finished] = [0, 0]
    const cpu = process.cpuUsage()
    const done = () => {
      if (++finished === calls) {
        const { user, system } = process.cpuUsage(cpu)
        resolve((user + system) / calls)
      } else if (started < calls) setImmediate(next)
    }
    const next = () => {
      started++
      start(done)
    }
    for (let i = 0; i < atOnce; i++) next()
  })
}

async function compare(origin) {
  const undici = new Pool(origin, { connections: CONNECTIONS, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 })
  const own = new ClientPool({
    origin,
    connect: buildConnector({}),
    clock: systemClock,
    connections: CONNECTIONS,
    maxHeadBytes: 64 * 1024,
  })
  const request = { method: 'GET', path: '/v1/things?limit=10', headers: requestHeaders, body: null }
  const subjects = {
    undici: (done) => undici.dispatch({ origin, ...request }, new UndiciCall(done)),
    own: (done) => own.send(request, new OwnCall(done)),
  }
  for (const atOnce of [1, 32]) {
    const samples = { undici: [], own: [] }
    for (const name of Object.keys(subjects)) await measure(subjects[name], WARM_UP, atOnce)
    for (let round = 0; round < ROUNDS; round++)
      for (const name of round % 2 === 0 ? ['undici', 'own'] : ['own', 'undici'])
        samples[name].push(await measure(subjects[name], CALLS, atOnce))
    const [theirs, ours] = [quantile(samples.undici, 0.5), quantile(samples.own, 0.5)]
    const range = (values) => `[${Math.min(...values).toFixed(1)}..${Math.max(...values).toFixed(1)}]`
    console.log(
      `${atOnce} at once: undici ${theirs.toFixed(1)} us ${range(samples.undici)}, own ${ours.toFixed(1)} us ${range(samples.own)}, ratio ${(ours / theirs).toFixed(2)}`,
    )
  }
  await Promise.all([undici.close(), own.close()])
}

if (process.argv[2] === 'serve') serve()
else {
  const server = spawn(process.execPath, [import.meta.filename, 'serve'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [port] = await once(server.stdout, 'data')
  const started = performance.now()
  await compare(`http://127.0.0.1:${String(port).trim()}`)
  console.log(`${ROUNDS} rounds of ${CALLS} calls, ${Math.round((performance.now() - started) / 1000)} s`)
  server.kill()
}
