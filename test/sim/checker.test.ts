/** The judge of the simulation, on histories written by hand: what it must not let pass, and what it must not complain of. */
import { describe, expect, it } from 'vitest'
import { judge } from './checker.ts'
import type { Entry, HistoryEvent } from './history.ts'
import { START_UNIX_MS } from './machine.ts'

const SCOPE = 'read:crm:contacts'
const START = START_UNIX_MS / 1000

const history = (...events: readonly [number, HistoryEvent][]): Entry[] => events.map(([t, event]) => ({ t, event }))

const opened = (
  token = 't1',
  session = 's1',
  expires = START + 100,
  parent?: string,
  op = 1,
): [number, HistoryEvent][] => [
  [op, { kind: 'begin', op, what: 'open', agent: 'billing', ...(parent === undefined ? {} : { token: parent }) }],
  [op + 0.5, { kind: 'issued', op, session, token, agent: 'billing', parent, scopes: [SCOPE], expires }],
]
const declared: [number, HistoryEvent][] = [
  [0, { kind: 'engine-clock', offsetMs: 0 }],
  [0, { kind: 'begin', op: 100, what: 'declare', agent: 'billing', scopes: [SCOPE] }],
  [0.5, { kind: 'end', op: 100, outcome: 'ok' }],
]
const accept = (how: 'validate' | 'key' | 'byte' | 'work' = 'validate', token = 't1'): HistoryEvent => ({
  kind: 'accept',
  how,
  at: 'gateway-1',
  request: 'r1',
  token,
  scope: SCOPE,
  limitMs: 5_000,
})
const refuse = (code: string, type = 'invalid_token'): HistoryEvent => ({
  kind: 'refuse',
  at: 'gateway-1',
  token: 't1',
  scope: SCOPE,
  type,
  code,
})
const request = (
  op: number,
  at: number,
  what: 'revoke-lease' | 'end-session' | 'end-agent' | 'declare',
  about: Partial<Extract<HistoryEvent, { kind: 'begin' }>>,
  outcome: 'ok' | 'unknown' = 'ok',
): [number, HistoryEvent][] => [
  [at, { kind: 'begin', op, what, ...about }],
  [at + 10, { kind: 'end', op, outcome }],
]

const rulesOf = (...events: readonly [number, HistoryEvent][]): string[] =>
  judge(history(...declared, ...events), false).map(({ rule }) => rule)

describe('a history is condemned', () => {
  it.each<[string, string, [number, HistoryEvent][]]>([
    [
      'for an accept after the session was ended and the bound has passed',
      'late accept',
      [...opened(), ...request(2, 1_000, 'end-session', { session: 's1' }), [6_100, accept()]],
    ],
    [
      'for a byte after the lease of the newest token was revoked and the bound has passed',
      'late accept',
      [...opened(), ...request(2, 1_000, 'revoke-lease', { token: 't1', session: 's1' }), [6_100, accept('byte')]],
    ],
    [
      'for an accept after its agent was ended',
      'late accept',
      [...opened(), ...request(2, 1_000, 'end-agent', { agent: 'billing' }), [6_100, accept()]],
    ],
    [
      'for an accept after an ancestor was ended',
      'late accept',
      [
        ...opened(),
        ...opened('t2', 's2', START + 100, 't1', 3),
        ...request(4, 1_000, 'end-session', { session: 's1' }),
        [6_100, accept('validate', 't2')],
      ],
    ],
    [
      'for an accept of a scope that was taken away',
      'late accept',
      [...opened(), ...request(2, 1_000, 'declare', { agent: 'billing', scopes: [] }), [6_100, accept()]],
    ],
    [
      'for a key that leaves after expiry',
      'expired accept',
      [
        ...opened('t1', 's1', START + 3),
        [2_000, { kind: 'durable', at: 'gateway-1', request: 'r1' }],
        [3_100, accept('key')],
      ],
    ],
    ['for a key that leaves before its decision is durable', 'unrecorded key', [...opened(), [2_000, accept('key')]]],
    [
      'for an accept at a gateway that had called the token revoked',
      'revival',
      [
        ...opened(),
        ...request(2, 1_000, 'end-session', { session: 's1' }, 'unknown'),
        [1_100, refuse('reuse_after_revocation')],
        [1_200, accept()],
      ],
    ],
    [
      'for an engine that answers active after it had answered revoked',
      'revival',
      [
        ...opened(),
        ...request(2, 1_000, 'end-session', { session: 's1' }, 'unknown'),
        [1_100, { kind: 'begin', op: 3, what: 'introspect', token: 't1' }],
        [1_101, { kind: 'introspected', op: 3, token: 't1', reason: 'revoked' }],
        [1_102, { kind: 'begin', op: 4, what: 'introspect', token: 't1' }],
        [1_103, { kind: 'introspected', op: 4, token: 't1', reason: undefined }],
      ],
    ],
    [
      'for an engine that does not know a token it has issued',
      'lost write',
      [
        ...opened(),
        [1_100, { kind: 'begin', op: 3, what: 'introspect', token: 't1' }],
        [1_101, { kind: 'introspected', op: 3, token: 't1', reason: 'unknown' }],
      ],
    ],
    [
      'for a document that is not what was acknowledged',
      'lost write',
      [
        ...request(2, 1_000, 'declare', { agent: 'billing', scopes: [] }),
        [2_000, { kind: 'read', agent: 'billing', scopes: [SCOPE] }],
      ],
    ],
    [
      'for a live token that is called revoked',
      'false invalid',
      [...opened(), [1_000, refuse('reuse_after_revocation')]],
    ],
    ['for a live token that is called expired', 'false invalid', [...opened(), [1_000, refuse('reuse_after_expiry')]]],
    [
      'for a scope that is denied though it is declared',
      'false invalid',
      [...opened(), [1_000, refuse('insufficient_scope', 'insufficient_scope')]],
    ],
    [
      'for a refusal without need once everything is whole',
      'no recovery',
      [...opened(), [1_000, { kind: 'healed' }], [1_100, refuse('stale', 'unavailable')]],
    ],
  ])('%s', (_case, rule, events) => {
    expect(rulesOf(...events)).toContain(rule)
  })
})

describe('a history is not condemned', () => {
  it.each<[string, [number, HistoryEvent][]]>([
    [
      'for an accept within the bound',
      [...opened(), ...request(2, 1_000, 'end-session', { session: 's1' }), [6_000, accept()]],
    ],
    [
      'for an accept after an end that was not acknowledged',
      [...opened(), ...request(2, 1_000, 'end-session', { session: 's1' }, 'unknown'), [9_000, accept()]],
    ],
    [
      'for an accept of a session opened after its agent was ended',
      [
        ...request(2, 0.6, 'end-agent', { agent: 'billing' }),
        ...opened('t1', 's1', START + 100, undefined, 20),
        [9_000, accept()],
      ],
    ],
    [
      'for a scope that was taken away and given back',
      [
        ...opened(),
        ...request(2, 1_000, 'declare', { agent: 'billing', scopes: [] }),
        ...request(3, 2_000, 'declare', { agent: 'billing', scopes: [SCOPE] }),
        [9_000, accept()],
      ],
    ],
    [
      'for a token called expired within a round trip of its expiry',
      [...opened('t1', 's1', START + 3), [2_500, refuse('reuse_after_expiry')]],
    ],
    [
      'for a tool that goes on until the gateway vouches no more',
      [...opened('t1', 's1', START + 3), [4_000, accept('work')]],
    ],
    ['for an outage', [...opened(), [1_000, refuse('stale', 'unavailable')]]],
  ])('%s', (_case, events) => {
    expect(rulesOf(...events)).toEqual([])
  })
})
