/** P1, P2, P5 and P7 across outages, with a server and gateways as processes of their own. */
import { readFile, rename, rm } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { compileCli } from './process.ts'
import { startGatewaySurvivalHarness } from './gateway-harness.ts'
import type { GatewaySurvivalHarness, IssuedToken } from './gateway-harness.ts'
import type { Running } from './process.ts'

const INVOICES = 'stripe/v1/invoices'
const STALE = '503 unavailable stale'
const REFUSED = '503 unavailable gateway_refused'
const REVOKED = '401 invalid_token reuse_after_revocation'

let compiled: { directory: string; script: string }
let harness: GatewaySurvivalHarness
beforeAll(async () => {
  compiled = await compileCli()
  harness = await startGatewaySurvivalHarness(compiled.script)
}, 60_000)
afterAll(async () => {
  await harness.close()
  await rm(compiled.directory, { recursive: true })
})

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

/** So that a test that fails leaves no gateway on the ports of the next. */
const killAtEnd = (gateway: Running): void => {
  onTestFinished(async () => {
    await gateway.stop('SIGKILL')
  })
}

/** What a call came to: `200`, or status and error as the gateway words them. */
async function outcome({ token }: IssuedToken, path = INVOICES): Promise<string> {
  const response = await harness.call(token, path)
  const body = (await response.json()) as { error?: { type: string; code: string } }
  return response.status === 200
    ? '200'
    : `${String(response.status)} ${String(body.error?.type)} ${String(body.error?.code)}`
}

/** Calls until the outcome is `wanted`; every outcome on the way, each once. A call under way when it may go on no longer is cut and has none. */
async function outcomesUntil(wanted: string, issued: IssuedToken): Promise<string[]> {
  const seen = new Set<string>()
  while (!seen.has(wanted)) {
    const one = await outcome(issued).catch(ofCut)
    if (one !== undefined) seen.add(one)
    await pause(25)
  }
  return [...seen]
}

function ofCut(error: unknown): undefined {
  // What fetch says of a body that breaks off; where nobody listens it says otherwise.
  if (!(error instanceof TypeError) || error.message !== 'terminated') throw error
}

/** Neither what an outage bridged by what is known looks like, nor one that is not. */
const isNoOutage = (one: string): boolean => one !== '200' && !one.startsWith('503 unavailable ')

/** Reads a stream until it breaks; counts what came since `mark`. */
class Listening {
  chunks = 0
  readonly broken: Promise<unknown>

  constructor(response: Response) {
    const reader = response.body!.getReader()
    const read = async (): Promise<never> => {
      for (;;) {
        if ((await reader.read()).done) throw new Error('the stream ended as if it were whole')
        this.chunks++
      }
    }
    this.broken = read().catch((error: unknown) => error)
  }

  async more(): Promise<void> {
    const before = this.chunks
    while (this.chunks < before + 3) await pause(10)
  }
}

describe('a server that is killed under its gateway', () => {
  const audit = 'outage.jsonl'
  let gateway: Running
  const seen: Record<string, unknown> = {}

  // One outage, watched from all sides.
  beforeAll(async () => {
    gateway = await harness.startGateway(audit)
    const [live, revoked, unseen] = [await harness.open(), await harness.open(), await harness.open()]
    seen.before = [await outcome(live), await outcome(live, 'github/v1/invoices'), await outcome(revoked)]
    await harness.root.write('sys/leases/revoke', { lease_id: revoked.lease_id, sync: true })
    await outcomesUntil(REVOKED, revoked)
    const high = new Listening(await harness.call(live.token, 'stripe/v1/events', 'high-stream'))
    const standard = new Listening(await harness.call(live.token, 'github/v1/events', 'standard-stream'))
    await Promise.all([high.more(), standard.more()])

    await harness.server.stop('SIGKILL')
    seen.atOnce = await outcome(live)
    seen.unseenDuring = await outcome(unseen)
    await high.more()
    // The key was read before or after the last poll: either may be too old first.
    seen.otherwise = (await outcomesUntil(STALE, live)).filter(isNoOutage)
    const calls = harness.upstream.calls()
    seen.stale = [await outcome(live), await outcome(live), await outcome(revoked)]
    seen.callsWhileStale = harness.upstream.calls() - calls
    await high.broken
    seen.standardDuring = await outcome(live, 'github/v1/invoices')

    harness.server = await harness.startServer()
    seen.after = (await outcomesUntil('200', live)).filter(isNoOutage)
    seen.unseenAfter = (await outcomesUntil('200', unseen)).filter((one) => one.startsWith('401'))
    seen.revokedAfter = await outcome(revoked)
    await standard.more()
    await harness.root.delete(`mcp/sessions/${live.session_id}`)
    seen.endedAfter = await outcomesUntil(REVOKED, live)
    await standard.broken
  }, 60_000)
  afterAll(async () => {
    await gateway.stop('SIGTERM')
  })

  it('is bridged from what the gateway knows', () => {
    expect(seen.before).toEqual(['200', '200', '200'])
    expect(seen.atOnce).toBe('200')
  })

  it('is an outage, not a bad token, once that is too old', () => {
    expect(seen.otherwise).toEqual([])
    expect(seen.stale).toEqual([STALE, STALE, REVOKED])
  })

  it('has no key used from then on', () => {
    expect(seen.callsWhileStale).toBe(0)
  })

  it('is an outage for a token the gateway has never seen, too', () => {
    expect(seen.unseenDuring).toMatch(/^503 unavailable /)
    expect(seen.unseenAfter).toEqual([])
  })

  it('is bridged for longer where the upstream is less sensitive', () => {
    expect(seen.standardDuring).toBe('200')
  })

  it('has streams cut that nobody can vouch for, and leaves the others', async () => {
    const results = (await harness.records(audit))
      .filter(({ type }) => type === 'outcome')
      .map(({ caller_request_id, result }) => [caller_request_id, result])
    expect(results).toContainEqual(['high-stream', 'stale'])
    expect(results).toContainEqual(['standard-stream', 'revoked'])
  })

  it('is served again without a restart of the gateway', () => {
    // The wait above ended with a 200; nothing on the way called the token bad.
    expect(seen.after).toEqual([])
  })

  it('leaves revoked what was revoked, and revokes what is revoked later', () => {
    expect(seen.revokedAfter).toBe(REVOKED)
    expect(seen.endedAfter).toContain(REVOKED)
  })
})

describe('a gateway whose own Vault token is refused', () => {
  it('says that Vault refuses it, and goes on with the token that is then put into its file', async () => {
    const { workshop } = harness
    const gateway = await harness.startGateway('refused.jsonl')
    killAtEnd(gateway)
    const issued = await harness.open()
    expect(await outcome(issued)).toBe('200')
    await harness.root.write('auth/token/revoke', { token: await readFile(workshop.path('gateway.token'), 'utf8') })
    expect(await outcomesUntil(REFUSED, issued)).toEqual(['200', REFUSED])
    await workshop.write('gateway.token', await harness.tokenOfGateway())
    const after = await outcomesUntil('200', issued)
    expect(after.filter((one) => one !== '200' && !one.startsWith('503 unavailable '))).toEqual([])
  })

  it('goes on within seconds with the right token, where a live one that may nothing was put there before', async () => {
    const { workshop, root } = harness
    const gateway = await harness.startGateway('wrong-token.jsonl')
    killAtEnd(gateway)
    const issued = await harness.open()
    expect(await outcome(issued)).toBe('200')
    const { auth } = await root.write('auth/token/create', { policies: ['default'], no_parent: true })
    const before = await readFile(workshop.path('gateway.token'), 'utf8')
    await workshop.write('gateway.token', String(auth?.client_token))
    await root.write('auth/token/revoke', { token: before })
    expect(await outcomesUntil(REFUSED, issued)).toEqual(['200', REFUSED])
    const putAt = performance.now()
    await workshop.write('gateway.token', await harness.tokenOfGateway())
    await outcomesUntil('200', issued)
    expect(performance.now() - putAt).toBeLessThan(10_000)
  })
})

describe('an audit log that cannot be written', () => {
  it('makes the gateway refuse, without using the key, until there is room again', async () => {
    const audit = 'full.jsonl'
    // A limit on the size of files stands for the full disk: it holds for root too, and for this process alone.
    const gateway = await harness.startGateway(audit, 16)
    killAtEnd(gateway)
    const issued = await harness.open()
    expect(await outcomesUntil('503 unavailable audit_unavailable', issued)).toEqual([
      '200',
      '503 unavailable audit_unavailable',
    ])
    const calls = harness.upstream.calls()
    expect(await outcome(issued)).toBe('503 unavailable audit_unavailable')
    expect(harness.upstream.calls()).toBe(calls)
    await rename(harness.workshop.path(audit), harness.workshop.path(`${audit}.1`))
    gateway.signal('SIGHUP')
    await outcomesUntil('200', issued)
    expect((await harness.records(audit)).map(({ type }) => type)).toContain('decision')
  })
})

describe('a gateway that is stopped', () => {
  it('leaves, killed, a whole record of every call that was answered', async () => {
    const audit = 'killed.jsonl'
    const gateway = await harness.startGateway(audit)
    killAtEnd(gateway)
    const issued = await harness.open()
    const answered: string[] = []
    const callsBefore = harness.upstream.calls()
    const caller = async (name: string): Promise<void> => {
      for (let count = 0; ; count++) {
        const requestId = `${name}-${String(count)}`
        const response = await harness.call(issued.token, INVOICES, requestId).catch(() => undefined)
        if (!response) return
        answered.push(requestId)
        await response.text().catch(() => '')
      }
    }
    const calling = Promise.all(Array.from({ length: 10 }, (_, i) => caller(`caller${String(i)}`)))
    while (answered.length < 50) await pause(10)
    expect(await gateway.stop('SIGKILL')).toEqual([null, 'SIGKILL'])
    await calling
    const next = await harness.startGateway(audit)
    killAtEnd(next)
    const allowed = new Set(
      (await harness.records(audit))
        .filter(({ type, decision }) => type === 'decision' && decision === 'allow')
        .map(({ caller_request_id }) => caller_request_id),
    )
    expect(answered.filter((id) => !allowed.has(id))).toEqual([])
    expect(allowed.size).toBeGreaterThanOrEqual(harness.upstream.calls() - callsBefore)
    // What the kill tore, the next start has made a line of its own.
    expect((await readFile(harness.workshop.path(audit), 'utf8')).endsWith('\n')).toBe(true)
    expect(await outcome(issued)).toBe('200')
  })

  it('finishes what is under way when it is asked to stop', async () => {
    const audit = 'drained.jsonl'
    const gateway = await harness.startGateway(audit)
    killAtEnd(gateway)
    const issued = await harness.open()
    const calls = harness.upstream.calls()
    const slow = outcome(issued, 'stripe/v1/slow')
    while (harness.upstream.calls() === calls) await pause(5)
    expect(await gateway.stop('SIGTERM')).toEqual([0, null])
    expect(await slow).toBe('200')
    expect((await harness.records(audit)).at(-1)).toMatchObject({ type: 'outcome', result: 'complete', status: 200 })
  })
})
