import { Metadata } from '@grpc/grpc-js'
import { afterEach, describe, expect, test } from 'vitest'
import type { BackendConfig } from '../../src/logical/backend.ts'
import { RequestError } from '../../src/logical/errors.ts'
import { serviceDefinition } from '../../src/goplugin/index.ts'
import { vaultMultiplexing } from '../../src/proto/vault-multiplexing.ts'
import { vaultPlugin } from '../../src/proto/vault-plugin.ts'
import { BackendCalls, HostedMount, backendDefinition } from '../fakes/plugin-backend-host.ts'
import { settle } from '../fakes/clock.ts'
import { unaryCall } from '../fakes/unary-call.ts'
import { InProcessPlugin, deferred, scripted } from './in-process.ts'

const SHUTDOWN = 4
const plugins: InProcessPlugin[] = []
afterEach(async () => {
  for (const plugin of plugins.splice(0)) await plugin.close()
})

async function start(...options: Parameters<typeof InProcessPlugin.start>): Promise<InProcessPlugin> {
  const plugin = await InProcessPlugin.start(...options)
  plugins.push(plugin)
  return plugin
}

const isClosed = (plugin: InProcessPlugin, index: number) =>
  plugin.dialled[index]!.getChannel().getConnectivityState(false) === SHUTDOWN

describe('before any mount', () => {
  test('the process says that it serves many mounts, and its version', async () => {
    const { client } = await start()
    await expect(
      unaryCall(
        client,
        serviceDefinition(vaultMultiplexing, 'pluginutil.multiplexing.PluginMultiplexing'),
        'MultiplexingSupport',
        {},
      ),
    ).resolves.toEqual({ supported: true })
    await expect(
      unaryCall(client, serviceDefinition(vaultPlugin, 'logical.PluginVersion'), 'Version', {}),
    ).resolves.toEqual({ plugin_version: 'v0.1.0' })
  })

  test("the cookie and the protocol version are the servers'", async () => {
    const { plugin } = await start()
    expect(plugin.cookie).toEqual({ name: 'VAULT_BACKEND_PLUGIN', value: '6669da05-b1c8-4f49-97d9-c8e5bed98e20' })
    expect(plugin.versions).toEqual([5])
    expect(plugin.usage).toMatch(/plugin register/)
  })

  test.each(['Initialize', 'Type', 'SpecialPaths', 'HandleRequest', 'HandleExistenceCheck', 'InvalidateKey'])(
    '%s for an id nobody set up is an error',
    async (method) => {
      const { client } = await start()
      await expect(new BackendCalls(client, 'unknown').call(method, {})).rejects.toMatchObject({
        code: 9,
        details: 'no backend instance found',
      })
    },
  )

  test('cleaning up an id nobody set up is fine, any number of times', async () => {
    const { client } = await start()
    const calls = new BackendCalls(client, 'unknown')
    await expect(calls.cleanup()).resolves.toEqual({})
    await expect(calls.cleanup()).resolves.toEqual({})
  })

  test('a call that names two instances reaches none', async () => {
    const plugin = await start()
    const { calls } = await plugin.mount(undefined, 'a')
    const metadata = new Metadata()
    metadata.add('multiplex_id', 'a')
    metadata.add('multiplex_id', 'b')
    await expect(unaryCall(plugin.client, backendDefinition, 'Type', {}, { metadata })).rejects.toMatchObject({
      code: 9,
    })
    await unaryCall(plugin.client, backendDefinition, 'Cleanup', {}, { metadata })
    await expect(calls.type()).resolves.toEqual({ type: 1 })
  })
})

describe('setting up', () => {
  test('hands the engine its options, its uuid and a logger that names the mount', async () => {
    const made: BackendConfig[] = []
    const plugin = await start({ factory: scripted({}, made) })
    const calls = new BackendCalls(plugin.client, 'a')
    await expect(
      calls.setup(await plugin.serve(new HostedMount()), { plugin_name: 'mcp', colour: 'red' }, 'uuid-1'),
    ).resolves.toEqual({ err: '' })
    expect(made[0]).toMatchObject({ config: { plugin_name: 'mcp', colour: 'red' }, backend_uuid: 'uuid-1' })
    made[0]!.logger.info({ event: 1 }, 'hello')
    expect(plugin.logs).toEqual([{ level: 'info', fields: { mount_uuid: 'uuid-1', event: 1 }, message: 'hello' }])
  })

  test('tells type and special paths', async () => {
    const plugin = await start({ factory: scripted({ specialPaths: { root: ['config'], unauthenticated: [] } }) })
    const { calls } = await plugin.mount()
    await expect(calls.type()).resolves.toEqual({ type: 1 })
    await expect(calls.specialPaths()).resolves.toEqual({ paths: { root: ['config'], unauthenticated: [] } })
  })

  test('at registration, with neither storage nor system view, succeeds and asks for nothing', async () => {
    const plugin = await start()
    const mount = new HostedMount()
    mount.absent = true
    const calls = new BackendCalls(plugin.client, 'probe')
    const requested = await mount.during(async () => {
      await expect(calls.setup(await plugin.serve(mount), {}, '')).resolves.toEqual({ err: '' })
    })
    expect(requested).toEqual({})
    // An engine asked for more all the same answers an outage, and goes on.
    const { err } = await calls.read('config')
    expect(err).toMatchObject({ err_type: 3, err_code: '503' })
  })

  test('reads and writes nothing on a mount either, nor do type and special paths', async () => {
    const plugin = await start()
    const mount = new HostedMount()
    const calls = new BackendCalls(plugin.client, 'a')
    const requested = await mount.during(async () => {
      await calls.setup(await plugin.serve(mount))
      await calls.type()
      await calls.specialPaths()
    })
    expect(requested).toEqual({})
  })

  test('fails in words where the server announces nothing, and leaves nothing', async () => {
    const plugin = await start()
    const calls = new BackendCalls(plugin.client, 'a')
    const { err } = await calls.setup(99)
    expect(err).toMatch(/did not announce/)
    await expect(calls.type()).rejects.toMatchObject({ code: 9 })
    expect(plugin.dialled).toEqual([])
  })

  test('releases the connection where the engine cannot be made, and tells no more than it should', async () => {
    const plugin = await start({ factory: () => Promise.reject(new Error('with s3cret')) })
    const calls = new BackendCalls(plugin.client, 'a')
    await expect(calls.setup(await plugin.serve(new HostedMount()))).resolves.toEqual({ err: 'internal error' })
    expect(isClosed(plugin, 0)).toBe(true)
    await expect(calls.type()).rejects.toMatchObject({ code: 9 })
    expect(plugin.logs[0]).toMatchObject({ level: 'error', message: 'a mount cannot be set up' })
  })

  test('again under the same id replaces what was there and closes its connection', async () => {
    let cleanups = 0
    const plugin = await start({
      factory: scripted({
        cleanup: () => {
          cleanups++
          return Promise.resolve()
        },
      }),
    })
    const { calls } = await plugin.mount(undefined, 'a')
    await plugin.mount(undefined, 'a')
    expect(cleanups).toBe(1)
    expect(isClosed(plugin, 0)).toBe(true)
    expect(isClosed(plugin, 1)).toBe(false)
    await expect(calls.type()).resolves.toEqual({ type: 1 })
  })

  test('again, and failing, leaves neither the new one nor the old one', async () => {
    const plugin = await start()
    const { calls } = await plugin.mount(undefined, 'a')
    expect((await calls.setup(99)).err).not.toBe('')
    await expect(calls.type()).rejects.toMatchObject({ code: 9 })
    expect(isClosed(plugin, 0)).toBe(true)
  })

  test('takes no effect when the mount is cleaned up meanwhile', async () => {
    const plugin = await start()
    const held = deferred()
    const dialling = deferred()
    plugin.beforeDial = () => {
      dialling.resolve()
      return held.promise
    }
    const calls = new BackendCalls(plugin.client, 'a')
    const setup = calls.setup(await plugin.serve(new HostedMount()))
    await dialling.promise
    await calls.cleanup()
    held.resolve()
    expect((await setup).err).toMatch(/cleaned up meanwhile/)
    expect(isClosed(plugin, 0)).toBe(true)
    await expect(calls.type()).rejects.toMatchObject({ code: 9 })
  })

  test('of two at once the later one stands', async () => {
    const made: BackendConfig[] = []
    const plugin = await start({ factory: scripted({}, made) })
    const held = deferred()
    const dialling = deferred()
    plugin.beforeDial = () => {
      dialling.resolve()
      return held.promise
    }
    const calls = new BackendCalls(plugin.client, 'a')
    const first = calls.setup(await plugin.serve(new HostedMount()), {}, 'first')
    await dialling.promise
    plugin.beforeDial = () => Promise.resolve()
    await expect(calls.setup(await plugin.serve(new HostedMount()), {}, 'second')).resolves.toEqual({ err: '' })
    held.resolve()
    expect((await first).err).toMatch(/set up again/)
    expect(made.map(({ backend_uuid }) => backend_uuid)).toEqual(['second', 'first'])
    expect([isClosed(plugin, 0), isClosed(plugin, 1)]).toEqual([false, true])
    await expect(calls.type()).resolves.toEqual({ type: 1 })
  })

  test("initializing fails with the engine's words", async () => {
    const plugin = await start({
      factory: scripted({ initialize: () => Promise.reject(new RequestError('unavailable', 'storage is away')) }),
    })
    await expect(plugin.mount()).rejects.toThrow('storage is away')
  })
})

describe('cleaning up', () => {
  test('closes the connection and forgets the mount; again is fine', async () => {
    const plugin = await start()
    const { calls } = await plugin.mount()
    await calls.cleanup()
    expect(isClosed(plugin, 0)).toBe(true)
    await expect(calls.read('config')).rejects.toMatchObject({ code: 9 })
    await expect(calls.cleanup()).resolves.toEqual({})
  })

  test('goes through where the engine fails at it', async () => {
    const plugin = await start({ factory: scripted({ cleanup: () => Promise.reject(new Error('no')) }) })
    const { calls } = await plugin.mount()
    await expect(calls.cleanup()).resolves.toEqual({})
    expect(isClosed(plugin, 0)).toBe(true)
    expect(plugin.logs.at(-1)).toMatchObject({ level: 'error', message: 'the engine did not clean up' })
  })

  test('under a request in flight fails that request alone, as an outage', async () => {
    const held = deferred()
    const begun = deferred()
    const plugin = await start({
      factory: (config) =>
        scripted({
          async handleRequest() {
            begun.resolve()
            await held.promise
            await config.storage.put({ key: 'late', value: new Uint8Array(1) })
            return undefined
          },
        })(config),
    })
    const { calls, mount } = await plugin.mount()
    const late = calls.write('x')
    await begun.promise
    await calls.cleanup()
    held.resolve()
    expect((await late).err).toMatchObject({ err_type: 3, err_code: '503' })
    await expect(mount.storage.get('late')).resolves.toBeUndefined()
  })

  test('one mount leaves the others as they are', async () => {
    const plugin = await start()
    const a = await plugin.mount()
    const b = await plugin.mount()
    await b.calls.write('agents/x', { owner: 'o', environment: 'production' })
    await a.calls.cleanup()
    await expect(b.calls.read('agents/x')).resolves.toMatchObject({ data: { agent_id: 'x' } })
  })

  test('the end of the process cleans up every mount', async () => {
    let cleanups = 0
    const plugin = await start({
      factory: scripted({
        cleanup: () => {
          cleanups++
          return Promise.resolve()
        },
      }),
    })
    await plugin.mount()
    await plugin.mount()
    await plugin.plugin.close?.()
    expect(cleanups).toBe(2)
    await settle()
    expect([isClosed(plugin, 0), isClosed(plugin, 1)]).toEqual([true, true])
  })
})

describe('two mounts in one process', () => {
  test('share nothing: not what is stored, not what is cached, not what is denied', async () => {
    const plugin = await start()
    const a = await plugin.mount()
    const b = await plugin.mount()
    await a.calls.write('agents/x', { owner: 'team-a', environment: 'production' })
    expect((await b.calls.read('agents/x')).response).toBeNull()
    await b.calls.write('agents/x', { owner: 'team-b', environment: 'staging' })
    expect((await a.calls.read('agents/x')).data).toMatchObject({ owner: 'team-a' })
    expect((await b.calls.read('agents/x')).data).toMatchObject({ owner: 'team-b' })
    b.mount.view.state = 16_384
    await plugin.clock.advance(1_000)
    expect((await b.calls.write('creds/x')).err?.err_msg).toBe('cannot write to readonly storage')
    expect((await a.calls.write('creds/x')).error).toMatch(/declared no scopes/)
  })

  test('a token of one is unknown to the other', async () => {
    const plugin = await start()
    const a = await plugin.mount()
    const b = await plugin.mount()
    for (const { calls } of [a, b]) {
      await calls.write('agents/x', { owner: 'o', environment: 'production' })
      await calls.write('agents/x/scopes', { scopes: ['read:stripe:invoices'] })
    }
    const { data } = await a.calls.write('creds/x')
    expect((await a.calls.write('introspect', { token: data!.token })).data).toMatchObject({ active: true })
    expect((await b.calls.write('introspect', { token: data!.token })).data).toMatchObject({ active: false })
  })

  test('an invalidation reaches the one it is for', async () => {
    const invalidated: string[] = []
    const plugin = await start({
      factory: (config) =>
        scripted({
          invalidateKey: (key) => {
            invalidated.push(`${config.backend_uuid} ${key}`)
          },
        })(config),
    })
    const a = new BackendCalls(plugin.client, 'a')
    const b = new BackendCalls(plugin.client, 'b')
    await a.setup(await plugin.serve(new HostedMount()), {}, 'uuid-a')
    await b.setup(await plugin.serve(new HostedMount()), {}, 'uuid-b')
    await a.invalidate('agents/x')
    expect(invalidated).toEqual(['uuid-a agents/x'])
  })

  test('a host that does not multiplex and names no instance has one', async () => {
    const plugin = await start()
    const calls = new BackendCalls(plugin.client, undefined)
    await expect(calls.setup(await plugin.serve(new HostedMount()))).resolves.toEqual({ err: '' })
    await expect(calls.type()).resolves.toEqual({ type: 1 })
    await expect(new BackendCalls(plugin.client, 'other').type()).rejects.toMatchObject({ code: 9 })
  })
})
