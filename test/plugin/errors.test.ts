import { afterEach, describe, expect, test } from 'vitest'
import { RequestError, errorTable } from '../../src/logical/errors.ts'
import type { ErrorKind } from '../../src/logical/errors.ts'
import type { Backend } from '../../src/logical/backend.ts'
import { InProcessPlugin, scripted } from './in-process.ts'

const plugins: InProcessPlugin[] = []
afterEach(async () => {
  for (const plugin of plugins.splice(0)) await plugin.close()
})

async function failing(thrown: unknown) {
  const fail = () => Promise.reject(thrown)
  const script: Partial<Backend> = { handleRequest: fail, handleExistenceCheck: fail }
  const plugin = await InProcessPlugin.start({ factory: scripted(script) })
  plugins.push(plugin)
  return { plugin, ...(await plugin.mount()) }
}

const secret = { internal_data: '{}', lease_id: '', lease_options: null }
const TEXT = "a sentence of the engine's own"
const coded = (http: number, text: string) => ({
  err: { err_type: 3, err_msg: text, err_code: String(http) },
  error: undefined,
})
const typed = (err_type: number, err_msg: string, error?: string) => ({
  err: { err_type, err_msg, err_code: '0' },
  error,
})
const retried = (text: string) => typed(0, `the lease could not be revoked: ${text}`)

/** What is answered when an engine throws that kind with a sentence of its own: to requests and renewals, to revocations, to existence checks. */
const rows: readonly [ErrorKind, object, object, object][] = [
  ['bad_request', { err: null, error: TEXT }, { err: null, error: TEXT }, typed(1, TEXT)],
  ['invalid_request', typed(7, TEXT, TEXT), retried(TEXT), typed(1, TEXT)],
  ['permission_denied', typed(8, TEXT, TEXT), retried(TEXT), typed(8, TEXT)],
  ['unsupported_path', typed(6, TEXT, TEXT), retried(TEXT), typed(6, TEXT)],
  ['unsupported_operation', typed(5, TEXT, TEXT), retried(TEXT), typed(5, TEXT)],
  ['unrecoverable', typed(10, TEXT), typed(10, TEXT), typed(10, TEXT)],
  ['internal', typed(2, 'internal error'), typed(2, 'internal error'), typed(2, 'internal error')],
  [
    'readonly',
    typed(0, 'cannot write to readonly storage'),
    typed(0, 'cannot write to readonly storage'),
    typed(0, 'cannot write to readonly storage'),
  ],
  ...(
    [
      ['unauthenticated', 401],
      ['not_found', 404],
      ['request_timeout', 408],
      ['precondition_failed', 412],
      ['too_large', 413],
      ['unsupported_media_type', 415],
      ['rate_limited', 429],
      ['unavailable', 503],
      ['upstream_error', 502],
      ['sealed', 503],
    ] as const
  ).map(([kind, http]): [ErrorKind, object, object, object] => [
    kind,
    coded(http, TEXT),
    coded(http, TEXT),
    coded(http, TEXT),
  ]),
]

describe('each kind of failure, to each operation', () => {
  test('no kind is forgotten', () => {
    expect(rows.map(([kind]) => kind).sort()).toEqual(Object.keys(errorTable).sort())
  })

  describe.each(rows)('%s', (kind, toRequests, toRevocations, toChecks) => {
    test.each(['read', 'update', 'create', 'patch', 'delete', 'list', 'help', 'rollback'])(
      'to %s',
      async (operation) => {
        const { calls } = await failing(new RequestError(kind, TEXT))
        expect(await calls.request(operation, 'x', {})).toMatchObject(toRequests)
      },
    )

    test('to renew', async () => {
      const { calls } = await failing(new RequestError(kind, TEXT))
      expect(await calls.request('renew', 'x', null, { secret })).toMatchObject(toRequests)
    })

    test('to revoke', async () => {
      const { calls } = await failing(new RequestError(kind, TEXT))
      expect(await calls.request('revoke', 'x', null, { secret })).toMatchObject(toRevocations)
    })

    test('to an existence check', async () => {
      const { calls } = await failing(new RequestError(kind, TEXT))
      const { err, check_found, exists } = await calls.exists('x')
      expect({ err, check_found, exists, error: undefined }).toMatchObject({
        ...toChecks,
        check_found: false,
        exists: false,
      })
    })
  })

  test.each(['permission_denied', 'unsupported_path', 'unsupported_operation', 'invalid_request'] as const)(
    '%s in the words of the server has no response beside it',
    async (kind) => {
      const { calls } = await failing(new RequestError(kind))
      const { response, err } = await calls.read('x')
      expect(response).toBeNull()
      expect(err?.err_type).toBe(errorTable[kind].pb)
    },
  )

  test.each(Object.keys(errorTable).filter((kind) => kind !== 'unrecoverable') as ErrorKind[])(
    '%s never makes the server give a lease up at once',
    async (kind) => {
      const { calls } = await failing(new RequestError(kind, TEXT))
      const { err, error } = await calls.request('revoke', 'x', null, { secret })
      expect([5, 6, 7, 10]).not.toContain(err?.err_type)
      // And none is taken for a success.
      expect(err ?? error).toBeTruthy()
    },
  )

  test.each([
    new Error('at /home/x with s3cret'),
    'text',
    7,
    null,
    undefined,
    { message: 5 },
    new TypeError('x is not a function'),
  ])('a fault (%j) tells the caller nothing', async (thrown) => {
    const { calls, plugin } = await failing(thrown)
    const outcome = await calls.read('x')
    expect(outcome).toMatchObject(typed(2, 'internal error'))
    expect(outcome.response).toBeNull()
    expect(plugin.logs).toMatchObject([
      { level: 'error', fields: { operation: 'read' }, message: 'a request failed: internal error' },
    ])
  })

  test('a fault of one call leaves the mount serving', async () => {
    let failures = 1
    const plugin = await InProcessPlugin.start({
      factory: scripted({
        handleRequest() {
          if (failures-- > 0) throw new Error('synchronous')
          return Promise.resolve({ data: { fine: true } })
        },
        invalidateKey() {
          throw new Error('synchronous')
        },
      }),
    })
    plugins.push(plugin)
    const { calls } = await plugin.mount()
    expect((await calls.read('x')).err).toMatchObject({ err_type: 2 })
    await expect(calls.invalidate('x')).rejects.toMatchObject({ code: 13 })
    expect((await calls.read('x')).data).toEqual({ fine: true })
  })

  test('what is withheld from the caller about an outage is in the log, once', async () => {
    const { calls, plugin } = await failing(
      new RequestError('unavailable', 'storage is away', { cause: new Error('raft: no leader') }),
    )
    await calls.read('x')
    expect(plugin.logs).toMatchObject([
      { level: 'warn', fields: { error: { message: 'raft: no leader' } }, message: 'storage is away' },
    ])
  })

  test("the caller's own mistakes are not logged", async () => {
    const { calls, plugin } = await failing(new RequestError('bad_request', TEXT))
    await calls.read('x')
    expect(plugin.logs).toEqual([])
  })
})
