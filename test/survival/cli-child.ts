// The long-running commands of the CLI as a process of its own, compiled on the fly: what the tests of this folder kill.
import { gateway } from '../../src/cli/gateway.ts'
import { processIo } from '../../src/cli/io.ts'
import { run } from '../../src/cli/run.ts'
import { server } from '../../src/cli/server.ts'

process.exitCode = await run(process.argv.slice(2), processIo(), [
  { group: '', name: 'server', summary: '', load: () => Promise.resolve(server) },
  { group: '', name: 'gateway', summary: '', load: () => Promise.resolve(gateway) },
])
