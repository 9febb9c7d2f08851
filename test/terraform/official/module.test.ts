/** The module's own tests, vault-config/terraform/vault-provider/tests, as `terraform test` runs them. */
import { expect, it } from 'vitest'
import { servers } from './servers.ts'
import { openWorkspace } from './workspace.ts'

const provider = process.env.VAULT_PROVIDER_BIN ?? ''

it.skipIf(provider === '').each(servers)(
  'terraform test of the module for hashicorp/vault (VAULT_PROVIDER_BIN) passes on $name, and takes away what it made',
  async ({ start }) => {
    const { server, plugin } = await start()
    const terraform = await openWorkspace('vault-provider', {
      provider,
      env: { VAULT_ADDR: server.address, VAULT_TOKEN: server.rootToken, TF_VAR_plugin: plugin },
    })
    const mounted = async () =>
      [
        ...Object.keys((await server.api('GET', 'sys/mounts')).body.data),
        ...Object.keys((await server.api('GET', 'sys/auth')).body.data),
      ].sort()
    try {
      const before = await mounted()
      expect(await terraform.must(['test'])).toMatch(/Success! [1-9]\d* passed, 0 failed/)
      expect(await mounted()).toEqual(before)
      expect((await server.api('LIST', 'sys/policies/acl')).body.data.keys).toEqual(['default', 'root'])
    } finally {
      await terraform.close()
      await server.stop()
    }
  },
)
