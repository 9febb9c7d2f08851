/** `sys/monitor`: who may watch the log, what they get, and what a slow reader costs. */
import type { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AuditLog } from '../../../src/audit/index.ts'
import { RequestError } from '../../../src/logical/errors.ts'
import { Monitors } from '../../../src/host/monitor/monitors.ts'
import { silentLogger } from '../../../src/logical/log.ts'
import { FakeClock, settle } from '../../fakes/clock.ts'
import { startHostHarness } from '../harness.ts'
import type { HostHarness } from '../harness.ts'

let harness: HostHarness
beforeEach(async () => {
  harness = await startHostHarness()
})
afterEach(async () => {
  await harness.host.close()
})

interface Opened {
  readonly status: number
  readonly body: string
  readonly stream: Readable | undefined
}

async function open(query = '', token = 'root', on: HostHarness = harness): Promise<Opened> {
  const { status, body, stream } = await on.host.handle({
    method: 'GET',
    path: '/v1/sys/monitor',
    query: new URLSearchParams(query),
    headers: { 'x-vault-token': token },
    remoteAddr: '127.0.0.1',
    signal: new AbortController().signal,
  })
  return { status, body, stream }
}

/** All that can be read now, without waiting for more. */
async function readAll(stream: Readable | undefined): Promise<string> {
  let text = ''
  for (let empty = 0; empty < 3;) {
    await settle()
    const chunk = stream?.read() as string | null
    text += chunk ?? ''
    empty = chunk === null ? empty + 1 : 0
  }
  return text
}

const mountAndUnmount = async (): Promise<void> => {
  await harness.call('POST', 'sys/mounts/shelf', { type: 'lend' })
  await harness.call('DELETE', 'sys/mounts/shelf')
}

/** Each call of it is one line of the log. */
async function writeLines(count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    await harness.call('PUT', `sys/policies/acl/p${String(index)}`, { policy: 'path "x" { capabilities = ["read"] }' })
    await harness.call('DELETE', `sys/policies/acl/p${String(index)}`)
  }
}

describe('what is shown', () => {
  it("lines in hclog's standard layout", async () => {
    const { status, stream } = await open()
    await mountAndUnmount()
    expect(status).toBe(200)
    expect(await readAll(stream)).toBe(
      '2026-03-15T16:00:00.000Z [INFO]  core: successful mount: path=shelf/ type=lend\n' +
        '2026-03-15T16:00:00.000Z [INFO]  core: successfully unmounted: path=shelf/\n',
    )
  })

  it('or in its JSON', async () => {
    const { stream } = await open('log_format=json')
    await harness.call('POST', 'sys/auth/robots', { type: 'approle' })
    expect(JSON.parse(await readAll(stream))).toEqual({
      '@level': 'info',
      '@message': 'enabled credential backend',
      '@module': 'core',
      '@timestamp': '2026-03-15T16:00:00.000000Z',
      path: 'robots/',
      type: 'approle',
    })
  })

  it('at the level that was asked for, whatever the server itself writes', async () => {
    const watched = Object.fromEntries(
      await Promise.all(
        ['trace', 'DEBUG', 'info', 'warn', 'error', 'off'].map(
          async (level) => [level, (await open(`log_level=${level}`)).stream] as const,
        ),
      ),
    )
    await harness.call('POST', 'sys/auth/robots', { type: 'approle' })
    const { lease_id } = (await harness.call('PUT', 'lend/loans/a', {})).body as { lease_id: string }
    await harness.call('PUT', 'sys/leases/revoke', { lease_id, sync: true })
    harness.engine.itemFailure = new Error('the shelf has fallen')
    await harness.call('GET', 'lend/items/x')
    const levels = async (stream: Readable): Promise<string[]> =>
      [...(await readAll(stream)).matchAll(/\[(\w+)\]/g)].map(([, level]) => level!)
    expect(await levels(watched.trace!)).toEqual(['INFO', 'DEBUG', 'ERROR'])
    expect(await levels(watched.DEBUG!)).toEqual(['INFO', 'DEBUG', 'ERROR'])
    expect(await levels(watched.info!)).toEqual(['INFO', 'ERROR'])
    expect(await levels(watched.warn!)).toEqual(['ERROR'])
    expect(await levels(watched.error!)).toEqual(['ERROR'])
    expect(await levels(watched.off!)).toEqual([])
  })

  it.each(['standard', 'json'])('no credential of a failure, and no stack (%s)', async (format) => {
    const { stream } = await open(`log_format=${format}`)
    const token = `hvs.${'CAESIJ0d'.repeat(6)}`
    harness.engine.itemFailure = new Error(`the desk said:\n"X-Vault-Token: ${token}" path=y`)
    await harness.call('GET', 'lend/items/x')
    const text = await readAll(stream)
    expect(text).toContain('request failed inside the server')
    expect(text).toContain('the desk said')
    expect(text).not.toContain(token)
    expect(text).not.toContain('monitor.test.ts')
    expect(text.trimEnd()).not.toContain('\n')
  })
})

describe('what cannot be shown', () => {
  it('does not fail what writes the line: a circle, a bigint', async () => {
    const monitors = new Monitors(new FakeClock())
    const stream = monitors.open({ level: 'error', format: 'standard', owner: undefined })
    const circle: { self?: object } = {}
    circle.self = circle
    monitors.logger(silentLogger).error({ circle, big: { id: 9007199254740993n } }, 'failed')
    expect(await readAll(stream)).toContain('core: failed: circle="(not shown)" big="{\\"id\\":9007199254740993}"')
    monitors.close()
  })
})

describe('who may watch', () => {
  it.each<[string, string, number, string]>([
    ['an unknown level', 'log_level=haha', 400, 'unknown log level'],
    ['an unknown format', 'log_format=xml', 400, 'unknown log format'],
  ])('%s is refused in Vault’s words', async (_case, query, status, message) => {
    expect(await open(query)).toMatchObject({ status, body: `{"errors":["${message}"]}\n`, stream: undefined })
  })

  it.each<[string, string, number]>([
    ['read, without sudo', 'path "sys/monitor" { capabilities = ["read"] }', 200],
    ['only list', 'path "sys/monitor" { capabilities = ["list"] }', 403],
    ['another path', 'path "sys/mounts" { capabilities = ["read"] }', 403],
    [
      'deny beside a wildcard',
      'path "sys/*" { capabilities = ["read"] } path "sys/monitor" { capabilities = ["deny"] }',
      403,
    ],
  ])('a token with %s', async (_case, policy, status) => {
    expect((await open('', await harness.tokenFor({ watcher: policy }))).status).toBe(status)
  })

  it('nobody without a token', async () => {
    expect(await open('', '')).toMatchObject({ status: 403, stream: undefined })
  })

  it('eight at a time; the ninth is told so, and may when one has gone', async () => {
    const opened = await Promise.all(Array.from({ length: 8 }, () => open()))
    expect(opened.map(({ status }) => status)).toEqual(Array<number>(8).fill(200))
    const refused = await open()
    expect(refused.status).toBe(429)
    expect(refused.body).toContain('8 monitors are open')
    opened[0]!.stream?.destroy()
    await settle()
    expect((await open()).status).toBe(200)
  })

  it('none stays open whose beginning could not be recorded', async () => {
    let failing = false
    const log: AuditLog = {
      open: () => Promise.resolve(),
      reopen: () => Promise.resolve(),
      close: () => Promise.resolve(),
      append: (line) =>
        failing && (line as { type: string }).type === 'response'
          ? Promise.reject(new RequestError('unavailable', 'full'))
          : Promise.resolve(),
    }
    const audited = await startHostHarness({ openAuditLog: () => log, auditPath: '/unused' })
    failing = true
    const statuses = await Promise.all(Array.from({ length: 9 }, () => open('', 'root', audited)))
    failing = false
    expect(statuses.map(({ status }) => status)).toEqual(Array<number>(9).fill(503))
    await settle()
    expect((await open('', 'root', audited)).status).toBe(200)
    await audited.host.close()
  })
})

describe('its end', () => {
  const watcher = { watcher: 'path "sys/monitor" { capabilities = ["read"] }' }

  it.each<[string, (token: string) => Promise<unknown>]>([
    ['is revoked', (token) => harness.call('POST', 'auth/token/revoke', { token })],
    ['expires', () => harness.clock.advance(3601_000)],
  ])("comes when the reader's token %s, behind what was written before", async (_how, end) => {
    const token = await harness.tokenFor(watcher, { ttl: '1h' })
    const { stream } = await open('', token)
    const ended = new Promise((resolve) => stream!.once('end', resolve))
    await harness.call('POST', 'sys/mounts/shelf', { type: 'lend' })
    await end(token)
    await harness.call('DELETE', 'sys/mounts/shelf')
    expect(await readAll(stream)).toMatch(/^[^\n]+successful mount: path=shelf\/ type=lend\n$/)
    await ended
  })

  it("comes when its parent's token is revoked", async () => {
    const parent = await harness.tokenFor({
      ...watcher,
      maker: 'path "auth/token/create" { capabilities = ["update"] }',
    })
    const child = (await harness.call('POST', 'auth/token/create', { policies: ['watcher'] }, parent)).body.auth
      .client_token as string
    const { stream } = await open('', child)
    const ended = new Promise((resolve) => stream!.once('end', resolve))
    await harness.call('POST', 'auth/token/revoke', { token: parent })
    await readAll(stream)
    await ended
  })

  it('does not come with the last use of a token, which this is', async () => {
    const { stream } = await open('', await harness.tokenFor(watcher, { num_uses: 1 }))
    await harness.call('POST', 'sys/mounts/shelf', { type: 'lend' })
    expect(await readAll(stream)).toContain('successful mount')
  })

  it('comes with the server', async () => {
    const other = await startHostHarness()
    const { stream } = await open('', 'root', other)
    await other.host.close()
    expect(stream!.destroyed).toBe(true)
  })
})

describe('a slow reader', () => {
  it('costs no more than the bounds, and is told what was dropped', async () => {
    const { stream } = await open()
    await writeLines(900)
    expect(stream!.readableLength).toBeLessThan(20_000)
    const early = (await readAll(stream)).split('\n').length - 1
    expect(early).toBe(512)
    await harness.clock.advance(3_000)
    expect(await readAll(stream)).toBe(`Monitor dropped ${String(900 - early)} logs during monitor request\n`)
    await mountAndUnmount()
    expect(await readAll(stream)).toContain('successful mount')
  })

  it('is told what was dropped at the end too', async () => {
    const token = await harness.tokenFor({ watcher: 'path "sys/monitor" { capabilities = ["read"] }' })
    const { stream } = await open('', token)
    await writeLines(600)
    await harness.call('POST', 'auth/token/revoke', { token })
    expect(await readAll(stream)).toMatch(/\nMonitor dropped 88 logs during monitor request\n$/)
  })

  it('is cut off when it has read nothing for a minute of dropped lines', async () => {
    const { stream } = await open()
    await writeLines(900)
    await harness.clock.advance(50_000)
    expect(stream!.destroyed).toBe(false)
    await harness.clock.advance(11_000)
    expect(stream!.destroyed).toBe(true)
  })
})

describe('on the wire', () => {
  it('a client that goes makes room for another', async () => {
    const { url } = await harness.host.listen({ address: '127.0.0.1:0' })
    const get = (signal: AbortSignal) =>
      fetch(`${url}/v1/sys/monitor`, { headers: { 'X-Vault-Token': 'root' }, signal })
    const clients = Array.from({ length: 8 }, () => new AbortController())
    const responses = await Promise.all(clients.map(({ signal }) => get(signal)))
    expect(responses.map(({ status, headers }) => [status, headers.get('content-type')])).toEqual(
      Array(8).fill([200, null]),
    )
    expect((await get(new AbortController().signal)).status).toBe(429)
    for (const client of clients) client.abort()
    const again = new AbortController()
    await expect.poll(async () => (await get(again.signal)).status).toBe(200)
    again.abort()
  })

  it('ends such that the connection serves the next request', async () => {
    const { url } = await harness.host.listen({ address: '127.0.0.1:0' })
    const token = await harness.tokenFor({ watcher: 'path "sys/monitor" { capabilities = ["read"] }' })
    const response = await fetch(`${url}/v1/sys/monitor`, { headers: { 'X-Vault-Token': token } })
    await harness.call('POST', 'sys/mounts/shelf', { type: 'lend' })
    await harness.call('POST', 'auth/token/revoke', { token })
    expect(await response.text()).toMatch(/^[^\n]+successful mount: path=shelf\/ type=lend\n$/)
    const list = await fetch(`${url}/v1/auth/token/accessors`, { method: 'LIST', headers: { 'X-Vault-Token': 'root' } })
    expect(list.status).toBe(200)
  })
})
