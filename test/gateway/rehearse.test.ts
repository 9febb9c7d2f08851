import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createHash, randomBytes } from 'node:crypto'
import { Server, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { makeUpSecrets } from '../../src/gateway/rehearsal/made-up.ts'
import { rehearse } from '../../src/gateway/rehearse.ts'
import type { GatewayConfig } from '../../src/gateway/gateway.ts'
import type { Clock } from '../../src/logical/clock.ts'
import { systemClock } from '../../src/logical/clock.ts'
import type { Logger } from '../../src/logical/log.ts'
import { bearer, refusal, sendRequest, startHttpHarness } from './http/harness.ts'

/** Of an instance before the last one. */
const CALLS_BEFORE = 100
/** Longer than any of this takes. */
const noLimit = { limitMs: 60_000 }

let folder: string
let logged: [level: string, fields: Record<string, unknown>, message: string][]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rehearsal-'))
  logged = []
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(folder, { recursive: true })
})

const keeps =
  (level: string) =>
  (fields: object, message: string): void => {
    logged.push([level, fields as Record<string, unknown>, message])
  }
const logger: Logger = { debug: keeps('debug'), info: keeps('info'), warn: keeps('warn'), error: keeps('error') }

const config = (settings: Partial<GatewayConfig> = {}): GatewayConfig => ({
  vault: { address: 'http://127.0.0.1:9', token: 'hvs.x', mount: 'team/mcp' },
  httpAddress: '127.0.0.1:0',
  auditPath: join(folder, 'audit.jsonl'),
  clock: systemClock,
  random: (bytes) => randomBytes(bytes),
  logger,
  ...settings,
})

/** The same bytes for everyone who draws as many in the same order. */
function seeded(): (bytes: number) => Uint8Array {
  let drawn = 0
  return (bytes) => {
    const block = () => createHash('sha512').update(String(drawn++)).digest()
    return Buffer.concat(Array.from({ length: Math.ceil(bytes / 64) }, block)).subarray(0, bytes)
  }
}

/** Sockets, servers and files that are open, once what has been closed is gone. Timers are those of the test's own machinery. */
async function handles(): Promise<string[]> {
  await nextTurn()
  await nextTurn()
  return process
    .getActiveResourcesInfo()
    .filter((kind) => kind !== 'Timeout')
    .sort()
}

/** Every server that listens from now on, and where. */
function listening(): { readonly servers: Set<Server>; readonly hosts: Set<unknown> } {
  const seen = { servers: new Set<Server>(), hosts: new Set<unknown>() }
  const listen = Object.getOwnPropertyDescriptor(Server.prototype, 'listen')!.value as (...given: unknown[]) => Server
  vi.spyOn(Server.prototype, 'listen').mockImplementation(function (this: Server, ...given: unknown[]) {
    seen.servers.add(this)
    seen.hosts.add((given[0] as { host?: unknown }).host)
    return listen.apply(this, given)
  })
  return seen
}

/** The machine's clock, on which `at` is called when the time has been asked for so many times: calls are under way then. */
function clockThatTells(reads: number, at: () => void): Clock {
  let left = reads
  return {
    ...systemClock,
    now: () => {
      if (left-- === 0) at()
      return systemClock.now()
    },
  }
}

describe('a rehearsal of calls', () => {
  it('makes as many calls as it is told to, each answered as it should be', async () => {
    expect(await rehearse(config(), { ...noLimit, calls: 150 })).toBe(CALLS_BEFORE + 150)
    expect(logged).toEqual([['debug', { calls: 250, took_ms: expect.any(Number) as number }, 'calls were rehearsed']])
  })

  it('leaves no handle open, no file, and nothing listening', async () => {
    const before = await handles()
    const { servers } = listening()
    await rehearse(config(), { ...noLimit, calls: 20 })
    expect(servers.size).toBe(6)
    expect([...servers].filter((server) => server.listening)).toEqual([])
    expect(await handles()).toEqual(before)
    expect(await readdir(folder)).toEqual([])
  })

  it('listens on this machine alone', async () => {
    const { hosts } = listening()
    await rehearse(config({ httpAddress: '0.0.0.0:0' }), { ...noLimit, calls: 20 })
    expect([...hosts]).toEqual(['127.0.0.1'])
  })

  it('reaches neither the Vault of the gateway, nor its log, nor a name server', async () => {
    let reached = 0
    const reach = (): never => {
      reached++
      throw new Error('reached')
    }
    const vault = createServer((socket) => {
      reached++
      socket.destroy()
    })
    await new Promise<void>((resolve) => {
      vault.listen(0, '127.0.0.1', resolve)
    })
    const address = `http://127.0.0.1:${String((vault.address() as AddressInfo).port)}`
    const service = { name: 'x', sha256: 'a'.repeat(64), agents: ['*'], vaultLogin: reach }
    const settings = { openAuditLog: reach, resolveUpstream: reach, serviceTokens: [service] }
    const made = await rehearse(config({ vault: { address, login: reach, mount: 'mcp' }, ...settings }), {
      ...noLimit,
      calls: 20,
    })
    await new Promise((resolve) => {
      vault.close(resolve)
    })
    expect({ made, reached }).toEqual({ made: CALLS_BEFORE + 20, reached: 0 })
  })

  it('holds whatever the settings of callers and consent are', async () => {
    const limits = { calls_per_session: 1, calls_per_address: 1, refusals_per_second: 1 }
    const strict = config({ limits, maxStaleness: { standard: 0.001 }, auditPaths: true })
    expect(await rehearse({ ...strict, maxStaleness: { standard: 5 } }, { ...noLimit, calls: 50 })).toBe(150)
    expect(await rehearse(config({ requireKeyConsent: false }), { ...noLimit, calls: 50 })).toBe(150)
  })
})

describe('what is made up for a rehearsal', () => {
  it('is worth nothing at a gateway, during it and after', async () => {
    const gateway = await startHttpHarness()
    const { tokens, serviceToken, vaultToken } = makeUpSecrets(seeded())
    const asked = async () => [
      refusal(await sendRequest(gateway.url, '/u/rehearsal/v1/things', { headers: bearer(tokens[0]!) })),
      refusal(await sendRequest(gateway.url, '/u/stripe/v1/customers', { headers: bearer(tokens[0]!) })),
      refusal(await sendRequest(gateway.url, '/validate', { method: 'POST', headers: bearer(serviceToken) })),
    ]
    const refused = ['401 invalid_token unknown', '401 invalid_token unknown', '401 invalid_token caller_unknown']
    const calls = rehearse(config({ random: seeded() }), { ...noLimit, calls: 50 })
    expect(await asked()).toEqual(refused)
    expect(await calls).toBe(CALLS_BEFORE + 50)
    expect(await asked()).toEqual(refused)
    expect(gateway.vault.requests.filter(({ token }) => token === vaultToken)).toEqual([])
    expect(gateway.core.records.counters).toMatchObject({ allowed: 0 })
    expect(gateway.core.sessionCache.size).toBe(0)
    expect(gateway.received).toEqual([])
    await gateway.stop()
  })

  it('is different each time', () => {
    const made = [1, 2].map(() => makeUpSecrets((bytes) => randomBytes(bytes)))
    const all = made.flatMap(({ tokens, serviceToken, vaultToken, upstreamKey, checkKey }) => [
      ...tokens,
      ...[serviceToken, vaultToken, upstreamKey, Buffer.from(checkKey).toString('hex')],
    ])
    expect(new Set(all).size).toBe(2 * 12)
  })

  it('is demanded by the servers that stand in: they hang up on everyone else', async () => {
    const { servers } = listening()
    let met: Promise<string[]> | undefined
    const clock = clockThatTells(500, () => {
      const urls = [...servers].filter((server) => server.listening).map((server) => server.address() as AddressInfo)
      const stranger = ({ port }: AddressInfo) =>
        fetch(`http://127.0.0.1:${String(port)}/v1/secret/data/mcp/rehearsal`, {
          headers: { 'x-vault-token': 'x' },
        }).then(
          ({ status }) => String(status),
          () => 'hung up',
        )
      met = Promise.all(urls.map(stranger))
    })
    await rehearse(config({ clock }), { ...noLimit, calls: 20 })
    // The upstream, Vault, and the gateway, which knows no such route.
    expect(await met).toEqual(['hung up', 'hung up', '404'])
  })
})

describe('a rehearsal that is cut short', () => {
  it('is over at its limit, however many calls are left, and leaves nothing behind', async () => {
    const before = await handles()
    const limitMs = 54_321
    let reachLimit = (): void => undefined
    const clock: Clock = {
      ...clockThatTells(8_000, () => {
        reachLimit()
      }),
      after: (ms, callback) => {
        if (ms === limitMs) reachLimit = callback
        return systemClock.after(ms, callback)
      },
    }
    const made = await rehearse(config({ clock }), { limitMs, calls: 1_000_000 })
    expect(made).toBeGreaterThan(CALLS_BEFORE)
    expect(made).toBeLessThan(10_000)
    expect(await handles()).toEqual(before)
  })

  it('ends when the program is told to stop', async () => {
    const stop = new AbortController()
    const clock = clockThatTells(2_000, () => {
      stop.abort()
    })
    expect(await rehearse(config({ clock }), { ...noLimit, calls: 1_000_000, signal: stop.signal })).toBeLessThan(
      10_000,
    )
  })

  it('makes no call where the program has been told to stop before', async () => {
    const { servers } = listening()
    expect(await rehearse(config(), { ...noLimit, signal: AbortSignal.abort() })).toBe(0)
    expect(servers.size).toBe(0)
  })
})

describe('a rehearsal that fails', () => {
  it('says so at level debug, leaves nothing behind, and holds nobody up', async () => {
    const before = await handles()
    // When one of its servers is open already.
    let left = 15
    const random = (bytes: number) => {
      if (left-- === 0) throw new Error('no more random bytes')
      return randomBytes(bytes)
    }
    expect(await rehearse(config({ random }), noLimit)).toBe(0)
    expect(logged).toEqual([['debug', { error: expect.any(String) as string }, 'the rehearsal of calls failed']])
    expect(await handles()).toEqual(before)
    expect(existsSync(join(folder, 'audit.jsonl'))).toBe(false)
  })

  it('does so where no port is to be had', async () => {
    vi.spyOn(Server.prototype, 'listen').mockImplementation(() => {
      throw new Error('no ports')
    })
    expect(await rehearse(config(), noLimit)).toBe(0)
    expect(logged.map(([level, , message]) => [level, message])).toEqual([['debug', 'the rehearsal of calls failed']])
  })
})
