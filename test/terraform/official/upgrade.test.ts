/** An upgrade of the plugin by the module: the new version is mounted before the old one leaves the catalogue. */
import { expect, it } from 'vitest'
import type { Server } from '../../acceptance/target/index.ts'
import { servers } from './servers.ts'
import { openWorkspace } from './workspace.ts'

const provider = process.env.VAULT_PROVIDER_BIN ?? ''
const NEXT = '9.9.9'

interface Plugin {
  readonly version: string
  readonly sha256: string
  readonly command: string
}

/** A further version of the plugin that the server could run; the embedded one starts no files, so any will do. */
async function nextPlugin(server: Server): Promise<Plugin> {
  if (!server.plugin) return { version: `v${NEXT}`, sha256: 'cd'.repeat(32), command: 'vault-plugin-secrets-mcp-next' }
  await server.plugin.register(NEXT)
  const path = `sys/plugins/catalog/secret/mcp?version=v${NEXT}`
  const { sha256, command } = (await server.api('GET', path)).body.data as Plugin
  await server.api('DELETE', path)
  return { version: `v${NEXT}`, sha256, command }
}

it.skipIf(provider === '').each(servers)(
  'the official route (VAULT_PROVIDER_BIN) upgrades the plugin on $name',
  async ({ start }) => {
    const { server, plugin } = await start()
    const first = (JSON.parse(plugin) as Plugin | null) ?? {
      version: 'v0.1.0',
      sha256: 'ab'.repeat(32),
      command: 'vault-plugin-secrets-mcp',
    }
    const next = await nextPlugin(server)
    const terraform = await openWorkspace('examples/article-official', {
      provider,
      env: {
        VAULT_ADDR: server.address,
        VAULT_TOKEN: server.rootToken,
        TF_VAR_create_kv_mount: 'true',
        TF_VAR_keys: '{"stripe":"a","github":"b"}',
      },
    })
    const using = (version: Plugin) => ({ TF_VAR_plugin: JSON.stringify(version) })
    const mount = async () => (await server.api('GET', 'sys/mounts/mcp')).body.data
    const registered = async ({ version }: Plugin) =>
      (await server.api('GET', `sys/plugins/catalog/secret/mcp?version=${version}`)).body.data?.sha256
    try {
      await terraform.must(['apply', '-auto-approve'], using(first))
      const { accessor, plugin_version } = await mount()
      expect(plugin_version).toBe(first.version)

      await terraform.must(['apply', '-auto-approve'], using(next))
      expect((await terraform.run(['plan', '-detailed-exitcode'], using(next))).code).toBe(0)
      expect(await mount()).toMatchObject({ accessor, plugin_version: next.version })
      expect([await registered(first), await registered(next)]).toEqual([undefined, next.sha256])

      expect((await server.api('PUT', 'sys/plugins/reload/backend', { body: { mounts: ['mcp/'] } })).status).toBe(200)
      expect((await mount()).running_plugin_version).toBe(next.version)
      expect((await server.api('GET', 'mcp/agents/claude-billing-agent')).status).toBe(200)
    } finally {
      await terraform.close()
      await server.stop()
    }
  },
)
