import { afterEach, describe, expect, test } from 'vitest'
import type { BackendConfig } from '../../src/logical/backend.ts'
import { REVERSE_CALL_LIMIT_MS } from '../../src/plugin/reverse-call.ts'
import { settle } from '../fakes/clock.ts'
import { HostedMount } from '../fakes/plugin-backend-host.ts'
import { InProcessPlugin, scripted } from './in-process.ts'

const plugins: InProcessPlugin[] = []
afterEach(async () => {
  for (const plugin of plugins.splice(0)) await plugin.close()
})

async function start() {
  const made: BackendConfig[] = []
  const plugin = await InProcessPlugin.start({ factory: scripted({}, made) })
  plugins.push(plugin)
  const { mount, calls } = await plugin.mount()
  const { storage, system } = made[0]!
  return { plugin, mount, calls, storage, system, made, clock: plugin.clock }
}

const value = new TextEncoder().encode('{"a":1}')
const refused = async (call: Promise<unknown>) => {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown as { kind: string; message: string; cause?: Error },
  )
  return { kind: error?.kind, message: error?.message }
}

describe('storage', () => {
  test('what is put is got, listed and deleted', async () => {
    const { storage } = await start()
    await storage.put({ key: 'a/b', value })
    await storage.put({ key: 'a/c/d', value })
    const entry = await storage.get('a/b')
    expect(entry?.key).toBe('a/b')
    expect([...entry!.value]).toEqual([...value])
    await expect(storage.list('a/')).resolves.toEqual(['b', 'c/'])
    await expect(storage.list('')).resolves.toEqual(['a/'])
    await storage.delete('a/b')
    await expect(storage.get('a/b')).resolves.toBeUndefined()
    await expect(storage.delete('a/b')).resolves.toBeUndefined()
    await expect(storage.list('nothing/')).resolves.toEqual([])
  })

  test('any bytes pass, none among them and six megabytes', async () => {
    const { storage } = await start()
    await storage.put({ key: 'empty', value: new Uint8Array() })
    expect((await storage.get('empty'))?.value.length).toBe(0)
    const large = new Uint8Array(6 * 1024 * 1024).fill(255)
    await storage.put({ key: 'large', value: large })
    expect(Buffer.compare((await storage.get('large'))!.value, large)).toBe(0)
  })

  test.each(['', '/a', 'a/', '../b', 'a/../b', 'a..b', 'a//b', 'a\0b'])('key %j is never sent', async (key) => {
    const { storage, mount } = await start()
    const requested = await mount.during(async () => {
      expect(await refused(storage.get(key))).toMatchObject({ kind: 'internal' })
      expect(await refused(storage.put({ key, value }))).toMatchObject({ kind: 'internal' })
      expect(await refused(storage.delete(key))).toMatchObject({ kind: 'internal' })
    })
    expect(requested).toEqual({})
  })

  test.each(['/', '/a/', 'a', 'a/../', 'a//', '../'])('prefix %j is never sent', async (prefix) => {
    const { storage, mount } = await start()
    expect(
      await mount.during(async () => {
        expect(await refused(storage.list(prefix))).toMatchObject({ kind: 'internal' })
      }),
    ).toEqual({})
  })

  test.each([
    ['cannot write to readonly storage', 'readonly', 'cannot write to readonly storage'],
    ['1 error occurred: * cannot write to readonly storage', 'readonly', 'cannot write to readonly storage'],
    ['cannot write to storage during setup', 'unavailable', "the server's storage failed"],
    ['Vault is sealed', 'unavailable', "the server's storage failed"],
    [
      'put failed due to value being too large; got 2097152 bytes',
      'too_large',
      "the server's storage does not accept a record this large",
    ],
  ])('a put that fails with %j is %s', async (text, kind, message) => {
    const { storage, mount } = await start()
    mount.failing = { Put: text, Delete: text, Get: text, List: text }
    expect(await refused(storage.put({ key: 'a', value }))).toEqual({ kind, message })
    expect(await refused(storage.delete('a'))).toEqual({ kind, message })
    expect(await refused(storage.get('a'))).toEqual({ kind, message })
    expect(await refused(storage.list(''))).toEqual({ kind, message })
  })

  test('a rejected put may have been stored', async () => {
    const { storage, mount } = await start()
    mount.lying = 'context canceled'
    expect(await refused(storage.put({ key: 'a', value }))).toMatchObject({ kind: 'unavailable' })
    await expect(storage.get('a')).resolves.toMatchObject({ key: 'a' })
  })

  test('a server without storage is an outage', async () => {
    const { storage, mount } = await start()
    mount.absent = true
    expect(await refused(storage.get('a'))).toEqual({
      kind: 'unavailable',
      message: 'the server does not respond to the plugin',
    })
  })

  test('a connection that is closed is an outage', async () => {
    const { storage, calls } = await start()
    await calls.cleanup()
    expect(await refused(storage.get('a'))).toEqual({
      kind: 'unavailable',
      message: 'the server does not respond to the plugin',
    })
    expect(await refused(storage.put({ key: 'a', value }))).toMatchObject({ kind: 'unavailable' })
  })

  test('a server that never answers is one after half a minute, and not before', async () => {
    const { storage, mount, clock } = await start()
    mount.hanging.add('Get')
    let outcome: unknown
    const call = refused(storage.get('a')).then((error) => {
      outcome = error
    })
    await settle()
    await clock.advance(REVERSE_CALL_LIMIT_MS - 1)
    expect(outcome).toBeUndefined()
    await clock.advance(1)
    await call
    expect(outcome).toMatchObject({ kind: 'unavailable' })
  })

  test('answered calls leave no timer behind', async () => {
    const { storage, clock } = await start()
    await storage.get('a')
    await storage.put({ key: 'a', value })
    expect(clock.waiting).toBe(0)
  })
})

describe('pages of a list', () => {
  const names = ['a', 'b', 'c', 'd/']

  async function filled() {
    const started = await start()
    for (const name of ['c', 'a', 'd/x', 'b']) await started.storage.put({ key: `f/${name}`, value })
    return started
  }

  test.each([true, false])('are the same whether the server has them (%s) or not', async (pages) => {
    const { storage, mount } = await filled()
    mount.pages = pages
    await expect(storage.list('f/', { after: 'a', limit: 2 })).resolves.toEqual(['b', 'c'])
    await expect(storage.list('f/', { after: 'b' })).resolves.toEqual(['c', 'd/'])
    await expect(storage.list('f/', { limit: 3 })).resolves.toEqual(names.slice(0, 3))
    await expect(storage.list('f/', { after: '', limit: 0 })).resolves.toEqual(names)
    await expect(storage.list('f/', { after: 'z', limit: 5 })).resolves.toEqual([])
  })

  test('are asked for where they are offered, and a whole list where one is wanted', async () => {
    const { storage, mount } = await filled()
    expect(await mount.during(() => storage.list('f/', { after: 'a' }))).toEqual({ 'Storage.ListPage': 1 })
    expect(await mount.during(() => storage.list('f/'))).toEqual({ 'Storage.List': 1 })
  })

  test('are tried once where they are not', async () => {
    const { storage, mount } = await filled()
    mount.pages = false
    expect(await mount.during(() => storage.list('f/', { after: 'a' }))).toEqual({
      'Storage.ListPage': 1,
      'Storage.List': 1,
    })
    expect(await mount.during(() => storage.list('f/', { after: 'a' }))).toEqual({ 'Storage.List': 1 })
  })

  test('that fail are not fetched another way', async () => {
    const { storage, mount } = await filled()
    mount.failing = { ListPage: 'Vault is sealed' }
    const requested = await mount.during(async () => {
      expect(await refused(storage.list('f/', { after: 'a' }))).toMatchObject({ kind: 'unavailable' })
    })
    expect(requested).toEqual({ 'Storage.ListPage': 1 })
  })

  test('of one server say nothing of another', async () => {
    const { storage, mount, plugin, made } = await filled()
    mount.pages = false
    await storage.list('f/', { after: 'a' })
    const other = new HostedMount()
    await plugin.mount(other)
    expect(await other.during(() => made[1]!.storage.list('f/', { after: 'a' }))).toEqual({ 'Storage.ListPage': 1 })
  })
})

describe('system view', () => {
  test('a year is a year, and the lives are seconds', async () => {
    const { system, mount } = await start()
    mount.view.defaultTtlSeconds = 31_536_000
    mount.view.maxTtlSeconds = 315_360_000
    await expect(system.defaultLeaseTtl()).resolves.toBe(31_536_000)
    await expect(system.maxLeaseTtl()).resolves.toBe(315_360_000)
  })

  test.each([
    [0, false, false],
    [12_288, false, false],
    [8_224, false, false],
    [24_576, false, true],
    [16_384, true, true],
    [64, false, true],
    [64, true, false],
    [64 | 16_384, true, true],
    [32, false, false],
    [512, false, true],
    [512, true, true],
    [256, false, false],
  ])('state %d on a local mount (%s): read-only is %s', async (state, local, readOnly) => {
    const { system, mount } = await start()
    Object.assign(mount.view, { state, local })
    await expect(system.readOnly()).resolves.toBe(readOnly)
  })

  test('whether a mount is local is asked on secondaries alone', async () => {
    const { system, mount } = await start()
    expect(await mount.during(() => system.readOnly())).toEqual({ 'SystemView.ReplicationState': 1 })
  })

  test('a value is asked for once in half a second, by however many', async () => {
    const { system, mount, clock } = await start()
    const requested = await mount.during(async () => {
      await Promise.all([system.maxLeaseTtl(), system.maxLeaseTtl(), system.maxLeaseTtl()])
      await clock.advance(499)
      await system.maxLeaseTtl()
    })
    expect(requested).toEqual({ 'SystemView.MaxLeaseTTL': 1 })
  })

  test('then it is renewed while the known one is answered, so that nobody waits', async () => {
    const { system, mount, clock } = await start()
    await system.maxLeaseTtl()
    mount.view.maxTtlSeconds = 60
    await clock.advance(500)
    mount.hanging.add('MaxLeaseTTL')
    await expect(system.maxLeaseTtl()).resolves.toBe(32 * 86_400)
  })

  test('a second later at the latest the new value holds', async () => {
    const { system, mount, clock } = await start()
    await system.maxLeaseTtl()
    await system.readOnly()
    mount.view.maxTtlSeconds = 60
    mount.view.state = 16_384
    await clock.advance(1_000)
    await expect(system.maxLeaseTtl()).resolves.toBe(60)
    await expect(system.readOnly()).resolves.toBe(true)
  })

  test('an outage is not remembered, and nothing older than a second stands in', async () => {
    const { system, mount, clock } = await start()
    await system.readOnly()
    await clock.advance(1_000)
    mount.absent = true
    expect(await refused(system.readOnly())).toMatchObject({ kind: 'unavailable' })
    mount.absent = false
    await expect(system.readOnly()).resolves.toBe(false)
  })

  test('whether the mount is being removed is asked each time', async () => {
    const { system, mount } = await start()
    const requested = await mount.during(async () => {
      await expect(system.tainted()).resolves.toBe(false)
      mount.view.tainted = true
      await expect(system.tainted()).resolves.toBe(true)
    })
    expect(requested).toEqual({ 'SystemView.Tainted': 2 })
  })
})
