import { fork } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, watch } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { once } from 'node:events'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bundleProgram } from './echo-bundle.ts'
import { echoHosts, tell } from './echo-host.ts'
import type { EchoHosts } from './echo-host.ts'

let hosts: EchoHosts
let folder: string
beforeAll(async () => {
  hosts = await echoHosts()
  folder = mkdtempSync(join(tmpdir(), 'gp-'))
})
afterAll(async () => {
  await hosts.end()
  rmSync(folder, { recursive: true })
})

const messages = (host: { readonly logs: readonly { readonly message: string }[] }) =>
  host.logs.map(({ message }) => message)

test('asked to, it closes and exits with 0 in good time', async () => {
  const host = await hosts.launch()
  await host.ping()
  expect(await host.kill()).toBe(true)
  expect(await host.process.exited).toEqual({ code: 0, signal: null })
  expect(messages(host)).toEqual(['closing', 'closed'])
  expect(existsSync(host.handshake.address)).toBe(false)
})

test.each([
  ['never', ['closing']],
  ['fails', ['closing', 'the plugin did not close cleanly']],
])('a close that %s does not hold the exit up', async (how, expected) => {
  const host = await hosts.launch({ env: { ECHO_CLOSE: how } })
  expect(await host.kill()).toBe(true)
  expect(await host.process.exited).toEqual({ code: 0, signal: null })
  expect(messages(host)).toEqual(expected)
})

test('SIGINT, SIGHUP and SIGUSR1 are ignored; SIGTERM closes and exits', async () => {
  const host = await hosts.launch()
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGUSR1'] as const) {
    host.process.child.kill(signal)
    await host.ping()
  }
  await tell(host, 'interrupt')
  await host.ping()
  expect(messages(host)).toEqual([])
  host.process.child.kill('SIGTERM')
  expect(await host.process.exited).toEqual({ code: 0, signal: null })
  expect(messages(host)).toEqual(['closing', 'closed'])
  expect(existsSync(host.handshake.address)).toBe(false)
})

test('a host whose connection ends, and does not come back, is gone', async () => {
  const host = await hosts.launch()
  await host.ping()
  host.disconnect()
  expect(await host.process.exited).toEqual({ code: 0, signal: null })
  expect(messages(host)).toEqual(['the host closed its connection; the plugin exits', 'closing', 'closed'])
})

test('a host that is killed takes the plugin with it', async () => {
  const program = await bundleProgram('echo-host-process')
  const host = fork(program.path, hosts.options().args as string[], {
    stdio: 'ignore',
    env: { ...process.env, PLUGIN_UNIX_SOCKET_DIR: folder },
  })
  const [{ address }] = (await once(host, 'message')) as [{ address: string }]
  expect(existsSync(address)).toBe(true)
  const removed = new Promise<void>((resolve) => {
    const watcher = watch(folder, () => {
      if (existsSync(address)) return
      watcher.close()
      resolve()
    })
  })
  host.kill('SIGKILL')
  await removed
  program.remove()
})
