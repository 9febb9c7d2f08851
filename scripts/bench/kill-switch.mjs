// `npm run bench:kill-switch`: how long it takes to stop an agent that holds many sessions, and what it writes: by its own path
// (`agents/<agent>/revoke`) with the clean-up of its leases after that, and by revoking its leases alone. On a real server (VAULT_BIN, or
// bao or vault on PATH), whose writes to storage its metrics count. Needs a build. It states and does not judge.
//   --sessions=400
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { request } from 'undici'
import { buildPlugin } from '../build-plugin.mjs'
import { findServer } from '../find-server.mjs'
import { bench } from './processes.mjs'
import { follow } from './revoke-to-cut.mjs'
import { pidsOf, startServer } from './server/stage.mjs'
import { AGENT, issue, provision, startBare, startGateway } from './stage.mjs'

const AT_ONCE = 8

const { values } = parseArgs({ options: { sessions: { type: 'string', default: '400' } } })
const SESSIONS = Number(values.sessions)

/** How often the server wrote to and deleted from its storage since it started, for any caller. */
async function storageCalls({ url, token }) {
  const { statusCode, body } = await request(`${url}/v1/sys/metrics?format=prometheus`, {
    headers: { 'x-vault-token': token },
  })
  const text = await body.text()
  if (statusCode !== 200) throw new Error(`sys/metrics: ${statusCode} ${text}`)
  const count = (name) => Number(new RegExp(`^\\w+_barrier_${name}_count (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
  return { puts: count('put'), deletes: count('delete') }
}

async function openSessions(vault) {
  let left = SESSIONS
  const some = async () => {
    while (left-- > 0) await issue(vault)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, some))
}

async function timed(server, name, run, stream) {
  const [before, load, sent] = [await storageCalls(server), loadavg()[0], performance.now()]
  await run()
  const took = performance.now() - sent
  const after = await storageCalls(server)
  // Of the session that was opened last; of a stream that is over already there is nothing left to cut.
  const cut = stream === undefined ? '' : ((await stream.ended).lastByte - sent).toFixed(0)
  const cells = [took.toFixed(0), cut, after.puts - before.puts, after.deletes - before.deletes, load.toFixed(0)]
  console.log(name.padEnd(52) + cells.map((cell) => String(cell).padStart(14)).join(''))
}

async function run(processes) {
  const directory = join(processes.folder, 'plugins')
  const engine = (await buildPlugin({ outDir: directory })).path
  const telemetry = { prometheus_retention_time: '1h', disable_hostname: true }
  const server = await startServer(processes, findServer(undefined, process.env), { directory, engine }, { telemetry })
  const { vault } = server
  const bare = await startBare(processes)
  await provision(vault, bare.url)
  const gateway = await startGateway(processes, server, 'gateway')
  const stop = () => vault('POST', `/v1/mcp/agents/${AGENT}/revoke`)
  const revokeLeases = () => vault('PUT', `/v1/sys/leases/revoke-prefix/mcp/creds/${AGENT}`, { sync: true })
  const crowd = async () => {
    await openSessions(vault)
    const { data } = await issue(vault)
    return follow(gateway, data.token)
  }
  console.log(
    `\n${SESSIONS + 1} sessions of one agent, a stream of the youngest open; plugin ${pidsOf(engine).length} process`,
  )
  console.log(
    ''.padEnd(52) +
      ['answered ms', 'last byte ms', 'puts', 'deletes', 'load'].map((head) => head.padStart(14)).join(''),
  )
  let stream = await crowd()
  await timed(server, `write -f mcp/agents/${AGENT}/revoke`, stop, stream)
  await timed(server, `lease revoke -sync -prefix mcp/creds/${AGENT}, after it`, revokeLeases)
  stream = await crowd()
  await timed(server, `lease revoke -sync -prefix mcp/creds/${AGENT}, alone`, revokeLeases, stream)
}

await bench(run)
