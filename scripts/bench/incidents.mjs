// `npm run bench:incidents`: how soon each action of vault-config/incidents.md takes effect at a gateway that has a stream open
// and calls coming. On the embedded server; on a real one with VAULT_BIN. Needs a build. It states and does not judge.
//   --only=disable,seal        rows whose name contains one of these
//   --wait=130                 seconds to wait for an effect
import { readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { request } from 'undici'
import { findServer } from '../find-server.mjs'
import { bench } from './processes.mjs'

const PACE_MS = 10
/** Refused calls in a row, with which an action has taken effect. */
const SURE = 10

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, wait: { type: 'string', default: '130' } },
})
const WAIT_MS = Number(values.wait) * 1000

const pidsOfConfig = (processes, name, pidsOf) => pidsOf(`-config=${join(processes.folder, `${name}.json`)}`)
const killAll = (pids) => {
  for (const pid of pids) process.kill(pid, 'SIGKILL')
}

/** One call: its status and code; 0 where nothing answers. */
async function call(url, token) {
  try {
    const { statusCode, body } = await request(`${url}/u/bench/things`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const text = await body.text()
    return { status: statusCode, code: /"code":"(\w+)"/.exec(text)?.[1] ?? '' }
  } catch (error) {
    return { status: 0, code: error.code ?? 'no connection' }
  }
}

/** Calls until `SURE` in a row were refused after the action, or the time is up. */
function keepCalling(url, token) {
  const found = { lastAccepted: Number.NaN, then: '' }
  let action = Infinity
  const done = (async () => {
    for (let refused = 0; refused < SURE && performance.now() < action + WAIT_MS; await pause(PACE_MS)) {
      const { status, code } = await call(url, token)
      if (status === 200) {
        found.lastAccepted = performance.now()
        refused = 0
      } else if (action < Infinity) {
        refused++
        found.then = `${status || ''} ${code}`.trim()
      }
    }
    found.over = performance.now() < action + WAIT_MS
    return found
  })()
  return {
    done,
    from(instant) {
      action = instant
    },
  }
}

async function measure(action, stage, follow, issue) {
  await action.before?.(stage)
  stage.issued = await issue(stage.vault)
  await action.prepare?.(stage)
  const { token } = stage.issued.data
  const { ended } = await follow(stage.gateway.url, token)
  const calls = keepCalling(stage.gateway.url, token)
  await pause(500)
  const load = loadavg()[0]
  const sent = performance.now()
  calls.from(sent)
  const answered = action.run(stage).then(() => performance.now() - sent)
  const stream = Promise.race([ended, pause(WAIT_MS, undefined, { ref: false })])
  const [took, { lastAccepted, then, over }, end] = await Promise.all([answered, calls.done, stream])
  return {
    name: action.name,
    took,
    call: over ? Math.max(0, lastAccepted - sent) : Infinity,
    byte: end === undefined ? Infinity : Math.max(0, end.lastByte - sent),
    then,
    load,
  }
}

const ms = (value) => (value === Infinity ? 'none' : value.toFixed(0))

function print(row) {
  const cells = [ms(row.took), ms(row.call), ms(row.byte)].map((cell) => cell.padStart(12)).join('')
  console.log(`${row.name.padEnd(56)}${cells}${row.load.toFixed(0).padStart(7)}  ${row.then}`)
}

async function startReal(processes, server) {
  const [stage, { buildPlugin }] = await Promise.all([import('./server/stage.mjs'), import('../build-plugin.mjs')])
  const directory = join(processes.folder, 'plugins')
  const engine = (await buildPlugin({ outDir: directory })).path
  return { ...(await stage.startServer(processes, server, { directory, engine })), engine }
}

async function run(processes) {
  const { provision, startBare, startDurable, startGateway, issue } = await import('./stage.mjs')
  const [{ follow }, { actions, enterNamespace }, { pidsOf }] = await Promise.all(
    ['./revoke-to-cut.mjs', './incident-actions.mjs', './server/stage.mjs'].map((file) => import(file)),
  )
  const real = (process.env.VAULT_BIN ?? '') !== ''
  const bare = await startBare(processes)
  const server = real
    ? await startReal(processes, findServer(undefined, process.env))
    : await startDurable(processes, 'server')
  const wanted = values.only.split(',')
  const stage = {
    ...server,
    provision: () => provision(server.vault, bare.url),
    // A server that is killed leaves its plugins behind.
    killServer: async () =>
      killAll([...pidsOfConfig(processes, 'server', pidsOf), ...(real ? pidsOf(server.engine) : [])]),
    settled: async (path) => {
      for (let tries = 0; tries < 200; tries++) {
        if (await server.vault('GET', path).catch(() => undefined)) return
        await pause(50)
      }
    },
  }
  console.log(`\n${real ? 'A real server' : 'The embedded server'}; from the sending of the request, ms`)
  console.log(
    `${''.padEnd(56)}${['answered', 'last accept', 'last byte'].map((head) => head.padStart(12)).join('')}   load  then`,
  )
  for (const [index, action] of actions.entries()) {
    if (!wanted.some((part) => action.name.includes(part)) || (action.only === 'real' && !real)) continue
    const place = action.namespace === undefined ? server : await enterNamespace(server, action.namespace)
    const here = { ...stage, ...place, provision: () => provision(place.vault, bare.url) }
    await here.provision()
    const name = `gateway-${index}`
    const url = await startGateway(processes, place, name)
    const kill = async () => killAll(pidsOfConfig(processes, name, pidsOf))
    here.gateway = { url, kill, token: readFileSync(join(processes.folder, `${name}.token`), 'utf8').trim() }
    print(await measure(action, here, follow, issue))
    await kill()
    await action.undo?.(here)
  }
}

await bench(run)
