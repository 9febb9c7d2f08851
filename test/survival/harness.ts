/** A server on a store of its own, as a process that can be killed and started again at the same address. */
import { readFile } from 'node:fs/promises'
import { systemClock } from '../../src/logical/clock.ts'
import { createVaultClient } from '../../src/vault-client/index.ts'
import type { VaultClient } from '../../src/vault-client/index.ts'
import { freePorts, openWorkshop } from './process.ts'
import type { Running, Workshop } from './process.ts'

export interface SurvivalHarness {
  readonly workshop: Workshop
  /** `http://127.0.0.1:…`, the same for every start. */
  readonly address: string
  startServer(): Promise<Running>
  /** Writes the configuration again: the data directory, more about the listener, more settings. */
  configure(changes: { path?: string; listener?: string; settings?: string }): Promise<unknown>
  /** Closed with the station. */
  client(token: string): VaultClient
  asRoot(): Promise<VaultClient>
  close(): Promise<void>
}

export async function startSurvivalHarness(script: string): Promise<SurvivalHarness> {
  const workshop = await openWorkshop(script)
  const [port] = await freePorts(1)
  const address = `127.0.0.1:${String(port)}`
  const clients: VaultClient[] = []
  const configure: SurvivalHarness['configure'] = ({ path = 'data', listener = '', settings = '' }) =>
    workshop.write(
      'server.hcl',
      `
    storage "level" { path = "${path}" key_file = "store.key" }
    listener "tcp" { address = "${address}" ${listener} }
    log_level = "warn"
    ${settings}
  `,
    )
  await configure({})
  const client = (token: string): VaultClient => {
    const made = createVaultClient({ address: `http://${address}`, token, clock: systemClock })
    clients.push(made)
    return made
  }
  return {
    workshop,
    configure,
    address: `http://${address}`,
    startServer: () => workshop.start(['server', '-config=server.hcl']),
    client,
    asRoot: async () => client((await readFile(workshop.path('data/root-token'), 'utf8')).trim()),
    async close() {
      await Promise.all(clients.map((one) => one.close()))
      await workshop.close()
    },
  }
}
