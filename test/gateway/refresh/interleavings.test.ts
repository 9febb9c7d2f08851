/** Gateways that share a refresh token, whatever goes wrong between them, Vault and the issuer: drawn from a seed. */
import { describe, expect, it } from 'vitest'
import type { UpstreamDocument } from '../../../src/document/index.ts'
import { toGatewayFailure } from '../../../src/gateway/error.ts'
import type { RefreshUse } from '../../../src/gateway/proxy/refresh-exchange.ts'
import { placementsIn } from '../../../src/scope/index.ts'
import { Random } from '../../sim/random.ts'
import { FaultyWorld, LIFE_MS } from './faulty-world.ts'
import type { Faults, Process } from './faulty-world.ts'

// `ROUNDS=500 npx vitest run test/gateway/refresh/interleavings.test.ts` for the long form.
const rounds = Number(process.env.ROUNDS ?? 25)
const GATEWAYS = 4
const NEEDED_MS = 10_000

interface Episode {
  readonly world: FaultyWorld
  readonly results: readonly string[]
  /** Access tokens that were handed out and were not good. */
  readonly bad: readonly string[]
}

const tokenUrl = 'https://login.example/token'
const { minting, text: placement } = placementsIn(`oauth2_refresh:${tokenUrl}`)[0]!

function useOf(refreshToken: string, version: number): RefreshUse {
  const fields = { client_id: 'client-1', client_secret: 'a-client-secret', refresh_token: refreshToken }
  return {
    upstream: { name: 'crm', kv_mount: 'secret' } as UpstreamDocument,
    path: 'mcp-minted/mcp/crm',
    seed: { path: 'mcp/crm', version, createdTime: '', tokenUrl, clientId: 'client-1', refreshToken },
    minting: minting!,
    placement,
    fields,
  }
}

async function episode(seed: number, faults: Faults, deadly: number): Promise<Episode> {
  const random = new Random(seed)
  const world = new FaultyWorld(random.fork('world'), faults)
  const use = useOf(world.authorize(), 1)
  const processes: Process[] = Array.from({ length: GATEWAYS }, (_, at) => world.start(`gw_${String(at)}`))
  const held: (string | undefined)[] = []
  const results: string[] = []
  const bad: string[] = []
  let deaths = 0
  const call = async (at: number): Promise<void> => {
    const insteadOf = random.chance(0.2) ? held[at] : undefined
    try {
      const { access } = await processes[at]!.refresher.token(use, { neededMs: NEEDED_MS, insteadOf })
      held[at] = access.token
      results.push('token')
      if (!world.isGood(access.token)) bad.push(access.token)
    } catch (thrown) {
      results.push(toGatewayFailure(thrown).code)
    }
  }
  for (let turn = 0; turn < 40; turn++) {
    for (const [at, { life }] of processes.entries()) {
      life.isDead ||= random.chance(deadly)
      if (life.isDead) processes[at] = world.start(`gw_again_${String(++deaths)}`)
    }
    for (let calls = random.below(GATEWAYS + 1); calls > 0; calls--) void call(random.below(GATEWAYS))
    await world.clock.advance(random.pick([5, 50, 500, 5_000, LIFE_MS / 4]))
  }
  await world.clock.advance(60_000)
  return { world, results, bad }
}

const seeds = Array.from({ length: rounds }, (_, round) => round + 1)
const noFaults: Faults = { vault: 0, issuer: 0, busy: 0, deaths: 0 }

describe('four gateways that share a refresh token', () => {
  it.each(seeds)('never fail where nothing goes wrong, and never use one twice (seed %i)', async (seed) => {
    const { world, results, bad } = await episode(seed, noFaults, 0)
    expect(new Set(results)).toEqual(new Set(['token']))
    expect([world.reused, bad]).toEqual([0, []])
  })

  it.each(seeds)(
    'never use one twice, nor an access token that has ended, whatever goes wrong (seed %i)',
    async (seed) => {
      const { world, bad } = await episode(seed, { vault: 0.1, issuer: 0.1, busy: 0.2, deaths: 0.2 }, 0.05)
      expect([world.reused, bad]).toEqual([0, []])
    },
  )

  it.each(seeds)(
    'need a new authorization only where a response was lost or a gateway died (seed %i)',
    async (seed) => {
      const { results } = await episode(seed, { vault: 0.1, issuer: 0, busy: 0.3, deaths: 0 }, 0)
      expect(results).not.toContain('needs_reauthorization')
    },
  )
})
