/** An official server image with Node and the plugin in it (vault-config/docker/Dockerfile), built and run by Docker. */
import { resolve } from 'node:path'
import { GenericContainer, Wait } from 'testcontainers'
import type { StartedTestContainer } from 'testcontainers'
import { pluginFile } from '../../../scripts/build-plugin.mjs'
import { requireDocker } from '../../../scripts/find-server.mjs'
import { packageVersion, scratchBuild } from './plugin-build.ts'
import { mounter } from './server.ts'
import type { Api, PluginControl, Product, Server } from './server.ts'
import { initialise, register, reload, runningVersion, useVersion } from './setup.ts'

const PORT = 8200
/** Of the image: where its Dockerfile puts the plugin. */
const PLUGINS = '/opt/plugins'
const DEFAULT_IMAGE = 'hashicorp/vault:1.21'

/** `SERVER_IMAGE` chooses the image; what has openbao in its name is taken for OpenBao. */
export async function startContainer(env: Readonly<Record<string, string | undefined>>): Promise<Server> {
  await requireDocker()
  const image = env.SERVER_IMAGE ?? DEFAULT_IMAGE
  const product: Product = image.includes('openbao') ? 'openbao' : 'vault'
  const container = await started(image, product)
  try {
    const address = `http://${container.getHost()}:${container.getMappedPort(PORT)}`
    const server = await initialise(address)
    const own = await packageVersion()
    const version = `v${own}`
    // The same commit gives the same bytes on every machine: the image's own build must have this checksum, or nothing mounts.
    const { sha256 } = await scratchBuild(own, () => Promise.resolve())
    await register(server.api, { version, command: pluginFile, sha256 })
    return {
      target: 'containers',
      product,
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
    throw error
  }
}

async function started(image: string, product: Product): Promise<StartedTestContainer> {
  const built = await GenericContainer.fromDockerfile(
    resolve(import.meta.dirname, '../../..'),
    'vault-config/docker/Dockerfile',
  )
    .withBuildkit()
    .withBuildArgs({ SERVER_IMAGE: image, SERVER: product })
    .build()
  const config = JSON.stringify({
    storage: { raft: { path: `/${product}/file`, node_id: 'one', performance_multiplier: 1 } },
    // As in process.ts: Vault lets no text above a megabyte through unless told to.
    listener: {
      tcp: {
        address: `0.0.0.0:${PORT}`,
        tls_disable: true,
        ...(product === 'vault' && { max_json_string_value_length: 32 << 20 }),
      },
    },
    api_addr: `http://127.0.0.1:${PORT}`,
    cluster_addr: `https://127.0.0.1:${PORT + 1}`,
    // OpenBao locks no memory and does not know the field.
    ...(product === 'vault' && { disable_mlock: true }),
    // It wants audit devices declared; a test enables its own.
    ...(product === 'openbao' && { unsafe_allow_api_audit_creation: true }),
  })
  return built
    .withEnvironment({ [product === 'vault' ? 'VAULT_LOCAL_CONFIG' : 'BAO_LOCAL_CONFIG']: config })
    .withCommand(['server'])
    .withExposedPorts(PORT)
    .withWaitStrategy(Wait.forHttp('/v1/sys/health?uninitcode=200', PORT))
    .start()
}

function pluginControl(container: StartedTestContainer, api: Api, version: string): PluginControl {
  const pids = async () => {
    const { output } = await container.exec(['pgrep', '-f', `${PLUGINS}/${pluginFile}`])
    return output
      .split('\n')
      .map(Number)
      .filter((pid) => pid > 0)
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
