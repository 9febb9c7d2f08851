/** A host in a process of its own, to be killed: launches the plugin it is given and tells where that listens. */
import { launchPlugin } from '../fakes/go-plugin-host.ts'
import { cookie } from './echo-contract.ts'

async function main(): Promise<void> {
  const host = await launchPlugin({ command: process.execPath, args: process.argv.slice(2), cookie })
  await host.ping()
  process.send?.({ address: host.handshake.address })
}

void main()
