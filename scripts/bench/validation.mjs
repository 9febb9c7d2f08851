// `npm run bench:validate`: what checking a token costs, beside the least its server libraries can do in the same run. The gateway,
// the engine and the bare servers are processes of their own; CPU is the server's, all its threads, as the system counts it.
//   npm run bench:validate -- grpc http first-seen memory=100000   those parts alone; without names, all with 20,000 sessions
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { bench } from './processes.mjs'
import { quantile } from './loops.mjs'
import { issue, provision, startBare, startDurable, startGatewayWith } from './stage.mjs'

const SCOPE = 'read:bench:things'
const SERVICE_TOKEN = 'gst_bench-0000000000000000000000000000'
const ROUNDS = 5
const ROUND_SECONDS = 2
const AT_ONCE = 16
const WARMING_CALLS = 20_000
const TICK_US = 10_000

/** Microseconds a process has had of the CPUs so far. */
function cpuUs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_US
}

const median = (values) => quantile(values, 0.5)
const spread = (values) =>
  `${median(values).toFixed(2)} [${Math.min(...values).toFixed(2)}..${Math.max(...values).toFixed(2)}]`

function ratios(name, ours, base) {
  console.log(`  ${name}: ${spread(ours.map((value, index) => value / base[index]))} of it`)
}

/** One message of `Tokens.Validate` on the wire, as h2load sends it: fields 1, 2 and 3 are texts. */
function validateMessage(texts) {
  const fields = texts.map((text, index) =>
    Buffer.concat([Buffer.from([(index + 1) * 8 + 2, text.length]), Buffer.from(text)]),
  )
  const message = Buffer.concat(fields)
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** Runs h2load, 4 connections of 16 calls; returns how many it completed. */
function h2load(address, file, stop) {
  const headers = ['content-type: application/grpc', 'te: trailers', `authorization: Bearer ${SERVICE_TOKEN}`]
  const url = `http://${address}/mcp.gateway.v1.Tokens/Validate`
  const args = [...stop, '-c', '4', '-m', '16', '-d', file, ...headers.flatMap((header) => ['-H', header]), url]
  const { stdout, status } = spawnSync('h2load', args, { encoding: 'utf8' })
  const [, done, failed] = /(\d+) succeeded, (\d+) failed/.exec(stdout ?? '') ?? []
  if (status !== 0 || failed !== '0') throw new Error(`h2load: ${stdout}`)
  return Number(done)
}

/** Closed loops over sockets: each sends the next request once the last is answered. Returns milliseconds of each. */
async function askAll(url, requests) {
  const { hostname, port } = new URL(url)
  const samples = []
  let next = 0
  const loop = async () => {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    await new Promise((done, failed) => {
      let received = ''
      let started = 0
      const send = () => {
        if (next >= requests.length) socket.end()
        else {
          started = performance.now()
          socket.write(requests[next++])
        }
      }
      socket.on('connect', send)
      socket.on('error', failed)
      socket.on('close', done)
      socket.on('data', (chunk) => {
        received += chunk.toString('latin1')
        const end = received.indexOf('\r\n\r\n')
        if (end < 0) return
        const length = Number(/content-length: (\d+)/i.exec(received)?.[1])
        if (received.length < end + 4 + length) return
        if (!received.startsWith('HTTP/1.1 200') || !received.includes('"scope_match":true')) {
          failed(new Error(received))
          socket.destroy()
          return
        }
        samples.push(performance.now() - started)
        received = ''
        send()
      })
    })
  }
  await Promise.all(Array.from({ length: AT_ONCE }, loop))
  if (samples.length < requests.length) throw new Error(`only ${samples.length} of ${requests.length} were answered`)
  return samples
}

function httpRequest(url, token, id) {
  const body = JSON.stringify({ token, required_scope: SCOPE, request_id: `bench-${id}` })
  return `POST /validate HTTP/1.1\r\nHost: ${new URL(url).host}\r\nAuthorization: Bearer ${SERVICE_TOKEN}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

const requestsFor = (url, tokens, count) =>
  Array.from({ length: count }, (_, index) => httpRequest(url, tokens[index % tokens.length], index))

async function open(vault, count) {
  const tokens = []
  const loop = async () => {
    while (tokens.length < count) tokens.push((await issue(vault)).data.token)
  }
  await Promise.all(Array.from({ length: 32 }, loop))
  return tokens.slice(0, count)
}

/** Server CPU per call over gRPC, rounds in turn with the bare grpc-js echo. */
function measureGrpc(processes, { gateway, bare, recording }, [token]) {
  const file = join(processes.folder, 'validate.bin')
  writeFileSync(file, validateMessage([token, SCOPE, 'bench-1']))
  const subjects = [bare, recording, gateway].map((server) => ({ ...server, us: [] }))
  for (const { grpcAddress } of subjects) h2load(grpcAddress, file, ['-n', String(WARMING_CALLS)])
  for (let round = 0; round < ROUNDS; round++) {
    for (const { grpcAddress, pid, us } of round % 2 === 0 ? subjects : subjects.toReversed()) {
      const before = cpuUs(pid)
      const done = h2load(grpcAddress, file, ['-D', String(ROUND_SECONDS)])
      us.push((cpuUs(pid) - before) / done)
    }
  }
  const [base, recorded, ours] = subjects
  console.log(
    `\ngRPC Validate, 64 at once, CPU per call: ${spread(ours.us)} us; bare grpc-js echo: ${spread(base.us)} us`,
  )
  ratios('Validate', ours.us, base.us)
  ratios('an echo with a durable line', recorded.us, base.us)
}

/** p50 and CPU of `POST /validate`, rounds in turn with the bare node:http echo. */
async function measureHttp({ gateway, bare, recording }, tokens) {
  const count = 5_000
  const subjects = [bare, recording, gateway].map((server) => ({ ...server, us: [], p50: [] }))
  for (const { url } of subjects) await askAll(url, requestsFor(url, tokens, WARMING_CALLS))
  for (let round = 0; round < ROUNDS; round++) {
    for (const { url, pid, us, p50 } of round % 2 === 0 ? subjects : subjects.toReversed()) {
      const requests = requestsFor(url, tokens, count)
      const before = cpuUs(pid)
      p50.push(median(await askAll(url, requests)))
      us.push((cpuUs(pid) - before) / count)
    }
  }
  const [base, recorded, ours] = subjects
  console.log(`\nPOST /validate, ${AT_ONCE} at once: p50 ${spread(ours.p50)} ms, CPU ${spread(ours.us)} us`)
  console.log(`bare node:http echo: p50 ${spread(base.p50)} ms, CPU ${spread(base.us)} us`)
  ratios('p50', ours.p50, base.p50)
  ratios('CPU', ours.us, base.us)
  ratios('p50 of an echo with a durable line', recorded.p50, base.p50)
  ratios('its CPU', recorded.us, base.us)
}

/** Tokens this gateway has not seen yet, in turn with ones it has. */
async function measureFirstSeen({ url, pid }, engine, known, unseen) {
  const count = Math.floor(unseen.length / ROUNDS)
  const rates = { known: [], unseen: [] }
  const us = { known: [], unseen: [], engine: [] }
  for (let round = 0; round < ROUNDS; round++) {
    const tokens = { known, unseen: unseen.slice(round * count, (round + 1) * count) }
    for (const kind of round % 2 === 0 ? ['known', 'unseen'] : ['unseen', 'known']) {
      const requests = requestsFor(url, tokens[kind], count)
      const [before, engineBefore, started] = [cpuUs(pid), cpuUs(engine.pid), performance.now()]
      await askAll(url, requests)
      rates[kind].push((count / (performance.now() - started)) * 1000)
      us[kind].push((cpuUs(pid) - before) / count)
      if (kind === 'unseen') us.engine.push((cpuUs(engine.pid) - engineBefore) / count)
    }
  }
  console.log(
    `\nTokens seen for the first time, ${AT_ONCE} at once: ${spread(rates.unseen)} per s, CPU ${spread(us.unseen)} us, and the engine's ${spread(us.engine)} us`,
  )
  console.log(`known ones: ${spread(rates.known)} per s, CPU ${spread(us.known)} us`)
  ratios('per second', rates.unseen, rates.known)
}

/** Resident memory after a collection, which the gateway makes when it is sent SIGUSR2. */
const residentBytes = async (gateway) => {
  let before = 0
  // Until what the collector gives back has been given back.
  for (let tries = 0; tries < 5; tries++) {
    process.kill(gateway.pid, 'SIGUSR2')
    await (await fetch(`${gateway.url}/healthz`)).arrayBuffer()
    before = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))[1]) * 1024
  }
  return before
}

async function measureMemory(gateway, vault, warm, count) {
  const ask = (tokens) => askAll(gateway.url, requestsFor(gateway.url, tokens, tokens.length))
  await askAll(gateway.url, requestsFor(gateway.url, warm, WARMING_CALLS))
  const before = await residentBytes(gateway)
  for (let seen = 0; seen < count; seen += 5_000) await ask(await open(vault, Math.min(5_000, count - seen)))
  const grown = (await residentBytes(gateway)) - before
  console.log(
    `\nResident memory: ${(before / 1024 / 1024).toFixed(0)} MB warm, grown by ${(grown / count / 1000).toFixed(2)} kB per live session over ${count}`,
  )
}

await bench(async (processes) => {
  const given = new Map(process.argv.slice(2).map((part) => part.split('=')))
  const wants = (part) => given.size === 0 || given.has(part)
  const echoOf = (at) => ({ ...at, url: `${at.url}/echo`, pid: processes.pids().at(-1) })
  const bareAt = await startBare(processes)
  const bare = echoOf(bareAt)
  const recording = echoOf(await startBare(processes, join(processes.folder, 'echoes.jsonl')))
  const durable = await startDurable(processes)
  const engine = { pid: processes.pids().at(-1) }
  await provision(durable.vault, bareAt.url)
  const sha256 = createHash('sha256').update(SERVICE_TOKEN).digest('hex')
  const start = async (name) => {
    const settings = { service_token: { bench: { sha256, agents: ['*'] } } }
    const collect = 'data:text/javascript,process.on("SIGUSR2",()=>{gc();gc()})'
    const gateway = await startGatewayWith(processes, durable, name, {
      settings,
      nodeOptions: ['--expose-gc', `--import=${collect}`],
    })
    return { ...gateway, pid: processes.pids().at(-1) }
  }
  const known = await open(durable.vault, 50)
  const gateway = await start('gateway')
  const subjects = { gateway, bare, recording }
  await askAll(gateway.url, requestsFor(gateway.url, known, WARMING_CALLS))
  if (wants('grpc')) measureGrpc(processes, subjects, known)
  if (wants('http')) await measureHttp(subjects, known)
  if (wants('first-seen')) await measureFirstSeen(gateway, engine, known, await open(durable.vault, 5_000))
  if (wants('memory'))
    await measureMemory(await start('fresh'), durable.vault, known, Number(given.get('memory') ?? 20_000))
})
