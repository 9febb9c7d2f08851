import { afterEach, describe, expect, it } from 'vitest'
import { RequestError } from '../../src/logical/errors.ts'
import type { Logger } from '../../src/logical/log.ts'
import { VaultError, watchTokenLifetime } from '../../src/vault-client/index.ts'
import type { LifetimeWatcher, TokenGrant, VaultResponse, VaultClient } from '../../src/vault-client/index.ts'
import { FakeClock, settle } from '../fakes/clock.ts'

type Handler = () => Partial<VaultResponse>

/** Vault as the watcher sees it: every request is noted as `<token> <method> <path>` and answered by `answer`. */
function fakeVault() {
  const requests: string[] = []
  const vault = {
    asked: requests,
    answer: (): Partial<VaultResponse> => {
      throw new Error('no answer set')
    },
  }
  const clientOf = (token: string): VaultClient => {
    const request: VaultClient['request'] = (method, path) => {
      requests.push(`${token} ${method} ${path}`)
      return Promise.resolve().then(() => ({ status: 200, raw: {}, ...vault.answer() }))
    }
    return {
      request,
      read: (path, options) => request('GET', path, options),
      list: (path, options) => request('LIST', path, options),
      write: (path, body, options) => request('POST', path, { ...options, ...(body ? { body } : {}) }),
      delete: (path, options) => request('DELETE', path, options),
      withToken: clientOf,
      close: () => Promise.resolve(),
    }
  }
  return Object.assign(vault, { client: clientOf('') })
}

const renewed =
  (seconds: number, renewable = true): Handler =>
  () => ({ auth: { client_token: 'ignored', lease_duration: seconds, renewable } })
const failing =
  (kind: 'unavailable' | 'permission_denied'): Handler =>
  () => {
    throw new VaultError(kind, 0, kind)
  }
const noJitter = (bytes: number) => new Uint8Array(bytes)
const fullJitter = (bytes: number) => new Uint8Array(bytes).fill(255)

const watchers: LifetimeWatcher[] = []
afterEach(() => {
  for (const watcher of watchers.splice(0)) watcher.stop()
})

function setUp(options: {
  token?: string
  login?: () => Promise<TokenGrant>
  random?: (bytes: number) => Uint8Array
  logger?: Logger
}) {
  const clock = new FakeClock()
  const vault = fakeVault()
  const watcher = watchTokenLifetime({ client: vault.client, clock, random: noJitter, ...options })
  watchers.push(watcher)
  return { clock, vault, watcher }
}

/** Logs in with `t1`, `t2`… of the given lifetime. */
function logins(ttl: number, renewable: boolean) {
  const made: string[] = []
  const login = (): Promise<TokenGrant> => {
    made.push(`t${String(made.length + 1)}`)
    return Promise.resolve({ token: made.at(-1)!, ttl, renewable })
  }
  return { made, login }
}

function kindOf(act: () => unknown): string {
  try {
    return `no failure: ${String(act())}`
  } catch (thrown) {
    return (thrown as RequestError).kind
  }
}

describe('a given token', () => {
  it('is looked up, renewed at two thirds of its life, and again after that', async () => {
    const { clock, vault, watcher } = setUp({ token: 'hvs.own' })
    vault.answer = () => ({ data: { ttl: 900, renewable: true } })
    await watcher.start()
    expect(watcher.token()).toBe('hvs.own')
    vault.answer = renewed(900)
    await clock.advance(599_000)
    expect(vault.asked).toEqual(['hvs.own GET auth/token/lookup-self'])
    await clock.advance(1000)
    expect(vault.asked.slice(1)).toEqual(['hvs.own POST auth/token/renew-self'])
    await clock.advance(600_000)
    expect(vault.asked).toHaveLength(3)
    expect(watcher.token()).toBe('hvs.own')
  })

  it('is renewed a little earlier when the dice say so, never later', async () => {
    const { clock, vault, watcher } = setUp({ token: 'hvs.own', random: fullJitter })
    vault.answer = () => ({ data: { ttl: 900, renewable: true } })
    await watcher.start()
    vault.answer = renewed(900)
    await clock.advance(539_000)
    expect(vault.asked).toHaveLength(1)
    await clock.advance(2000)
    expect(vault.asked).toHaveLength(2)
  })

  it('that never expires is left alone', async () => {
    const { clock, vault, watcher } = setUp({ token: 'root' })
    vault.answer = () => ({ data: { ttl: 0, renewable: false } })
    await watcher.start()
    await clock.advance(400 * 86_400_000)
    expect(watcher.token()).toBe('root')
    expect(vault.asked).toHaveLength(1)
    expect(clock.waiting).toBe(0)
  })

  it('that cannot be renewed is an outage of our own once it has expired', async () => {
    const errors: string[] = []
    const note = (_fields: object, message: string) => {
      errors.push(message)
    }
    const { clock, vault, watcher } = setUp({
      token: 'hvs.own',
      logger: { debug: note, info: note, warn: note, error: note },
    })
    vault.answer = () => ({ data: { ttl: 60, renewable: false } })
    await watcher.start()
    await clock.advance(59_999)
    expect(watcher.token()).toBe('hvs.own')
    expect(errors).toEqual(['the Vault token of this process cannot be renewed and there is no login to replace it'])
    await clock.advance(1)
    expect(kindOf(() => watcher.token())).toBe('unavailable')
    expect(vault.asked).toHaveLength(1)
  })

  it('outlives a Vault that is away for a while', async () => {
    const { clock, vault, watcher } = setUp({ token: 'hvs.own' })
    vault.answer = () => ({ data: { ttl: 900, renewable: true } })
    await watcher.start()
    vault.answer = failing('unavailable')
    await clock.advance(700_000)
    const tries = vault.asked.length - 1
    expect(tries).toBeGreaterThan(4)
    expect(tries).toBeLessThan(20)
    vault.answer = renewed(900)
    await clock.advance(30_000)
    await clock.advance(500_000)
    expect(watcher.token()).toBe('hvs.own')
  })

  it('is not renewed again after Vault said no', async () => {
    const { clock, vault, watcher } = setUp({ token: 'hvs.own' })
    vault.answer = () => ({ data: { ttl: 900, renewable: true } })
    await watcher.start()
    vault.answer = failing('permission_denied')
    await clock.advance(900_000)
    expect(vault.asked).toHaveLength(2)
    expect(kindOf(() => watcher.token())).toBe('unavailable')
  })

  it('counts its life from before the request, so that a slow response adds nothing', async () => {
    const { clock, vault, watcher } = setUp({ token: 'hvs.own' })
    let arrive = (): void => undefined
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve
    })
    const slow = {
      ...vault.client,
      withToken: () => ({
        ...vault.client,
        request: () => arrived.then(() => ({ status: 200, raw: {}, data: { ttl: 60, renewable: false } })),
      }),
    }
    const late = watchTokenLifetime({ client: slow, clock, random: noJitter, token: 'hvs.own' })
    watchers.push(late, watcher)
    const started = late.start()
    await clock.advance(30_000)
    arrive()
    await started
    await clock.advance(29_999)
    expect(late.token()).toBe('hvs.own')
    await clock.advance(1)
    expect(kindOf(() => late.token())).toBe('unavailable')
  })

  it('whose life Vault does not tell is refused', async () => {
    const { vault, watcher } = setUp({ token: 'hvs.own' })
    vault.answer = () => ({ data: { ttl: '15m' } })
    await expect(watcher.start()).rejects.toMatchObject({ kind: 'unavailable' })
  })
})

describe('a login', () => {
  it('gives the first token, and the next one at two thirds when that cannot be renewed', async () => {
    const { made, login } = logins(90, false)
    const { clock, vault, watcher } = setUp({ login })
    await watcher.start()
    expect(watcher.token()).toBe('t1')
    await clock.advance(60_000)
    expect(watcher.token()).toBe('t2')
    await clock.advance(60_000)
    expect(made).toEqual(['t1', 't2', 't3'])
    expect(vault.asked).toEqual([])
  })

  it('follows a renewal that Vault refuses, at once', async () => {
    const { login } = logins(900, true)
    const { clock, vault, watcher } = setUp({ login })
    await watcher.start()
    vault.answer = failing('permission_denied')
    await clock.advance(600_000)
    expect(vault.asked).toEqual(['t1 POST auth/token/renew-self'])
    expect(watcher.token()).toBe('t2')
  })

  it('replaces a token whose renewals give less and less', async () => {
    const { made, login } = logins(900, true)
    const { clock, vault, watcher } = setUp({ login })
    await watcher.start()
    vault.answer = renewed(300)
    await clock.advance(600_000)
    expect(watcher.token()).toBe('t1')
    await clock.advance(200_000)
    expect(made).toEqual(['t1', 't2'])
    expect(vault.asked).toHaveLength(1)
  })

  it('replaces a token whose renewal gave nothing', async () => {
    const { login } = logins(900, true)
    const { clock, vault, watcher } = setUp({ login })
    await watcher.start()
    vault.answer = renewed(0)
    await clock.advance(600_000)
    await clock.advance(200_000)
    expect(watcher.token()).toBe('t2')
  })

  it('is tried again and again while it fails, also after the old token has expired', async () => {
    const grants = logins(90, false)
    let refuse = false
    const { clock, watcher } = setUp({
      login: () => (refuse ? Promise.reject(new VaultError('bad_request', 400, 'invalid secret_id')) : grants.login()),
    })
    await watcher.start()
    refuse = true
    await clock.advance(600_000)
    expect(kindOf(() => watcher.token())).toBe('unavailable')
    refuse = false
    await clock.advance(30_000)
    expect(watcher.token()).toBe('t2')
  })

  it('that fails at the start is reported, schedules nothing and may be tried again', async () => {
    const grants = logins(90, false)
    let refuse = true
    const { clock, watcher } = setUp({
      login: () => (refuse ? Promise.reject(new VaultError('unavailable', 0, 'down')) : grants.login()),
    })
    await expect(watcher.start()).rejects.toMatchObject({ kind: 'unavailable' })
    expect(kindOf(() => watcher.token())).toBe('unavailable')
    expect(clock.waiting).toBe(0)
    refuse = false
    await Promise.all([watcher.start(), watcher.start()])
    expect(grants.made).toEqual(['t1'])
  })
})

describe('the watch', () => {
  it('needs a token or a login', () => {
    const vault = fakeVault()
    expect(kindOf(() => watchTokenLifetime({ client: vault.client, clock: new FakeClock(), random: noJitter }))).toBe(
      'bad_request',
    )
  })

  it('leaves no timer and asks nothing after stop', async () => {
    const { login } = logins(90, true)
    const { clock, vault, watcher } = setUp({ login })
    await watcher.start()
    expect(clock.waiting).toBe(1)
    watcher.stop()
    await settle()
    expect(clock.waiting).toBe(0)
    await clock.advance(600_000)
    expect(vault.asked).toEqual([])
  })
})
