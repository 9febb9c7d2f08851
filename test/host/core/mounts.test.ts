import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { settle } from '../../fakes/clock.ts'
import { leasingEngine } from '../../fakes/leasing-engine.ts'
import { startHostHarness } from '../harness.ts'
import type { HostHarness } from '../harness.ts'

let harness: HostHarness
beforeEach(async () => {
  harness = await startHostHarness()
})
afterEach(async () => {
  await harness.host.close()
})

const mount = (path: string, body: object = {}) => harness.call('POST', `sys/mounts/${path}`, { type: 'lend', ...body })

describe('mounting', () => {
  it('accepts what the Terraform provider sends, and reads back what it needs', async () => {
    const body = {
      type: 'kv',
      description: 'keys',
      config: { options: null, default_lease_ttl: '900s', max_lease_ttl: '3600s', force_no_cache: false },
      local: false,
      seal_wrap: false,
      external_entropy_access: false,
      options: { version: '2' },
    }
    expect((await harness.call('POST', 'sys/mounts/team/keys', body)).status).toBe(204)
    expect((await harness.call('GET', 'sys/mounts/team/keys')).body.data).toMatchObject({
      type: 'kv',
      description: 'keys',
      options: { version: '2' },
      local: false,
      seal_wrap: false,
      external_entropy_access: false,
      plugin_version: '',
      config: { default_lease_ttl: 900, max_lease_ttl: 3600, force_no_cache: false },
      accessor: expect.stringMatching(/^kv_[0-9a-f]{8}$/) as string,
    })
  })

  it('accepts nulls, as hvac sends them, and old names of kv', async () => {
    expect(
      (
        await harness.call('POST', 'sys/mounts/a', {
          type: 'kv-v2',
          config: null,
          options: null,
          plugin_name: null,
          description: null,
        })
      ).status,
    ).toBe(204)
    expect(
      (await harness.call('POST', 'sys/mounts/b', { type: 'plugin', config: { plugin_name: 'lend' } })).status,
    ).toBe(204)
    const { data } = (await harness.call('GET', 'sys/mounts')).body
    expect([data['a/'].type, data['a/'].options, data['b/'].type, data['b/'].options]).toEqual([
      'kv',
      { version: '2' },
      'lend',
      null,
    ])
  })

  it('lists at the top level too, with all members clients require', async () => {
    const { body } = await harness.call('GET', 'sys/mounts')
    expect(Object.keys(body.data)).toEqual(['identity/', 'lend/', 'sys/'])
    expect(body['lend/']).toEqual(body.data['lend/'])
    expect(Object.keys(body['lend/']).sort()).toEqual([
      'accessor',
      'config',
      'deprecation_status',
      'description',
      'external_entropy_access',
      'local',
      'options',
      'plugin_version',
      'running_plugin_version',
      'running_sha256',
      'seal_wrap',
      'type',
      'uuid',
    ])
  })

  it.each([
    ['the same path again', 'lend', {}, 'path is already in use at lend/'],
    ['a path below a mount', 'lend/more', {}, 'path is already in use at lend/'],
    ['a path that would hold a mount', 'sys', {}, 'path is already in use at sys/'],
    ['a path kept for the server', 'auth/x', {}, 'path is already in use at auth/'],
    ['a path with odd characters', 'a b', {}, 'is not a mount path'],
    [
      'an engine that does not exist',
      'x',
      { type: 'ghost' },
      'plugin not found in the catalog: ghost; type is one of kv, lend, for example type=kv.',
    ],
    ['no engine', 'x', { type: '' }, 'plugin not found in the catalog: (no type)'],
    ['a second token store', 'x', { type: 'token' }, 'plugin not found in the catalog'],
    [
      'a default ttl over the maximum',
      'x',
      { config: { default_lease_ttl: '2h', max_lease_ttl: '1h' } },
      'is longer than max_lease_ttl',
    ],
    [
      'a ttl that is no duration',
      'x',
      { config: { max_lease_ttl: 'soon' } },
      'config.max_lease_ttl must be a duration',
    ],
    ['an option that is no text', 'x', { options: { version: {} } }, 'options.version must be a string'],
  ])('refuses %s', async (_case, path, body, message) => {
    const response = await mount(path, body)
    expect(response.status).toBe(400)
    expect(response.body.errors[0]).toContain(message)
    expect(Object.keys((await harness.call('GET', 'sys/mounts')).body.data)).toEqual(['identity/', 'lend/', 'sys/'])
  })

  it('says which mount is missing in words Terraform knows', async () => {
    expect(await harness.call('GET', 'sys/mounts/nope')).toMatchObject({
      status: 400,
      body: { errors: ['No secret engine mount at nope/'] },
    })
  })

  it('routes by the longest mount path, by whole segments', async () => {
    await mount('team/a')
    await mount('team/ab')
    await harness.call('PUT', 'team/ab/items/x', { colour: 'red' })
    expect((await harness.call('GET', 'team/ab/items/x')).status).toBe(200)
    expect((await harness.call('GET', 'team/a/items/x')).status).toBe(404)
    expect(await harness.call('GET', 'team/items/x')).toMatchObject({
      status: 404,
      body: { errors: ['no handler for route "team/items/x". route entry not found.'] },
    })
  })
})

describe('tuning', () => {
  it('shows the ttls in force and the options', async () => {
    expect((await harness.call('GET', 'sys/mounts/lend/tune')).body.data).toEqual({
      default_lease_ttl: 2764800,
      max_lease_ttl: 2764800,
      force_no_cache: false,
      description: '',
    })
    await harness.call('POST', 'sys/mounts/lend/tune', {
      default_lease_ttl: '15m',
      max_lease_ttl: 3600,
      description: 'things',
      options: {},
    })
    expect((await harness.call('GET', 'sys/mounts/lend/tune')).body).toMatchObject({
      data: { default_lease_ttl: 900, max_lease_ttl: 3600, description: 'things' },
      default_lease_ttl: 900,
    })
  })

  it('leaves alone what is not given or empty, and resets with "system"', async () => {
    await harness.call('POST', 'sys/mounts/lend/tune', { default_lease_ttl: '15m', max_lease_ttl: '1h' })
    await harness.call('POST', 'sys/mounts/lend/tune', { default_lease_ttl: '', description: 'd' })
    await harness.call('POST', 'sys/mounts/lend/tune', { max_lease_ttl: 'system' })
    expect((await harness.call('GET', 'sys/mounts/lend/tune')).body.data).toMatchObject({
      default_lease_ttl: 900,
      max_lease_ttl: 2764800,
      description: 'd',
    })
  })

  it.each([
    ['a missing mount', 'nope', {}, 'No secret engine mount at nope/'],
    [
      'a default over the maximum',
      'lend',
      { default_lease_ttl: '2h', max_lease_ttl: '1h' },
      'is longer than max_lease_ttl',
    ],
    ['a negative ttl', 'lend', { default_lease_ttl: '-1h' }, 'default_lease_ttl must be a duration'],
  ])('refuses %s', async (_case, path, body, message) => {
    const response = await harness.call('POST', `sys/mounts/${path}/tune`, body)
    expect(response.status).toBe(400)
    expect(response.body.errors[0]).toContain(message)
  })

  it('refuses to turn one version of kv into the other', async () => {
    await harness.call('POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } })
    expect((await harness.call('POST', 'sys/mounts/kv/tune', { options: { version: '1' } })).status).toBe(400)
    expect((await harness.call('POST', 'sys/mounts/kv/tune', { options: { version: '2' } })).status).toBe(204)
  })
})

describe('unmounting', () => {
  it('revokes every lease, runs a last rollback, cleans up, deletes the data and forgets the mount', async () => {
    await harness.call('PUT', 'lend/items/ladder', {})
    for (const name of ['a', 'b']) await harness.call('PUT', `lend/loans/${name}`, {})
    const { uuid } = (await harness.call('GET', 'sys/mounts/lend')).body.data as { uuid: string }
    expect((await harness.call('DELETE', 'sys/mounts/lend')).status).toBe(204)
    expect(harness.engine).toMatchObject({ rollbacks: 1, cleanups: 1 })
    expect(harness.engine.revoked).toHaveLength(2)
    expect(await harness.storage.list(`logical/${uuid}/`)).toEqual([])
    expect((await harness.call('GET', 'lend/items/ladder')).status).toBe(404)
    await mount('lend')
    expect((await harness.call('GET', 'lend/items/ladder')).status).toBe(404)
  })

  it('of what is not there succeeds', async () => {
    expect((await harness.call('DELETE', 'sys/mounts/nope')).status).toBe(204)
  })

  it.each(['sys', 'auth/token'])('of %s is refused', async (path) => {
    expect((await harness.call('DELETE', `sys/mounts/${path}`)).body.errors[0]).toContain('it is part of the server')
  })

  it('stops at a revoke that fails and leaves the mount closed, until it is tried again', async () => {
    const { lease_id } = (await harness.call('PUT', 'lend/loans/a', {})).body
    harness.engine.revokeFailure = new Error('down')
    expect((await harness.call('DELETE', 'sys/mounts/lend')).status).toBe(500)
    expect((await harness.call('GET', 'lend/items/x')).status).toBe(404)
    expect((await harness.call('PUT', 'lend/loans/b', {})).status).toBe(404)
    expect((await harness.call('PUT', 'sys/leases/lookup', { lease_id: lease_id as string })).status).toBe(200)
    harness.engine.revokeFailure = undefined
    expect((await harness.call('DELETE', 'sys/mounts/lend')).status).toBe(204)
    expect(harness.engine.revoked).toHaveLength(1)
  })

  it.each([
    ['removed', () => harness.call('DELETE', 'sys/mounts/second')],
    ['moved', () => harness.call('POST', 'sys/remount', { from: 'second', to: 'third' })],
  ])('closes a mount that is to be %s at once, though another one is still going', async (_what, remove) => {
    await harness.call('POST', 'sys/mounts/second', { type: 'lend' })
    expect((await harness.call('PUT', 'second/items/ladder', { colour: 'red' })).status).toBeLessThan(300)
    let letGo = (): void => undefined
    harness.engine.beforeLease = () =>
      new Promise((resolve) => {
        letGo = resolve
      })
    const loan = harness.call('PUT', 'lend/loans/late', {})
    await settle()
    const first = harness.call('DELETE', 'sys/mounts/lend')
    const second = remove()
    await settle()
    expect((await harness.call('GET', 'second/items/ladder')).status).toBe(404)
    letGo()
    await Promise.all([loan, first, second])
    expect((await second).status).toBeLessThan(300)
  })

  it('leaves a mount open whose move turns out to be impossible when its turn comes', async () => {
    await harness.call('POST', 'sys/mounts/second', { type: 'lend' })
    await harness.call('PUT', 'second/items/ladder', { colour: 'red' })
    const [first, second] = await Promise.all([
      harness.call('POST', 'sys/remount', { from: 'lend', to: 'library' }),
      harness.call('POST', 'sys/remount', { from: 'second', to: 'library' }),
    ])
    expect([first.status, second.status]).toEqual([200, 400])
    expect((await harness.call('GET', 'second/items/ladder')).body.data.colour).toBe('red')
  })

  it('waits for a running request, and takes its lease along', async () => {
    let letGo = (): void => undefined
    harness.engine.beforeLease = () =>
      new Promise((resolve) => {
        letGo = resolve
      })
    const loan = harness.call('PUT', 'lend/loans/late', {})
    await settle()
    const unmounting = harness.call('DELETE', 'sys/mounts/lend')
    await settle()
    expect(harness.engine.cleanups).toBe(0)
    letGo()
    expect((await loan).status).toBe(503)
    expect((await unmounting).status).toBe(204)
    expect(harness.engine.revoked.map(({ loan: name }) => name)).toEqual(['late-1'])
    expect((await harness.call('LIST', 'sys/leases/lookup')).status).toBe(404)
  })
})

describe('moving', () => {
  it('keeps the data, ends the leases and answers at the new path', async () => {
    await harness.call('PUT', 'lend/items/ladder', { colour: 'red' })
    await harness.call('PUT', 'lend/loans/a', {})
    const response = await harness.call('POST', 'sys/remount', { from: 'lend', to: 'library' })
    const status = await harness.call('GET', `sys/remount/status/${response.body.data.migration_id as string}`)
    expect(status.body.data.migration_info).toEqual({
      source_mount: 'lend/',
      target_mount: 'library/',
      status: 'success',
    })
    expect((await harness.call('GET', 'library/items/ladder')).body.data.colour).toBe('red')
    expect((await harness.call('GET', 'lend/items/ladder')).status).toBe(404)
    expect(harness.engine.revoked).toHaveLength(1)
  })

  it.each([
    ['what is not mounted', { from: 'nope', to: 'x' }, 'no matching mount at nope/'],
    ['onto a mount', { from: 'lend', to: 'sys' }, 'path is already in use at sys/'],
    ["the server's own", { from: 'sys', to: 'x' }, 'it is part of the server'],
    ['without a target', { from: 'lend' }, 'to is required'],
  ])('refuses %s', async (_case, body, message) => {
    const response = await harness.call('POST', 'sys/remount', body)
    expect(response.status).toBe(400)
    expect(response.body.errors[0]).toContain(message)
    expect((await harness.call('GET', 'sys/mounts/lend')).status).toBe(200)
  })
})

describe('the tick', () => {
  it('reaches every mount once a minute', async () => {
    await harness.clock.advance(59_999)
    expect(harness.engine.rollbacks).toBe(0)
    await harness.clock.advance(1)
    expect(harness.engine.rollbacks).toBe(1)
    await harness.clock.advance(120_000)
    expect(harness.engine.rollbacks).toBe(3)
  })
})

describe('an engine that does not start', () => {
  it('is refused when mounting, leaving nothing', async () => {
    const broken = await startHostHarness({ engines: { broken: () => Promise.reject(new Error('no')) } })
    expect((await broken.call('POST', 'sys/mounts/b', { type: 'broken' })).status).toBe(500)
    expect((await broken.call('GET', 'sys/mounts/b')).status).toBe(400)
    await broken.host.close()
  })

  it('after a restart answers 503 while everything else serves', async () => {
    await harness.host.close()
    const again = await startHostHarness(
      { storage: harness.storage, engines: { lend: () => Promise.reject(new Error('no')) } },
      leasingEngine(),
    )
    expect((await again.call('GET', 'lend/items/x')).status).toBe(503)
    expect((await again.call('GET', 'sys/mounts/lend')).status).toBe(200)
    await again.host.close()
  })
})
