/** Three real servers on raft storage and loopback, with the engine registered and mounted, by the same calls an operator makes. */
import { mkdir, mkdtemp, readFile, readdir, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { buildPlugin } from '../../../scripts/build-plugin.mjs'
import { findServer } from '../../../scripts/find-server.mjs'
import type { Product } from '../../../scripts/find-server.mjs'
import { freePorts } from '../../survival/process.ts'
import { packageVersion } from '../target/plugin-build.ts'
import type { CallOptions, ApiResponse } from './api.ts'
import { timeUntil } from './until.ts'
import { ClusterNode } from './node.ts'

export interface Cluster {
  readonly product: Product
  readonly nodes: readonly ClusterNode[]
  readonly rootToken: string
  /** The built plugin, in the plugin directory. */
  readonly plugin: { readonly path: string; readonly sha256: string }
  /** Resolves as soon as one node says it is active. */
  leader(): Promise<ClusterNode>
  /** Those that run and are not active. */
  standbys(): Promise<ClusterNode[]>
  /** With the root token to the node that is active now; rejects unless the response is a success. */
  root(method: string, path: string, body?: unknown): Promise<ApiResponse>
  /** Starts a node that was killed, and unseals it; resolves when it serves what was written last. */
  revive(node: ClusterNode): Promise<void>
  /** Resolves when the node has applied what is written now: a standby that reads lags behind, for seconds after a start. */
  caughtUp(node: ClusterNode): Promise<void>
  unsealKey: string
  /** Processes of the plugin whose parent is that node. */
  pluginPids(node: ClusterNode): Promise<number[]>
  close(): Promise<void>
}

export async function openCluster(size = 3): Promise<Cluster> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'mcp-cluster-')))
  const pluginDirectory = join(directory, 'plugins')
  await mkdir(pluginDirectory)
  const plugin = await buildPlugin({ outDir: pluginDirectory })
  const ports = await freePorts(size * 2)
  const { binary, product } = findServer(process.env.TARGET as Product | undefined)
  const nodes = Array.from(
    { length: size },
    (_, index) =>
      new ClusterNode({
        binary,
        product,
        pluginDirectory,
        name: `node${String(index + 1)}`,
        directory: join(directory, `node${String(index + 1)}`),
        port: ports[index * 2]!,
        clusterPort: ports[index * 2 + 1]!,
      }),
  )
  const close = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()))
    if (process.env.KEEP_CLUSTER === undefined) await rm(directory, { recursive: true, force: true, maxRetries: 3 })
  }
  try {
    const { rootToken, unsealKey } = await form(nodes)
    const cluster = clusterOf({ product, nodes, plugin, rootToken, unsealKey, close })
    await mountEngine(cluster)
    return cluster
  } catch (error) {
    await close()
    throw error
  }
}

/** Initialises the first and has the others join it; resolves when all are voters. */
async function form(nodes: readonly ClusterNode[]): Promise<{ rootToken: string; unsealKey: string }> {
  const first = nodes[0]!
  await Promise.all(nodes.map((node) => node.start()))
  const { body } = await first.api('PUT', 'sys/init', { body: { secret_shares: 1, secret_threshold: 1 } })
  const [rootToken, unsealKey] = [String(body.root_token), String(body.keys[0])]
  await first.unseal(unsealKey)
  await timeUntil('the first node is active', () => first.isActive())
  const autopilot = await first.api('POST', 'sys/storage/raft/autopilot/configuration', {
    token: rootToken,
    body: { server_stabilization_time: '1s' },
  })
  if (autopilot.status >= 300) throw new Error(`autopilot: ${JSON.stringify(autopilot.body)}`)
  for (const node of nodes.slice(1)) {
    const joined = await node.api('PUT', 'sys/storage/raft/join', { body: { leader_api_addr: first.address } })
    if (joined.status !== 200) throw new Error(`${node.name} cannot join: ${JSON.stringify(joined.body)}`)
    // Joining waits for the unseal key to answer the leader's challenge.
    await node.unseal(unsealKey)
  }
  await timeUntil('every node is a voter', async () => {
    const { body: raft } = await first.api('GET', 'sys/storage/raft/configuration', { token: rootToken })
    const servers = (raft.data?.config?.servers ?? []) as { voter: boolean }[]
    return servers.filter(({ voter }) => voter).length === nodes.length
  })
  // OpenBao 2.6.2 does not act on step-down where a node leads in the same process in which it joined.
  for (const node of nodes.slice(1)) {
    await node.kill()
    await node.start()
    await node.unseal(unsealKey)
    await timeUntil(`${node.name} serves`, async () => (await node.health()) === 429)
  }
  return { rootToken, unsealKey }
}

async function mountEngine(cluster: Cluster): Promise<void> {
  const { sha256, path } = cluster.plugin
  await cluster.root('POST', 'sys/plugins/catalog/secret/mcp', {
    sha256,
    command: basename(path),
    version: `v${await packageVersion()}`,
  })
  await cluster.root('POST', 'sys/mounts/mcp', { type: 'mcp' })
  await cluster.root('POST', 'sys/mounts/secret', { type: 'kv', options: { version: '2' } })
  // Version 2 is made in the background after the mount.
  await timeUntil('the key-value store is ready', async () => {
    const leader = await cluster.leader()
    return (
      (await leader.api('POST', 'secret/data/ready', { token: cluster.rootToken, body: { data: {} } })).status === 200
    )
  })
  // Standbys that read know a mount when they have applied what the leader wrote: until then their response is 404.
  await Promise.all(cluster.nodes.map((node) => cluster.caughtUp(node)))
}

type Made = Pick<Cluster, 'product' | 'nodes' | 'plugin' | 'rootToken' | 'unsealKey' | 'close'>

function clusterOf(made: Made): Cluster {
  const { nodes, rootToken, unsealKey } = made
  const states = async () =>
    Promise.all(nodes.map(async (node) => ({ node, health: node.running ? await node.health() : undefined })))
  const leader = async (): Promise<ClusterNode> => {
    let found: ClusterNode | undefined
    await timeUntil('a node is active', async () => {
      found = (await states()).find(({ health }) => health === 200)?.node
      return found !== undefined
    })
    return found!
  }
  const root: Cluster['root'] = async (method, path, body) => {
    const options: CallOptions = { token: rootToken, ...(body !== undefined && { body }) }
    const response = await (await leader()).api(method, path, options)
    if (response.status >= 300)
      throw new Error(`${method} ${path}: ${String(response.status)} ${JSON.stringify(response.body)}`)
    return response
  }
  const caughtUp = async (node: ClusterNode): Promise<void> => {
    const { body: marker } = await root('POST', 'secret/data/marker', { data: {} })
    await timeUntil(`${node.name} has caught up`, async () => {
      const { body } = await node.api('GET', 'secret/data/marker', { token: rootToken })
      return (
        body.data?.metadata?.version >= marker.data.version &&
        (await node.api('GET', 'mcp/config', { token: rootToken })).status === 200
      )
    })
  }
  return {
    ...made,
    leader,
    root,
    caughtUp,
    standbys: async () => (await states()).filter(({ health }) => health === 429).map(({ node }) => node),
    async revive(node) {
      await node.start()
      await node.unseal(unsealKey)
      await timeUntil(`${node.name} serves`, async () => [200, 429].includes((await node.health()) ?? 0))
      await caughtUp(node)
    },
    pluginPids: (node) => childrenRunning(node.pid, made.plugin.path),
  }
}

/** Children of `parent` whose command line names the file. Linux only. */
async function childrenRunning(parent: number | undefined, file: string): Promise<number[]> {
  if (parent === undefined) return []
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    pids.map(async (pid) => {
      const [status, line] = await Promise.all(
        ['status', 'cmdline'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')),
      )
      return status!.includes(`\nPPid:\t${String(parent)}\n`) && line!.includes(file) ? [Number(pid)] : []
    }),
  )
  return found.flat()
}
