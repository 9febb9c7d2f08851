// `npm run bench:server`: the engine under a real Vault or OpenBao on raft storage, beside a Go plugin that does the least any engine
// can do, mounted in the same server. Needs a build, a server (VAULT_BIN, or bao or vault on PATH) and Go for the peer. It states and
// does not judge: ratios may be compared between machines, times may not.
//   --rounds=8 --round-ms=500 --writers=1,16,50    of the issue rounds
//   --revokes=100                                   of each way, for one gateway and for three
//   --only=issue,start,revoke
//   --beside=<file>                                 another build of the plugin, to compare with
//   --profile=<folder>                              leaves CPU profiles of the plugin there, which costs it some speed
import { existsSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout } from 'node:timers'
import { parseArgs } from 'node:util'
import { findServer } from '../../find-server.mjs'
import { openProcesses } from '../processes.mjs'

const LIMIT_MS = 240_000

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '8' },
    'round-ms': { type: 'string', default: '500' },
    writers: { type: 'string', default: '1,16,50' },
    profile: { type: 'string' },
    beside: { type: 'string' },
    revokes: { type: 'string', default: '100' },
    only: { type: 'string', default: 'issue,start,revoke' },
  },
})

async function run(processes) {
  const only = values.only.split(',')
  const server = findServer(undefined, process.env)
  const [
    stage,
    { measureIssue, measureMemory },
    { measureStart },
    { measureRevoke },
    { provision, startBare, startGateway },
  ] = await Promise.all(
    ['./stage.mjs', './issue.mjs', './start-time.mjs', './revoke.mjs', '../stage.mjs'].map((file) => import(file)),
  )
  const plugins = await stage.buildPlugins(processes.folder, { profiles: values.profile, other: values.beside })
  if (only.includes('start')) await measureStart(plugins)
  const bare = await startBare(processes)
  const { vault, url } = await stage.startServer(processes, server, plugins)
  await provision(vault, bare.url)
  if (only.includes('issue')) {
    await measureIssue(vault, stage.pidsOf(`-config=${processes.folder}`)[0], plugins, {
      concurrencies: values.writers.split(',').map(Number),
      rounds: Number(values.rounds),
      roundMs: Number(values['round-ms']),
    })
    measureMemory(plugins)
  }
  if (only.includes('revoke')) {
    const gateways = await Promise.all(
      ['first', 'second', 'third'].map((name) => startGateway(processes, { vault, url }, name)),
    )
    await measureRevoke(vault, gateways, Number(values.revokes))
  }
}

if (!existsSync(resolve(import.meta.dirname, '../../../dist/cli/main.js'))) {
  console.error('bench: there is no build; run npm run build first')
  process.exit(1)
}
const processes = openProcesses()
let timer
const late = new Promise((_, failed) => {
  timer = setTimeout(() => failed(new Error(`not done after ${LIMIT_MS / 1000} s`)), LIMIT_MS)
})
console.log(
  `Node ${process.version}, ${availableParallelism()} x ${cpus()[0]?.model ?? 'CPU'}; loopback, load, server and plugins share the machine`,
)
try {
  await Promise.race([late, run(processes)])
  console.log(`\ndone in ${(performance.now() / 1000).toFixed(0)} s`)
} catch (error) {
  console.error(`bench: ${error.message}`)
  process.exitCode = 1
} finally {
  timer.close()
  await processes.close()
}
