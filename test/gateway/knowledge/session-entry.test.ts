import { expect, test } from 'vitest'
import { EntriesById } from '../../../src/gateway/knowledge/entries-by-id.ts'
import { SessionEntry } from '../../../src/gateway/knowledge/session-entry.ts'
import { SharedParts } from '../../../src/gateway/knowledge/shared-parts.ts'
import { activeSession } from './active-session.ts'

const NOW_MS = 1_950_000_000_000

test('sessions share what is equal, and each is ended by its own events', () => {
  const parts = new SharedParts()
  const first = new SessionEntry('a', activeSession({ session_id: 'sess_A' }), parts)
  const second = new SessionEntry('b', activeSession({ session_id: 'sess_B' }), parts)
  expect(second.terms).toBe(first.terms)
  expect(second.documents).toBe(first.documents)
  first.apply({ type: 'session_ended', session_id: 'sess_A', reason: 'revoked', sequence: 2 })
  expect(first.endOfToken(NOW_MS)).toBe('revoked')
  expect(second.endOfToken(NOW_MS)).toBeUndefined()
})

test('sessions of another generation share no terms, and the older one is over alone', () => {
  const parts = new SharedParts()
  const old = new SessionEntry('a', activeSession({ session_id: 'sess_A', generation: 1 }), parts)
  const young = new SessionEntry('b', activeSession({ session_id: 'sess_B', generation: 2 }), parts)
  expect(young.terms).not.toBe(old.terms)
  for (const entry of [old, young])
    entry.apply({ type: 'generation', agent_id: 'billing-agent', generation: 2, sequence: 2 })
  expect(old.endOfToken(NOW_MS)).toBe('revoked')
  expect(young.endOfToken(NOW_MS)).toBeUndefined()
})

test('facts that were forgotten are spelled out again alike, and nobody gets those of another', () => {
  const parts = new SharedParts()
  const entries = Array.from(
    { length: 5000 },
    (_, index) => new SessionEntry(String(index), activeSession({ session_id: `sess_${String(index)}` }), parts),
  )
  const [first] = entries
  const before = first!.facts
  expect(first!.facts).toBe(before)
  for (const [index, entry] of entries.entries()) expect(entry.facts.session_id).toBe(`sess_${String(index)}`)
  expect(first!.facts).not.toBe(before)
  expect(first!.facts).toEqual(before)
})

test('past the bound what is equal is held anew, and stays what it was', () => {
  const parts = new SharedParts()
  const before = parts.share('holder', { owner: 'payments' })
  for (let index = 0; index < 10_001; index++) parts.share('holder', { owner: String(index) })
  const after = parts.share('holder', { owner: 'payments' })
  expect(after).not.toBe(before)
  expect(after).toEqual(before)
  expect(parts.share('terms', { owner: 'payments' })).not.toBe(after)
})

test('entries of one session id are all found, and leave one by one', () => {
  const parts = new SharedParts()
  const [one, two, other] = ['a', 'b', 'c'].map((key) => new SessionEntry(key, activeSession(), parts))
  const byId = new EntriesById()
  byId.add('sess_A', one!)
  byId.add('sess_A', one!)
  expect(byId.get('sess_A')).toEqual([one])
  byId.add('sess_A', two!)
  expect(byId.get('sess_A')).toEqual([one, two])
  byId.delete('sess_A', other!)
  byId.delete('sess_A', one!)
  expect(byId.get('sess_A')).toEqual([two])
  byId.delete('sess_A', two!)
  expect(byId.get('sess_A')).toEqual([])
  byId.add('sess_A', one!)
  byId.delete('sess_A', two!)
  expect(byId.get('sess_A')).toEqual([one])
})
