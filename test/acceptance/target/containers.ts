/** A server image with Node and the plugin in it (vault-config/docker/Dockerfile), run by Docker. */
import { GenericContainer, Wait } from 'testcontainers'
import type { StartedTestContainer } from 'testcontainers'
import { pluginFile } from '../../../scripts/build-plugin.mjs'
import { containerOptions, requireContainers } from '../../../scripts/containers.mjs'
import type { ContainerOptions } from '../../../scripts/containers.mjs'
import { freePorts } from './free-ports.ts'
import { packageVersion, scratchBuild } from './plugin-build.ts'
import { mounter } from './server.ts'
import type { Api, PluginControl, Server } from './server.ts'
import { initialise, register, reload, runningVersion, untilListening, useVersion } from './setup.ts'

/** Of all containers of a run; its value is ACCEPTANCE_RUN. */
export const containerLabel = 'mcp-acceptance-run'

const PORT = 8200
/** Of the image: where its Dockerfile puts the plugin. */
const PLUGINS = '/opt/plugins'
/** How much of the server's log a failed start shows. */
const LOG_LINES = 30

/** The image is the one preflight.ts has built for the run, ACCEPTANCE_IMAGE. */
export async function startContainer(env: Readonly<Record<string, string | undefined>>): Promise<Server> {
  const { ACCEPTANCE_IMAGE: image, ACCEPTANCE_RUN: run = '' } = env
  if (image === undefined) {
    requireContainers(env)
    throw new Error('TARGET=containers runs the image that a run of the suite builds first: npm run test:vault.')
  }
  const options = containerOptions(env)
  const log: string[] = []
  const { container, address } = await started(options, image, run, log)
  try {
    await untilListening(address)
    const server = await initialise(address)
    const own = await packageVersion()
    const version = `v${own}`
    // The same commit gives the same bytes on every machine: the image's own build must have this checksum, or nothing mounts.
    const { sha256 } = await scratchBuild(own, () => Promise.resolve())
    await register(server.api, { version, command: pluginFile, sha256 })
    return {
      target: 'containers',
      product: options.product,
      address,
      rootToken: server.rootToken,
      api: server.api,
      seal: server.seal,
      mount: mounter(server.api, { config: { plugin_version: version } }),
      plugin: pluginControl(container, server.api, version),
      readFile: async (path) => (await container.exec(['cat', path])).output,
      async stop() {
        await container.stop()
      },
    }
  } catch (error) {
    await container.stop()
    throw new Error(`the server in the container did not start:\n${log.slice(-LOG_LINES).join('\n')}`, { cause: error })
  }
}

async function started(
  { network, product }: ContainerOptions,
  image: string,
  run: string,
  log: string[],
): Promise<{ container: StartedTestContainer; address: string }> {
  const host = network === 'host'
  // Containers that share the machine's network share its ports.
  const [port, clusterPort] = host ? await freePorts() : [PORT, PORT + 1]
  const listen = `${host ? '127.0.0.1' : '0.0.0.0'}:${port}`
  const container = await (
    host
      ? new GenericContainer(image).withNetworkMode('host')
      : new GenericContainer(image).withExposedPorts(PORT).withWaitStrategy(Wait.forListeningPorts())
  )
    .withEnvironment({
      [product === 'vault' ? 'VAULT_LOCAL_CONFIG' : 'BAO_LOCAL_CONFIG']: JSON.stringify(
        configuration(product, listen, port, clusterPort),
      ),
    })
    .withCommand(['server'])
    .withLabels({ [containerLabel]: run })
    .withLogConsumer((stream) => {
      stream.on('data', (line) => log.push(String(line).trimEnd()))
    })
    .start()
  return { container, address: `http://${container.getHost()}:${host ? port : container.getMappedPort(PORT)}` }
}

const configuration = (
  product: ContainerOptions['product'],
  listen: string,
  port: number,
  clusterPort: number,
): object => ({
  storage: { raft: { path: `/${product}/file`, node_id: 'one', performance_multiplier: 1 } },
  // As in process.ts: Vault lets no text above a megabyte through unless told to.
  listener: {
    tcp: {
      address: listen,
      cluster_address: `127.0.0.1:${clusterPort}`,
      tls_disable: true,
      ...(product === 'vault' && { max_json_string_value_length: 32 << 20 }),
    },
  },
  api_addr: `http://127.0.0.1:${port}`,
  cluster_addr: `https://127.0.0.1:${clusterPort}`,
  // OpenBao locks no memory and does not know the field.
  ...(product === 'vault' && { disable_mlock: true }),
  // It wants audit devices declared; a test enables its own.
  ...(product === 'openbao' && { unsafe_allow_api_audit_creation: true }),
})

function pluginControl(container: StartedTestContainer, api: Api, version: string): PluginControl {
  const pids = async () => {
    // Not pgrep, which not every busybox has. In brackets, so that the search does not find itself.
    const search = `grep -ls '[${PLUGINS[0]}]${PLUGINS.slice(1)}/${pluginFile}' /proc/[0-9]*/cmdline`
    const { output } = await container.exec(['sh', '-c', search])
    return [...output.matchAll(/^\/proc\/(\d+)\/cmdline/gm)].map(([, pid]) => Number(pid))
  }
  return {
    version,
    pids,
    async kill() {
      await container.exec(['kill', '-9', ...(await pids()).map(String)])
    },
    reload: (mount) => reload(api, mount),
    async register(next) {
      const command = `${pluginFile}-${next}`
      const { sha256 } = await scratchBuild(next, (source) =>
        container.copyFilesToContainer([{ source, target: `${PLUGINS}/${command}`, mode: 0o755 }]),
      )
      await register(api, { version: `v${next}`, command, sha256 })
    },
    use: (mount, wanted) => useVersion(api, mount, wanted),
    running: (mount) => runningVersion(api, mount),
  }
}
