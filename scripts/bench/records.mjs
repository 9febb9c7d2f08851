// `npm run bench:records`: what the two records of a call cost: made into lines, and durable on this disk. CPU is that of the whole
// process, the threads that write included. The work of a call around them is played by spinning, and taken off again.
//   npm run bench:records -- PATH  measures another checkout of this repository in turn with this one
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setImmediate } from 'node:timers'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { root } from '../sim/bundle.mjs'
import { quantile } from './loops.mjs'

const ROUNDS = 3
const ENCODED = 20_000
const CALLS = 8_000
const CALLS_ALONE = 400
const WORK_US = 60

const entry = `
  export { createAuditLog } from './src/audit/index.ts'
  export { auditLine } from './src/audit/line.ts'
  export { DecisionRecords } from './src/gateway/decision/records.ts'
  export { systemClock } from './src/logical/clock.ts'`

async function load(name, from, folder) {
  const outfile = join(folder, `${name}.mjs`)
  await build({
    stdin: { contents: entry, resolveDir: from, loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    tsconfigRaw: {},
    nodePaths: [join(root, 'node_modules')],
    banner: { js: "import { createRequire } from 'node:module';const require = createRequire(import.meta.url);" },
    logLevel: 'warning',
  })
  return { name, folder, ...(await import(pathToFileURL(outfile).href)) }
}

const session = {
  session_id: 'sess_01JNKQ8X4F2MVBP7RD3WCZH9GT',
  agent_id: 'billing-agent',
  token_id: 'tok_01JNKQ8X4F2MVBP7RD3WCZH9GT',
  owner: 'alice@example.com',
  environment: 'production',
  purpose: 'refunds for the support team',
}
const requested = {
  upstream: 'stripe',
  method: 'GET',
  endpoint: '/v1/invoices/{id}',
  risk: 'low',
  tools: ['stripe/invoices'],
}
const caller = { kind: 'session', address: '127.0.0.1' }
const allowed = { caller, decision: 'allow', validation_result: 'valid', reason: 'allowed', session, requested }
const complete = {
  session,
  requested,
  status: 200,
  latency_ms: 12,
  upstream_ms: 10,
  bytes: 1024,
  key_echoes: 0,
  result: 'complete',
}
let calls = 0
const nextId = () => `req_${String(calls++).padStart(32, '0')}`

/** Resolves once the decision is durable, as each checkout does it best. */
const decide = (records, request_id) =>
  records.recordDecision
    ? new Promise((durable, notDurable) => records.recordDecision({ request_id, ...allowed }, { durable, notDurable }))
    : records.decision({ request_id, ...allowed })

function outcome(records, request_id) {
  if (records.recordOutcome) records.recordOutcome({ request_id, ...complete })
  else void records.outcome({ request_id, ...complete })
}

/** Microseconds of CPU for one record. */
function encode({ DecisionRecords, auditLine, systemClock }) {
  const kept = Buffer.allocUnsafe(4096)
  const time = new Date().toISOString()
  const sink = {
    append(record) {
      kept.write(auditLine(record, time))
      return Promise.resolve()
    },
    appendMembers: (members) => kept.write(`{"time":"${time}",${members}}\n`),
  }
  const records = new DecisionRecords(sink, systemClock)
  const nobody = { durable: () => undefined, notDurable: () => undefined }
  const before = process.cpuUsage()
  for (let i = 0; i < ENCODED; i++) {
    const request_id = nextId()
    if (records.recordDecision) records.recordDecision({ request_id, ...allowed }, nobody)
    else void records.decision({ request_id, ...allowed })
    outcome(records, request_id)
  }
  return cpuSince(before) / ENCODED / 2
}

function cpuSince(before) {
  const { user, system } = process.cpuUsage(before)
  return user + system
}

function spin(us) {
  const until = performance.now() + us / 1000
  while (performance.now() < until);
}

/** CPU in microseconds and latencies in milliseconds of calls: half of the work, the decision, the other half, the outcome. */
async function measureCalls(records, { concurrency, count }) {
  const latencies = []
  let left = count
  const loop = async () => {
    while (left-- > 0) {
      const id = nextId()
      await new Promise(setImmediate)
      spin(WORK_US / 2)
      const started = performance.now()
      if (records) await decide(records, id)
      latencies.push(performance.now() - started)
      await new Promise(setImmediate)
      spin(WORK_US / 2)
      if (records) outcome(records, id)
    }
  }
  const before = process.cpuUsage()
  await Promise.all(Array.from({ length: concurrency }, loop))
  return { cpuUs: cpuSince(before) / count, p50: quantile(latencies, 0.5) }
}

async function withDisk({ createAuditLog, DecisionRecords, systemClock, folder, name }, load) {
  const log = createAuditLog({ path: join(folder, `${name}.jsonl`), clock: systemClock })
  await log.open()
  const measured = await measureCalls(new DecisionRecords(log, systemClock), load)
  await log.close()
  return measured
}

async function measure(subject) {
  const many = { concurrency: 32, count: CALLS }
  const alone = { concurrency: 1, count: CALLS_ALONE }
  const bare = await measureCalls(undefined, many)
  const [manyRow, aloneRow] = [await withDisk(subject, many), await withDisk(subject, alone)]
  return {
    'CPU of a record made into a line, us': encode(subject),
    'CPU of both records of a call, 32 at once, us': manyRow.cpuUs - bare.cpuUs,
    'wait for the decision, 32 at once, p50 us': manyRow.p50 * 1000,
    'wait for the decision, one at a time, p50 us': aloneRow.p50 * 1000,
  }
}

const [beside] = process.argv.slice(2)
const folder = mkdtempSync(join(root, '.bench-records-'))
try {
  const subjects = [await load('here', root, folder)]
  if (beside) subjects.push(await load('beside', beside, folder))
  const rows = new Map()
  for (let round = 0; round <= ROUNDS; round++)
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
      const measured = await measure(subject)
      // The first round warms up.
      if (round === 0) continue
      for (const [what, value] of Object.entries(measured)) {
        const key = `${what} (${subject.name})`
        rows.set(key, [...(rows.get(key) ?? []), value])
      }
    }
  console.log(`Node ${process.version}; median of ${ROUNDS} rounds [least..most]`)
  for (const [what, values] of [...rows].sort())
    console.log(
      `${what.padEnd(64)}${quantile(values, 0.5).toFixed(1).padStart(8)} [${Math.min(...values).toFixed(1)}..${Math.max(...values).toFixed(1)}]`,
    )
} finally {
  rmSync(folder, { recursive: true })
}
