/** What a host says to a plugin by environment variables, and the one line the plugin says back. */
import { X509Certificate } from 'node:crypto'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'

export type Environment = Readonly<Record<string, string | undefined>>

/** The launch cannot succeed; the message is for the host's operator. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError'
}

export interface Launch {
  readonly version: number
  /** PEM of the host's certificate, the only one trusted; undefined where the host speaks plain text. */
  readonly hostCertificate: Buffer | undefined
  /** Absolute. */
  readonly socketFolder: string
  /** Group id or name that must be able to connect. */
  readonly socketGroup: string | undefined
  /** TCP ports to listen within, where there are no unix sockets. */
  readonly ports: { readonly min: number; readonly max: number }
  /** The host asks to send all connections through one, and must be told that this is not offered. */
  readonly asksMultiplexing: boolean
}

/** Throws `LaunchError` where no version is common to both or what the host sent cannot be used. */
export function readLaunch(env: Environment, versions: readonly number[]): Launch {
  return {
    version: commonVersion(env.PLUGIN_PROTOCOL_VERSIONS ?? '', versions),
    hostCertificate: hostCertificate(env.PLUGIN_CLIENT_CERT),
    socketFolder: resolve(env.PLUGIN_UNIX_SOCKET_DIR || tmpdir()),
    socketGroup: env.PLUGIN_UNIX_SOCKET_GROUP || undefined,
    ports: { min: port(env.PLUGIN_MIN_PORT), max: port(env.PLUGIN_MAX_PORT) },
    asksMultiplexing: Boolean(env.PLUGIN_MULTIPLEX_GRPC),
  }
}

function commonVersion(offered: string, served: readonly number[]): number {
  const numbers = offered
    .split(',')
    .filter((part) => /^\s*\d+\s*$/.test(part))
    .map(Number)
  const common = served.filter((version) => numbers.includes(version))
  if (common.length > 0) return Math.max(...common)
  throw new LaunchError(
    `this plugin speaks version ${served.join(', ')} of the plugin protocol; the host offers ${offered === '' ? 'none (PLUGIN_PROTOCOL_VERSIONS is empty)' : JSON.stringify(offered)}`,
  )
}

function hostCertificate(pem: string | undefined): Buffer | undefined {
  if (!pem) return undefined
  try {
    // TLS would skip what does not parse without a word, and then refuse every client.
    return Buffer.from(new X509Certificate(pem).toString())
  } catch {
    throw new LaunchError('PLUGIN_CLIENT_CERT is not a PEM certificate, so the host cannot be verified')
  }
}

function port(text: string | undefined): number {
  return /^\d{1,5}$/.test(text ?? '') ? Math.min(Number(text), 65_535) : 0
}

export interface Listening {
  readonly network: 'unix' | 'tcp'
  readonly address: string
}

/** Core protocol version, application version, network, address, protocol, certificate: one line, ended. */
export function handshakeLine(
  launch: Launch,
  { network, address }: Listening,
  certificateDer: Buffer | undefined,
): string {
  // Hosts decode base64 without padding only.
  const certificate = certificateDer?.toString('base64').replaceAll('=', '') ?? ''
  const fields = ['1', launch.version, network, address, 'grpc', certificate]
  // Older hosts would take a seventh field for a part of the sixth.
  return [...fields, ...(launch.asksMultiplexing ? ['false'] : [])].join('|') + '\n'
}
