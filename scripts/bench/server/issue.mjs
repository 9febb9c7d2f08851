// Issuing through the real server: the engine, the Go peer that does one Put per credential, and the server's own one-time passwords
// for SSH (no plugin process, one Put and a lease). Rounds alternate, so that what else the machine does falls on all alike.
import { performance } from 'node:perf_hooks'
import { quantile } from '../loops.mjs'
import { AGENT } from '../stage.mjs'
import { cpuMs, memoryMb, pidsOf } from './stage.mjs'

/** A plugin in JavaScript is compiled while it runs: what is stated is a process that has served for a while. Of the Go peer it changes nothing. */
const WARM_UP_REQUESTS = 5000
const WARM_UP_MS = 12_000

async function round(once, concurrency, forMs) {
  const samples = []
  const started = performance.now()
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (let begun = performance.now(); begun < started + forMs; begun = performance.now()) {
        await once()
        samples.push(performance.now() - begun)
      }
    }),
  )
  return { samples, perSecond: (samples.length / (performance.now() - started)) * 1000 }
}

async function warmUp(once) {
  const until = performance.now() + WARM_UP_MS
  let left = WARM_UP_REQUESTS
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      while (left-- > 0 && performance.now() < until) await once()
    }),
  )
}

const subjectsOf = (vault, { engine, peer, beside }) => [
  { name: 'Go peer', file: peer, once: () => vault('POST', '/v1/put/creds/bench', { purpose: 'bench' }) },
  { name: 'mcp', file: engine, once: () => vault('POST', `/v1/mcp/creds/${AGENT}`, { purpose: 'bench' }) },
  ...(beside === undefined
    ? []
    : [
        {
          name: 'mcp, other build',
          file: beside,
          once: () => vault('POST', `/v1/beside/creds/${AGENT}`, { purpose: 'bench' }),
        },
      ]),
  { name: 'ssh OTP (builtin)', once: () => vault('POST', '/v1/ssh/creds/otp', { ip: '127.0.0.1' }) },
]

/** Prints one row for each subject and number of writers; the ratio is of rates, engine to Go peer of the same round, median of rounds. */
export async function measureIssue(vault, serverPid, plugins, { concurrencies, rounds, roundMs }) {
  console.log(
    '\nIssue through the server, raft storage, every answer after its write is synced; rate against the Go peer of the same rounds',
  )
  console.log(
    ['', 'writers', 'per s', 'ratio', 'p50 ms', 'p99 ms', 'plugin CPU us', 'server CPU us', 'samples']
      .map((head, index) => (index === 0 ? head.padEnd(20) : head.padStart(15)))
      .join(''),
  )
  for (const { file, once } of subjectsOf(vault, plugins)) if (file !== undefined) await warmUp(once)
  for (const concurrency of concurrencies) {
    const results = subjectsOf(vault, plugins).map((subject) => ({
      ...subject,
      samples: [],
      rates: [],
      cpu: 0,
      serverCpu: 0,
    }))
    for (let turn = 0; turn < rounds; turn++) {
      for (const result of turn % 2 === 0 ? results : results.toReversed()) {
        const pids = result.file === undefined ? [] : pidsOf(result.file)
        const [before, serverBefore] = [cpuMs(pids), cpuMs([serverPid])]
        const { samples, perSecond } = await round(result.once, concurrency, roundMs)
        result.cpu += cpuMs(pids) - before
        result.serverCpu += cpuMs([serverPid]) - serverBefore
        result.rates.push(perSecond)
        for (const sample of samples) result.samples.push(sample)
      }
    }
    for (const result of results) print(result, concurrency, results[0])
  }
}

function print({ name, file, samples, rates, cpu, serverCpu }, concurrency, peer) {
  const ratio = quantile(
    rates.map((rate, turn) => rate / peer.rates[turn]),
    0.5,
  )
  const each = (cpuOfAll) => ((cpuOfAll * 1000) / samples.length).toFixed(0)
  const cells = [
    concurrency,
    quantile(rates, 0.5).toFixed(0),
    ratio.toFixed(2),
    quantile(samples, 0.5).toFixed(2),
    quantile(samples, 0.99).toFixed(2),
    file === undefined ? '' : each(cpu),
    each(serverCpu),
    samples.length,
  ]
  console.log(name.padEnd(20) + cells.map((cell) => String(cell).padStart(15)).join(''))
}

/** Memory of the two plugin processes after the load. */
export function measureMemory({ engine, peer }) {
  console.log('\nMemory of the plugin process after that, MB resident: now, at most')
  for (const [name, file] of [
    ['Go peer', peer],
    ['mcp', engine],
  ]) {
    const { now, most } = memoryMb(pidsOf(file))
    console.log(`${name.padEnd(20)}${now.toFixed(0).padStart(15)}${most.toFixed(0).padStart(15)}`)
  }
}
