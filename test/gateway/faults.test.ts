/** P7 over real HTTP: whatever Vault, its standbys or a proxy answer in an outage, nobody is told that a token is invalid, and it passes. */
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCore } from '../../src/gateway/core.ts'
import type { GatewayCore } from '../../src/gateway/core.ts'
import { defaultStaleness } from '../../src/gateway/knowledge/freshness.ts'
import type { Logger } from '../../src/logical/log.ts'
import { tokenDigest } from '../../src/scope/index.ts'
import { createVaultClient } from '../../src/vault-client/index.ts'
import type { VaultClient } from '../../src/vault-client/index.ts'
import { FakeClock, settle } from '../fakes/clock.ts'
import { FakeVault, GATEWAY_TOKEN } from '../fakes/vault.ts'
import { VaultServer, errorResponse } from '../fakes/vault-server.ts'
import type { Fault } from '../fakes/vault-server.ts'
import { SERVICE_TOKEN, FakeSink, service, tokenOf, outcomeOf } from './harness.ts'

const STALE_MS = 30_000

let clock: FakeClock
let vault: FakeVault
let server: VaultServer
let standby: VaultServer | undefined
let client: VaultClient
let core: GatewayCore
let told: string[]
/** Requests the gateway waits for. */
let asking: number

const quiet = { debug: () => undefined, error: () => undefined }

async function follow(address: string | readonly string[]): Promise<void> {
  client = counted(createVaultClient({ address, token: GATEWAY_TOKEN, clock }))
  const logger: Logger = {
    ...quiet,
    info: (_fields, message) => {
      told.push(message)
    },
    warn: (_fields, message) => {
      told.push(message)
    },
  }
  core = createCore({
    inUse: () => true,
    vault: client,
    mount: 'mcp',
    services: [{ name: 'test', sha256: tokenDigest(SERVICE_TOKEN), agents: ['*'], vault: undefined }],
    sink: new FakeSink(),
    staleness: defaultStaleness,
    keyConsent: 'enforce',
    clock,
    random: (bytes) => randomBytes(bytes),
    logger,
  })
  core.follower.start()
  await pass(() => core.follower.ageMs() < 1_000)
}

beforeEach(async () => {
  clock = new FakeClock()
  vault = new FakeVault(clock)
  vault.engine.upstream('stripe')
  vault.engine.tool('stripe', 'invoices', ['GET /v1/invoices'])
  vault.engine.agent('a', { scopes: ['read:stripe:invoices'] })
  server = new VaultServer(vault)
  told = []
  asking = 0
  standby = undefined
  await server.listen()
  await follow(server.address)
})
afterEach(async () => {
  await core.follower.stop()
  await core.egress.close()
  await client.close()
  await server.die()
})

function counted(inner: VaultClient): VaultClient {
  const count =
    <A extends unknown[], T>(request: (...given: A) => Promise<T>) =>
    (...given: A): Promise<T> => {
      asking++
      return request(...given).finally(() => {
        asking--
      })
    }
  return {
    ...inner,
    request: count(inner.request),
    read: count(inner.read),
    list: count(inner.list),
    write: count(inner.write),
    delete: count(inner.delete),
  }
}

/** Lets what is on the way over the sockets arrive: whatever the gateway still waits for then, a server is holding. */
async function arrive(): Promise<void> {
  for (let turns = 0; turns === 0 || asking > server.holding + (standby?.holding ?? 0); turns++) {
    if (turns > 2_000) throw new Error('a request did not arrive')
    await new Promise((resolve) => {
      setTimeout(resolve, 1)
    })
  }
  await settle()
}

/** Cranks the clock in small steps until the condition holds; the milliseconds that took. */
async function pass(condition: () => boolean, atMostMs = 60_000, stepMs = 50): Promise<number> {
  let passedMs = 0
  for (await arrive(); !condition(); await arrive()) {
    if (passedMs >= atMostMs) throw new Error(`not within ${String(atMostMs)} ms`)
    await clock.advance(stepMs)
    passedMs += stepMs
  }
  return passedMs
}

const validate = (token: string): Promise<string> =>
  settledAt(core.decisions.validate({ token, requiredScope: 'read:stripe:invoices', requestId: 'r', caller: service }))

/** The verdict of something that may wait for time to pass. */
async function settledAt(pending: Promise<unknown>): Promise<string> {
  let said: string | undefined
  void outcomeOf(pending).then((text) => {
    said = text
  })
  await pass(() => said !== undefined)
  return said!
}

const open = (): string => tokenOf(vault.engine.open('a', { scopes: ['read:stripe:invoices'] }))

const faults: readonly (readonly [string, Fault | 'hang'])[] = [
  ['sealed', errorResponse(503, 'Vault is sealed')],
  [
    'being unsealed: the mount is not there yet',
    errorResponse(404, 'no handler for route "mcp/feed". route entry not found.'),
  ],
  ['being unsealed: nothing is there yet', errorResponse(404)],
  [
    'a plugin that is being reloaded',
    errorResponse(500, '1 error occurred:\n\t* rpc error: code = Unavailable desc = transport is closing\n\n'),
  ],
  [
    'a plugin that was killed',
    errorResponse(500, 'rpc error: code = Canceled desc = grpc: the client connection is closing'),
  ],
  ['stepping down', errorResponse(500, 'local node not active but active cluster node not found')],
  ['a disaster recovery secondary', errorResponse(472)],
  ['a performance standby that does not forward', errorResponse(473)],
  ['a standby that redirects', { status: 307, headers: { location: 'https://active.internal:8200/v1/mcp/feed' } }],
  ['behind on its replication', errorResponse(412, 'required index state not present')],
  ['refusing for its quota', errorResponse(429, 'request path "mcp/feed": rate limit quota exceeded')],
  ['a node without a leader, and no body', { status: 503, body: '' }],
  [
    'a proxy with an opinion of its own',
    { status: 403, body: '<html>Forbidden</html>', headers: { 'content-type': 'text/html' } },
  ],
  [
    'a proxy without a server',
    { status: 502, body: '<html>Bad Gateway</html>', headers: { 'content-type': 'text/html' } },
  ],
  [
    'a proxy that answers for it',
    { status: 200, body: '<html>Welcome</html>', headers: { 'content-type': 'text/html' } },
  ],
  ['another kind of server', { status: 200, body: '{"hello":"world"}' }],
  ["refusing the gateway's own token", errorResponse(403, 'permission denied')],
  ['not answering at all', 'hang'],
]

describe.each(faults)('while Vault is %s', (_case, fault) => {
  it('known tokens are judged until knowledge is stale, unknown ones not at all, and none is called invalid', async () => {
    const [known, unknown] = [open(), open()]
    expect(await validate(known)).toBe('allowed')
    server.breakWith(fault)
    await pass(() => core.follower.failures > 0)
    expect(await validate(unknown)).toMatch(/^unavailable /)
    await pass(() => core.follower.ageMs() > STALE_MS, 60_000, 500)
    expect(await validate(known)).toMatch(/^unavailable /)
    expect(told.filter((message) => message === 'the revocation feed cannot be followed').length).toBeLessThan(8)
  })

  it('it is over within a second of its end, and what was revoked meanwhile is known', async () => {
    const [alive, ended] = [open(), vault.engine.open('a', { scopes: ['read:stripe:invoices'] })]
    expect([await validate(alive), await validate(tokenOf(ended))]).toEqual(['allowed', 'allowed'])
    server.breakWith(fault)
    await pass(() => core.follower.failures > 3)
    vault.engine.end(ended, 'revoked')
    // A poll that hangs is given up only in its own time.
    await pass(() => server.polling === 0)
    server.fault = undefined
    expect(await pass(() => core.follower.failures === 0)).toBeLessThanOrEqual(fault === 'hang' ? 4_000 : 1_000)
    expect([await validate(alive), await validate(tokenOf(ended))]).toEqual([
      'allowed',
      'invalid_token reuse_after_revocation',
    ])
    expect(told).toContain('following the revocation feed again')
  })
})

describe('a server that dies and comes back', () => {
  it('is followed again within a second; with a new epoch nothing that was known is believed', async () => {
    const token = open()
    expect(await validate(token)).toBe('allowed')
    await server.die()
    await pass(() => core.follower.failures > 5)
    expect(await validate(open())).toBe('unavailable vault_unavailable')
    vault.engine.restart()
    await server.listen()
    expect(await pass(() => core.follower.failures === 0)).toBeLessThanOrEqual(1_000)
    expect(core.follower.epoch).toBe(vault.engine.epoch)
    const before = vault.count('mcp/introspect')
    expect(await validate(token)).toBe('allowed')
    expect(vault.count('mcp/introspect')).toBe(before + 1)
  })

  it('is asked by one poll at a time, whatever happens', async () => {
    for (const fault of ['hang', errorResponse(503, 'Vault is sealed'), 'hang'] as const) {
      server.breakWith(fault)
      await pass(() => core.follower.failures > 2)
      server.fault = undefined
      await pass(() => core.follower.failures === 0)
    }
    expect(server.mostPolling).toBe(1)
  })
})

describe('several nodes', () => {
  beforeEach(async () => {
    await core.follower.stop()
    await client.close()
    standby = new VaultServer(vault)
    await standby.listen()
  })
  afterEach(() => standby!.die())

  it.each<[string, (active: VaultServer) => Promise<void> | void]>([
    ['dies', (active) => active.die()],
    [
      'is sealed',
      (active) => {
        active.breakWith(errorResponse(503, 'Vault is sealed'))
      },
    ],
    [
      'redirects',
      (active) => {
        active.breakWith({ status: 307, headers: { location: 'http://127.0.0.1:1/' } })
      },
    ],
    [
      'does not answer',
      (active) => {
        active.breakWith('hang')
      },
    ],
  ])('are asked in turn: when one %s the next is followed, and the token goes nowhere else', async (what, happen) => {
    const other = standby!
    await follow([server.address, other.address])
    const token = open()
    expect(await validate(token)).toBe('allowed')
    expect(other.mostPolling).toBe(0)
    await happen(server)
    await pass(() => other.polling === 1)
    expect(await pass(() => core.follower.failures === 0)).toBeLessThanOrEqual(
      what === 'does not answer' ? 4_000 : 1_000,
    )
    expect(await validate(open())).toBe('allowed')
    await other.die()
    server.fault = undefined
    await server.die()
    await server.listen()
    await pass(() => core.follower.failures > 0)
    await pass(() => core.follower.failures === 0, 3_000)
    expect(await validate(open())).toBe('allowed')
  })

  it('differ in their host alone', () => {
    const address = ['https://vault-1:8200', 'https://vault-2:8200/other']
    expect(() => createVaultClient({ address, clock })).toThrow(
      'address: all nodes of a cluster must have the same path after their hosts',
    )
    expect(() => createVaultClient({ address: [], clock })).toThrow('address: is empty')
  })
})
