import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { appRoleLogin, createVaultClient } from '../../src/vault-client/index.ts'
import type { TokenGrant, VaultClient, VaultError } from '../../src/vault-client/index.ts'
import { ROLE_ID, sealed, startAppRoleVault } from '../fakes/approle-vault.ts'
import type { AppRoleVault } from '../fakes/approle-vault.ts'
import { FakeClock } from '../fakes/clock.ts'
import { json } from './local-vault.ts'

const LOGIN = 'POST auth/approle/login'
const LOOKUP = 'POST sys/wrapping/lookup'
const UNWRAP = 'POST sys/wrapping/unwrap'
const MADE_BY = 'auth/approle/role/gateway/secret-id'

let clock: FakeClock
let vault: AppRoleVault
let client: VaultClient
/** What the files hold. */
let roleId: string
let secretId: string

beforeEach(async () => {
  clock = new FakeClock()
  vault = await startAppRoleVault()
  client = createVaultClient({ address: vault.address, clock })
  roleId = ROLE_ID
  secretId = 'secret-1'
})
afterEach(async () => {
  await client.close()
  await vault.close()
})

function login(wrapped = false): () => Promise<TokenGrant> {
  const logIn = appRoleLogin({
    client,
    mount: 'approle',
    roleId: () => Promise.resolve(roleId),
    secretId: () => Promise.resolve(secretId),
    wrapped,
    clock,
  })
  return () => logIn(new AbortController().signal)
}

async function failure(pending: Promise<unknown>): Promise<VaultError> {
  return pending.then(
    () => {
      throw new Error('it was expected to fail')
    },
    (error: unknown) => error as VaultError,
  )
}

describe('a login', () => {
  it('gives the token, its life and whether it can be renewed', async () => {
    expect(await login()()).toEqual({ token: 'hvs.login-1', ttl: 900, renewable: true })
    expect(vault.requests).toEqual([LOGIN])
  })

  it('reads its files every time', async () => {
    const logIn = login()
    await logIn()
    vault.secretIds.clear()
    vault.secretIds.add('secret-2')
    secretId = 'secret-2'
    expect((await logIn()).token).toBe('hvs.login-2')
  })

  it('says what Vault says, and not the secret id Vault repeats', async () => {
    secretId = 'secret-wrong'
    const error = await failure(login()())
    expect(error).toMatchObject({ kind: 'bad_request', status: 400, message: 'invalid role or secret ID [redacted]' })
    expect(JSON.stringify(error) + String(error.stack)).not.toContain('secret-wrong')
  })

  it('does not offer again a secret id that was refused, lest Vault lock the role, until Vault has forgotten about it', async () => {
    secretId = 'secret-wrong'
    const logIn = login()
    const first = await failure(logIn())
    await clock.advance(15 * 60_000)
    expect(await failure(logIn())).toBe(first)
    expect(vault.counted).toBe(1)
    await clock.advance(10_000)
    await failure(logIn())
    expect(vault.counted).toBe(2)
  })

  it.each<[string, () => void, () => void]>([
    [
      'whose role is gone',
      () => {
        vault.roleExists = false
      },
      () => {
        vault.roleExists = true
      },
    ],
    [
      'whose role is locked out',
      () => {
        vault.loginRefusal = [403, 'permission denied']
      },
      () => {
        vault.loginRefusal = undefined
      },
    ],
    [
      'from an address that is not let in',
      () => {
        vault.loginRefusal = [400, 'source address "10.0.0.7" unauthorized by CIDR restrictions on the role']
      },
      () => {
        vault.loginRefusal = undefined
      },
    ],
  ])(
    '%s works two seconds after that was fixed, and is not asked for oftener, nor counted',
    async (_w, spoil, mend) => {
      spoil()
      const logIn = login()
      const first = await failure(logIn())
      const requested = vault.requests.length
      await clock.advance(1_999)
      expect(await failure(logIn())).toBe(first)
      expect(vault.requests).toHaveLength(requested)
      mend()
      await clock.advance(1)
      expect((await logIn()).token).toBe('hvs.login-1')
      expect(vault.counted).toBe(0)
    },
  )

  it('of a role that has come back without its old secret id is offered once', async () => {
    vault.roleExists = false
    const logIn = login()
    await failure(logIn())
    vault.roleExists = true
    vault.secretIds.clear()
    for (let seconds = 0; seconds < 600; seconds++) {
      await clock.advance(1_000)
      await failure(logIn())
    }
    expect(vault.counted).toBe(1)
  })

  it.each<[string, () => void, () => void]>([
    [
      'secret id',
      () => {
        secretId = 'secret-wrong'
      },
      () => {
        secretId = 'secret-1'
      },
    ],
    [
      'role id',
      () => {
        roleId = 'role-wrong'
      },
      () => {
        roleId = ROLE_ID
      },
    ],
  ])('offers another %s at once', async (_what, spoil, mend) => {
    spoil()
    const logIn = login()
    await failure(logIn())
    mend()
    expect((await logIn()).token).toBe('hvs.login-1')
  })

  it.each([
    ['sealed', sealed, 'sealed'],
    [
      'without its auth method',
      json(404, { errors: ['no handler for route "auth/approle/login". route entry not found.'] }),
      'unsupported_path',
    ],
    ['a standby that redirects', json(307, {}), 'unavailable'],
    [
      'a standby without an active node',
      json(500, { errors: ['local node not active but active cluster node not found'] }),
      'unavailable',
    ],
  ] as const)('asks a Vault that is %s again at once', async (_case, response, kind) => {
    const logIn = login()
    vault.down = response
    expect((await failure(logIn())).kind).toBe(kind)
    vault.down = undefined
    expect((await logIn()).token).toBe('hvs.login-1')
  })

  it.each([
    ['no token', { request_id: 'r', auth: null }],
    [
      'an empty token, as where a second factor is asked for',
      { request_id: 'r', auth: { client_token: '', lease_duration: 0, renewable: false, mfa_requirement: {} } },
    ],
  ])('takes a response with %s for an outage', async (_case, body) => {
    vault.down = json(200, body)
    expect((await failure(login()())).kind).toBe('unavailable')
  })
})

describe('a wrapped secret id', () => {
  beforeEach(() => {
    secretId = 'hvs.wrapping-token'
    vault.wrapped.set(secretId, { creation_path: MADE_BY, secret_id: 'secret-1' })
  })

  it('is unwrapped once, and kept for the logins after', async () => {
    const logIn = login(true)
    await logIn()
    expect((await logIn()).token).toBe('hvs.login-2')
    expect(vault.requests).toEqual([LOOKUP, UNWRAP, LOGIN, LOGIN])
  })

  it('is unwrapped again when the file holds another wrapping token', async () => {
    const logIn = login(true)
    await logIn()
    vault.secretIds.clear()
    expect((await failure(logIn())).kind).toBe('bad_request')
    secretId = 'hvs.wrapping-token-2'
    vault.secretIds.add('secret-2')
    vault.wrapped.set(secretId, { creation_path: 'auth/approle/role/gateway/custom-secret-id', secret_id: 'secret-2' })
    expect((await logIn()).token).toBe('hvs.login-2')
  })

  it('survives a Vault that is sealed at first', async () => {
    const logIn = login(true)
    vault.down = sealed
    expect((await failure(logIn())).kind).toBe('sealed')
    vault.down = undefined
    expect((await logIn()).token).toBe('hvs.login-1')
  })

  it('that somebody else has unwrapped is distinguished from a wrong one, and looked up once', async () => {
    vault.wrapped.clear()
    const logIn = login(true)
    const error = await failure(logIn())
    expect(error.message).toContain('somebody has unwrapped it already')
    expect(error.message).not.toContain('wrapping-token')
    await failure(logIn())
    expect(vault.requests).toEqual([LOOKUP])
  })

  it.each([
    ['another path', 'sys/wrapping/wrap'],
    ['another auth method', 'auth/other/role/gateway/secret-id'],
    ['another kind of answer', 'auth/approle/role/gateway/role-id'],
    ['a path that only contains it', 'secret/auth/approle/role/gateway/secret-id'],
    ['a path below', 'auth/approle/role/gateway/secret-id/lookup'],
  ])('made by %s is left alone', async (_case, creation_path) => {
    vault.wrapped.set(secretId, { creation_path, secret_id: 'secret-1' })
    expect((await failure(login(true)())).message).toContain('was not made by auth/approle/role/<role>/secret-id')
    expect(vault.requests).toEqual([LOOKUP])
  })
})
