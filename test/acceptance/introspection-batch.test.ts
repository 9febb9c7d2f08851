/** Several tokens in one introspection, through the server: what it makes of lists in a request, a response and an audit line. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { tokenDigest } from '../../src/scope/index.ts'
import { sentences } from './differences.ts'
import { Engine } from './engine.ts'
import { startTarget } from './target/index.ts'
import { must } from './target/server.ts'
import type { Server } from './target/index.ts'

let server: Server
let engine: Engine
beforeAll(async () => {
  server = await startTarget()
  engine = await Engine.at(server)
  await engine.declare('billing')
})
afterAll(() => server.stop())

it('tells of each what it tells of it alone, and refuses one without the others', async () => {
  const [live, closed] = [await engine.issue('billing'), await engine.issue('billing')]
  await must(engine.delete(`creds/billing/${closed.session_id}`), 'closing')
  const { body } = await must(
    engine.write('introspect', {
      batch_input: [
        { token_sha256: tokenDigest(live.token) },
        { token: closed.token },
        { token_sha256: 'ab'.repeat(32) },
        { token_sha256: 'short' },
        { session_id: live.session_id },
      ],
    }),
    'introspecting',
  )
  const { batch_results: results, epoch, sequence } = (body as { data: Record<string, unknown> }).data
  expect(results).toMatchObject([
    { active: true, token_id: live.token_id },
    { active: false, reason: 'revoked', session_id: closed.session_id },
    { active: false, reason: 'unknown' },
    { error: expect.stringContaining('token_sha256 must be 64 hexadecimal digits') as string },
    { active: true, session_id: live.session_id },
  ])
  const feed = (await must(engine.read('feed?wait=0'), 'polling')).body as { data: Record<string, unknown> }
  expect(feed.data).toMatchObject({ epoch, sequence, introspection_batch: 64 })
})

it('takes 64 of them, and no more', async () => {
  const { token } = await engine.issue('billing')
  const some = (count: number) =>
    engine.write('introspect', { batch_input: Array.from({ length: count }, () => ({ token })) })
  const { body } = await must(some(64), 'introspecting')
  expect((body as { data: { batch_results: unknown[] } }).data.batch_results).toHaveLength(64)
  const refused = await some(65)
  expect([refused.status, sentences(refused)]).toEqual([
    400,
    ['batch_input must hold 1 to 64 objects, for example batch_input=[{"token_sha256":"b94d27b9…"}].'],
  ])
})
