// A real server, one node on raft storage, with the engine and its Go peer mounted side by side.
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readFileSync, readdirSync, realpathSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename, join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { buildPlugin } from '../../build-plugin.mjs'
import { AGENT, SCOPES, vaultClient } from '../stage.mjs'

const root = resolve(import.meta.dirname, '..', '..', '..')
const MOST_CONNECTIONS = 64
const READY_MS = 20_000

/** The engine as an operator gets it, and the peer: a Go plugin on the SDK that does one Put per credential. */
export async function buildPlugins(folder, { profiles, other }) {
  const directory = join(realpathSync(folder), 'plugins')
  const built = await buildPlugin({ outDir: directory })
  const engine = profiles === undefined ? built.path : profiled(built.path, resolve(profiles))
  const beside = other === undefined ? undefined : join(directory, 'beside')
  if (beside !== undefined) copyFileSync(other, beside)
  const peer = join(directory, 'putplugin')
  const go = spawnSync('go', ['build', '-o', peer, './putplugin'], {
    cwd: join(root, 'test/conformance'),
    encoding: 'utf8',
  })
  if (go.error !== undefined)
    throw new Error('the peer is built with Go, and `go` cannot be started: install Go 1.24 or newer')
  if (go.status !== 0) throw new Error(`the peer does not build:\n${go.stderr}`)
  return { directory, engine, peer, beside }
}

/** A command in the plugin's place that runs it and leaves a CPU profile of it. */
function profiled(path, folder) {
  const command = `${path}-profiled`
  writeFileSync(
    command,
    `#!/bin/sh\nexec node --cpu-prof --cpu-prof-interval=500 --cpu-prof-dir='${folder}' '${path}'\n`,
    { mode: 0o755 },
  )
  return command
}

/** `settings` are added to the server's configuration. */
export async function startServer(processes, { binary, product }, plugins, settings = {}) {
  const [port, clusterPort] = await freePorts()
  const url = `http://127.0.0.1:${port}`
  const raft = join(processes.folder, 'raft')
  mkdirSync(raft)
  const config = join(processes.folder, 'server.json')
  writeFileSync(
    config,
    JSON.stringify({
      storage: { raft: { path: raft, node_id: 'one', performance_multiplier: 1 } },
      listener: {
        tcp: { address: `127.0.0.1:${port}`, cluster_address: `127.0.0.1:${clusterPort}`, tls_disable: true },
      },
      api_addr: url,
      cluster_addr: `https://127.0.0.1:${clusterPort}`,
      plugin_directory: plugins.directory,
      log_level: 'warn',
      ...(product === 'vault' && { disable_mlock: true }),
      ...settings,
    }),
  )
  // A server that is killed leaves plugins behind; one that is asked to end takes them with it.
  await processes.start(['server', `-config=${config}`], /server started!/, binary, 'SIGTERM')
  const stranger = processes.client(url)
  const { keys, root_token: token } = await stranger('PUT', '/v1/sys/init', { secret_shares: 1, secret_threshold: 1 })
  const unseal = async () => {
    await stranger('PUT', '/v1/sys/unseal', { key: keys[0] })
    await until('the server is active', () => stranger('GET', '/v1/sys/health'))
  }
  await unseal()
  const vault = vaultClient(processes, url, token, MOST_CONNECTIONS)
  await mountAll(vault, plugins)
  return { vault, url, token, unseal }
}

async function mountAll(vault, plugins) {
  const files = [
    ['mcp', plugins.engine],
    ['put', plugins.peer],
    ['beside', plugins.beside],
  ].filter(([, path]) => path !== undefined)
  for (const [name, path] of files) {
    const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex')
    await vault('PUT', `/v1/sys/plugins/catalog/secret/${name}`, { sha256, command: basename(path) })
    await vault('POST', `/v1/sys/mounts/${name}`, { type: name })
  }
  if (plugins.beside !== undefined) {
    await vault('POST', `/v1/beside/agents/${AGENT}`, { owner: 'bench', environment: 'test' })
    await vault('POST', `/v1/beside/agents/${AGENT}/scopes`, { scopes: SCOPES })
  }
  await vault('POST', '/v1/sys/mounts/ssh', { type: 'ssh' })
  await vault('POST', '/v1/ssh/roles/otp', { key_type: 'otp', default_user: 'bench', cidr_list: '127.0.0.1/32' })
  await vault('POST', '/v1/sys/mounts/secret', { type: 'kv', options: { version: '2' } })
  await until('the key-value store is ready', () => vault('POST', '/v1/secret/data/ready', { data: {} }))
}

/** Ids of the processes that run `file`, by the server's side of things. Linux only. */
export function pidsOf(file) {
  const lines = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,stat=,args='], { encoding: 'utf8' }).split('\n')
  return lines.flatMap((line) => {
    const [, pid, stat, args] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    return args?.includes(file.replace(/-profiled$/, '')) && !stat.startsWith('Z') ? [Number(pid)] : []
  })
}

/** CPU time used so far, in milliseconds; NaN where there is no /proc. */
export function cpuMs(pids) {
  if (!readdirSync('/').includes('proc')) return Number.NaN
  const ticks = pids.map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
    return Number(fields[11]) + Number(fields[12])
  })
  // A tick is a hundredth of a second on every Linux that Node runs on.
  return ticks.reduce((sum, each) => sum + each, 0) * 10
}

/** Resident memory in MB: now, and the most it ever was. */
export function memoryMb(pids) {
  const read = (name) =>
    pids.reduce(
      (sum, pid) =>
        sum +
        Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN),
      0,
    ) / 1024
  return { now: read('VmRSS'), most: read('VmHWM') }
}

async function until(what, ask) {
  for (const started = Date.now(); ; await pause(50)) {
    try {
      return await ask()
    } catch (error) {
      if (Date.now() - started > READY_MS)
        throw new Error(`${what}: not after ${READY_MS / 1000} s; ${error.message}`, { cause: error })
    }
  }
}

async function freePorts() {
  const servers = await Promise.all(
    [0, 0].map(
      () =>
        new Promise((listening) => {
          const server = createServer()
          server.listen(0, '127.0.0.1', () => listening(server))
        }),
    ),
  )
  const ports = servers.map((server) => server.address().port)
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))))
  return ports
}
