import { randomBytes } from 'node:crypto'
import { createHost } from '../../src/host/index.ts'
import type { Host, HostConfig } from '../../src/host/index.ts'
import { silentLogger } from '../../src/logical/log.ts'
import { MemoryStorage } from '../../src/logical/storage.ts'
import { FakeClock } from '../fakes/clock.ts'
import { leasingEngine } from '../fakes/leasing-engine.ts'
import type { LeasingEngine } from '../fakes/leasing-engine.ts'

export interface HostCallResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  // Answers are looked into by path; their shape is what tests assert.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any
}

export interface HostHarness {
  readonly host: Host
  readonly engine: LeasingEngine
  readonly clock: FakeClock
  readonly storage: MemoryStorage
  /** One API call with the root token, or another. `target` is below /v1/ and may hold a query. */
  call(
    method: string,
    target: string,
    body?: unknown,
    token?: string,
    headers?: Record<string, string>,
  ): Promise<HostCallResponse>
  /** A token with these policies (text by name is written first). */
  tokenFor(policies: Record<string, string>, more?: Record<string, unknown>): Promise<string>
}

/** A host with the lending engine at `lend/`, on a hand-cranked clock. */
export async function startHostHarness(
  more: Partial<HostConfig> = {},
  engine: LeasingEngine = leasingEngine(),
): Promise<HostHarness> {
  const clock = (more.clock as FakeClock | undefined) ?? new FakeClock()
  const storage = (more.storage as MemoryStorage | undefined) ?? new MemoryStorage()
  const host = await createHost({
    storage,
    clock,
    random: (bytes) => randomBytes(bytes),
    logger: silentLogger,
    engines: { lend: engine.factory },
    devRootTokenId: 'root',
    ...more,
  })
  const harness: HostHarness = {
    host,
    engine,
    clock,
    storage,
    call: (method, target, body, token = 'root', headers = {}) =>
      callHost(host, method, target, body, { ...(token !== '' && { 'x-vault-token': token }), ...headers }),
    async tokenFor(policies, options = {}) {
      for (const [name, policy] of Object.entries(policies))
        await harness.call('PUT', `sys/policies/acl/${name}`, { policy })
      const made = await harness.call('POST', 'auth/token/create', { policies: Object.keys(policies), ...options })
      return made.body.auth.client_token as string
    },
  }
  if (!more.storage) await harness.call('POST', 'sys/mounts/lend', { type: 'lend' })
  return harness
}

export async function callHost(
  host: Host,
  method: string,
  target: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<HostCallResponse> {
  const [path = '', query = ''] = target.split('?')
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
  const response = await host.handle({
    method,
    path: `/v1/${path}`,
    query: new URLSearchParams(query),
    headers,
    ...(text !== undefined && { body: Buffer.from(text) }),
    remoteAddr: '127.0.0.1',
    signal: new AbortController().signal,
  })
  return {
    status: response.status,
    headers: response.headers,
    body: response.body === '' ? undefined : (JSON.parse(response.body) as unknown),
  }
}
