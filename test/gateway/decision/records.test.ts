import { beforeEach, expect, it } from 'vitest'
import { createAuditLog } from '../../../src/audit/index.ts'
import type { LineWaiter, RecordLog } from '../../../src/audit/index.ts'
import { GatewayFailure } from '../../../src/gateway/error.ts'
import { DecisionRecords, decisionNotRecorded } from '../../../src/gateway/decision/records.ts'
import type { Decision, Outcome } from '../../../src/gateway/decision/records.ts'
import { failWith, FaultyFileSystem } from '../../audit/faulty-file-system.ts'
import { FakeClock, settle } from '../../fakes/clock.ts'
import { FakeSink } from '../harness.ts'

const session = {
  session_id: 'sess_01JNKQ8X4F2MVBP7RD3WCZH9GT',
  agent_id: 'billing',
  token_id: 'tok_01JNKQ8X4F2MVBP7RD3WCZH9GT',
  owner: 'alice@example.com',
  environment: 'production',
  purpose: null,
}
const requested = {
  upstream: 'stripe',
  method: 'GET',
  endpoint: '/v1/invoices',
  risk: 'low',
  tools: ['stripe/invoices'],
}
const decisionOf = (request_id: string, more: Partial<Decision> = {}): Decision => ({
  request_id,
  caller: { kind: 'session', address: '127.0.0.1' },
  decision: 'allow',
  validation_result: 'valid',
  reason: 'allowed',
  session,
  requested,
  ...more,
})
const outcomeOf = (request_id: string, more: Partial<Outcome> = {}): Outcome => ({
  request_id,
  session,
  requested,
  status: 200,
  latency_ms: 3,
  upstream_ms: 2,
  bytes: 10,
  key_echoes: 0,
  result: 'complete',
  ...more,
})
/** Ours, of one hexadecimal digit. */
const id = (digit: string): string => `req_${digit.repeat(32)}`

let clock: FakeClock
let disk: FaultyFileSystem
let log: RecordLog
let records: DecisionRecords
let told: string[]
beforeEach(async () => {
  clock = new FakeClock()
  disk = new FaultyFileSystem()
  log = createAuditLog({ path: '/audit.jsonl', clock, fileSystem: disk })
  await log.open()
  records = new DecisionRecords(log, clock)
  told = []
})
const waiter: LineWaiter = {
  durable: () => told.push('durable'),
  notDurable: (cause) => told.push(decisionNotRecorded(cause).code),
}
const written = (): object[] => disk.lines.map((line) => JSON.parse(line) as object)

it('a decision is told once it is durable, and counted', async () => {
  records.recordDecision(decisionOf(id('a')), waiter)
  expect(told).toEqual([])
  await settle()
  expect(told).toEqual(['durable'])
  expect(disk.durable.toString()).toContain(id('a'))
  expect(records.counters).toMatchObject({ allowed: 1, denied: 0 })
})

it('a decision that cannot be written is audit_unavailable, for a waiter as for a promise', async () => {
  disk.onStep = () => failWith('ENOSPC')
  records.recordDecision(decisionOf(id('a')), waiter)
  await expect(records.decision(decisionOf(id('b')))).rejects.toMatchObject({
    code: 'audit_unavailable',
    kind: 'unavailable',
  })
  expect(told).toEqual(['audit_unavailable'])
  expect(decisionNotRecorded(new Error('disk'))).toBeInstanceOf(GatewayFailure)
})

it.each<[string, Partial<Decision>, object]>([
  ['a late use', { lateSeconds: 7, decision: 'deny' }, { late_seconds: 7, address: '127.0.0.1' }],
  ['a long purpose', { session: { ...session, purpose: 'x'.repeat(5_000) } }, { left_out: { items: 1 } }],
])('%s, which the log looks at as a whole, is told and written as any other', async (_what, unusual, shown) => {
  records.recordDecision(decisionOf(id('a'), unusual), waiter)
  await settle()
  expect(told).toEqual(['durable'])
  expect(written()).toMatchObject([{ type: 'decision', request_id: id('a'), ...shown }])
})

it('an outcome goes with the next decision', async () => {
  records.recordOutcome(outcomeOf(id('a')))
  await settle()
  expect(disk.lines).toEqual([])
  records.recordDecision(decisionOf(id('b')), waiter)
  await settle()
  expect(written()).toMatchObject([
    { type: 'outcome', request_id: id('a') },
    { type: 'decision', request_id: id('b') },
  ])
})

it('an outcome that is waited for is written at once, and told once it is durable', async () => {
  let isDurable = false
  const recorded = records.outcome(outcomeOf(id('a'))).then(() => {
    isDurable = disk.durable.includes(id('a'))
  })
  await recorded
  expect(isDurable).toBe(true)
})

it('outcomes that cannot be written are counted, whichever way they took', async () => {
  disk.onStep = () => failWith('EIO')
  records.recordOutcome(outcomeOf(id('a')))
  records.recordOutcome(outcomeOf(id('b'), { result: 'x'.repeat(5_000) }))
  await clock.advance(5)
  await records.outcome(outcomeOf(id('c')))
  expect(records.counters.outcomes_lost).toBe(3)
})

it('a sink that takes records only is told of the same', async () => {
  const sink = new FakeSink()
  const simple = new DecisionRecords(sink, clock)
  simple.recordDecision(decisionOf(id('a')), waiter)
  simple.recordOutcome(outcomeOf(id('a')))
  await settle()
  sink.broken = true
  simple.recordDecision(decisionOf(id('b')), waiter)
  simple.recordOutcome(outcomeOf(id('b')))
  await settle()
  expect(told).toEqual(['durable', 'audit_unavailable'])
  expect(sink.records.map(({ type }) => type)).toEqual(['decision', 'outcome'])
  expect(simple.counters.outcomes_lost).toBe(1)
})
