/** The gateway's own Vault identity over real HTTP: logged in with AppRole, kept, replaced, and never mistaken for the caller's. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { VaultIdentity } from '../../src/gateway/vault-identity.ts'
import type { Logger } from '../../src/logical/log.ts'
import { appRoleLogin, createVaultClient } from '../../src/vault-client/index.ts'
import type { VaultClient } from '../../src/vault-client/index.ts'
import { until } from '../client/until.ts'
import { ROLE_ID, sealed, startAppRoleVault } from '../fakes/approle-vault.ts'
import type { AppRoleVault } from '../fakes/approle-vault.ts'
import { FakeClock } from '../fakes/clock.ts'

const LOGIN = 'POST auth/approle/login'
const LOOKUP = 'GET auth/token/lookup-self'
const RENEW = 'POST auth/token/renew-self'

let clock: FakeClock
let vault: AppRoleVault
let connections: VaultClient
let identity: VaultIdentity
let secretId: string
let log: string
let loggingIn: number
let isFound: boolean

beforeEach(async () => {
  clock = new FakeClock()
  vault = await startAppRoleVault()
  connections = createVaultClient({ address: vault.address, clock })
  secretId = 'secret-1'
  log = ''
  loggingIn = 0
  isFound = false
  const note = (fields: object, message: string): void => {
    log += `${message} ${JSON.stringify(fields)}\n`
  }
  const logger: Logger = { debug: note, info: note, warn: note, error: note }
  const login = appRoleLogin({
    client: connections,
    mount: 'approle',
    roleId: () => Promise.resolve(ROLE_ID),
    secretId: () => Promise.resolve(secretId),
    clock,
  })
  const counted = async (signal: AbortSignal) => {
    loggingIn++
    const grant = await login(signal).finally(() => {
      loggingIn--
    })
    return { ...grant, isFound }
  }
  identity = new VaultIdentity({
    address: vault.address,
    login: counted,
    clock,
    random: (bytes) => new Uint8Array(bytes),
    logger,
  })
})
afterEach(async () => {
  await identity.close()
  await connections.close()
  await vault.close()
})

/** Which token a request was made with, or the kind of its failure. */
const request = (path = 'mcp/feed'): Promise<unknown> =>
  identity.client.request('GET', path).then(
    ({ data }) => data?.by,
    (error: unknown) => (error as { kind: string }).kind,
  )

/** Lets time pass in steps until there have been this many logins; the milliseconds that took. */
async function passUntilLogin(count: number): Promise<number> {
  let passedMs = 0
  for (await until(() => loggingIn === 0); vault.count(LOGIN) < count; await until(() => loggingIn === 0)) {
    if (passedMs > 600_000) throw new Error('no login came')
    await clock.advance(250)
    passedMs += 250
  }
  return passedMs
}

/** Lets time pass up to a request, which must not come before. */
async function passTo(line: string, ms: number): Promise<void> {
  const before = vault.count(line)
  await clock.advance(ms - 1)
  expect(vault.count(line)).toBe(before)
  await clock.advance(1)
  await until(() => vault.count(line) === before + 1)
  await until(() => loggingIn === 0)
}

/** The answer to a renewal has come once the next one is waited for. */
const answered = (): Promise<void> => until(() => clock.waiting === 1)

describe('at the start', () => {
  it('logs in', async () => {
    await identity.start()
    expect(await request()).toBe('hvs.login-1')
  })

  it('waits for a sealed Vault, unavailable till then, and is there within a second of its unsealing', async () => {
    vault.down = sealed
    const started = identity.start()
    await passUntilLogin(8)
    expect(await request()).toBe('unavailable')
    vault.down = undefined
    expect(await passUntilLogin(vault.count(LOGIN) + 1)).toBeLessThanOrEqual(1_000)
    await started
    expect(await request()).toBe('hvs.login-1')
  })

  it('says once why there is no token, and never the secret id', async () => {
    secretId = 'secret-wrong'
    const started = identity.start()
    await until(() => log !== '')
    await clock.advance(60_000)
    expect(log.match(/Vault issues no token yet/g)).toHaveLength(1)
    expect(log).toContain('invalid role or secret ID')
    expect(log).not.toContain('secret-wrong')
    expect(vault.counted).toBe(1)
    secretId = 'secret-1'
    await passUntilLogin(vault.count(LOGIN) + 1)
    await started
    expect(await request()).toBe('hvs.login-1')
  })
})

describe('a token', () => {
  it('is renewed at two thirds, and replaced by a login once Vault renews it no longer', async () => {
    await identity.start()
    await passTo(RENEW, 600_000)
    vault.renewable = false
    await answered()
    await passTo(RENEW, 600_000)
    await answered()
    await passTo(LOGIN, 600_000)
    await until(() => vault.tokens.size === 2)
    expect(await request()).toBe('hvs.login-2')
  })

  it('that has expired during an outage is replaced within a second of its end', async () => {
    await identity.start()
    vault.down = sealed
    await clock.advance(3_600_000)
    expect(await request()).toBe('unavailable')
    vault.down = undefined
    expect(await passUntilLogin(vault.count(LOGIN) + 1)).toBeLessThanOrEqual(1_000)
    await until(() => vault.tokens.size === 2)
    expect(await request()).toBe('hvs.login-2')
  })

  it('that Vault has ended is replaced, and the request made again, without the caller noticing', async () => {
    await identity.start()
    vault.tokens.clear()
    expect(await Promise.all([request(), request(), request()])).toEqual(['hvs.login-2', 'hvs.login-2', 'hvs.login-2'])
    expect(vault.count(LOGIN)).toBe(2)
  })

  it('that Vault has ended is an outage while there is no other', async () => {
    await identity.start()
    vault.tokens.clear()
    vault.secretIds.clear()
    expect(await request()).toBe('unavailable')
    expect(await request()).toBe('unavailable')
    expect(vault.counted).toBe(1)
  })

  it('that Vault has ended, with no other to be had because Vault says no, is reported with that reason; in an outage with none', async () => {
    await identity.start()
    expect(identity.refusal).toBeUndefined()
    vault.tokens.clear()
    vault.secretIds.clear()
    await request()
    expect(identity.refusal).toBeDefined()
    await clock.advance(5_000)
    expect(identity.refusal).toBeUndefined()
    await vault.close()
    await request()
    expect(identity.refusal).toBeUndefined()
  })

  it('that may not gets that error, without a new login', async () => {
    await identity.start()
    vault.denied.add('mcp/feed')
    expect(await request()).toBe('permission_denied')
    expect(await request()).toBe('permission_denied')
    expect(vault.count(LOGIN)).toBe(1)
    expect(vault.count(LOOKUP)).toBe(1)
  })

  it('that may not even look itself up costs a login every ten seconds at most', async () => {
    await identity.start()
    for (const path of ['mcp/feed', 'auth/token/lookup-self']) vault.denied.add(path)
    for (let times = 0; times < 10; times++) expect(await request()).toBe('permission_denied')
    expect(vault.count(LOGIN)).toBe(2)
  })

  it('is replaced on demand, once for all who demand it', async () => {
    await identity.start()
    await Promise.all([identity.replace(), identity.replace()])
    await identity.replace()
    expect(vault.count(LOGIN)).toBe(2)
    expect(await request()).toBe('hvs.login-2')
  })

  it('that was made is replaced on demand every ten seconds at most, one that was found every two seconds', async () => {
    await identity.start()
    for (const [found, everyMs] of [
      [false, 10_000],
      [true, 2_000],
      [true, 2_000],
    ] as const) {
      isFound = found
      await identity.replace()
      const logins = vault.count(LOGIN)
      await clock.advance(everyMs - 1)
      await identity.replace()
      expect(vault.count(LOGIN)).toBe(logins)
      await clock.advance(1)
    }
    await identity.replace()
    expect(vault.count(LOGIN)).toBe(5)
  })

  it('of a caller is never replaced by one of this process', async () => {
    await identity.start()
    await expect(identity.client.withToken('hvs.caller').request('GET', 'mcp/feed')).rejects.toMatchObject({
      kind: 'permission_denied',
    })
    expect(vault.count(LOGIN)).toBe(1)
  })
})
