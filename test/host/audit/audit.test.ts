import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AuditLog } from '../../../src/audit/index.ts'
import { RequestError } from '../../../src/logical/errors.ts'
import { settle } from '../../fakes/clock.ts'
import { startHostHarness } from '../harness.ts'
import type { HostCallResponse, HostHarness } from '../harness.ts'

type Line = Record<string, Record<string, never>> & { type: string; error?: string }

/** An audit log in memory that fails while told to. */
class MemoryLog implements AuditLog {
  readonly lines: Line[] = []
  failing: (line: Line) => boolean = () => false
  open(): Promise<void> {
    return Promise.resolve()
  }
  reopen(): Promise<void> {
    return Promise.resolve()
  }
  close(): Promise<void> {
    return Promise.resolve()
  }
  append(record: object): Promise<void> {
    if (this.failing(record as Line))
      return Promise.reject(new RequestError('unavailable', 'the audit log cannot be written'))
    this.lines.push(record as Line)
    return Promise.resolve()
  }
}

let log: MemoryLog
let harness: HostHarness
beforeEach(async () => {
  log = new MemoryLog()
  harness = await startHostHarness({ openAuditLog: () => log, auditPath: '/unused' })
})
afterEach(async () => {
  await harness.host.close()
})

const hash = async (input: string): Promise<string> =>
  (await harness.call('POST', 'sys/audit-hash/file', { input })).body.data.hash as string

describe('what is written', () => {
  it('a request line before the engine acts, a response line before the client is answered', async () => {
    let linesAtEngine = 0
    harness.engine.beforeLease = () => {
      linesAtEngine = log.lines.length
      return Promise.resolve()
    }
    const before = log.lines.length
    const answer = await harness.call('PUT', 'lend/loans/ladder', { ttl: 60 })
    expect(linesAtEngine).toBe(before + 1)
    const [request, response] = log.lines.slice(before)
    expect(request).toMatchObject({
      time: '2026-03-15T16:00:00.000Z',
      type: 'request',
      auth: { display_name: 'root', policies: ['root'], token_type: 'service' },
      request: {
        id: answer.body.request_id as string,
        operation: 'update',
        path: 'lend/loans/ladder',
        mount_point: 'lend/',
        mount_type: 'lend',
        remote_address: '127.0.0.1',
        data: { ttl: 60 },
        namespace: { id: 'root' },
      },
    })
    expect(response).toMatchObject({
      type: 'response',
      request: { id: answer.body.request_id as string },
      response: {
        secret: { lease_id: answer.body.lease_id as string },
        data: { ticket: await hash('ticket-ladder-1') },
      },
    })
  })

  it('no text of a body, no token and no accessor, only their hashes', async () => {
    const made = (
      await harness.call('POST', 'auth/token/create', { policies: ['wizard'], meta: { team: 'deep-secret' } })
    ).body.auth as { client_token: string; accessor: string }
    await harness.call('PUT', 'lend/items/x', { colour: 'infrared' })
    await harness.call('POST', 'auth/token/lookup', { token: made.client_token })
    const text = JSON.stringify(log.lines)
    expect(text).toContain(await hash('infrared'))
    expect(text).toContain(await hash(made.client_token))
    expect(text).toContain(await hash(made.accessor))
    for (const secret of ['infrared', made.client_token, made.accessor])
      expect(JSON.stringify(log.lines)).not.toContain(secret)
  })

  it.each(['lend?help=1', 'sys/internal/specs/openapi'])(
    'one hash for all of a description of the API (%s)',
    async (target) => {
      const { body } = await harness.call('GET', target)
      const line = log.lines.at(-1) as unknown as { response: { data: unknown } }
      expect(line.response.data).toEqual({ http_raw_body: await hash(JSON.stringify(body)) })
    },
  )

  it('fields the mount is tuned to show, in the clear', async () => {
    await harness.call('POST', 'sys/mounts/lend/tune', {
      audit_non_hmac_request_keys: ['colour'],
      audit_non_hmac_response_keys: 'ticket',
    })
    await harness.call('PUT', 'lend/items/x', { colour: 'red' })
    await harness.call('PUT', 'lend/loans/x', {})
    const text = JSON.stringify(log.lines)
    expect(text).toContain('"colour":"red"')
    expect(text).toContain('"ticket":"ticket-x-1"')
    expect((await harness.call('GET', 'sys/mounts/lend/tune')).body.data).toMatchObject({
      audit_non_hmac_request_keys: ['colour'],
      audit_non_hmac_response_keys: ['ticket'],
    })
  })

  it('denials, unauthenticated callers and failures, with the reason', async () => {
    const token = await harness.tokenFor({ none: 'path "x" { capabilities = ["read"] }' })
    const before = log.lines.length
    await harness.call('GET', 'lend/items/x', undefined, token)
    await harness.call('GET', 'lend/items/x', undefined, 'hvs.stranger')
    harness.engine.itemFailure = new RequestError('rate_limited', 'slow down')
    await harness.call('GET', 'lend/items/x')
    expect(log.lines.slice(before).map(({ type, error }) => [type, error])).toEqual([
      ['request', '1 error occurred:\n\t* permission denied'],
      ['request', 'permission denied'],
      ['request', undefined],
      ['response', 'slow down'],
    ])
    expect(log.lines[before + 1]).not.toHaveProperty('auth')
  })

  it('policies of a write behind any number of other fields, the rest as a count and a hash', async () => {
    const decoys = Object.fromEntries(Array.from({ length: 1200 }, (_, index) => [`!${String(index)}`, 'x']))
    const policy = 'path "*" { capabilities = ["sudo"] }'
    const before = log.lines.length
    await harness.call('POST', 'sys/policies/acl/backdoor', { ...decoys, policy })
    const { request } = log.lines[before]!
    expect(request).toMatchObject({ data: { policy: await hash(policy) }, left_out: { values: expect.any(Number) } })
    // The name and the value of each field.
    const left = Object.keys(decoys).slice(1023)
    expect(request).toMatchObject({
      left_out: { values: 2 * left.length, hmac: await hash(JSON.stringify(left.map((name) => [name, 'x']))) },
    })
  })

  it('few hashes of a caller without a token, the rest as a count and one hash', async () => {
    const list = Array.from({ length: 1000 }, (_, index) => String(index))
    const before = log.lines.length
    await harness.call('POST', 'lend/items/x', { list }, 'hvs.unknown')
    const { request } = log.lines[before] as unknown as { request: { data: { list: string[] } } }
    expect(request).toMatchObject({
      left_out: { values: 937, hmac: await hash(JSON.stringify(list.slice(63))) },
    })
    expect(request.data.list).toHaveLength(63)
  })

  it('nothing about health', async () => {
    const before = log.lines.length
    await harness.call('GET', 'sys/health', undefined, '')
    expect(log.lines).toHaveLength(before)
  })
})

describe('when it cannot be written', () => {
  it('no request reaches an engine', async () => {
    log.failing = () => true
    const before = harness.engine.requests.length
    expect(await harness.call('PUT', 'lend/items/x', { colour: 'red' })).toMatchObject({
      status: 503,
      body: { errors: ['no audit device could be written; the request was refused'] },
    })
    expect(harness.engine.requests).toHaveLength(before)
    log.failing = () => false
    expect((await harness.call('GET', 'lend/items/x')).status).toBe(404)
  })

  it('denials are not revealed either', async () => {
    log.failing = () => true
    expect((await harness.call('GET', 'lend/items/x', undefined, 'hvs.stranger')).status).toBe(503)
  })

  it('a secret whose response could not be recorded is withheld and revoked', async () => {
    log.failing = ({ type }) => type === 'response'
    expect((await harness.call('PUT', 'lend/loans/a', {})).status).toBe(503)
    await settle()
    expect(harness.engine.revoked.map(({ loan }) => loan)).toEqual(['a-1'])
  })

  it('a login, or a wrapped response, that could not be recorded leaves no token behind', async () => {
    const accessors = async (): Promise<unknown> => (await harness.call('LIST', 'auth/token/accessors')).body.data.keys
    const before = await accessors()
    log.failing = ({ type }) => type === 'response'
    expect((await harness.call('POST', 'auth/token/create', {})).status).toBe(503)
    expect((await harness.call('GET', 'sys/mounts', undefined, 'root', { 'x-vault-wrap-ttl': '60' })).status).toBe(503)
    log.failing = () => false
    expect(await accessors()).toEqual(before)
  })

  it.each<[string, (lease: string, token: string) => Promise<HostCallResponse>]>([
    ['renewed', (lease) => harness.call('PUT', 'sys/leases/renew', { lease_id: lease })],
    ['renewed under the old path', (lease) => harness.call('PUT', `sys/renew/${lease}`)],
    ['looked up', (lease) => harness.call('PUT', 'sys/leases/lookup', { lease_id: lease })],
    ['renewed with its token', (_lease, token) => harness.call('POST', 'auth/token/renew-self', {}, token)],
    ['looked up with its token', (_lease, token) => harness.call('GET', 'auth/token/lookup-self', undefined, token)],
  ])(
    'a lease that is held already outlives the response that could not be recorded when it is %s',
    async (_how, call) => {
      const token = await harness.tokenFor({ lender: 'path "lend/*" { capabilities = ["update"] }' }, { ttl: '1h' })
      const lease = (await harness.call('PUT', 'lend/loans/a', { ttl: '1h' }, token)).body.lease_id as string
      log.failing = ({ type }) => type === 'response'
      expect((await call(lease, token)).status).toBe(503)
      await settle()
      log.failing = () => false
      expect((await harness.call('PUT', 'sys/leases/lookup', { lease_id: lease })).status).toBe(200)
      expect((await harness.call('PUT', 'lend/loans/b', {}, token)).status).toBe(200)
      expect(harness.engine.revoked).toEqual([])
    },
  )

  it.each([
    ['gone', 204, 0, () => harness.call('DELETE', 'sys/mounts/lend')],
    ['moved', 200, 0, () => harness.call('POST', 'sys/remount', { from: 'lend', to: 'library' })],
    [
      'half gone',
      500,
      1,
      async () => {
        await harness.call('PUT', 'lend/loans/stuck', {})
        harness.engine.revokeFailure = new Error('down')
        return harness.call('DELETE', 'sys/mounts/lend')
      },
    ],
  ])(
    'a request whose line was long in coming does not reach a mount that is %s by then',
    async (_case, status, requests, ending) => {
      let written = (): void => undefined
      const append = log.append.bind(log)
      log.append = async (record) => {
        const { request, type } = record as { type: string; request: { path: string } }
        if (type === 'request' && request.path === 'lend/loans/a')
          await new Promise<void>((resolve) => {
            written = resolve
          })
        await append(record)
      }
      const loan = harness.call('PUT', 'lend/loans/a', {})
      await settle()
      const unmount = await ending()
      written()
      expect((await loan).status).toBe(404)
      expect(unmount.status).toBe(status)
      expect(harness.engine.requests).toHaveLength(requests)
    },
  )

  it('one device that can is enough', async () => {
    const second = new MemoryLog()
    const two = await startHostHarness({
      openAuditLog: (path) => (path === '/second' ? second : log),
      auditPath: '/first',
    })
    await two.call('POST', 'sys/audit/second', { type: 'file', options: { file_path: '/second' } })
    log.failing = () => true
    expect((await two.call('PUT', 'lend/items/x', {})).status).toBe(204)
    expect(second.lines.at(-1)).toMatchObject({ type: 'response', request: { path: 'lend/items/x' } })
    second.failing = () => true
    expect((await two.call('PUT', 'lend/items/x', {})).status).toBe(503)
    await two.host.close()
  })
})

describe('devices', () => {
  it('are listed, disabled and enabled again with another salt', async () => {
    expect((await harness.call('GET', 'sys/audit')).body.data).toEqual({
      'file/': { path: 'file/', type: 'file', description: '', local: false, options: { file_path: '/unused' } },
    })
    const first = await hash('x')
    expect((await harness.call('DELETE', 'sys/audit/file')).status).toBe(204)
    expect((await harness.call('DELETE', 'sys/audit/file')).status).toBe(204)
    expect((await harness.call('POST', 'sys/audit-hash/file', { input: 'x' })).status).toBe(400)
    expect(
      (await harness.call('PUT', 'sys/audit/file', { type: 'file', options: { file_path: '/again' } })).status,
    ).toBe(204)
    expect(await hash('x')).not.toBe(first)
  })

  it.each([
    ['another type', 'new', { type: 'syslog' }, 'audit device type "syslog" is not available'],
    ['no file', 'new', { type: 'file' }, 'options.file_path is required'],
    ['a path that is taken', 'file', { type: 'file', options: { file_path: '/x' } }, 'path already in use: file/'],
  ])('refuse %s', async (_case, path, body, message) => {
    const response = await harness.call('PUT', `sys/audit/${path}`, body)
    expect(response.status).toBe(400)
    expect(response.body.errors[0]).toContain(message)
  })

  it('keep their salt over a restart, and are needed to start', async () => {
    const before = await hash('x')
    await harness.host.close()
    const again = await startHostHarness({ storage: harness.storage, openAuditLog: () => log })
    expect((await again.call('POST', 'sys/audit-hash/file', { input: 'x' })).body.data.hash).toBe(before)
    await again.host.close()
    const broken: AuditLog = {
      open: () => Promise.reject(new Error('read-only')),
      append: () => Promise.resolve(),
      reopen: () => Promise.resolve(),
      close: () => Promise.resolve(),
    }
    await expect(startHostHarness({ storage: harness.storage, openAuditLog: () => broken })).rejects.toThrow(
      '/unused cannot be appended to',
    )
  })
})

describe('on disk', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'host-audit-'))
  })
  afterEach(() => {
    rmSync(folder, { recursive: true })
  })

  it('each line is JSON and hashed tokens survive redaction', async () => {
    const path = join(folder, 'audit.jsonl')
    const real = await startHostHarness({ auditPath: path })
    await real.call('PUT', 'lend/items/x', { colour: 'infrared' })
    const expected = (await real.call('POST', 'sys/audit-hash/file', { input: 'root' })).body.data.hash as string
    await real.host.close()
    const lines = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; request: { client_token: string } })
    expect(lines.shift()).toMatchObject({ type: 'opened', device: 'file/' })
    expect(lines).toHaveLength(6)
    expect(lines.every(({ request }) => request.client_token === expected)).toBe(true)
    expect(readFileSync(path, 'utf8')).not.toContain('infrared')
  })

  it('a device that is full is refused, instead of locking everybody out', async () => {
    const real = await startHostHarness()
    expect(
      (await real.call('PUT', 'sys/audit/full', { type: 'file', options: { file_path: '/dev/full' } })).status,
    ).toBe(400)
    expect((await real.call('PUT', 'lend/items/x', {})).status).toBe(204)
    await real.host.close()
  })

  it('a file that cannot be opened is refused and changes nothing', async () => {
    const real = await startHostHarness()
    writeFileSync(join(folder, 'file'), '')
    expect(
      await real.call('PUT', 'sys/audit/bad', { type: 'file', options: { file_path: join(folder, 'file', 'x') } }),
    ).toMatchObject({
      status: 400,
      body: { errors: [expect.stringContaining('cannot be appended to')] },
    })
    expect((await real.call('GET', 'sys/audit')).body.data).toEqual({})
    expect((await real.call('PUT', 'lend/items/x', {})).status).toBe(204)
    await real.host.close()
  })
})
