import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createHost } from '../../../src/host/index.ts'
import { systemClock } from '../../../src/logical/clock.ts'
import { silentLogger } from '../../../src/logical/log.ts'
import { MemoryStorage } from '../../../src/logical/storage.ts'
import { mcpFactory } from '../../../src/mcp/backend.ts'
import { apiOf, mounter } from './server.ts'
import type { Server } from './server.ts'

/** The embedded host in this process, behind its real HTTP listener. */
export async function startEmbedded(): Promise<Server> {
  const host = await createHost({
    storage: new MemoryStorage(),
    clock: systemClock,
    random: (bytes) => randomBytes(bytes),
    logger: silentLogger,
    engines: { mcp: mcpFactory },
  })
  const { url: address } = await host.listen({ address: '127.0.0.1:0' })
  const rootToken = host.rootToken!
  const api = apiOf(address, rootToken)
  return {
    target: 'embedded',
    product: 'embedded',
    address,
    rootToken,
    api,
    mount: mounter(api),
    readFile: (path) => readFile(path, 'utf8'),
    stop: () => host.close(),
  }
}
