// `npm run bench:proxy`: what one call through the gateway costs beside proxies that do nothing but inject a header, in one run. It needs
// nginx and wrk on the PATH and a quiet machine (a load below 1), says so where they are missing, and states without judging.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { bench } from './processes.mjs'
import { cpuOf, isThere, KEY, startBareProxy, startFastifyProxy, startNginxProxy } from './peers.mjs'
import { startRecordingProxy, startUpstream } from './peers.mjs'
import { AGENT, startDurable, startGateway } from './stage.mjs'

const ROUNDS = Number(process.env.ROUNDS ?? 4)
const SECONDS = Number(process.env.SECONDS_EACH ?? 2)
const WARM_UP_CALLS = 20_000
const FIRST_CALLS = 1_000
const STARTS = Number(process.env.STARTS ?? 5)
const unit = { us: 1, ms: 1_000, s: 1_000_000 }

async function provision(vault, url) {
  const documents = {
    'secret/data/mcp/bench': { data: { api_key: KEY } },
    'secret/metadata/mcp/bench': { custom_metadata: { mcp_origins: url } },
    'mcp/upstreams/bench': { url, allow_private_addresses: true, max_response_bytes: 100_000_000 },
    'mcp/tools/bench/things': { operations: ['GET /things', 'GET /big', 'GET /huge'] },
    'mcp/tools/bench/ids': { operations: ['GET /things'], fields: ['data[].id'] },
    [`mcp/agents/${AGENT}`]: { owner: 'bench', environment: 'test' },
    [`mcp/agents/${AGENT}/scopes`]: { scopes: ['read:bench:things', 'read:bench:ids'] },
  }
  for (const [path, document] of Object.entries(documents)) await vault('POST', `/v1/${path}`, document)
  const open = async (scope) =>
    (await vault('POST', `/v1/mcp/creds/${AGENT}`, { requested_scopes: [scope] })).data.token
  return { whole: await open('read:bench:things'), projected: await open('read:bench:ids') }
}

/** One run of wrk: calls, microseconds of the median and the 99th hundredth, and bytes a second. */
function load({ url, headers = [] }, path, connections, seconds) {
  return new Promise((resolve, reject) => {
    const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', ...headers, url + path]
    const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk) => (text += chunk))
    child.on('close', () => {
      const wrong = /Non-2xx.*|Socket errors.*/.exec(text)
      if (wrong) return reject(new Error(`${url}${path}: ${wrong[0]}`))
      const time = (share) => {
        const [, amount, name] = new RegExp(`${share}%\\s+([\\d.]+)(us|ms|s)`).exec(text)
        return Number(amount) * unit[name]
      }
      const calls = Number(/(\d+) requests in/.exec(text)[1])
      resolve({ calls, p50: time(50), p99: time(99), perSecond: calls / seconds })
    })
  })
}

async function measured(subject, path, connections) {
  const before = cpuOf(subject.pid)
  const run = await load(subject, path, connections, SECONDS)
  return { ...run, cpu: (cpuOf(subject.pid) - before) / run.calls }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

/** Rounds in turn, each second one in reverse; the median of each figure, and all of them as they came. */
async function compare(title, subjects, path, connections, raw) {
  const runs = new Map(subjects.map((subject) => [subject.name, []]))
  for (let round = 0; round < ROUNDS; round++)
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed())
      runs.get(subject.name).push(await measured(subject, path, connections))
  console.log(`\n${title}`)
  const base = runs.get('bare')
  for (const [name, all] of runs) {
    raw.push({ title, name, runs: all })
    const of = (figure, list = all) => median(list.map((run) => run[figure]))
    const ratio = (figure) => (of(figure) / of(figure, base)).toFixed(2)
    console.log(
      `  ${name.padEnd(22)} CPU ${of('cpu').toFixed(0).padStart(6)} us (x ${ratio('cpu')})  p50 ${of('p50').toFixed(0).padStart(6)} us (${(of('p50') - of('p50', base)).toFixed(0)} more)  p99 ${of('p99').toFixed(0).padStart(6)} us  ${of('perSecond').toFixed(0).padStart(6)} a second (x ${ratio('perSecond')})`,
    )
  }
}

/** CPU of so many calls, ten at a time, by `fetch`. */
async function cpuByFetch(subject, count) {
  const before = cpuOf(subject.pid)
  for (let done = 0; done < count; done += 10)
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const response = await fetch(`${subject.url}/things`, { headers: subject.fetchHeaders })
        await response.arrayBuffer()
        if (!response.ok) throw new Error(`${subject.name}: ${response.status}`)
      }),
    )
  return (cpuOf(subject.pid) - before) / count
}

/** Of processes that have just started, in turn: CPU of their first calls each, and how long they took to be ready. */
async function firstCalls(starts) {
  const runs = Object.keys(starts).map((name) => [name, []])
  for (let round = 0; round < STARTS; round++)
    for (const [name, all] of runs) {
      const began = performance.now()
      const subject = await starts[name]()
      const readyMs = performance.now() - began
      all.push({ readyMs, cpu: await cpuByFetch(subject, FIRST_CALLS) })
      process.kill(subject.pid, 'SIGKILL')
    }
  return Object.fromEntries(runs)
}

function reportFirstCalls(first, again, warm) {
  console.log(`\nThe first ${FIRST_CALLS} calls after a start, ten at a time`)
  for (const [name, runs] of Object.entries(first)) {
    const cpu = median(runs.map((run) => run.cpu))
    console.log(
      `  ${name.padEnd(22)} CPU ${cpu.toFixed(0).padStart(6)} us, x ${(cpu / warm(name)).toFixed(2)} of the warmed at 32 at once, x ${(cpu / again[name]).toFixed(2)} of the same calls later (${again[name].toFixed(0)} us); ready after ${median(runs.map((run) => run.readyMs)).toFixed(0)} ms`,
    )
  }
}

async function besideDownload(subject) {
  const stop = new globalThis.AbortController()
  const response = await fetch(`${subject.url}/huge`, { headers: subject.fetchHeaders, signal: stop.signal })
  const reading = (async () => {
    for await (const chunk of response.body) void chunk
  })().catch(() => undefined)
  const run = await load(subject, '/things', 1, 1)
  stop.abort()
  await reading
  return run.p50
}

async function startedGateway(processes, durable) {
  const url = await startGateway(processes, durable, 'gateway')
  return { url: `${url}/u/bench`, pid: processes.pids().at(-1) }
}

const throughGateway = (name, token, started) => ({
  name,
  ...started,
  headers: ['-H', `Authorization: Bearer ${token}`],
  fetchHeaders: { authorization: `Bearer ${token}` },
})

async function run(processes) {
  const upstream = await startUpstream(processes)
  const durable = await startDurable(processes)
  const tokens = await provision(durable.vault, upstream.url)
  const bareProxy = async () => ({ name: 'bare', ...(await startBareProxy(processes, upstream)) })
  const recordingProxy = async () => ({
    name: 'bare, two records',
    ...(await startRecordingProxy(processes, upstream)),
  })
  const first = await firstCalls({
    bare: bareProxy,
    'bare, two records': recordingProxy,
    gateway: async () => throughGateway('gateway', tokens.whole, await startedGateway(processes, durable)),
  })
  const started = await startedGateway(processes, durable)
  const gateway = throughGateway('gateway', tokens.whole, started)
  const projected = throughGateway('gateway, projected', tokens.projected, started)
  const bare = await bareProxy()
  const nginx = { name: 'nginx', ...(await startNginxProxy(processes, upstream)) }
  const recording = await recordingProxy()
  const fastify = await startFastifyProxy(processes, upstream)
  if (!fastify) console.log('@fastify/http-proxy: skipped, npm could not install it')
  const peers = [bare, nginx, recording, ...(fastify ? [{ name: '@fastify/http-proxy', ...fastify }] : [])]
  const direct = { name: 'direct', ...upstream }
  const raw = []
  for (const subject of [gateway, projected, ...peers])
    for (let calls = 0; calls < WARM_UP_CALLS;) calls += (await load(subject, '/things', 32, 2)).calls
  await compare('1 KB, 32 at once', [...peers, gateway, projected], '/things', 32, raw)
  await compare('1 KB, one at a time', [direct, ...peers, gateway, projected], '/things', 1, raw)
  await compare('0.9 MB, 4 at once', [...peers, gateway], '/big', 4, raw)
  const again = {}
  for (const subject of [bare, recording, gateway]) again[subject.name] = await cpuByFetch(subject, FIRST_CALLS)
  const warm = (name) => median(raw.find((one) => one.name === name).runs.map(({ cpu }) => cpu))
  reportFirstCalls(first, again, warm)
  const small = { bare: [], recording: [], gateway: [] }
  for (let round = 0; round < ROUNDS; round++) {
    small.bare.push(await besideDownload(bare))
    small.recording.push(await besideDownload(recording))
    small.gateway.push(await besideDownload(gateway))
  }
  const [own, plain, recorded] = [median(small.gateway), median(small.bare), median(small.recording)]
  console.log(
    `A small GET during one large download: ${own.toFixed(0)} us at the median, x ${(own / plain).toFixed(2)} of the bare proxy's; with two records that one takes ${recorded.toFixed(0)} us`,
  )
  console.log(
    `\nload ${readFileSync('/proc/loadavg', 'utf8').trim()}; raw data:\n${JSON.stringify([...raw, { title: 'first calls', first, again }])}`,
  )
}

const missing = ['nginx', 'wrk'].filter((program) => !isThere(program))
if (missing.length > 0) console.log(`bench:proxy: skipped, ${missing.join(' and ')} not on the PATH`)
else await bench(run)
