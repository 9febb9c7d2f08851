import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect } from 'vitest'
import { createHost } from '../../src/host/index.ts'
import type { Host } from '../../src/host/index.ts'
import { silentLogger } from '../../src/logical/log.ts'
import { MemoryStorage } from '../../src/logical/storage.ts'
import { mcpFactory } from '../../src/mcp/backend.ts'
import { FakeClock } from '../fakes/clock.ts'
import { shellAt } from './terminal.ts'
import type { Outcome, Shell, TerminalOptions } from './terminal.ts'

export interface EmbeddedShell {
  /** Of a person who holds the root token. */
  shell(): Shell
  /** Of somebody else. */
  shellWith(options: TerminalOptions): Promise<Shell>
  /** One line without quoting. */
  attempt(line: string): Promise<Outcome>
  /** The same; it must succeed. */
  v(line: string): Promise<string>
}

/** A shell before an embedded host for each test of the file, with a key-value store at `secret/` and the engine at `mcp/`. */
export function embeddedShell(): EmbeddedShell {
  let host: Host
  let address: string
  let shell: Shell
  const attempt = (line: string): Promise<Outcome> => shell.mcpVault(...line.split(' '))
  const v = async (line: string): Promise<string> => {
    const outcome = await attempt(line)
    expect(outcome).toMatchObject({ code: 0, err: '' })
    return outcome.out
  }
  beforeEach(async () => {
    host = await createHost({
      storage: new MemoryStorage(),
      clock: new FakeClock(),
      random: (bytes) => randomBytes(bytes),
      logger: silentLogger,
      engines: { mcp: mcpFactory },
      devRootTokenId: 'root',
    })
    address = (await host.listen({ address: '127.0.0.1:0' })).url
    shell = await shellAt(address, { env: { VAULT_TOKEN: 'root' } })
    await v('secrets enable -path=secret -version=2 kv')
    await v('secrets enable mcp')
  })
  afterEach(() => host.close())
  return { shell: () => shell, shellWith: (options) => shellAt(address, options), attempt, v }
}
