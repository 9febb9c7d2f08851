import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startHostHarness } from '../harness.ts'
import type { HostHarness } from '../harness.ts'

let harness: HostHarness
let ready = true
beforeEach(async () => {
  ready = true
  harness = await startHostHarness({ ready: () => ready, version: '1.20.1' })
})
afterEach(async () => {
  await harness.host.close()
})

describe('status, for anyone, bare', () => {
  it('health', async () => {
    const response = await harness.call('GET', 'sys/health', undefined, '')
    expect(response).toMatchObject({
      status: 200,
      body: {
        initialized: true,
        sealed: false,
        standby: false,
        version: '1.20.1',
        enterprise: false,
        server_time_utc: Date.parse('2026-03-15T16:00:00Z') / 1000,
      },
    })
    expect(response.body.request_id).toBeUndefined()
  })

  it("health is a standby's while what belongs to the server does not serve", async () => {
    ready = false
    expect(await harness.call('GET', 'sys/health', undefined, '')).toMatchObject({
      status: 503,
      body: { standby: true, sealed: false },
    })
    expect((await harness.call('HEAD', 'sys/health?standbycode=429', undefined, '')).status).toBe(429)
    expect((await harness.call('GET', 'sys/health?standbyok=true', undefined, '')).status).toBe(200)
    expect((await harness.call('GET', 'sys/health?standbyok', undefined, '')).status).toBe(200)
    expect((await harness.call('GET', 'sys/health?standbyok=false', undefined, '')).status).toBe(503)
  })

  it('health obeys activecode, unless it is not a status', async () => {
    expect((await harness.call('GET', 'sys/health?activecode=204', undefined, '')).status).toBe(204)
    expect((await harness.call('GET', 'sys/health?activecode=99999', undefined, '')).status).toBe(200)
  })

  it('seal-status, init and leader', async () => {
    expect((await harness.call('GET', 'sys/seal-status', undefined, '')).body).toMatchObject({
      type: 'shamir',
      initialized: true,
      sealed: false,
      t: 1,
      n: 1,
      progress: 0,
      version: '1.20.1',
      storage_type: 'inmem',
    })
    expect((await harness.call('GET', 'sys/init', undefined, '')).body).toEqual({ initialized: true })
    expect((await harness.call('GET', 'sys/leader', undefined, '')).body).toMatchObject({
      ha_enabled: false,
      leader_address: '',
    })
  })

  it.each([
    ['initialising again', 'PUT', 'sys/init', 400, 'Vault is already initialized'],
    ['writing health', 'PUT', 'sys/health', 405, 'unsupported operation'],
    ['sealing', 'PUT', 'sys/seal', 403, 'permission denied'],
  ])('%s is refused', async (_case, method, path, status, message) => {
    expect(await harness.call(method, path, {}, '')).toMatchObject({ status, body: { errors: [message] } })
  })
})

describe('policies', () => {
  const text = '# read\npath "secret/*" { capabilities = ["read"] }\n'

  it('are read back verbatim, by any case of the name', async () => {
    expect((await harness.call('PUT', 'sys/policies/acl/Reader', { policy: text })).status).toBe(204)
    expect((await harness.call('GET', 'sys/policies/acl/READER')).body.data).toEqual({ name: 'reader', policy: text })
    expect((await harness.call('LIST', 'sys/policies/acl')).body.data.keys).toEqual(['default', 'reader', 'root'])
    expect((await harness.call('GET', 'sys/policies/acl?list=true')).body.data.keys).toEqual([
      'default',
      'reader',
      'root',
    ])
  })

  it('have an old form, with rules, at the top level too', async () => {
    expect((await harness.call('PUT', 'sys/policy/reader', { rules: text })).status).toBe(204)
    expect((await harness.call('GET', 'sys/policy/reader')).body).toMatchObject({
      data: { name: 'reader', rules: text },
      rules: text,
    })
    expect((await harness.call('GET', 'sys/policy')).body).toMatchObject({
      data: { keys: ['default', 'reader', 'root'] },
      policies: ['default', 'reader', 'root'],
    })
  })

  it('may be JSON', async () => {
    expect(
      (await harness.call('PUT', 'sys/policies/acl/j', { policy: '{"path":{"x":{"capabilities":["read"]}}}' })).status,
    ).toBe(204)
  })

  it("answer the author's oddities as warnings", async () => {
    const response = await harness.call('PUT', 'sys/policies/acl/odd', { policy: 'path "x" { }' })
    expect(response.status).toBe(200)
    expect(response.body.warnings[0]).toContain('line 1')
  })

  it.each([
    [
      'a policy that does not parse, with its line',
      'PUT',
      'bad',
      { policy: '\npath "x" { capabilities = ["fly"] }' },
      'failed to parse policy: line 2: path "x": invalid capability "fly"',
    ],
    ['no policy', 'PUT', 'bad', {}, 'policy is required, for example policy='],
    ['a policy that is no text', 'PUT', 'bad', { policy: ['x'] }, 'policy must be a string'],
    ['a name with a space', 'PUT', 'b ad', { policy: text }, 'policy name "b ad" may hold'],
    ['writing root', 'PUT', 'root', { policy: text }, 'cannot update "root" policy'],
    ['deleting root', 'DELETE', 'root', undefined, 'cannot delete "root" policy'],
    ['deleting default', 'DELETE', 'default', undefined, 'cannot delete "default" policy'],
  ])('refuse %s', async (_case, method, name, body, message) => {
    const response = await harness.call(method, `sys/policies/acl/${name}`, body)
    expect(response.status).toBe(400)
    expect(response.body.errors[0]).toContain(message)
    expect((await harness.call('LIST', 'sys/policies/acl')).body.data.keys).toEqual(['default', 'root'])
  })

  it('that are missing are 404, and deleting them succeeds', async () => {
    expect(await harness.call('GET', 'sys/policies/acl/ghost')).toMatchObject({ status: 404, body: { errors: [] } })
    expect((await harness.call('DELETE', 'sys/policies/acl/ghost')).status).toBe(204)
  })

  it('keep their old text when a new one is refused', async () => {
    await harness.call('PUT', 'sys/policies/acl/p', { policy: text })
    await harness.call('PUT', 'sys/policies/acl/p', { policy: 'path' })
    expect((await harness.call('GET', 'sys/policies/acl/p')).body.data.policy).toBe(text)
  })
})

describe('auth methods', () => {
  it('are the token store', async () => {
    expect((await harness.call('GET', 'sys/auth')).body['token/']).toMatchObject({ type: 'token', description: '' })
    expect((await harness.call('GET', 'sys/auth/token')).body.data.type).toBe('token')
    expect((await harness.call('GET', 'sys/auth/token/tune')).body.data.default_lease_ttl).toBe(2764800)
  })

  it("and what is enabled besides, at a path of one's choosing, tuned and disabled", async () => {
    expect(
      (
        await harness.call('POST', 'sys/auth/team/machines', {
          type: 'approle',
          description: 'machines',
          config: { max_lease_ttl: '10h' },
        })
      ).status,
    ).toBe(204)
    const mount = (await harness.call('GET', 'sys/auth')).body['team/machines/']
    expect(mount).toMatchObject({
      type: 'approle',
      description: 'machines',
      config: { max_lease_ttl: 36_000, token_type: 'default-service' },
    })
    expect(mount.accessor).toMatch(/^auth_approle_[0-9a-f]{8}$/)
    expect((await harness.call('GET', 'sys/mounts')).body.data).not.toHaveProperty(['auth/team/machines/'])
    // Terraform reads an auth method here.
    expect((await harness.call('GET', 'sys/mounts/auth/team/machines')).body.data).toMatchObject({
      type: 'approle',
      description: 'machines',
    })
    expect((await harness.call('POST', 'sys/auth/team/machines/tune', { max_lease_ttl: '5h' })).status).toBe(204)
    expect((await harness.call('GET', 'sys/mounts/auth/team/machines/tune')).body.data.max_lease_ttl).toBe(18_000)
    for (const times of [1, 2])
      expect([times, (await harness.call('DELETE', 'sys/auth/team/machines')).status]).toEqual([times, 204])
    expect((await harness.call('GET', 'sys/auth/team/machines')).status).toBe(400)
  })

  it.each<[string, string, string, object | undefined, string]>([
    ['a method there is not', 'POST', 'auth/ldap', { type: 'ldap' }, 'plugin not found in the catalog: ldap'],
    ['a secrets engine as one', 'POST', 'auth/kv', { type: 'kv' }, 'plugin not found in the catalog: kv'],
    [
      'one as a secrets engine',
      'POST',
      'mounts/approle',
      { type: 'approle' },
      'plugin not found in the catalog: approle',
    ],
    [
      'one mounted as a secrets engine',
      'POST',
      'mounts/auth/x',
      { type: 'approle' },
      'path is already in use at auth/',
    ],
    [
      'one unmounted as a secrets engine',
      'DELETE',
      'mounts/auth/approle',
      undefined,
      'auth methods are disabled at sys/auth/approle',
    ],
    ['one moved', 'POST', 'remount', { from: 'auth/approle', to: 'secret2' }, 'auth methods stay where they are'],
    [
      'a secrets engine moved among them',
      'POST',
      'remount',
      { from: 'lend', to: 'auth/lend' },
      'auth methods stay where they are',
    ],
    ['two at one path', 'POST', 'auth/approle', { type: 'approle' }, 'path is already in use at approle/'],
    ['one below another', 'POST', 'auth/approle/x', { type: 'approle' }, 'path is already in use at approle/'],
    ['a second token store', 'POST', 'auth/more', { type: 'token' }, 'path is already in use at token/'],
    ['disabling the token store', 'DELETE', 'auth/token', undefined, 'cannot be disabled'],
    ['reading what is missing', 'GET', 'auth/ldap', undefined, 'No auth engine at ldap/'],
  ])('refuse %s', async (_case, method, path, body, message) => {
    await harness.call('POST', 'sys/auth/approle', { type: 'approle' })
    const response = await harness.call(method, `sys/${path}`, body)
    expect(response.status).toBe(400)
    expect(response.body.errors[0]).toContain(message)
  })

  it('need sudo', async () => {
    const token = await harness.tokenFor({
      weak: 'path "sys/auth/*" { capabilities = ["create", "update", "delete", "read"] }',
    })
    for (const method of ['POST', 'DELETE'])
      expect((await harness.call(method, 'sys/auth/approle', { type: 'approle' }, token)).status).toBe(403)
  })
})

describe('the catalogue', () => {
  it('tells what can be mounted, as built in', async () => {
    const { data } = (await harness.call('GET', 'sys/plugins/catalog')).body
    expect(data).toMatchObject({ secret: ['kv', 'lend'], auth: ['approle', 'jwt', 'token'] })
    expect(data.detailed).toContainEqual({
      builtin: true,
      deprecation_status: 'supported',
      name: 'lend',
      type: 'secret',
      version: '',
    })
    expect((await harness.call('LIST', 'sys/plugins/catalog/secret')).body.data.keys).toEqual(['kv', 'lend'])
    expect((await harness.call('GET', 'sys/plugins/catalog/secret/lend')).body.data).toMatchObject({
      name: 'lend',
      builtin: true,
      sha256: '',
    })
  })

  it('has nothing else', async () => {
    expect((await harness.call('GET', 'sys/plugins/catalog/secret/aws')).status).toBe(404)
    expect((await harness.call('GET', 'sys/plugins/catalog/secret/lend?version=v0.1.0')).status).toBe(404)
    expect((await harness.call('LIST', 'sys/plugins/catalog/auth')).body.data.keys).toContain('approle')
    expect((await harness.call('GET', 'sys/plugins/catalog/auth/approle')).body.data).toMatchObject({
      name: 'approle',
      builtin: true,
    })
    expect((await harness.call('GET', 'sys/plugins/catalog/auth/ldap')).status).toBe(404)
  })

  const entry = { type: 'secret', command: 'vault-plugin-secrets-lend', sha256: 'ab12', version: '0.1.0' }

  it("keeps what is registered under an engine's name, says that it is not started, and mounts it by its number", async () => {
    const registered = await harness.call('PUT', 'sys/plugins/catalog/secret/lend', entry)
    expect(registered.status).toBe(200)
    expect(registered.body.warnings).toEqual([expect.stringContaining('starts no plugin files')])
    expect((await harness.call('GET', 'sys/plugins/catalog/secret/lend?version=v0.1.0')).body.data).toEqual({
      args: [],
      builtin: false,
      command: entry.command,
      name: 'lend',
      sha256: 'ab12',
      version: 'v0.1.0',
    })
    expect((await harness.call('GET', 'sys/plugins/catalog/secret/lend')).body.data).toMatchObject({
      builtin: true,
      version: '',
    })
    expect((await harness.call('GET', 'sys/plugins/catalog')).body.data.detailed).toContainEqual({
      builtin: false,
      name: 'lend',
      sha256: 'ab12',
      type: 'secret',
      version: 'v0.1.0',
    })

    expect(
      (await harness.call('POST', 'sys/mounts/loans', { type: 'lend', config: { plugin_version: 'v0.1.0' } })).status,
    ).toBe(204)
    expect((await harness.call('GET', 'sys/mounts/loans')).body.data).toMatchObject({
      plugin_version: 'v0.1.0',
      running_plugin_version: 'v0.1.0',
    })
    expect((await harness.call('GET', 'sys/mounts/loans/tune')).body.data.plugin_version).toBe('v0.1.0')
    expect((await harness.call('POST', 'sys/mounts/loans/tune', { plugin_version: '' })).status).toBe(204)
    expect((await harness.call('GET', 'sys/mounts/loans')).body.data.plugin_version).toBe('')

    for (const times of [1, 2])
      expect([times, (await harness.call('DELETE', 'sys/plugins/catalog/secret/lend?version=v0.1.0')).status]).toEqual([
        times,
        204,
      ])
    expect((await harness.call('GET', 'sys/plugins/catalog/secret/lend?version=v0.1.0')).status).toBe(404)
    expect((await harness.call('GET', 'sys/plugins/catalog/secret/lend')).status).toBe(200)
  })

  it.each([
    ['an engine there is not', 'x', {}, 'this server starts no plugin files. It has kv, lend.'],
    ['no command', 'lend', { command: '' }, 'missing command value'],
    ['no checksum', 'lend', { sha256: '' }, 'missing SHA-256 value'],
    ['a checksum that is none', 'lend', { sha256: 'zz' }, 'Could not decode SHA-256'],
    ['a version that is none', 'lend', { version: 'abc' }, 'not a valid semantic version'],
    ['a container', 'lend', { oci_image: 'x/y' }, 'runs no containers'],
  ])('does not register %s', async (_case, name, change, message) => {
    const response = await harness.call('PUT', `sys/plugins/catalog/secret/${name}`, { ...entry, ...change })
    expect(response.status).toBe(400)
    expect(response.body.errors[0]).toContain(message)
    expect((await harness.call('GET', 'sys/plugins/catalog')).body.data.detailed).not.toContainEqual(
      expect.objectContaining({ builtin: false }),
    )
  })

  it('starts engines again, by mount and by name, and loses nothing', async () => {
    await harness.call('POST', 'sys/mounts/notes', { type: 'kv', options: { version: '2' } })
    await harness.call('POST', 'notes/data/x', { data: { a: 'b' } })
    for (const body of [{ mounts: ['notes/'] }, { mounts: ['notes'] }, { plugin: 'kv' }]) {
      expect(await harness.call('PUT', 'sys/plugins/reload/backend', body)).toMatchObject({
        status: 200,
        body: { data: { reload_id: expect.any(String) } },
      })
      expect((await harness.call('GET', 'notes/data/x')).body.data.data).toEqual({ a: 'b' })
    }
    const cleanups = harness.engine.cleanups
    await harness.call('PUT', 'sys/plugins/reload/backend', { mounts: ['lend'] })
    expect(harness.engine.cleanups).toBe(cleanups + 1)
  })

  it.each([
    ['neither a mount nor a name', {}, 'plugin or mounts must be provided'],
    ['both', { plugin: 'kv', mounts: ['lend'] }, 'cannot be set at the same time'],
    ['a mount there is not', { mounts: ['nope'] }, 'cannot fetch mount entry on "nope/"'],
    ['the system engine', { mounts: ['sys/'] }, 'singleton plugin cannot be reloaded'],
  ])('does not start again %s', async (_case, body, message) => {
    const response = await harness.call('PUT', 'sys/plugins/reload/backend', body)
    expect([response.status, response.body.errors[0]]).toEqual([400, expect.stringContaining(message)])
  })

  it('mounts and tunes to no version that is not registered', async () => {
    for (const [path, body] of [
      ['sys/mounts/loans', { type: 'lend', config: { plugin_version: 'v9.0.0' } }],
      ['sys/mounts/lend/tune', { plugin_version: 'v9.0.0' }],
    ] as const) {
      expect(await harness.call('POST', path, body)).toMatchObject({
        status: 400,
        body: { errors: ['plugin not found in the catalog: lend, version=v9.0.0'] },
      })
    }
    expect((await harness.call('GET', 'sys/mounts/loans')).status).toBe(400)
  })

  it('is written with sudo alone', async () => {
    const token = await harness.tokenFor({
      weak: 'path "sys/plugins/catalog/*" { capabilities = ["create", "update", "delete", "read"] }',
    })
    for (const method of ['GET', 'PUT', 'DELETE'])
      expect([
        method,
        (await harness.call(method, 'sys/plugins/catalog/secret/lend', method === 'PUT' ? entry : undefined, token))
          .status,
      ]).toEqual([method, 403])
  })
})

describe('what this server does not have', () => {
  it.each([
    ['namespaces', 'LIST', 'sys/namespaces', 404],
    ['cubbyholes', 'GET', 'cubbyhole/x', 404],
    ['logins', 'POST', 'auth/approle/login', 404],
  ])('%s', async (_case, method, path, status) => {
    expect((await harness.call(method, path, method === 'POST' ? {} : undefined)).status).toBe(status)
  })
})
