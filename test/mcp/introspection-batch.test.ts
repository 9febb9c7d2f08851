import { describe, expect, it } from 'vitest'
import { readIntrospection, readIntrospectionBatch } from '../../src/document/index.ts'
import { RequestError } from '../../src/logical/errors.ts'
import { MemoryStorage } from '../../src/logical/storage.ts'
import type { Storage } from '../../src/logical/storage.ts'
import { tokenDigest } from '../../src/scope/index.ts'
import { TestEngine } from './engine.ts'

const start = async (storage?: Storage) => {
  const engine = await TestEngine.start(storage === undefined ? {} : { storage })
  await engine.declare('billing', ['read:stripe:invoices'])
  return engine
}

/** What of a response gateways read. */
const needed = (response: object) => {
  const { epoch: _, sequence: _at, server_time_unix_ms: _now, ...rest } = readIntrospection(response)
  return rest
}

const batch = async (engine: TestEngine, batch_input: unknown) =>
  (await engine.introspect({ batch_input })).batch_results as Record<string, unknown>[]

/** Reads of records whose key matches fail. */
class TornStorage extends MemoryStorage {
  torn: RegExp | undefined

  override get(key: string) {
    if (this.torn?.test(key) === true) return Promise.reject(new RequestError('internal', 'cannot be decrypted'))
    return super.get(key)
  }
}

describe('an introspection of several at once', () => {
  it('says of each what gateways need of what it says of it alone, in their order, and the position once', async () => {
    const engine = await start()
    const [live, refreshed, revoked] = [
      await engine.issue('billing', { purpose: 'a' }),
      await engine.issue('billing'),
      await engine.issue('billing'),
    ]
    await engine.revoke(revoked)
    const about = [
      { token: live.token, required_scope: 'read:stripe:invoices' },
      { token_sha256: tokenDigest(refreshed.token) },
      { token: revoked.token },
      { session_id: live.session_id },
      { token: 'hello' },
      { token_sha256: 'ab'.repeat(32) },
      { token: live.token, required_scope: 'read:stripe:refunds' },
      { token_sha256: tokenDigest(live.token) },
    ]
    const { batch_results: results, ...position } = await engine.introspect({ batch_input: about })
    expect(Object.keys(position)).toEqual(['epoch', 'sequence', 'server_time_unix_ms'])
    const alone = await Promise.all(about.map((one) => engine.introspect(one)))
    for (const [index, result] of (results as object[]).entries())
      expect(alone[index]).toMatchObject({ ...result, ...position })
    expect(results).toMatchObject(alone.map(needed))
    expect(alone.map(({ active, reason, scope_match }) => reason ?? scope_match ?? active)).toEqual([
      true,
      true,
      'revoked',
      true,
      'malformed',
      'unknown',
      false,
      true,
    ])
  })

  it('names the position from before it read anything', async () => {
    const engine = await start()
    const issued = await engine.issue('billing')
    const { sequence } = await engine.introspect({ token: issued.token })
    const asked = engine.introspect({ batch_input: [{ token: issued.token }] })
    await engine.revoke(issued)
    expect(await asked).toMatchObject({ sequence })
  })

  it('refuses what is wrong with one of them by itself, and repeats no token in what it says', async () => {
    const engine = await start()
    const { token } = await engine.issue('billing')
    const results = await batch(engine, [
      {},
      { token, session_id: 'sess_01JNKQ8X4F2MVBP7RD3WCZH9GT' },
      token,
      { token_sha256: token },
      { token, required_scope: 'everything' },
      { token: { token } },
      { token },
    ])
    expect(results.map(({ active, error }) => error ?? active)).toEqual([
      'give exactly one of token, token_sha256 and session_id, for example token=svt_prod_….',
      'give exactly one of token, token_sha256 and session_id, for example token=svt_prod_….',
      'each item of batch_input must be an object, for example {"token_sha256":"b94d27b9…"}.',
      expect.stringContaining('token_sha256 must be 64 hexadecimal digits'),
      expect.stringContaining('required_scope: "everything"'),
      expect.stringContaining('token must be a string'),
      true,
    ])
    expect(JSON.stringify(results)).not.toContain(token)
  })

  it('one whose record cannot be read is told from the others, and never as inactive', async () => {
    const storage = new TornStorage()
    const engine = await start(storage)
    const [torn, whole] = [await engine.issue('billing'), await engine.issue('billing')]
    await engine.restart()
    storage.torn = new RegExp(`x/${torn.session_id}`)
    const results = await batch(engine, [{ token: torn.token }, { token: whole.token }])
    expect(results).toMatchObject([{ error: 'cannot be decrypted' }, { active: true }])
    expect(results[0]).not.toHaveProperty('active')
  })

  it('fails as a whole where nothing can be read', async () => {
    const storage = new TornStorage()
    const engine = await start(storage)
    const { token } = await engine.issue('billing')
    await engine.restart()
    storage.torn = /^s\//
    expect(await engine.refusal(batch(engine, [{ token }, { token_sha256: 'ab'.repeat(32) }]))).toEqual({
      kind: 'internal',
      message: 'cannot be decrypted',
    })
  })

  it('takes what the command line sends, and warns of names it does not know', async () => {
    const engine = await start()
    const { token } = await engine.issue('billing')
    const response = await engine.write('introspect', { batch_input: JSON.stringify([{ token, tokn: 1 }, { token }]) })
    expect(response).toMatchObject({
      data: { batch_results: [{ active: true }, { active: true }] },
      warnings: ['Endpoint ignored these unrecognized parameters: [tokn]'],
    })
  })

  it('takes 64 and says so in the feed', async () => {
    const engine = await start()
    const { token } = await engine.issue('billing')
    expect((await engine.read('feed', { wait: 0 }))!.data).toMatchObject({ introspection_batch: 64 })
    const results = await batch(
      engine,
      Array.from({ length: 64 }, () => ({ token })),
    )
    expect(results.map(({ active }) => active)).toEqual(Array.from({ length: 64 }, () => true))
  })

  it.each<[string, object, string]>([
    ['none', { batch_input: [] }, 'batch_input must hold 1 to 64 objects'],
    [
      '65',
      { batch_input: Array.from({ length: 65 }, () => ({ token: 'x' })) },
      'batch_input must hold 1 to 64 objects',
    ],
    ['several and one', { batch_input: [{ token: 'x' }], token: 'x' }, 'stand in the objects of batch_input'],
    [
      'several and a scope',
      { batch_input: [{ token: 'x' }], required_scope: 'read:a:b' },
      'stand in the objects of batch_input',
    ],
  ])('of %s is refused', async (_what, request, message) => {
    const engine = await start()
    expect(await engine.refusal(engine.introspect({ ...request }))).toEqual({
      kind: 'bad_request',
      message: expect.stringContaining(message) as string,
    })
  })

  it('reads a token asked about twice once', async () => {
    const engine = await start()
    const { token } = await engine.issue('billing')
    await engine.restart()
    const alone = await engine.storage.during(() => engine.introspect({ token }))
    await engine.restart()
    const twice = await engine.storage.during(() => batch(engine, [{ token }, { token }]))
    expect(twice.get).toBe(alone.get)
  })
})

describe('a response to several', () => {
  const position = { epoch: 'e', sequence: 1, server_time_unix_ms: 1 }
  const unknown = { active: false, reason: 'unknown' }

  it('is read with the position at each', () => {
    expect(readIntrospectionBatch({ batch_results: [unknown, { error: 'no' }], ...position }, 2)).toEqual([
      { ...unknown, ...position },
      { error: 'no' },
    ])
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['no results', position],
    ['fewer results', { batch_results: [unknown], ...position }],
    ['more results', { batch_results: [unknown, unknown, unknown], ...position }],
  ])('of %s is none', (_what, data) => {
    expect(() => readIntrospectionBatch(data, 2)).toThrow('introspection')
  })

  it.each<[string, unknown]>([
    ['is no object', null],
    ['has no verdict', {}],
    ['has a reason nobody knows', { active: false, reason: 'paused' }],
  ])('of which one %s is still one of the others', (_what, result) => {
    expect(readIntrospectionBatch({ batch_results: [result, unknown], ...position }, 2)).toEqual([
      { error: expect.stringContaining('introspection') as string },
      { ...unknown, ...position },
    ])
  })

  it('without a position says nothing of any', () => {
    expect(readIntrospectionBatch({ batch_results: [unknown] }, 1)).toEqual([
      { error: expect.stringContaining('epoch') as string },
    ])
  })
})
