import { expect, test } from 'vitest'
import { Grants, hasScope } from '../../../src/gateway/decision/grants.ts'
import { Documents } from '../../../src/gateway/knowledge/documents.ts'
import { SessionEntry } from '../../../src/gateway/knowledge/session-entry.ts'
import { SharedParts } from '../../../src/gateway/knowledge/shared-parts.ts'
import { systemClock } from '../../../src/logical/clock.ts'
import { silentLogger } from '../../../src/logical/log.ts'
import type { VaultClient } from '../../../src/vault-client/index.ts'
import { activeSession } from '../knowledge/active-session.ts'

const READ = 'read:stripe:invoices'
const WRITE = 'write:stripe:invoices'

/** An engine with one agent, whose scopes are written here. */
function engine() {
  const stored = { scopes: [READ, WRITE], version: 1, reads: 0 }
  const read = (path: string) => {
    stored.reads++
    const data = path.endsWith('/scopes')
      ? { scopes: stored.scopes, version: stored.version }
      : { agent_id: 'billing-agent', owner: 'payments', environment: 'production', version: 1 }
    return Promise.resolve({ data })
  }
  const documents = new Documents({
    vault: { read } as unknown as VaultClient,
    mount: 'mcp',
    clock: systemClock,
    logger: silentLogger,
  })
  return { stored, documents, grants: new Grants(documents), parts: new SharedParts() }
}

const versions = (scopes: number) => ({ 'agents/billing-agent': 1, 'agents/billing-agent/scopes': scopes })

test('what is granted to sessions of equal terms is derived once', async () => {
  const { grants, parts, stored } = engine()
  const first = new SessionEntry('a', activeSession({ session_id: 'sess_A', documents: versions(1) }), parts)
  const second = new SessionEntry('b', activeSession({ session_id: 'sess_B', documents: versions(1) }), parts)
  expect(grants.known(second)).toBeUndefined()
  const grant = await grants.of(first)
  expect(grants.known(second)).toBe(grant)
  expect(stored.reads).toBe(2)
})

test('a session that rests on a newer document is not judged by what was derived for others from the old one', async () => {
  const { grants, parts, stored } = engine()
  const first = new SessionEntry('a', activeSession({ session_id: 'sess_A', documents: versions(1) }), parts)
  expect(hasScope(await grants.of(first), WRITE)).toBe(true)
  Object.assign(stored, { scopes: [READ], version: 2 })
  const second = new SessionEntry('b', activeSession({ session_id: 'sess_B', documents: versions(2) }), parts)
  expect(grants.known(second)).toBeUndefined()
  expect(hasScope(await grants.of(second), WRITE)).toBe(false)
  expect(hasScope(await grants.of(first), WRITE)).toBe(false)
})

test('what documents have forgotten since is told to them again', async () => {
  const { documents, grants, parts, stored } = engine()
  const session = new SessionEntry('a', activeSession({ session_id: 'sess_A', documents: versions(2) }), parts)
  stored.version = 2
  await grants.of(session)
  documents.reset()
  Object.assign(stored, { scopes: [READ], version: 1 })
  await expect(grants.of(session)).rejects.toMatchObject({ code: 'vault_behind' })
})

test('other terms are derived for themselves', async () => {
  const { grants, parts } = engine()
  const wide = new SessionEntry('a', activeSession({ session_id: 'sess_A', documents: versions(1) }), parts)
  const narrow = new SessionEntry(
    'b',
    activeSession({ session_id: 'sess_B', documents: versions(1), scopes: [READ] }),
    parts,
  )
  expect(hasScope(await grants.of(wide), WRITE)).toBe(true)
  expect(grants.known(narrow)).toBeUndefined()
  expect(hasScope(await grants.of(narrow), WRITE)).toBe(false)
  expect(hasScope(await grants.of(narrow), READ)).toBe(true)
})

test('more scopes than are remembered are judged alike', async () => {
  const { grants, parts } = engine()
  const grant = await grants.of(new SessionEntry('a', activeSession({ documents: versions(1) }), parts))
  for (let index = 0; index < 200; index++) expect(hasScope(grant, `read:stripe:thing${String(index)}`)).toBe(false)
  expect(hasScope(grant, READ)).toBe(true)
  expect(() => hasScope(grant, 'no scope')).toThrow()
})
