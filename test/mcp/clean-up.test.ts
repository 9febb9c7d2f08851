import { describe, expect, it } from 'vitest'
import { Issued, TestEngine } from './engine.ts'

const SESSIONS = 40

async function start(): Promise<TestEngine> {
  const engine = await TestEngine.start()
  await engine.declare('billing', ['read:stripe:invoices'])
  return engine
}

async function issueMany(engine: TestEngine): Promise<Issued[]> {
  const all: Issued[] = []
  while (all.length < SESSIONS) all.push(await engine.issue('billing'))
  return all
}

async function revokeAll(engine: TestEngine, all: readonly Issued[]): Promise<void> {
  for (const issued of all) await engine.revoke(issued)
}

/** As a lease that was made before leases told of the agent. */
function older(issued: Issued): Issued {
  const { agent_id: _, generation: __, ...internal_data } = issued.secret.internal_data
  return new Issued({ data: issued.data, secret: { ...issued.secret, internal_data } })
}

const reasonOf = async (engine: TestEngine, { token }: Issued): Promise<unknown> =>
  (await engine.introspect({ token })).reason

describe('revoking the leases of an agent whose sessions were ended', () => {
  it.each([
    ['agents/billing/revoke', (engine: TestEngine) => engine.write('agents/billing/revoke')],
    ['disabling it', (engine: TestEngine) => engine.write('agents/billing', { disabled: true })],
    ['deleting it', (engine: TestEngine) => engine.delete('agents/billing')],
  ])('by %s writes nothing, and reads the agent once', async (_, end) => {
    const engine = await start()
    const all = await issueMany(engine)
    expect(await engine.storage.during(() => end(engine))).toMatchObject({ put: 1 })
    // A process that remembers nothing: every read is seen.
    await engine.restart()
    const counts = await engine.storage.during(() => revokeAll(engine, all))
    // The configuration was read at the start.
    expect(counts).toEqual({ get: 1, put: 0, delete: 0 })
    expect(await reasonOf(engine, all[0]!)).toBe('revoked')
  })

  it('writes nothing for leases that do not tell of the agent, either: their sessions do', async () => {
    const engine = await start()
    const all = (await issueMany(engine)).map(older)
    await engine.write('agents/billing/revoke')
    await engine.restart()
    const counts = await engine.storage.during(() => revokeAll(engine, all))
    expect(counts).toMatchObject({ put: 0, delete: 0 })
    expect(counts.get).toBeLessThanOrEqual(SESSIONS + 2)
  })

  it('writes nothing for a refreshed token and for one whose lease was never registered', async () => {
    const engine = await start()
    const first = await engine.issue('billing')
    const second = new Issued(await engine.write(`creds/billing/${first.session_id}`))
    await engine.write('agents/billing/revoke')
    expect(
      await engine.storage.during(async () => {
        await engine.revoke(second)
        await engine.revoke(first, { registered: false })
      }),
    ).toMatchObject({ put: 0, delete: 0 })
  })
})

describe('revoking a lease still ends its session', () => {
  it.each([
    ['opened after the sessions before it were ended', (issued: Issued) => issued],
    ['made before leases told of the agent', older],
  ])('of one %s', async (_, made) => {
    const engine = await start()
    await engine.write('agents/billing/revoke')
    const issued = made(await engine.issue('billing'))
    expect(await engine.storage.during(() => engine.revoke(issued))).toMatchObject({ put: 1 })
    expect(await reasonOf(engine, issued)).toBe('revoked')
  })

  it('when the lease names a generation that is not a number, as a damaged one may', async () => {
    const engine = await start()
    const issued = await engine.issue('billing')
    await engine.write('agents/billing/revoke')
    const fresh = await engine.issue('billing')
    const damaged = { ...fresh.secret.internal_data, generation: 'x' }
    await engine.revoke(new Issued({ data: fresh.data, secret: { ...fresh.secret, internal_data: damaged } }))
    expect([await reasonOf(engine, issued), await reasonOf(engine, fresh)]).toEqual(['revoked', 'revoked'])
  })

  it("of another agent's, whose own sessions go on", async () => {
    const engine = await start()
    await engine.declare('other', ['read:stripe:invoices'])
    const issued = await engine.issue('other')
    await engine.write('agents/billing/revoke')
    expect(await engine.storage.during(() => engine.revoke(issued))).toMatchObject({ put: 1 })
    expect(await reasonOf(engine, issued)).toBe('revoked')
  })
})
