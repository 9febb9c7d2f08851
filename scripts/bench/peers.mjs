// The simplest servers that put a header into a request and pass it on, each a process of its own: what a gateway is compared with.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

export const KEY = 'not-a-real-key-of-any-upstream-51H8xYzAbCdEfGhIj'
const undici = createRequire(import.meta.url).resolve('undici')

export const isThere = (program) => spawnSync('which', [program]).status === 0

export const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

const row = (index) => ({
  id: `in_${index}`,
  customer: `cus_${index * 7}`,
  amount: index * 13,
  currency: 'usd',
  paid: true,
})
const rows = (count) => Array.from({ length: count }, (_, index) => row(index))

/** One nginx worker: an API of two resources, 1 KB and 0.9 MB of JSON, and one that takes long to send. */
export async function startUpstream(processes) {
  const folder = join(processes.folder, 'upstream')
  mkdirSync(join(folder, 'www'), { recursive: true })
  writeFileSync(join(folder, 'www/things.json'), JSON.stringify({ data: rows(12), has_more: false }).padEnd(1024, ' '))
  writeFileSync(join(folder, 'www/big.json'), JSON.stringify(rows(12_000)))
  writeFileSync(join(folder, 'www/huge.json'), JSON.stringify(rows(600_000)))
  const names = ['things', 'big', 'huge'].map((name) => `location = /${name} { alias ${folder}/www/${name}.json; }`)
  return startNginx(processes, folder, names.join(' '))
}

/** nginx as a proxy before it. */
export const startNginxProxy = (processes, upstream) =>
  startNginx(
    processes,
    join(processes.folder, 'nginx'),
    `location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Authorization "Bearer ${KEY}"; }`,
    `upstream up { server ${new URL(upstream.url).host}; keepalive 64; keepalive_requests 100000000; }`,
  )

async function startNginx(processes, folder, locations, blocks = '') {
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  )
  const config = `user root; worker_processes 1; daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error;
events { worker_connections 2048; }
http { access_log off; keepalive_requests 100000000; ${temporary.join(' ')} default_type application/json; ${blocks}
  server { listen 127.0.0.1:${port}; ${locations} } }`
  writeFileSync(join(folder, 'nginx.conf'), config)
  void processes.start(['-c', join(folder, 'nginx.conf')], /never printed/, 'nginx', 'SIGTERM').catch(() => undefined)
  const pid = processes.pids().at(-1)
  await listening(port)
  return { url: `http://127.0.0.1:${port}`, pid }
}

async function listening(port) {
  for (let tries = 0; tries < 100; tries++) {
    const answered = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    )
    if (answered) return
    await setTimeout(50)
  }
  throw new Error(`nothing listens on port ${port}`)
}

/** node:http before a pool of undici, in ten lines: the price of a plain proxy in the same language. */
export const startBareProxy = (processes, upstream) => startScript(processes, 'bare', bareProxy(upstream, 'call()'))

/** The same with a durable line before the call and one behind it. */
export const startRecordingProxy = (processes, upstream) =>
  startScript(
    processes,
    'recording',
    `import { durableLines } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, 'durable-lines.mjs')))}
const record = durableLines(${JSON.stringify(join(processes.folder, 'recording.jsonl'))})
${bareProxy(upstream, 'record(() => call().then(() => record(() => undefined)))')}`,
  )

const bareProxy = (upstream, served) => `import http from 'node:http'; import { createRequire } from 'node:module'
const { Pool } = createRequire(${JSON.stringify(undici)})('undici')
const pool = new Pool(${JSON.stringify(upstream.url)}, { connections: 64, pipelining: 1 })
const pass = (request, response) => {
  const call = () => pool.stream(
    { path: request.url, method: request.method, headers: { accept: '*/*', authorization: 'Bearer ${KEY}' } },
    ({ statusCode, headers }) => { response.writeHead(statusCode, headers); return response },
  ).catch(() => response.destroy())
  ${served}
}
const server = http.createServer(pass).listen(0, '127.0.0.1', () => console.log('up http://127.0.0.1:' + server.address().port))`

/** The proxy people install from npm, into a folder of its own; undefined where it cannot be installed. */
export async function startFastifyProxy(processes, upstream) {
  const folder = join(processes.folder, 'fastify')
  mkdirSync(folder)
  const args = [
    'install',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefix',
    folder,
    'fastify@5',
    '@fastify/http-proxy@11',
  ]
  if (spawnSync('npm', args, { timeout: 120_000 }).status !== 0) return undefined
  const script = `import { createRequire } from 'node:module'
const require = createRequire(${JSON.stringify(join(folder, 'package.json'))})
const app = require('fastify')()
const rewriteRequestHeaders = (_request, headers) => ({ ...headers, authorization: 'Bearer ${KEY}' })
app.register(require('@fastify/http-proxy'), { upstream: ${JSON.stringify(upstream.url)}, replyOptions: { rewriteRequestHeaders } })
app.listen({ port: 0, host: '127.0.0.1' }).then((url) => console.log('up ' + url))`
  return startScript(processes, 'fastify', script)
}

async function startScript(processes, name, text) {
  const script = join(processes.folder, `${name}.mjs`)
  writeFileSync(script, text)
  const [url] = await processes.start([script], /up (\S+)/)
  return { url, pid: processes.pids().at(-1) }
}

const TICK_US = 10_000
/** Microseconds of CPU that a process has used, its threads included, as the system counts them. */
export function cpuOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_US
}
