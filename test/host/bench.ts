import { randomBytes } from 'node:crypto'
import { createHost } from '../../src/host/index.ts'
import type { Host, HostConfig } from '../../src/host/index.ts'
import { silentLogger } from '../../src/logical/log.ts'
import { MemoryStorage } from '../../src/logical/storage.ts'
import { FakeClock } from '../fakes/clock.ts'
import { lendingDesk } from '../fakes/lending-engine.ts'
import type { LendingDesk } from '../fakes/lending-engine.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  // Answers are looked into by path; their shape is what tests assert.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any
}

export interface Bench {
  readonly host: Host
  readonly desk: LendingDesk
  readonly clock: FakeClock
  readonly storage: MemoryStorage
  /** One API call with the root token, or another. `target` is below /v1/ and may hold a query. */
  call(
    method: string,
    target: string,
    body?: unknown,
    token?: string,
    headers?: Record<string, string>,
  ): Promise<Answer>
  /** A token with these policies (text by name is written first). */
  tokenFor(policies: Record<string, string>, more?: Record<string, unknown>): Promise<string>
}

/** A host with the lending engine at `lend/`, on a hand-cranked clock. */
export async function startBench(more: Partial<HostConfig> = {}, desk: LendingDesk = lendingDesk()): Promise<Bench> {
  const clock = (more.clock as FakeClock | undefined) ?? new FakeClock()
  const storage = (more.storage as MemoryStorage | undefined) ?? new MemoryStorage()
  const host = await createHost({
    storage,
    clock,
    random: (bytes) => randomBytes(bytes),
    logger: silentLogger,
    engines: { lend: desk.factory },
    devRootTokenId: 'root',
    ...more,
  })
  const bench: Bench = {
    host,
    desk,
    clock,
    storage,
    call: (method, target, body, token = 'root', headers = {}) =>
      callHost(host, method, target, body, { ...(token !== '' && { 'x-vault-token': token }), ...headers }),
    async tokenFor(policies, options = {}) {
      for (const [name, policy] of Object.entries(policies))
        await bench.call('PUT', `sys/policies/acl/${name}`, { policy })
      const made = await bench.call('POST', 'auth/token/create', { policies: Object.keys(policies), ...options })
      return made.body.auth.client_token as string
    },
  }
  if (!more.storage) await bench.call('POST', 'sys/mounts/lend', { type: 'lend' })
  return bench
}

export async function callHost(
  host: Host,
  method: string,
  target: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Answer> {
  const [path = '', query = ''] = target.split('?')
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await host.handle({
    method,
    path: `/v1/${path}`,
    query: new URLSearchParams(query),
    headers,
    ...(text !== undefined && { body: Buffer.from(text) }),
    remoteAddr: '127.0.0.1',
    signal: new AbortController().signal,
  })
  return {
    status: answer.status,
    headers: answer.headers,
    body: answer.body === '' ? undefined : (JSON.parse(answer.body) as unknown),
  }
}
