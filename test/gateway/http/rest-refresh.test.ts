import { afterEach, beforeEach, expect, it } from 'vitest'
import { openSession, tokenOf } from '../harness.ts'
import { bearer, refusal, sendRequest, startHttpHarness } from './harness.ts'
import type { HttpHarness } from './harness.ts'

let harness: HttpHarness
beforeEach(async () => {
  harness = await startHttpHarness()
})
afterEach(() => harness.stop())

it.each([
  ['requested_scopes', ['read:stripe:invoices']],
  ['purpose', 'another'],
  ['ttl_seconds', 60],
])('refuses a refresh with the member %s, which it would otherwise drop', async (member, value) => {
  const session = openSession(harness)
  for (const [path, named] of [
    [`/sessions/${session.session_id}/refresh`, {}],
    ['/sessions/refresh', { token: tokenOf(session) }],
  ] as const) {
    const body = JSON.stringify({ ...named, [member]: value })
    const headers = { ...bearer('hvs.opener'), 'Content-Type': 'application/json' }
    const response = await sendRequest(harness.url, path, { method: 'POST', headers, body })
    expect(refusal(response)).toBe('400 invalid_request bad_request')
    expect((response.json.error as { message: string }).message).toBe(
      `body: has the unknown member "${member}"; a refresh changes the ttl alone, so for other scopes or another purpose open a session`,
    )
  }
  expect(session.tokens).toHaveLength(1)
})
