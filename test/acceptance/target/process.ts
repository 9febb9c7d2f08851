/** A real OpenBao or Vault as a child process: one raft node on loopback, with the plugin's one file in its plugin directory. */
import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { buildPlugin, pluginFile } from '../../../scripts/build-plugin.mjs'
import type { Product } from '../../../scripts/find-server.mjs'
import { freePorts } from './free-ports.ts'
import { packageVersion, scratchBuild } from './plugin-build.ts'
import { mounter } from './server.ts'
import type { PluginControl, Server } from './server.ts'
import { initialise, register, reload, runningVersion, untilListening, useVersion } from './setup.ts'
import type { Unsealed } from './setup.ts'

const execute = promisify(execFile)
const STOP_MS = 15_000
/** How much of the server's log a failed start shows. */
const LOG_LINES = 30

export async function startProcess({ product, binary }: { product: Product; binary: string }): Promise<Server> {
  // A server compares the plugin's folder with its own after following links.
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'acceptance-')))
  const plugins = join(folder, 'plugins')
  const built = await buildPlugin({ outDir: plugins }).catch(async (error: unknown) => {
    await rm(folder, { recursive: true })
    throw error
  })
  const [api, cluster] = await freePorts()
  const address = `http://127.0.0.1:${api}`
  const config = join(folder, 'server.json')
  await mkdir(join(folder, 'raft'))
  await writeFile(config, JSON.stringify(configuration(product, folder, address, cluster)))
  const child = spawn(binary, ['server', `-config=${config}`], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log = collect(child)
  // Where a run is broken off, nothing stops it in order.
  const orphaned = () => child.kill('SIGKILL')
  process.once('exit', orphaned)
  const stop = async () => {
    await end(child)
    process.off('exit', orphaned)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await listening(address, child)
    const server = await initialise(address)
    const version = `v${await packageVersion()}`
    await register(server.api, { version, command: pluginFile, sha256: built.sha256 })
    return {
      target: product,
      product,
      address,
      rootToken: server.rootToken,
      api: server.api,
      seal: server.seal,
      mount: mounter(server.api, { config: { plugin_version: version } }),
      plugin: pluginControl(server, version, plugins, child.pid!),
      readFile: (path) => readFile(path, 'utf8'),
      stop,
    }
  } catch (error) {
    await stop()
    throw new Error(`${binary} did not start:\n${log().split('\n').slice(-LOG_LINES).join('\n')}`, { cause: error })
  }
}

function configuration(product: Product, folder: string, address: string, cluster: number): object {
  return {
    storage: { raft: { path: join(folder, 'raft'), node_id: 'one', performance_multiplier: 1 } },
    listener: {
      tcp: {
        address: new URL(address).host,
        cluster_address: `127.0.0.1:${cluster}`,
        tls_disable: true,
        // Vault lets no text above a megabyte through to a plugin unless told to; OpenBao has no such limit.
        ...(product === 'vault' && { max_json_string_value_length: 32 << 20 }),
      },
    },
    api_addr: address,
    cluster_addr: `https://127.0.0.1:${cluster}`,
    plugin_directory: join(folder, 'plugins'),
    log_level: 'info',
    // OpenBao locks no memory and does not know the field; Vault, with raft, starts only when it is set.
    ...(product === 'vault' && { disable_mlock: true }),
    // It wants audit devices declared; a test enables its own.
    ...(product === 'openbao' && { unsafe_allow_api_audit_creation: true }),
  }
}

function pluginControl({ api }: Unsealed, version: string, plugins: string, serverPid: number): PluginControl {
  const pids = () => childrenOf(serverPid, join(plugins, pluginFile))
  return {
    version,
    pids,
    async kill() {
      for (const pid of await pids()) process.kill(pid, 'SIGKILL')
    },
    reload: (mount) => reload(api, mount),
    async register(next) {
      const command = `${pluginFile}-${next}`
      const { sha256 } = await scratchBuild(next, (path) => copyFile(path, join(plugins, command)))
      await register(api, { version: `v${next}`, command, sha256 })
    },
    use: (mount, wanted) => useVersion(api, mount, wanted),
    running: (mount) => runningVersion(api, mount),
  }
}

/** Those children of the server that run a file whose path starts with `file`: every version of the plugin. */
async function childrenOf(parent: number, file: string): Promise<number[]> {
  const { stdout } = await execute('ps', ['-A', '-ww', '-o', 'pid=,ppid=,stat=,args='])
  return stdout.split('\n').flatMap((line) => {
    const [, pid, ppid, stat, args] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    return Number(ppid) === parent && !stat!.startsWith('Z') && args!.includes(file) ? [Number(pid)] : []
  })
}

const listening = (address: string, child: ChildProcess): Promise<void> =>
  untilListening(address, () => child.exitCode !== null || child.signalCode !== null)

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await exited
  clearTimeout(late)
}

function collect(child: ChildProcess): () => string {
  const chunks: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString('utf8')
}
