/** The auth method approle on the embedded host, as clients see it: statuses, keys and sentences are Vault's. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultyStorage } from '../fakes/faulty-storage.ts'
import { startHostHarness } from './harness.ts'
import type { HostCallResponse, HostHarness } from './harness.ts'

const ROLE = 'auth/approle/role'
const INVALID = { status: 400, errors: ['invalid role or secret ID'] }

let harness: HostHarness
beforeEach(async () => {
  harness = await startHostHarness()
  expect((await harness.call('POST', 'sys/auth/approle', { type: 'approle' })).status).toBe(204)
})
afterEach(async () => {
  await harness.host.close()
})

interface Ids {
  role_id: string
  secret_id: string
  secret_id_accessor: string
}

async function idsOf(role: string, settings: object = {}, terms: object = {}): Promise<Ids> {
  expect((await harness.call('POST', `${ROLE}/${role}`, settings)).status).toBe(204)
  return secretIdOf(role, terms)
}

async function secretIdOf(role: string, terms: object = {}): Promise<Ids> {
  const { role_id } = (await harness.call('GET', `${ROLE}/${role}/role-id`)).body.data
  const { secret_id, secret_id_accessor } = (await harness.call('POST', `${ROLE}/${role}/secret-id`, terms)).body.data
  return { role_id, secret_id, secret_id_accessor }
}

const login = ({ role_id, secret_id }: { role_id?: string; secret_id?: string }): Promise<HostCallResponse> =>
  harness.call('POST', 'auth/approle/login', { role_id, secret_id }, '')
const lookUp = async (token: string) =>
  (await harness.call('GET', 'auth/token/lookup-self', undefined, token)).body.data
const outcome = ({ status, body }: HostCallResponse) => ({ status, errors: body?.errors })

describe('a role', () => {
  it('answers all its settings, typed, and defaults for those not given', async () => {
    await harness.call('POST', `${ROLE}/r`, {})
    expect((await harness.call('GET', `${ROLE}/r`)).body.data).toEqual({
      bind_secret_id: true,
      local_secret_ids: false,
      secret_id_bound_cidrs: null,
      secret_id_num_uses: 0,
      secret_id_ttl: 0,
      token_bound_cidrs: [],
      token_explicit_max_ttl: 0,
      token_max_ttl: 0,
      token_no_default_policy: false,
      token_num_uses: 0,
      token_period: 0,
      token_policies: [],
      token_strictly_bind_ip: false,
      token_ttl: 0,
      token_type: 'default',
    })
  })

  it('keeps what a later write leaves out, and resets what it sends as null', async () => {
    await harness.call('POST', `${ROLE}/r`, { token_policies: 'a,b', token_ttl: '20m', secret_id_num_uses: '3' })
    await harness.call('PUT', `${ROLE}/r`, { token_ttl: null, token_max_ttl: '1h' })
    expect((await harness.call('GET', `${ROLE}/R`)).body.data).toMatchObject({
      token_policies: ['a', 'b'],
      token_ttl: 0,
      token_max_ttl: 3600,
      secret_id_num_uses: 3,
    })
  })

  it('is listed by its name in lower case, and gone after a delete, which may be repeated', async () => {
    await harness.call('POST', `${ROLE}/Second`, {})
    await harness.call('POST', `${ROLE}/first`, {})
    expect((await harness.call('LIST', ROLE)).body.data.keys).toEqual(['first', 'second'])
    for (const times of [1, 2])
      expect([times, (await harness.call('DELETE', `${ROLE}/FIRST`)).status]).toEqual([times, 204])
    expect(outcome(await harness.call('GET', `${ROLE}/first`))).toEqual({ status: 404, errors: [] })
    expect((await harness.call('LIST', ROLE)).body.data.keys).toEqual(['second'])
  })

  it.each<[string, object, string]>([
    [
      'a ttl over the maximum',
      { token_ttl: '2h', token_max_ttl: '1h' },
      "'token_ttl' cannot be greater than 'token_max_ttl'",
    ],
    ['negative uses', { token_num_uses: -1 }, "'token_num_uses' cannot be negative"],
    ['negative uses of secret ids', { secret_id_num_uses: -1 }, 'secret_id_num_uses cannot be negative'],
    ['a type there is not', { token_type: 'x' }, 'invalid \'token_type\' value "x"'],
    ['batch tokens with a period', { token_type: 'batch', token_period: 60 }, "'token_type' cannot be 'batch'"],
    ['no constraint', { bind_secret_id: false }, 'at least one constraint should be enabled on the role'],
    ['addresses of secret ids that are none', { secret_id_bound_cidrs: ['10.0.0'] }, 'is not an address block'],
    ['such by their old name', { bound_cidr_list: '10.0.0.0/33' }, 'is not an address block'],
    ['addresses of tokens that are none', { token_bound_cidrs: 'home' }, 'is not an address block'],
    ['local secret ids', { local_secret_ids: true }, 'local_secret_ids is not supported'],
  ])('is not changed by %s', async (_case, settings, words) => {
    await harness.call('POST', `${ROLE}/r`, { token_ttl: 60 })
    const response = await harness.call('POST', `${ROLE}/r`, { token_ttl: 120, ...settings })
    expect([response.status, response.body.errors[0]]).toEqual([400, expect.stringContaining(words)])
    expect((await harness.call('GET', `${ROLE}/r`)).body.data.token_ttl).toBe(60)
  })

  it('takes the empty lists and falses that Terraform sends', async () => {
    const response = await harness.call('POST', `${ROLE}/r`, {
      token_bound_cidrs: [],
      secret_id_bound_cidrs: [],
      token_strictly_bind_ip: false,
      local_secret_ids: false,
      token_type: 'default-service',
      bind_secret_id: true,
    })
    expect([response.status, response.body.warnings]).toEqual([
      200,
      ['default-service has no useful meaning; adjusting to service'],
    ])
  })

  it.each(['a b', '-a', 'a.', 'ä', 'a'.repeat(256)])('cannot be named %j', async (name) => {
    expect((await harness.call('POST', `${ROLE}/${name}`, {})).status).toBe(400)
  })

  it('asks for create or update, whichever it is', async () => {
    const token = await harness.tokenFor({ p: `path "${ROLE}/*" { capabilities = ["create"] }` })
    expect((await harness.call('POST', `${ROLE}/r`, {}, token)).status).toBe(204)
    expect((await harness.call('POST', `${ROLE}/r`, {}, token)).status).toBe(403)
  })
})

describe('a role id', () => {
  it('is random at first, and can be replaced; the one before is good no more', async () => {
    const ids = await idsOf('r')
    expect(ids.role_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f-]{21}$/)
    expect((await harness.call('POST', `${ROLE}/r/role-id`, { role_id: 'mine' })).status).toBe(204)
    expect(outcome(await login(ids))).toEqual(INVALID)
    expect((await login({ ...ids, role_id: 'mine' })).status).toBe(200)
  })

  it("is nobody else's", async () => {
    await harness.call('POST', `${ROLE}/r`, { role_id: 'taken' })
    await harness.call('POST', `${ROLE}/other`, {})
    for (const path of ['other/role-id', 'third'])
      expect(outcome(await harness.call('POST', `${ROLE}/${path}`, { role_id: 'taken' }))).toEqual({
        status: 400,
        errors: ['role_id already in use'],
      })
    expect((await harness.call('GET', `${ROLE}/third`)).status).toBe(404)
    await harness.call('DELETE', `${ROLE}/r`)
    expect((await harness.call('POST', `${ROLE}/other/role-id`, { role_id: 'taken' })).status).toBe(204)
  })

  it('is asked for by name, and of no missing role', async () => {
    expect((await harness.call('GET', `${ROLE}/none/role-id`)).status).toBe(404)
    await harness.call('POST', `${ROLE}/r`, {})
    expect(outcome(await harness.call('POST', `${ROLE}/r/role-id`, {}))).toEqual({
      status: 400,
      errors: ['missing role_id'],
    })
  })
})

describe('a secret id', () => {
  it('is answered once, with what it is good for, and kept only as a hash', async () => {
    await harness.call('POST', `${ROLE}/r`, { secret_id_num_uses: 2, secret_id_ttl: '10m' })
    const { data } = (await harness.call('POST', `${ROLE}/r/secret-id`)).body
    expect(Object.keys(data).sort()).toEqual(['secret_id', 'secret_id_accessor', 'secret_id_num_uses', 'secret_id_ttl'])
    expect(data).toMatchObject({ secret_id_num_uses: 2, secret_id_ttl: 600 })
    const stored: string[] = []
    const folders = ['']
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      for (const name of await harness.storage.list(folder)) {
        if (name.endsWith('/')) folders.push(folder + name)
        else stored.push(folder + name, Buffer.from((await harness.storage.get(folder + name))!.value).toString())
      }
    }
    expect(stored.some((text) => text.includes(data.secret_id_accessor as string))).toBe(true)
    expect(stored.filter((text) => text.includes(data.secret_id as string))).toEqual([])
  })

  it('is looked up by itself and by its accessor, alike', async () => {
    const ids = await idsOf('r', { secret_id_ttl: '10m' }, { metadata: '{"host":"gateway-1"}' })
    const byId = (await harness.call('POST', `${ROLE}/r/secret-id/lookup`, ids)).body.data
    expect(byId).toEqual({
      cidr_list: [],
      creation_time: '2026-03-15T16:00:00Z',
      expiration_time: '2026-03-15T16:10:00Z',
      last_updated_time: '2026-03-15T16:00:00Z',
      metadata: { host: 'gateway-1' },
      secret_id_accessor: ids.secret_id_accessor,
      secret_id_num_uses: 0,
      secret_id_ttl: 600,
      token_bound_cidrs: [],
    })
    expect((await harness.call('POST', `${ROLE}/r/secret-id-accessor/lookup`, ids)).body.data).toEqual(byId)
    expect((await harness.call('LIST', `${ROLE}/r/secret-id`)).body.data.keys).toEqual([ids.secret_id_accessor])
  })

  it('that never expires says so as Vault does', async () => {
    const ids = await idsOf('r')
    expect((await harness.call('POST', `${ROLE}/r/secret-id/lookup`, ids)).body.data.expiration_time).toBe(
      '0001-01-01T00:00:00Z',
    )
  })

  it.each<[string, object, string]>([
    ['more uses than its role gives', { num_uses: 3 }, "num_uses cannot be higher than the role's secret_id_num_uses"],
    ['uses without limit', { num_uses: 0 }, "num_uses cannot be higher than the role's secret_id_num_uses"],
    ['a longer life than its role gives', { ttl: '11m' }, "ttl cannot be longer than the role's secret_id_ttl"],
    ['a life without end', { ttl: 0 }, "ttl cannot be longer than the role's secret_id_ttl"],
    ['negative uses', { num_uses: -1 }, 'num_uses cannot be negative'],
    ['addresses that are none', { cidr_list: '10.0.0.0/x' }, 'is not an address block'],
    ['metadata that is no object', { metadata: '[1]' }, 'metadata must be a JSON object'],
    ['metadata that is no JSON', { metadata: '{' }, 'metadata must be a JSON object'],
    ['metadata of numbers', { metadata: '{"a":1}' }, 'metadata must be a JSON object'],
  ])('is not made with %s', async (_case, terms, words) => {
    await harness.call('POST', `${ROLE}/r`, { secret_id_num_uses: 2, secret_id_ttl: '10m' })
    const response = await harness.call('POST', `${ROLE}/r/secret-id`, terms)
    expect([response.status, response.body.errors[0]]).toEqual([400, expect.stringContaining(words)])
    expect((await harness.call('LIST', `${ROLE}/r/secret-id`)).status).toBe(404)
  })

  it("may be of one's own choosing, once", async () => {
    const { role_id } = await idsOf('r')
    const custom = () => harness.call('POST', `${ROLE}/r/custom-secret-id`, { secret_id: 'my-own' })
    expect((await custom()).body.data).toMatchObject({ secret_id: 'my-own', secret_id_num_uses: 0 })
    expect(outcome(await custom())).toEqual({
      status: 400,
      errors: ['failed to store secret_id: SecretID is already registered'],
    })
    expect(outcome(await harness.call('POST', `${ROLE}/r/custom-secret-id`, {}))).toEqual({
      status: 400,
      errors: ['missing secret_id'],
    })
    expect((await login({ role_id, secret_id: 'my-own' })).status).toBe(200)
  })

  it.each<[string, (ids: Ids) => [string, object]]>([
    ['by itself', (ids) => ['secret-id/destroy', { secret_id: ids.secret_id }]],
    ['by its accessor', (ids) => ['secret-id-accessor/destroy', { secret_id_accessor: ids.secret_id_accessor }]],
  ])('is good no more once destroyed %s', async (_case, how) => {
    const ids = await idsOf('r')
    const other = await secretIdOf('r')
    expect((await harness.call('POST', `${ROLE}/r/${how(ids)[0]}`, how(ids)[1])).status).toBe(204)
    expect(outcome(await login(ids))).toEqual(INVALID)
    expect((await login(other)).status).toBe(200)
    expect((await harness.call('POST', `${ROLE}/r/secret-id/lookup`, { secret_id: ids.secret_id })).status).toBe(204)
    expect((await harness.call('LIST', `${ROLE}/r/secret-id`)).body.data.keys).toEqual([other.secret_id_accessor])
  })

  it('that is gone is reported as Vault reports it', async () => {
    const { secret_id } = await idsOf('r')
    const gone = 'failed to find accessor entry for secret_id_accessor: "nope"'
    const lookup = await harness.call('POST', `${ROLE}/r/secret-id-accessor/lookup`, { secret_id_accessor: 'nope' })
    expect([lookup.status, lookup.body.data]).toEqual([404, { error: gone }])
    expect(
      outcome(await harness.call('POST', `${ROLE}/r/secret-id-accessor/destroy`, { secret_id_accessor: 'nope' })),
    ).toEqual({ status: 400, errors: [gone] })
    for (const times of [1, 2])
      expect([times, (await harness.call('POST', `${ROLE}/r/secret-id/destroy`, { secret_id })).status]).toEqual([
        times,
        204,
      ])
    expect(outcome(await harness.call('POST', `${ROLE}/none/secret-id`, {}))).toEqual({
      status: 404,
      errors: ['role "none" does not exist'],
    })
    expect(outcome(await harness.call('LIST', `${ROLE}/none/secret-id`))).toEqual({
      status: 400,
      errors: ['role "none" does not exist'],
    })
  })

  it('ends with its time, and with its role, also for a later role of the same name', async () => {
    const short = await idsOf('r', { secret_id_ttl: '10m' })
    await harness.clock.advance(600_000)
    expect(outcome(await login(short))).toEqual(INVALID)
    expect((await harness.call('LIST', `${ROLE}/r/secret-id`)).status).toBe(404)
    const ids = await idsOf('s', { role_id: 'same' })
    await harness.call('DELETE', `${ROLE}/s`)
    await harness.call('POST', `${ROLE}/s`, { role_id: 'same' })
    expect(outcome(await login(ids))).toEqual(INVALID)
  })

  it('is good from its addresses only, the second of two as well', async () => {
    await harness.call('POST', `${ROLE}/r`, { secret_id_num_uses: 1 })
    const bound = async (cidr_list: unknown) => {
      const { secret_id } = (await harness.call('POST', `${ROLE}/r/secret-id`, { cidr_list })).body.data
      return login({ role_id: (await harness.call('GET', `${ROLE}/r/role-id`)).body.data.role_id, secret_id })
    }
    expect((await bound('10.0.0.0/8,192.168.0.0/16')).status).toBe(400)
    expect((await bound(['10.0.0.0/8', '127.0.0.0/8'])).status).toBe(200)
    // What was refused for its address has used nothing up.
    expect((await harness.call('LIST', `${ROLE}/r/secret-id`)).body.data.keys).toHaveLength(1)
  })

  it('is bound to no addresses outside those of its role', async () => {
    await harness.call('POST', `${ROLE}/r`, { secret_id_bound_cidrs: '10.0.0.0/8', token_bound_cidrs: '127.0.0.1' })
    const made = (terms: object) => harness.call('POST', `${ROLE}/r/secret-id`, terms)
    expect((await made({ cidr_list: '10.1.0.0/16' })).status).toBe(200)
    expect((await made({ cidr_list: '0.0.0.0/0' })).status).toBe(400)
    expect((await made({ token_bound_cidrs: '127.0.0.0/8' })).status).toBe(400)
  })

  it('gives tokens that are bound as the role says', async () => {
    for (const [settings, status] of [
      [{ token_bound_cidrs: '10.0.0.0/8' }, 403],
      [{ token_bound_cidrs: '127.0.0.1' }, 200],
      [{ token_bound_cidrs: '', token_strictly_bind_ip: true }, 200],
      [{ token_type: 'batch', token_bound_cidrs: '10.0.0.0/8', token_strictly_bind_ip: false }, 403],
    ] as const) {
      await harness.call('POST', `${ROLE}/r`, settings)
      const { client_token } = (await login(await idsOf('r'))).body.auth
      expect((await harness.call('GET', 'auth/token/lookup-self', undefined, client_token)).status).toBe(status)
    }
  })

  it('is answered wrapped, and opened once', async () => {
    await harness.call('POST', `${ROLE}/r`, {})
    const response = await harness.call('POST', `${ROLE}/r/secret-id`, {}, 'root', { 'x-vault-wrap-ttl': '60s' })
    expect(JSON.stringify(response.body)).not.toContain('secret_id"')
    const { token } = response.body.wrap_info
    const opened = await harness.call('PUT', 'sys/wrapping/unwrap', undefined, token)
    const role_id = (await harness.call('GET', `${ROLE}/r/role-id`)).body.data.role_id
    expect((await login({ role_id, secret_id: opened.body.data.secret_id })).status).toBe(200)
    expect((await harness.call('PUT', 'sys/wrapping/unwrap', undefined, token)).status).toBe(400)
  })

  it('that has expired leaves nothing behind for long', async () => {
    await idsOf('r', { secret_id_ttl: '10m' })
    const keys = async () =>
      (
        await Promise.all(
          (await harness.storage.list('auth/')).map(async (mount) => [
            ...(await harness.storage.list(`auth/${mount}secret/`)),
            ...(await harness.storage.list(`auth/${mount}accessor/`)),
          ]),
        )
      ).flat().length
    expect(await keys()).toBe(2)
    await harness.clock.advance(2 * 3_600_000)
    expect(await keys()).toBe(0)
  })
})

describe('a login', () => {
  it("gives an orphan with the role's policies and times, and the secret id's metadata", async () => {
    const ids = await idsOf(
      'r',
      { token_policies: 'B,a', token_ttl: '20m', token_num_uses: 7 },
      { metadata: '{"host":"gateway-1","role_name":"forged"}' },
    )
    const { status, body } = await login(ids)
    expect(status).toBe(200)
    expect(body.auth).toEqual({
      client_token: expect.stringMatching(/^hvs\./) as string,
      accessor: expect.any(String) as string,
      policies: ['a', 'b', 'default'],
      token_policies: ['a', 'b', 'default'],
      metadata: { host: 'gateway-1', role_name: 'r' },
      lease_duration: 1200,
      renewable: true,
      entity_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      token_type: 'service',
      orphan: true,
      mfa_requirement: null,
      num_uses: 7,
    })
    expect(await lookUp(body.auth.client_token)).toMatchObject({
      display_name: 'approle',
      path: 'auth/approle/login',
      creation_ttl: 1200,
      orphan: true,
      meta: { role_name: 'r' },
    })
  })

  it('needs no token, and does not mind a wrong one', async () => {
    const ids = await idsOf('r')
    expect((await harness.call('PUT', 'auth/approle/login', ids, 'hvs.expired')).status).toBe(200)
  })

  it('with anything wrong does not tell what', async () => {
    const ids = await idsOf('r')
    const other = await idsOf('other')
    for (const wrong of [
      { ...ids, role_id: 'x' },
      { ...ids, secret_id: 'x' },
      { ...ids, secret_id: other.secret_id },
      { ...ids, secret_id: ids.secret_id_accessor },
    ])
      expect(outcome(await login(wrong))).toEqual(INVALID)
    expect(outcome(await login({ role_id: ids.role_id }))).toEqual({ status: 400, errors: ['missing secret_id'] })
    expect(outcome(await login({ secret_id: ids.secret_id }))).toEqual({ status: 400, errors: ['missing role_id'] })
  })

  it('counts uses, of which two at once do not share one', async () => {
    const ids = await idsOf('r', { secret_id_num_uses: 2 })
    const statuses = (await Promise.all([1, 2, 3, 4].map(() => login(ids)))).map(({ status }) => status)
    expect(statuses.sort()).toEqual([200, 200, 400, 400])
    expect((await harness.call('POST', `${ROLE}/r/secret-id/lookup`, { secret_id: ids.secret_id })).status).toBe(204)
  })

  it('gives nothing when its use cannot be counted', async () => {
    await harness.host.close()
    const storage = new FaultyStorage()
    harness = await startHostHarness({ storage })
    await harness.call('POST', 'sys/auth/approle', { type: 'approle' })
    const ids = await idsOf('r', { secret_id_num_uses: 2 })
    storage.refusing = /\/secret\//
    expect((await login(ids)).status).toBe(500)
    storage.refusing = undefined
    expect((await harness.call('POST', `${ROLE}/r/secret-id/lookup`, ids)).body.data.secret_id_num_uses).toBe(2)
  })

  it('never makes a root token', async () => {
    expect(outcome(await login(await idsOf('r', { token_policies: 'Root' })))).toEqual({
      status: 400,
      errors: ['auth methods cannot create root tokens'],
    })
  })

  it('without the default policy has none that is not named', async () => {
    const { body } = await login(await idsOf('r', { token_policies: 'a', token_no_default_policy: true }))
    expect(body.auth.policies).toEqual(['a'])
  })

  it('is held to the bounds of its mount', async () => {
    await harness.call('POST', 'sys/auth/approle/tune', { max_lease_ttl: '1h' })
    const { body } = await login(await idsOf('r', { token_ttl: '2h' }))
    expect([body.auth.lease_duration, body.warnings]).toEqual([
      3600,
      ['TTL of "2h" exceeded the effective max_ttl of "1h"; TTL value is capped accordingly'],
    ])
    expect((await login(await idsOf('s'))).body.auth.lease_duration).toBe(3600)
  })
})

describe('a token of a login', () => {
  const renew = (token: string, body: object = {}) => harness.call('POST', 'auth/token/renew-self', body, token)
  const tokenOf = async (settings: object): Promise<string> =>
    (await login(await idsOf('r', settings))).body.auth.client_token as string

  it('is renewed by what the role says now, up to its maximum', async () => {
    const token = await tokenOf({ token_ttl: '20m', token_max_ttl: '1h' })
    await harness.clock.advance(600_000)
    expect((await renew(token)).body.auth.lease_duration).toBe(1200)
    await harness.call('POST', `${ROLE}/r`, { token_ttl: '30m' })
    expect((await renew(token)).body.auth.lease_duration).toBe(1800)
    const far = await renew(token, { increment: '10h' })
    expect([far.body.auth.lease_duration, far.body.warnings]).toEqual([
      3000,
      ['TTL of "10h" exceeded the effective max_ttl of "50m"; TTL value is capped accordingly'],
    ])
  })

  it("that is periodic is renewed without end, by the role's period", async () => {
    const token = await tokenOf({ token_period: '1h' })
    await harness.call('POST', 'sys/auth/approle/tune', { max_lease_ttl: '2h' })
    for (let hours = 0; hours < 10; hours++) {
      await harness.clock.advance(3_000_000)
      expect((await renew(token, { increment: '5m' })).body.auth.lease_duration).toBe(3600)
    }
  })

  it('does not outlive its explicit maximum, whatever the role says later', async () => {
    const token = await tokenOf({ token_ttl: '20m', token_explicit_max_ttl: '30m' })
    await harness.call('POST', `${ROLE}/r`, { token_explicit_max_ttl: '10h' })
    await harness.clock.advance(900_000)
    expect((await renew(token)).body.auth.lease_duration).toBe(900)
    await harness.clock.advance(900_000)
    expect((await renew(token)).status).toBe(403)
  })

  it('is not renewed once its role is gone, and lives until then', async () => {
    const token = await tokenOf({ token_ttl: '20m' })
    await harness.call('DELETE', `${ROLE}/r`)
    expect(outcome(await renew(token))).toEqual({
      status: 500,
      errors: ['failed to renew entry: role "r" does not exist during renewal'],
    })
    expect((await lookUp(token)).ttl).toBe(1200)
  })

  it('ends, with its leases, when the method is disabled; others do not', async () => {
    await harness.call('PUT', 'sys/policies/acl/lender', {
      policy: 'path "lend/loans/*" { capabilities = ["create", "update", "read"] }',
    })
    await harness.call('POST', 'sys/auth/team/approle', { type: 'approle' })
    const token = await tokenOf({ token_policies: 'lender' })
    const lease = (await harness.call('PUT', 'lend/loans/a', {}, token)).body.lease_id as string
    const other = await harness.tokenFor({ lender: 'path "lend/items/*" { capabilities = ["create"] }' })
    expect((await harness.call('DELETE', 'sys/auth/approle')).status).toBe(204)
    expect((await harness.call('GET', 'auth/token/lookup-self', undefined, token)).status).toBe(403)
    expect((await harness.call('PUT', 'sys/leases/lookup', { lease_id: lease })).status).toBe(400)
    expect((await harness.call('GET', 'auth/token/lookup-self', undefined, other)).status).toBe(200)
    expect((await harness.call('POST', 'auth/approle/login', {}, '')).status).toBe(403)
    expect((await harness.call('GET', 'auth/team/approle/role/none')).status).toBe(404)
  })
})

it('keeps roles, secret ids and uses across a restart', async () => {
  const ids = await idsOf('r', { secret_id_num_uses: 2, token_ttl: '20m' })
  const token = (await login(ids)).body.auth.client_token as string
  await harness.host.close()
  harness = await startHostHarness({ storage: harness.storage, clock: harness.clock })
  expect((await harness.call('POST', 'auth/token/renew-self', {}, token)).body.auth.lease_duration).toBe(1200)
  expect([(await login(ids)).status, (await login(ids)).status]).toEqual([200, 400])
})
