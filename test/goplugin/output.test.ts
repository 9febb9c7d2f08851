import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GoPluginHost } from '../fakes/go-plugin-host.ts'
import { startPlugin } from '../fakes/go-plugin-host.ts'
import { echoHosts, tell } from './echo-host.ts'
import type { EchoHosts } from './echo-host.ts'
import { hostileFields } from './hostile-fields.ts'

let hosts: EchoHosts
beforeAll(async () => {
  hosts = await echoHosts()
})
afterAll(() => hosts.end())

/** A plugin that did `deeds`, and everything it logged. */
async function after(...deeds: string[]): Promise<GoPluginHost> {
  const host = await hosts.launch()
  for (const deed of deeds) await tell(host, deed)
  await host.kill()
  await host.process.exited
  return host
}

const summary = (host: GoPluginHost) => host.logs.map(({ level, message, fields }) => ({ level, message, fields }))

test('levels survive', async () => {
  const host = await after('levels')
  expect(summary(host).slice(0, 4)).toEqual(
    ['debug', 'info', 'warn', 'error'].map((level) => ({ level, message: `at ${level}`, fields: { key: level } })),
  )
})

test('whatever is logged, each entry is one structured line that cannot harm the host', async () => {
  const host = await after('hostile fields')
  const entries = host.logs.filter(({ message }) => message === 'hostile')
  expect(entries).toHaveLength(hostileFields().length)
  expect(entries.every(({ structured, level }) => structured && level === 'info')).toBe(true)
  expect(host.logs.every(({ raw }) => Buffer.byteLength(raw) < 60 * 1024)).toBe(true)
})

test('JSON that somebody else writes to stderr is text, and cannot take the host down', async () => {
  const host = await after('hostile stderr')
  expect(summary(host)[0]).toEqual({
    level: 'warn',
    message: '{"@level":30,"@message":null,"@timestamp":5}',
    fields: { stream: 'stderr' },
  })
})

test('what is printed after the handshake is logged, cut where it is long, and never reaches stdout', async () => {
  const host = await after('console.log', 'stdout of 1 MB', 'stdout.end', 'console.log')
  expect(host.process.stdout).toHaveLength(1)
  expect(host.stdio).toEqual([])
  const printed = summary(host).filter(({ fields }) => fields.stream === 'stdout')
  expect(printed.map(({ message }) => message.slice(0, 15))).toEqual([
    'printed 1 times',
    'xxxxxxxxxxxxxxx',
    'ended',
    'printed 1 times',
    'closing',
    'closed',
  ])
  expect(printed[1]?.message).toMatch(/^x{20000,}…\(cut\)$/)
})

test('several lines at once stay one entry', async () => {
  expect(summary(await after('console.error'))[0]).toEqual({
    level: 'warn',
    message: 'first\nsecond',
    fields: { stream: 'stderr' },
  })
})

test("warnings of Node's are entries", async () => {
  expect(summary(await after('warning'))[0]).toMatchObject({ level: 'warn', message: 'Warning: mind the step' })
})

test.each([
  ['throw later', 'uncaught exception', 'thrown by nobody'],
  ['reject later', 'unhandled rejection', 'rejected by nobody'],
])('a fault nobody caught (%s) is one error entry, and the process exits with 1', async (deed, message, cause) => {
  const host = await hosts.launch()
  await tell(host, deed).catch(() => undefined)
  expect(await host.process.exited).toEqual({ code: 1, signal: null })
  const errors = host.logs.filter(({ level }) => level === 'error')
  expect(errors).toHaveLength(1)
  expect(errors[0]).toMatchObject({ structured: true, message: `${message}; the plugin exits` })
  expect(errors[0]?.fields.error).toContain(cause)
  expect(host.process.stderr.filter((line) => !line.startsWith('{'))).toEqual([])
})

test('what was logged before the process ended is there to the last line, however much it was', async () => {
  const host = await hosts.launch()
  await tell(host, 'log 2 MB, then throw').catch(() => undefined)
  expect((await host.process.exited).code).toBe(1)
  expect(host.logs.map(({ message }) => message)).toEqual([
    ...Array.from({ length: 400 }, (_, line) => `line ${String(line)}`),
    'uncaught exception; the plugin exits',
  ])
})

test('a host that closed its end of stderr is not a reason to crash', async () => {
  const host = await hosts.launch()
  host.process.child.stderr?.destroy()
  for (const deed of ['levels', 'console.error', 'hostile fields', 'warning', 'levels']) await tell(host, deed)
  await host.ping()
  expect(await host.kill()).toBe(true)
  expect(await host.process.exited).toEqual({ code: 0, signal: null })
})

test('a host that closed its end of stdout before the line ends the launch', async () => {
  const process = startPlugin(hosts.options())
  process.child.stdout?.destroy()
  expect(await process.exited).toEqual({ code: 1, signal: null })
  expect(process.stderr.join('\n')).toContain('EPIPE')
})
