/** A secrets engine as a plugin a Vault or OpenBao server launches: go-plugin protocol 5, any number of mounts in one process. */
import type { sendUnaryData } from '@grpc/grpc-js'
import { serviceDefinition } from '../goplugin/index.ts'
import type { GoPlugin, Service } from '../goplugin/index.ts'
import { vaultMultiplexing } from '../proto/vault-multiplexing.ts'
import { vaultPlugin } from '../proto/vault-plugin.ts'
import { backendService } from './backend-service.ts'
import { Instances } from './instances.ts'
import type { EngineOptions } from './instances.ts'

const usage = `This is a secrets engine for Vault and OpenBao. A server launches it; it does nothing by itself.
Put it into the server's plugin_directory, register it with its SHA-256, and enable it:

  vault plugin register -sha256=<sha256 of this file> -command=<name of this file> secret mcp
  vault secrets enable mcp
`

export function enginePlugin(options: EngineOptions): GoPlugin {
  let instances: Instances | undefined
  return {
    // Fixed by the servers, the same for Vault and OpenBao.
    cookie: { name: 'VAULT_BACKEND_PLUGIN', value: '6669da05-b1c8-4f49-97d9-c8e5bed98e20' },
    versions: [5],
    usage,
    services(host) {
      instances = new Instances(options, host)
      return [
        backendService(instances, host.logger),
        constant(serviceDefinition(vaultPlugin, 'logical.PluginVersion'), 'Version', {
          plugin_version: options.version,
        }),
        constant(
          serviceDefinition(vaultMultiplexing, 'pluginutil.multiplexing.PluginMultiplexing'),
          'MultiplexingSupport',
          { supported: true },
        ),
      ]
    },
    close: async () => instances?.closeAll(),
  }
}

function constant(definition: Service['definition'], method: string, reply: object): Service {
  return {
    definition,
    implementation: {
      [method]: (_call: unknown, callback: sendUnaryData<object>) => {
        callback(null, reply)
      },
    },
  }
}
