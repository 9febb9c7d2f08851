import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { Server, ServerCredentials, logVerbosity, setLogVerbosity } from '@grpc/grpc-js'
import { afterEach, expect, test } from 'vitest'
import { readLaunch } from '../../src/goplugin/handshake.ts'
import { listen } from '../../src/goplugin/listen.ts'

// A port that is taken is what these tests are about.
setLogVerbosity(logVerbosity.NONE)

const servers: { close: () => void }[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

function listenOnWindows(min: number, max: number) {
  const server = new Server()
  servers.push({
    close: () => {
      server.forceShutdown()
    },
  })
  const launch = readLaunch(
    { PLUGIN_PROTOCOL_VERSIONS: '5', PLUGIN_MIN_PORT: String(min), PLUGIN_MAX_PORT: String(max) },
    [5],
  )
  return listen({
    server,
    credentials: ServerCredentials.createInsecure(),
    launch,
    platform: 'win32',
    random: randomBytes,
  })
}

async function takenPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

test('where there are no unix sockets, the first free port of the range on loopback is taken', async () => {
  const taken = await takenPort()
  const { network, address } = await listenOnWindows(taken, taken + 20)
  const [host, port] = address.split(':')
  expect([network, host]).toEqual(['tcp', '127.0.0.1'])
  expect(Number(port)).toBeGreaterThan(taken)
  expect(Number(port)).toBeLessThanOrEqual(taken + 20)
})

test('a range without a free port is refused, and named', async () => {
  const taken = await takenPort()
  await expect(listenOnWindows(taken, taken)).rejects.toThrow(
    `no port of 127.0.0.1 from ${String(taken)} to ${String(taken)} is free (PLUGIN_MIN_PORT, PLUGIN_MAX_PORT)`,
  )
})
