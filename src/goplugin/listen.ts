/** Where the host connects: a socket only it may open, or, where there are no unix sockets, a loopback port. */
import { chmodSync, chownSync, readFileSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Server, ServerCredentials } from '@grpc/grpc-js'
import { LaunchError } from './handshake.ts'
import type { Launch, Listening } from './handshake.ts'

export interface PluginListenConfig {
  readonly server: Server
  readonly credentials: ServerCredentials
  readonly launch: Launch
  readonly platform: NodeJS.Platform
  readonly random: (bytes: number) => Uint8Array
}

/** `sun_path` less the NUL that ends it. Node cuts what is longer without a word, and the host would not find the socket. */
const longestPath = (platform: NodeJS.Platform): number => (platform === 'darwin' ? 103 : 107)

/** Resolves once connections are accepted. Rejects with `LaunchError` where nothing can be listened on. */
export function listen(config: PluginListenConfig): Promise<Listening> {
  return config.platform === 'win32' ? listenOnPort(config) : listenOnSocket(config)
}

async function listenOnSocket({
  server,
  credentials,
  launch,
  platform,
  random,
}: PluginListenConfig): Promise<Listening> {
  // Never a name used before: a killed process leaves its socket behind.
  const address = join(launch.socketFolder, `plugin${Buffer.from(random(12)).toString('hex')}`)
  const limit = longestPath(platform)
  if (Buffer.byteLength(address) > limit)
    throw new LaunchError(
      `the socket path ${address} is longer than the ${String(limit)} bytes a unix socket may have; give a shorter folder, for example PLUGIN_UNIX_SOCKET_DIR=/tmp`,
    )
  if (/[|\n\r]/.test(address))
    throw new LaunchError(
      `the socket folder ${JSON.stringify(launch.socketFolder)} has a character in its name that cannot be sent to the host`,
    )
  process.once('exit', () => {
    remove(address)
  })
  const umask = process.umask(0o077)
  try {
    await bind(server, `unix:${address}`, credentials)
  } catch (error) {
    throw new LaunchError(`cannot listen on ${address}: ${messageOf(error)}`)
  } finally {
    process.umask(umask)
  }
  if (launch.socketGroup !== undefined) openToGroup(address, launch.socketGroup)
  return { network: 'unix', address }
}

function remove(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Never made, or gone already.
  }
}

function openToGroup(path: string, group: string): void {
  try {
    // The owner stays as it is.
    chownSync(path, -1, /^\d+$/.test(group) ? Number(group) : groupId(group))
    chmodSync(path, 0o660)
  } catch (error) {
    throw new LaunchError(
      `PLUGIN_UNIX_SOCKET_GROUP: the socket cannot be given to the group ${JSON.stringify(group)}: ${messageOf(error)}`,
    )
  }
}

function groupId(name: string): number {
  // group(5): name, password, id, members.
  for (const line of readFileSync('/etc/group', 'utf8').split('\n')) {
    const [group, , id] = line.split(':')
    if (group === name && id !== undefined) return Number(id)
  }
  throw new Error('there is no such group')
}

async function listenOnPort({ server, credentials, launch: { ports } }: PluginListenConfig): Promise<Listening> {
  let last: unknown
  for (let port = ports.min; port <= Math.max(ports.min, ports.max); port++) {
    try {
      return {
        network: 'tcp',
        address: `127.0.0.1:${String(await bind(server, `127.0.0.1:${String(port)}`, credentials))}`,
      }
    } catch (error) {
      last = error
    }
  }
  throw new LaunchError(
    `no port of 127.0.0.1 from ${String(ports.min)} to ${String(ports.max)} is free (PLUGIN_MIN_PORT, PLUGIN_MAX_PORT): ${messageOf(last)}`,
  )
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error) reject(error)
      else resolve(port)
    })
  })
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
