import { findServer } from '../../../scripts/find-server.mjs'
import { startTarget } from '../../acceptance/target/index.ts'
import { must } from '../../acceptance/target/server.ts'
import type { Server } from '../../acceptance/target/index.ts'

export interface Provisioned {
  readonly name: string
  /** The server, and the `plugin` variable that registers the engine there; the embedded one has it built in. */
  start(): Promise<{ server: Server; plugin: string }>
}

/** The embedded server, and a real one where there is one (VAULT_BIN, set by scripts/check-terraform.mjs). */
export const servers: readonly Provisioned[] = [
  {
    name: 'the embedded server',
    start: async () => ({ server: await startTarget({ TARGET: 'embedded' }), plugin: 'null' }),
  },
  ...(process.env.VAULT_BIN ? [real(process.env.VAULT_BIN)] : []),
]

function real(binary: string): Provisioned {
  const { product } = findServer(undefined, { VAULT_BIN: binary })
  return {
    name: product,
    start: async () => {
      const server = await startTarget({ TARGET: product, VAULT_BIN: binary })
      // The target registers the plugin; here Terraform is to.
      const path = `sys/plugins/catalog/secret/mcp?version=${server.plugin!.version}`
      const { body } = await must(server.api('GET', path), 'reading the catalogue')
      const { sha256, command } = (body as { data: { sha256: string; command: string } }).data
      await must(server.api('DELETE', path), 'taking the plugin out of the catalogue')
      return { server, plugin: JSON.stringify({ version: server.plugin!.version, sha256, command }) }
    },
  }
}
