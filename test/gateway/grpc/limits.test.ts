/** A caller that takes too much is told RESOURCE_EXHAUSTED and when to come again; anyone who does not is served all the while. */
import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import type { LimitSettings } from '../../../src/gateway/limits/index.ts'
import { mintToken } from '../../../src/scope/index.ts'
import { BOUND_OPENER_TOKEN, openSession, startHarness, tokenOf } from '../harness.ts'
import { startGrpcHarness } from './harness.ts'

const portWith = async (limits: Partial<LimitSettings>) => startGrpcHarness({}, await startHarness({ limits }))
const exhausted = (error: string) => ({
  code: status.RESOURCE_EXHAUSTED,
  type: 'unavailable',
  error,
  retry_after: '1',
})
// Apart from those the fake engine mints, which counts from 1.
let minted = 100
const madeUp = () =>
  mintToken({ prefix: 'svt', label: 'prod', random: (bytes) => new Uint8Array(bytes).fill((minted += 1)) })

describe('tokens nobody knows', () => {
  it('deny: ten times the rate for an authenticated caller, then no more; allow: after a second', async () => {
    const grpc = await portWith({ unknown_tokens_per_second: 1 })
    const validate = (token: string) => grpc.call('Tokens.Validate', { token, required_scope: 'read:stripe:invoices' })
    for (let i = 0; i < 10; i++) expect(await validate(madeUp())).toMatchObject({ code: status.UNAUTHENTICATED })
    const fresh = tokenOf(openSession(grpc.harness))
    expect(await validate(fresh)).toMatchObject(exhausted('lookups_limit'))
    await grpc.harness.clock.advance(1_000)
    expect(await validate(fresh)).toMatchObject({ active: true })
  })

  it('deny: session ids that are watched or refreshed count alike; allow: another caller', async () => {
    const grpc = await portWith({ unknown_tokens_per_second: 1 })
    const sessionId = (id: number) => `sess_01JD5WZ5C00000000000000${String(100 + id)}`
    for (let id = 0; id < 5; id++) {
      expect(await grpc.open('Sessions.Watch', { session_id: sessionId(id) }).ended).toMatchObject({ error: 'unknown' })
      expect(await grpc.call('Sessions.Refresh', { session_id: sessionId(50 + id) })).toMatchObject({
        error: 'session_unknown',
      })
    }
    const { session_id } = openSession(grpc.harness)
    expect(await grpc.open('Sessions.Watch', { session_id }).ended).toMatchObject(exhausted('lookups_limit'))
    expect(await grpc.call('Sessions.Refresh', { session_id })).toMatchObject(exhausted('lookups_limit'))
    const other = { authorization: `Bearer ${BOUND_OPENER_TOKEN}` }
    expect(await grpc.call('Sessions.Refresh', { session_id }, other)).toMatchObject({ error: 'caller_not_bound' })
  })
})

describe('streams', () => {
  it('deny: more that watch a session than it may have; allow: those of another, and again when one ends', async () => {
    const grpc = await portWith({ streams_per_session: 2 })
    const [first, second] = [openSession(grpc.harness), openSession(grpc.harness)]
    const watch = ({ session_id }: { session_id: string }) => grpc.open('Sessions.Watch', { session_id })
    const streams = [watch(first), watch(first)]
    await Promise.all(streams.map((stream) => stream.seen(1)))
    expect(await watch(first).ended).toMatchObject(exhausted('streams_limit'))
    await watch(second).seen(1)
    streams[0]!.cancel()
    await streams[0]!.ended
    await expect
      .poll(() =>
        watch(first)
          .seen(1)
          .then(
            () => 'open',
            () => 'refused',
          ),
      )
      .toBe('open')
  })

  it('deny: more that a caller validates tokens on than it may have; allow: another caller, and again when one ends', async () => {
    const grpc = await portWith({ streams_per_caller: 2 })
    const token = tokenOf(openSession(grpc.harness))
    const open = async (metadata?: Record<string, string>) => {
      const stream = grpc.open('Tokens.ValidateStream', undefined, metadata)
      stream.write({ token, required_scope: 'read:stripe:invoices' })
      return {
        stream,
        outcome: await Promise.race([
          stream.seen(1).then(
            () => 'open',
            () => stream.ended,
          ),
          stream.ended,
        ]),
      }
    }
    const { stream } = await open()
    await open()
    expect((await open()).outcome).toMatchObject(exhausted('streams_limit'))
    expect((await open({ authorization: `Bearer ${BOUND_OPENER_TOKEN}` })).outcome).toBe('open')
    stream.end()
    expect(await stream.ended).toBeUndefined()
    await expect.poll(async () => (await open()).outcome).toBe('open')
  })

  it('a part of the limit is enforced where several gateways follow the feed', async () => {
    const grpc = await portWith({ streams_per_session: 4 })
    grpc.harness.engine.pollers = 4
    grpc.harness.engine.upstream('github')
    await grpc.harness.flush()
    const { session_id } = openSession(grpc.harness)
    await grpc.open('Sessions.Watch', { session_id }).seen(1)
    expect(await grpc.open('Sessions.Watch', { session_id }).ended).toMatchObject(exhausted('streams_limit'))
  })
})
