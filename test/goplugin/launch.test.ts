import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LaunchFailure, launchPlugin, readLogLine, startPlugin } from '../fakes/go-plugin-host.ts'
import type { LaunchOptions } from '../fakes/go-plugin-host.ts'
import { echo, echoHosts } from './echo-host.ts'
import type { EchoHosts } from './echo-host.ts'
import { cookie } from './echo-contract.ts'

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

async function refused(more: Partial<LaunchOptions>): Promise<LaunchFailure> {
  const thrown: unknown = await launchPlugin(hosts.options(more)).catch((error: unknown) => error)
  expect(thrown).toBeInstanceOf(LaunchFailure)
  return thrown as LaunchFailure
}

/** The one error line of a plugin that would not start. */
function errorLine({ stderr }: LaunchFailure): string {
  const errors = stderr.map(readLogLine).filter(({ level, structured }) => structured && level === 'error')
  expect(errors).toHaveLength(1)
  return errors[0]!.message
}

test.each([
  ['no cookie', { [cookie.name]: undefined }],
  ['a wrong cookie', { [cookie.name]: 'wrong' }],
  ['an empty cookie', { [cookie.name]: '' }],
])('with %s it explains itself on stderr in plain words and exits with 1', async (_name, env) => {
  const { exit, stdout, stderr } = await refused({ env })
  expect(exit).toEqual({ code: 1, signal: null })
  expect(stdout).toEqual([])
  expect(stderr).toEqual(['This is a plugin, started by its host and by nobody else.'])
})

test.each([
  ['3', 'the host offers "3"'],
  ['6,7', 'the host offers "6,7"'],
  ['55', 'the host offers "55"'],
  ['5x', 'the host offers "5x"'],
  ['', 'the host offers none'],
])('offered the versions %j, none of them its own, it says so and exits with 1', async (versions, sentence) => {
  const failed = await refused({ env: { PLUGIN_PROTOCOL_VERSIONS: versions } })
  expect(failed.exit.code).toBe(1)
  expect(failed.stdout).toEqual([])
  expect(errorLine(failed)).toContain(sentence)
})

test('the highest version both sides know is spoken, in whatever order they are offered', async () => {
  expect((await hosts.launch({ versions: [3, 5, 4, 9] })).handshake.version).toBe(5)
  const older = await hosts.launch({ versions: [3, 4] })
  expect(older.handshake.version).toBe(4)
  expect(await older.call(echo, 'Count', {})).toMatchObject({ text: '4' })
})

test('one line on stdout, six fields, and nothing after it', async () => {
  const host = await hosts.launch()
  await host.ping()
  expect(host.handshake.fields.slice(0, 3)).toEqual(['1', '5', 'unix'])
  expect(host.handshake.fields).toHaveLength(6)
  expect(await host.kill()).toBe(true)
  expect(host.process.stdout).toEqual([host.handshake.fields.join('|')])
})

test('a host that asks for multiplexing is told that there is none, in the seventh field', async () => {
  const process = startPlugin(hosts.options({ multiplexing: true }))
  expect((await process.firstLine).split('|').slice(6)).toEqual(['false'])
  process.child.kill('SIGTERM')
  await process.exited
  expect((await refused({ multiplexing: true })).message).toContain('does not support broker multiplexing')
})

test('the certificate is one a host can verify, and differs from launch to launch', async () => {
  const [one, two] = [await hosts.launch(), await hosts.launch()].map(
    ({ handshake }) => new X509Certificate(handshake.certificate!),
  )
  expect(one!.checkHost('localhost')).toBe('localhost')
  expect(one!.serialNumber).not.toBe(two!.serialNumber)
  expect(one!.fingerprint256).not.toBe(two!.fingerprint256)
})

test('without a certificate of the host everything is plain text and the sixth field empty', async () => {
  const host = await hosts.launch({ tls: false })
  await host.ping()
  expect(host.handshake.fields[5]).toBe('')
  expect(await host.kill()).toBe(true)
})

test('an invalid host certificate is refused instead of trusting nobody', async () => {
  const failed = await refused({
    env: { PLUGIN_CLIENT_CERT: '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----' },
  })
  expect(failed.exit.code).toBe(1)
  expect(errorLine(failed)).toContain('PLUGIN_CLIENT_CERT is not a PEM certificate')
})

test('the socket is in the folder the host names, open to its owner alone, and removed at the exit', async () => {
  const host = await hosts.launch({ env: { PLUGIN_UNIX_SOCKET_DIR: folder } })
  const { address } = host.handshake
  expect(dirname(address)).toBe(folder)
  expect(statSync(address).isSocket()).toBe(true)
  expect(statSync(address).mode & 0o777).toBe(0o700)
  expect(await host.kill()).toBe(true)
  expect(readdirSync(folder)).toEqual([])
})

test('the socket is in the folder for temporary files otherwise, and called differently each time', async () => {
  const names = [await hosts.launch({ env: { TMPDIR: folder } }), await hosts.launch({ env: { TMPDIR: folder } })].map(
    ({ handshake }) => {
      expect(dirname(handshake.address)).toBe(folder)
      return basename(handshake.address)
    },
  )
  expect(new Set(names).size).toBe(2)
})

test('a group the host names may open the socket as well', async () => {
  const group = process.getgid!()
  const host = await hosts.launch({ env: { PLUGIN_UNIX_SOCKET_GROUP: String(group) } })
  expect(statSync(host.handshake.address)).toMatchObject({ gid: group })
  expect(statSync(host.handshake.address).mode & 0o777).toBe(0o660)
  await host.ping()
})

test('a group that does not exist is refused', async () => {
  const failed = await refused({ env: { PLUGIN_UNIX_SOCKET_GROUP: 'no such group', PLUGIN_UNIX_SOCKET_DIR: folder } })
  expect(errorLine(failed)).toContain('PLUGIN_UNIX_SOCKET_GROUP')
  expect(errorLine(failed)).toContain('there is no such group')
})

test('a socket path that fits to the byte is used; one byte more is refused, for it would be cut', async () => {
  // "/plugin" and 24 hexadecimal digits follow the folder.
  const nameBytes = '/plugin'.length + 24
  const ofLength = (bytes: number) => {
    const path = join(folder, 'ä'.repeat(2)).padEnd(bytes - nameBytes - 2, 'p')
    mkdirSync(path)
    return path
  }
  const fits = await hosts.launch({ env: { PLUGIN_UNIX_SOCKET_DIR: ofLength(107) } })
  expect(Buffer.byteLength(fits.handshake.address)).toBe(107)
  await fits.ping()
  const failed = await refused({ env: { PLUGIN_UNIX_SOCKET_DIR: ofLength(108) } })
  expect(failed.exit.code).toBe(1)
  expect(errorLine(failed)).toContain('longer than the 107 bytes a unix socket may have')
})

test.each([
  ['does not exist', (path: string) => join(path, 'absent'), 'cannot listen on'],
  ['cannot be written in the line', (path: string) => join(path, 'a|b'), 'cannot be sent to the host'],
])('a socket folder that %s is refused', async (_name, of, sentence) => {
  const failed = await refused({ env: { PLUGIN_UNIX_SOCKET_DIR: of(folder) } })
  expect(failed.exit.code).toBe(1)
  expect(failed.stdout).toEqual([])
  expect(errorLine(failed)).toContain(sentence)
})

test('what modules and the plugin print before the handshake is logged, and the line still comes first', async () => {
  const host = await hosts.launch({ env: { ECHO_NOISE: '1' } })
  await host.ping()
  expect(host.process.stdout).toHaveLength(1)
  expect(host.logs.map(({ level, message }) => [level, message])).toEqual([
    ['info', 'from a module'],
    ['info', 'no line break'],
    ['info', 'from services()'],
  ])
})

test('a plugin that cannot offer its services ends with one error line', async () => {
  const failed = await refused({ env: { ECHO_BROKEN: '1' } })
  expect(failed.exit.code).toBe(1)
  expect(failed.stdout).toEqual([])
  expect(errorLine(failed)).toBe('the plugin cannot start')
  expect(failed.stderr.join('\n')).toContain('no services today')
})

test('a module that throws while it is loaded ends the process with one error line', async () => {
  const failed = await refused({ env: { ECHO_NOISE: 'throw' } })
  expect(failed.exit.code).toBe(1)
  expect(errorLine(failed)).toBe('uncaught exception; the plugin exits')
})
