import fc from 'fast-check'
import { expect, it } from 'vitest'
import { auditLine } from '../../../src/audit/line.ts'
import type { Caller } from '../../../src/gateway/decision/callers.ts'
import { decisionRecord, outcomeRecord } from '../../../src/gateway/decision/record-fields.ts'
import type { Decision, Outcome, RequestedAccess } from '../../../src/gateway/decision/record-fields.ts'
import { RecordLines } from '../../../src/gateway/decision/record-lines.ts'
import type { SessionFacts } from '../../../src/gateway/knowledge/session-entry.ts'

const time = '2026-03-15T16:00:00.000Z'
const id = 'req_0123456789abcdef0123456789abcdef'
const session: SessionFacts = {
  session_id: 'sess_01JNKQ8X4F2MVBP7RD3WCZH9GT',
  agent_id: 'billing',
  token_id: 'tok_01JNKQ8X4F2MVBP7RD3WCZH9GT',
  owner: 'alice@example.com',
  environment: 'production',
  purpose: 'refund for bob@example.com, card 4111 1111 1111 1111',
}
const requested: RequestedAccess = {
  upstream: 'stripe',
  method: 'GET',
  endpoint: '/v1/invoices/{id}',
  risk: 'low',
  tools: ['stripe/invoices'],
}
const decision: Decision = {
  request_id: id,
  caller: { kind: 'session' },
  decision: 'allow',
  validation_result: 'valid',
  reason: 'allowed',
  session,
  requested,
}
const outcome: Outcome = {
  request_id: id,
  session,
  requested,
  status: 200,
  latency_ms: 12.6,
  upstream_ms: 3.2,
  bytes: 4711,
  key_echoes: 0,
  result: 'complete',
}
const lines = new RecordLines({})
const lineOf = (members: string | undefined): string => `{"time":"${time}",${String(members)}}`

/** What callers, operators and engines that mean harm put into fields; and texts at each limit. */
const hostile = fc.oneof(
  { weight: 40, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
  { weight: 1, arbitrary: fc.constantFrom('x'.repeat(4096), 'x'.repeat(4097), 'y'.repeat(9_000)) },
  {
    weight: 40,
    arbitrary: fc.constantFrom(
      '',
      'Bearer s3cr3tvalue9Q',
      'token=hvs.CAESIJ5vT0kenOf0001',
      'sk_live_51TheRealKeyOf',
      `svt_prod_${'7f3k9m2pQx'.repeat(5)}`,
      'mail bob@example.com or +1 415 555 2671',
      '4111 1111 1111 1111',
      '"},{"type":"decision',
      'a\nb\r\u0000\u001b[31m\u009b\u2028\u202e\ud800',
      '__proto__',
      'ü'.repeat(300),
      `${'a '.repeat(200)}sk_live_51TheRealKeyOf`,
    ),
  },
)
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const sessions = fc.record(
  {
    session_id: fc.oneof(hostile, fc.constant(session.session_id)),
    agent_id: hostile,
    token_id: orNull(fc.oneof(hostile, fc.constant(session.token_id!))),
    owner: hostile,
    environment: hostile,
    purpose: orNull(hostile),
  },
  { requiredKeys: [] },
)
const accesses = fc.record(
  {
    required_scope: hostile,
    tools: fc.array(hostile, { maxLength: 4 }),
    upstream: hostile,
    method: hostile,
    endpoint: hostile,
    path: hostile,
    risk: orNull(hostile),
  },
  { requiredKeys: [] },
)
const ids = {
  request_id: fc.oneof({ weight: 20, arbitrary: fc.constant(id) }, hostile),
  caller_request_id: optional(
    fc.oneof({ weight: 9, arbitrary: fc.stringMatching(/^[A-Za-z0-9._:-]{1,128}$/) }, hostile),
  ),
}
const callers: fc.Arbitrary<Caller> = fc.oneof(
  fc.constant<Caller>({ kind: 'session', address: '127.0.0.1' }),
  hostile.map((name): Caller => ({ kind: 'service', name, agents: [], vault: undefined })),
)
/** One for every field, so that a new one does not compile until it is tried here. */
type Model<T> = { readonly [K in keyof T]-?: fc.Arbitrary<T[K]> }
const decisionModel: Model<Decision> = {
  ...ids,
  caller: callers,
  decision: fc.constantFrom('allow', 'deny', 'error'),
  validation_result: fc.constantFrom('valid', 'insufficient_scope', 'expired', 'revoked', 'unknown', 'unavailable'),
  reason: hostile,
  session: optional(sessions),
  requested: accesses,
  lateSeconds: fc.option(fc.nat(), { nil: undefined, freq: 8 }),
}
const decisions: fc.Arbitrary<Decision> = fc.record(decisionModel)
const numbers = fc.oneof(fc.nat(), fc.double(), fc.constantFrom(NaN, Infinity, -0))
const outcomeModel: Model<Outcome> = {
  ...ids,
  session: sessions,
  requested: accesses,
  status: orNull(numbers),
  latency_ms: numbers,
  upstream_ms: orNull(numbers),
  bytes: numbers,
  key_echoes: numbers,
  result: hostile,
  key_consent: fc.constant('upstream_not_listed'),
  redirects: fc.array(hostile, { maxLength: 3 }),
}
const rare = ['key_consent', 'redirects'] as const
type Rare = (typeof rare)[number]
const requiredKeys = (Object.keys(outcomeModel) as (keyof Outcome)[]).filter(
  (key): key is Exclude<keyof Outcome, Rare> => !(rare as readonly string[]).includes(key),
)
const outcomes: fc.Arbitrary<Outcome> = fc.record(outcomeModel, { requiredKeys })

it.each([[{}], [{ key_consent: 'not_required' }]])(
  'decisions are rendered letter for letter as the log writes them, or left to it, with %j',
  (extra) => {
    const withExtra = new RecordLines(extra)
    fc.assert(
      fc.property(decisions, (taken) => {
        const members = withExtra.decision(taken)
        fc.pre(members !== undefined)
        expect(lineOf(members)).toBe(auditLine(decisionRecord(taken, extra), time))
        // What was rendered once is what is said again.
        expect(withExtra.decision(taken)).toBe(members)
      }),
      { numRuns: 300 },
    )
  },
)

it('outcomes are, too', () => {
  fc.assert(
    fc.property(outcomes, (what) => {
      const members = lines.outcome(what)
      fc.pre(members !== undefined)
      expect(lineOf(members)).toBe(auditLine(outcomeRecord(what), time))
    }),
    { numRuns: 300 },
  )
})

it('an everyday call is rendered here, both times, its secrets and personal data taken out', () => {
  const ids = { request_id: id, caller_request_id: 'job-7' }
  const taken = { ...decision, ...ids }
  const what: Outcome = { ...outcome, ...ids, key_consent: 'upstream_not_listed' }
  expect(lineOf(lines.decision(taken))).toBe(auditLine(decisionRecord(taken, {}), time))
  expect(lineOf(lines.outcome(what))).toBe(auditLine(outcomeRecord(what), time))
  expect(JSON.parse(lineOf(lines.decision(taken)))).toEqual({
    time,
    type: 'decision',
    ...ids,
    decision: 'allow',
    validation_result: 'valid',
    reason: 'allowed',
    ...session,
    purpose: 'refund for [redacted:email], card [redacted:card]',
    ...requested,
    platform: 'stripe',
    caller: 'session',
  })
})

it.each<[string, Partial<Decision>]>([
  ['an id that is not ours', { request_id: 'sk_live_51TheRealKeyOf' }],
  ["a caller's id that looks like a credential", { caller_request_id: 'hvs.CAESIJ5vT0kenOf0001' }],
  ["a caller's id that would end its text", { caller_request_id: 'a","decision":"deny' }],
  ['a late use, which has an address', { lateSeconds: 1 }],
  ['a purpose that would be cut', { session: { ...session, purpose: 'x'.repeat(4097) } }],
  ['more tools than a line shows', { requested: { ...requested, tools: Array<string>(129).fill('stripe/x') } }],
  ['a reason that would be cut', { reason: 'x'.repeat(4097) }],
])('%s leaves the record to the log', (_what, unusual) => {
  expect(lines.decision({ ...decision, ...unusual })).toBeUndefined()
})

it('what is known of a session and of what was asked for is looked at once', () => {
  let looks = 0
  const counted = <T extends object>(value: T): T =>
    new Proxy(value, {
      get(target, key, receiver) {
        looks++
        return Reflect.get(target, key, receiver) as unknown
      },
    })
  const taken = { ...decision, session: counted(session), requested: counted(requested) }
  lines.decision(taken)
  const first = looks
  expect(first).toBeGreaterThan(0)
  lines.decision({ ...taken, request_id: id.replace('0', 'f') })
  lines.outcome({ ...outcome, session: taken.session, requested: taken.requested })
  expect(looks).toBe(first)
})
