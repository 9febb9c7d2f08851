// `npm run bench`: how fast the built product is on this machine, beside simpler servers in the same run. Processes of its own on
// loopback, nothing but a build needed. It states and does not judge: ratios may be compared between machines, times may not.
import { existsSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { performance } from 'node:perf_hooks'
import { resolve } from 'node:path'
import { setTimeout } from 'node:timers'
import { openProcesses } from './processes.mjs'

const LIMIT_MS = 90_000

async function run(processes) {
  const [
    { provision, startBare, startDev, startDurable, startGateway },
    { measureDurableIssue, measureIssue },
    { measureValidate },
    { measureUpstreamCall },
    { measureRevokeToCut },
  ] = await Promise.all(
    ['stage', 'issue', 'validate', 'upstream-call', 'revoke-to-cut'].map((name) => import(`./${name}.mjs`)),
  )
  const bare = await startBare(processes)
  const dev = await startDev(processes)
  await provision(dev.vault, bare.url)
  await measureIssue(dev)
  await measureValidate(processes, dev, bare)
  await measureUpstreamCall(processes, dev, bare)
  const durable = await startDurable(processes)
  await provision(durable.vault, bare.url)
  await measureDurableIssue(durable)
  const gateways = await Promise.all(['first', 'second', 'third'].map((name) => startGateway(processes, durable, name)))
  await measureRevokeToCut(durable, gateways)
}

if (!existsSync(resolve(import.meta.dirname, '../../dist/cli/main.js'))) {
  console.error('bench: there is no build; run npm run build first')
  process.exit(1)
}
const processes = openProcesses()
let timer
const late = new Promise((_, failed) => {
  timer = setTimeout(() => failed(new Error(`not done after ${LIMIT_MS / 1000} s`)), LIMIT_MS)
})
console.log(
  `Node ${process.version}, ${availableParallelism()} x ${cpus()[0]?.model ?? 'CPU'}; loopback, load and product share the machine`,
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
