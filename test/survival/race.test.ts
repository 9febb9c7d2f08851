/** Revokes and look-ups that cross on the wire between a real engine and a real gateway: no late response revives what ended. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startGateway } from '../../src/gateway/gateway.ts'
import type { Gateway } from '../../src/gateway/gateway.ts'
import { createHost } from '../../src/host/index.ts'
import type { Host } from '../../src/host/index.ts'
import { systemClock } from '../../src/logical/clock.ts'
import { silentLogger } from '../../src/logical/log.ts'
import { MemoryStorage } from '../../src/logical/storage.ts'
import { mcpFactory } from '../../src/mcp/backend.ts'
import { tokenDigest } from '../../src/scope/index.ts'
import { createVaultClient } from '../../src/vault-client/index.ts'
import type { VaultClient } from '../../src/vault-client/index.ts'
import { DelayingProxy } from './delaying-proxy.ts'
import { seededRandom } from './writer.ts'

const AGENT = 'a'
const SERVICE = 'gst_race'

let directory: string
let host: Host
let root: VaultClient
let proxy: DelayingProxy
let gateway: Gateway

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'race-'))
  const surroundings = { clock: systemClock, random: (bytes: number) => randomBytes(bytes), logger: silentLogger }
  host = await createHost({
    ...surroundings,
    storage: new MemoryStorage(),
    engines: { mcp: mcpFactory },
    devRootTokenId: 'root',
  })
  const { url } = await host.listen({ address: '127.0.0.1:0' })
  root = createVaultClient({ address: url, token: 'root', clock: systemClock })
  await root.write('sys/mounts/mcp', { type: 'mcp' })
  await root.write(`mcp/agents/${AGENT}`, { owner: 'o', environment: 'production' })
  await root.write(`mcp/agents/${AGENT}/scopes`, { scopes: ['read:stripe:invoices'] })
  proxy = new DelayingProxy(url)
  gateway = await startGateway({
    ...surroundings,
    vault: { address: await proxy.start(), token: 'root', mount: 'mcp' },
    httpAddress: '127.0.0.1:0',
    auditPath: join(directory, 'audit.jsonl'),
    serviceTokens: [{ name: 'race', sha256: tokenDigest(SERVICE), agents: ['*'] }],
  })
  await gateway.ready
})
afterEach(async () => {
  await gateway.close()
  await proxy.close()
  await root.close()
  await host.close()
  await rm(directory, { recursive: true })
})

interface Issued {
  readonly token: string
  readonly session_id: string
  readonly lease_id: string
}

async function open(parentToken?: string): Promise<Issued> {
  const { data, lease_id } = await root.write(
    `mcp/creds/${AGENT}`,
    parentToken === undefined ? {} : { parent_token: parentToken },
  )
  return { token: String(data?.token), session_id: String(data?.session_id), lease_id: lease_id ?? '' }
}

const revoke = ({ lease_id }: Issued): Promise<unknown> => root.write('sys/leases/revoke', { lease_id, sync: true })

/** Status of a validation, and its code where it was refused. */
async function validate({ token }: Issued): Promise<string> {
  const response = await fetch(`${gateway.httpUrl}/validate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${SERVICE}`, 'content-type': 'application/json' },
    body: JSON.stringify({ token, required_scope: 'read:stripe:invoices' }),
  })
  const body = (await response.json()) as { error?: { code: string } }
  return [String(response.status), body.error?.code].filter(Boolean).join(' ')
}

/** Where the engine's feed is now: whatever was acknowledged before lies behind it. */
async function position({ session_id }: Issued): Promise<number> {
  return Number((await root.write('mcp/introspect', { session_id })).data?.sequence)
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds())
    await new Promise((resolve) => {
      setTimeout(resolve, 2)
    })
}

const REVOKED = '401 reuse_after_revocation'

const ENDS: readonly (readonly [string, (issued: Issued) => Promise<unknown>])[] = [
  ['the lease is revoked', revoke],
  ['an operator ends the session', ({ session_id }) => root.delete(`mcp/sessions/${session_id}`)],
  ['the agent is disabled', () => root.write(`mcp/agents/${AGENT}`, { disabled: true })],
  ['everything is revoked', () => root.write('mcp/sessions/revoke-all')],
]

/** The gateway follows the feed for ten seconds after a session was used. */
async function useGateway(): Promise<void> {
  expect(await validate(await open())).toBe('200')
  expect(gateway.state().following).toBe(true)
}

const hasHeard = (sequence: number) => (): boolean => gateway.state().sequence >= sequence

/** Validates a token, and holds what the engine says to the look-up back until `meanwhile` is over. */
async function validateAcross(issued: Issued, meanwhile: () => Promise<unknown>, heldPath = '/mcp/introspect') {
  const held = proxy.hold(heldPath)
  const pending = validate(issued)
  await held.caught
  await meanwhile()
  held.release()
  return pending
}

interface Gateways {
  readonly name: string
  readonly prepare: () => Promise<void>
  /** Resolves once the late response of the look-up tells of something that is no longer so. */
  readonly overtaken: (issued: Issued) => Promise<void>
}

/** What was known when the look-up began is too old to act on by now: nothing was polled meanwhile. */
const isOutdated = (): boolean => gateway.state().feed_age_ms > 1_000

const GATEWAYS: readonly Gateways[] = [
  {
    name: 'follows the feed',
    prepare: useGateway,
    overtaken: async (issued) => until(hasHeard(await position(issued))),
  },
  {
    name: 'follows nothing, because nobody used it',
    prepare: async () => {
      await until(() => !gateway.state().following)
      // Slower than all else, so that no poll that the request itself sets off overtakes its decision by chance.
      proxy.delayMs = (path) => (path.endsWith('/feed') ? 200 : 0)
    },
    overtaken: async () => {
      await until(isOutdated)
      expect(gateway.state().following).toBe(false)
    },
  },
]

describe.each(GATEWAYS)('a look-up of a gateway that $name', ({ prepare, overtaken }) => {
  beforeEach(prepare)

  it.each(ENDS)('does not let the token pass on a late response when %s', async (_case, end) => {
    const issued = await open()
    const outcome = await validateAcross(issued, async () => {
      await end(issued)
      await overtaken(issued)
    })
    expect(outcome).toBe(REVOKED)
    expect(await validate(issued)).toBe(REVOKED)
  })

  it('does not let a delegated token pass on a late response when its parent is revoked', async () => {
    const parent = await open()
    const child = await open(parent.token)
    const outcome = await validateAcross(child, async () => {
      await revoke(parent)
      await overtaken(parent)
    })
    expect(outcome).toBe(REVOKED)
    expect(await validate(child)).toBe(REVOKED)
  })

  it('is good after all when only another session ended', async () => {
    const [issued, other] = [await open(), await open()]
    const outcome = await validateAcross(issued, async () => {
      await revoke(other)
      await overtaken(other)
    })
    expect(outcome).toBe('200')
  })
})

it('a look-up leaves nothing behind when the feed is the late one', async () => {
  await useGateway()
  const issued = await open()
  const held = proxy.hold('/mcp/feed')
  await held.caught
  expect(await validate(issued)).toBe('200')
  await revoke(issued)
  held.release()
  await until(hasHeard(await position(issued)))
  expect(await validate(issued)).toBe(REVOKED)
})

describe('an idle gateway', () => {
  beforeEach(() => GATEWAYS[1]!.prepare())

  it('loses no revoke that was not heard before the session was cached', async () => {
    const issued = await open()
    // Within a second of the last contact this one request may still pass; it makes the gateway follow the feed.
    await validateAcross(issued, () => revoke(issued))
    await until(hasHeard(await position(issued)))
    expect(await validate(issued)).toBe(REVOKED)
  })

  it('asks about the session only after the feed, however late that is', async () => {
    const issued = await open()
    await until(isOutdated)
    expect(await validateAcross(issued, () => revoke(issued), '/mcp/feed')).toBe(REVOKED)
    expect(await validate(issued)).toBe(REVOKED)
  })
})

describe('any order of responses', () => {
  it('lets no token pass once the gateway has heard of its revoke, and none come back', async () => {
    const random = seededRandom(42)
    // Look-ups are mostly the slower ones, so that most are overtaken by what they must not miss.
    proxy.delayMs = (path) => random() * (path.endsWith('/introspect') ? 60 : 8)
    const wrong: string[] = []
    const one = async (): Promise<void> => {
      const issued = await open()
      let over = false
      let heardOf = Infinity
      const asking = (async () => {
        for (let outcome = ''; (outcome !== REVOKED || !over) && wrong.length === 0;) {
          const mustBeOver = gateway.state().sequence >= heardOf
          const before = outcome
          outcome = await validate(issued)
          if (outcome !== REVOKED && (mustBeOver || before === REVOKED))
            wrong.push(`${issued.session_id}: ${outcome} after ${before}`)
        }
      })()
      await new Promise((resolve) => {
        setTimeout(resolve, random() * 40)
      })
      await revoke(issued)
      heardOf = await position(issued)
      over = true
      await asking
    }
    for (let round = 0; round < 5; round++) await Promise.all(Array.from({ length: 12 }, one))
    expect(wrong).toEqual([])
  })
})
