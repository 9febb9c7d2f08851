/**
 * The host side of go-plugin, as the Go one behaves: launches an executable, reads its handshake line as strictly, connects with
 * certificates of its own, opens the broker and stdio streams at once, reads stderr with the same rules, and kills in the same steps.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Client, Server, ServerCredentials, credentials } from '@grpc/grpc-js'
import type { ClientDuplexStream, ClientReadableStream, ServiceDefinition } from '@grpc/grpc-js'
import { createCertificate } from '../../src/goplugin/certificate.ts'
import type { Certificate } from '../../src/goplugin/certificate.ts'
import { serviceDefinition } from '../../src/goplugin/index.ts'
import type { Service } from '../../src/goplugin/index.ts'
import { systemClock } from '../../src/logical/clock.ts'
import { goplugin } from '../../src/proto/goplugin.ts'
import { healthV1 } from '../../src/proto/health-v1.ts'
import { methodOf, unaryCall } from './unary-call.ts'
import type { CallOptions } from './unary-call.ts'

export interface LaunchOptions {
  readonly command: string
  readonly args?: readonly string[]
  readonly cookie: { readonly name: string; readonly value: string }
  /** Application protocol versions offered; `[5]` unless told. */
  readonly versions?: readonly number[]
  /** Over the environment of this process; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** AutoMTLS; on unless told. */
  readonly tls?: boolean
  /** Sends PLUGIN_MULTIPLEX_GRPC=true. */
  readonly multiplexing?: boolean
}

/** A line of stderr as the Go host would log it. */
export interface LoggedLine {
  /** Lower case. Unstructured lines, and those whose time does not parse, are `debug`. */
  readonly level: string
  readonly message: string
  /** The other keys; empty for an unstructured line. */
  readonly fields: Readonly<Record<string, unknown>>
  readonly structured: boolean
  readonly raw: string
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Handshake {
  readonly fields: readonly string[]
  readonly version: number
  readonly network: string
  readonly address: string
  /** PEM of the plugin's certificate. */
  readonly certificate: Buffer | undefined
}

export interface BrokerServer {
  readonly id: number
  readonly address: string
  /** Tells the plugin where the server is; done by `serveBroker` unless it was told not to. */
  announce(): void
  /** Breaks off its connections and removes its socket. */
  close(): void
}

export interface BrokerServerOptions {
  /** Whether the plugin is told at once; true unless told. */
  readonly announce?: boolean
  /** Presented instead of the host's own, as an impostor would. */
  readonly certificate?: Certificate
}

export interface HostCallOptions extends CallOptions {
  /** Another connection than the host's own. */
  readonly client?: Client
}

/** The plugin exited, or said something that is not a handshake, before it could be connected to. */
export class LaunchFailure extends Error {
  override readonly name = 'LaunchFailure'
  readonly exit: Exit
  readonly stdout: readonly string[]
  readonly stderr: readonly string[]

  constructor(message: string, exit: Exit, process: PluginProcess) {
    super(
      `${message} (exit code ${String(exit.code)}, signal ${String(exit.signal)}); stderr: ${process.stderr.join('\n')}`,
    )
    this.exit = exit
    this.stdout = process.stdout
    this.stderr = process.stderr
  }
}

const noLimits = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.client_idle_timeout_ms': 2 ** 31 - 1,
}
const broker = serviceDefinition(goplugin, 'plugin.GRPCBroker')
const controller = serviceDefinition(goplugin, 'plugin.GRPCController')
const stdio = serviceDefinition(goplugin, 'plugin.GRPCStdio')
const health = serviceDefinition(healthV1, 'grpc.health.v1.Health')
const MAX_LINE = 64 * 1024

/** Launches and connects. Rejects with `LaunchFailure`; the process is gone then. */
export async function launchPlugin(options: LaunchOptions): Promise<GoPluginHost> {
  const certificate = createCertificate(systemClock.now())
  const process = startPlugin(options, certificate)
  try {
    const line = await process.firstLine
    return new GoPluginHost(process, readHandshake(line, options), options.tls === false ? undefined : certificate)
  } catch (error) {
    process.child.kill('SIGKILL')
    throw new LaunchFailure(error instanceof Error ? error.message : String(error), await process.exited, process)
  }
}

export interface PluginProcess {
  readonly child: ChildProcess
  readonly pid: number
  /** Lines so far, the handshake line first. */
  readonly stdout: string[]
  readonly stderr: string[]
  /** Rejects where the process exits, or closes stdout, before it printed one. */
  readonly firstLine: Promise<string>
  /** Once both pipes have ended as well. */
  readonly exited: Promise<Exit>
}

/** The process alone, with the environment a host gives it; nothing is read from it but its output. */
export function startPlugin(
  { command, args = [], cookie, versions = [5], env = {}, tls = true, multiplexing = false }: LaunchOptions,
  certificate: Certificate = createCertificate(systemClock.now()),
): PluginProcess {
  const environment = {
    ...process.env,
    [cookie.name]: cookie.value,
    PLUGIN_MIN_PORT: '10000',
    PLUGIN_MAX_PORT: '25000',
    PLUGIN_PROTOCOL_VERSIONS: versions.join(','),
    PLUGIN_CLIENT_CERT: tls ? certificate.certificatePem.toString() : undefined,
    PLUGIN_MULTIPLEX_GRPC: multiplexing ? 'true' : undefined,
    ...env,
  }
  const child = spawn(command, [...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  const stdout: string[] = []
  const stderr: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => {
    stderr.push(line)
  })
  const lines = createInterface({ input: child.stdout })
  const firstLine = new Promise<string>((resolve, reject) => {
    lines.on('line', (line) => {
      stdout.push(line)
      resolve(line)
    })
    lines.once('close', () => {
      reject(new Error('the plugin printed no handshake line'))
    })
    child.once('error', reject)
  })
  firstLine.catch(() => undefined)
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => {
      resolve({ code, signal })
    })
  })
  return { child, pid: child.pid ?? -1, stdout, stderr, firstLine, exited }
}

/** Throws for everything the Go host refuses. */
export function readHandshake(
  line: string,
  { versions = [5], tls = true, multiplexing = false }: Pick<LaunchOptions, 'versions' | 'tls' | 'multiplexing'>,
): Handshake {
  const fields = line.trim().split('|')
  const [core, version, network, address, protocol, certificate = '', supportsMultiplexing] = fields
  if (network === undefined || address === undefined) throw new Error(`Unrecognized remote plugin message: ${line}`)
  if (core !== '1') throw new Error(`incompatible core API version with plugin: ${String(core)}`)
  if (!/^\d+$/.test(version ?? '') || !versions.includes(Number(version)))
    throw new Error(`incompatible API version with plugin: ${String(version)}`)
  if (network !== 'unix' && network !== 'tcp') throw new Error(`unknown address type: ${network}`)
  if (protocol !== 'grpc') throw new Error(`unsupported plugin protocol ${String(protocol)}`)
  if (multiplexing && supportsMultiplexing !== 'true')
    throw new Error('the plugin does not support broker multiplexing')
  if (!multiplexing && fields.length > 6) throw new Error('a field nobody asked for')
  if (!tls) return { fields, version: Number(version), network, address, certificate: undefined }
  // RawStdEncoding: padding is as illegal as any other character outside the alphabet.
  if (!/^[A-Za-z0-9+/]{51,}$/.test(certificate) || certificate.length % 4 === 1)
    throw new Error('error parsing server cert: illegal base64 data')
  const pem = `-----BEGIN CERTIFICATE-----\n${Buffer.from(certificate, 'base64').toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`
  return { fields, version: Number(version), network, address, certificate: Buffer.from(pem) }
}

/** As the Go host reads one line of stderr. Throws where it panics. */
export function readLogLine(raw: string): LoggedLine {
  const plain: LoggedLine = { level: 'debug', message: raw, fields: {}, structured: false, raw }
  if (Buffer.byteLength(raw) >= MAX_LINE) return plain
  let entry: unknown
  try {
    entry = JSON.parse(raw)
  } catch {
    return { ...plain, level: (/^\[(TRACE|DEBUG|INFO|WARN|ERROR)\]/.exec(raw)?.[1] ?? 'debug').toLowerCase() }
  }
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return plain
  const { '@level': level, '@message': message, '@timestamp': timestamp, ...fields } = entry as Record<string, unknown>
  for (const value of [level, message, timestamp])
    if (value !== undefined && typeof value !== 'string')
      throw new Error(`panic: interface conversion: interface {} is not string: ${raw}`)
  if (typeof timestamp !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$/.test(timestamp))
    return plain
  if (typeof level !== 'string' || !['trace', 'debug', 'info', 'warn', 'error'].includes(level.toLowerCase()))
    return plain
  return {
    level: level.toLowerCase(),
    message: typeof message === 'string' ? message : '',
    fields,
    structured: true,
    raw,
  }
}

interface Brokered {
  readonly service_id: number
  readonly knock: { readonly ack: boolean; readonly error: string } | null
}

export class GoPluginHost {
  readonly process: PluginProcess
  readonly handshake: Handshake
  /** The host's own; undefined in plain text. */
  readonly certificate: Certificate | undefined
  /** The control connection. */
  readonly client: Client
  /** What the plugin sent over its stdio stream. */
  readonly stdio: Buffer[] = []
  /** What the plugin sent over the broker stream. */
  readonly brokered: Brokered[] = []
  readonly #streams: (ClientReadableStream<unknown> | ClientDuplexStream<unknown, unknown>)[] = []
  readonly #broker: ClientDuplexStream<object, Brokered>
  readonly #servers = new Set<BrokerServer>()
  #lastId = 0

  constructor(process: PluginProcess, handshake: Handshake, certificate: Certificate | undefined) {
    this.process = process
    this.handshake = handshake
    this.certificate = certificate
    this.client = this.connect(certificate)
    const StartStream = methodOf<object, Brokered>(broker, 'StartStream')
    this.#broker = this.client.makeBidiStreamRequest(
      StartStream.path,
      StartStream.requestSerialize,
      StartStream.responseDeserialize,
    )
    this.#broker.on('data', (info: Brokered) => {
      this.brokered.push(info)
    })
    const StreamStdio = methodOf<object, { readonly data: Buffer }>(stdio, 'StreamStdio')
    const output = this.client.makeServerStreamRequest(
      StreamStdio.path,
      StreamStdio.requestSerialize,
      StreamStdio.responseDeserialize,
      {},
    )
    output.on('data', ({ data }: { readonly data: Buffer }) => {
      this.stdio.push(data)
    })
    this.#streams.push(this.#broker, output)
    for (const stream of this.#streams) stream.on('error', () => undefined)
  }

  /** Every line of stderr so far. Throws where one of them would have taken the Go host down. */
  get logs(): LoggedLine[] {
    return this.process.stderr.map(readLogLine)
  }

  /** The first line of stderr, past or to come, that `matches`. */
  async logged(matches: (line: LoggedLine) => boolean): Promise<LoggedLine> {
    for (;;) {
      const found = this.logs.find(matches)
      if (found) return found
      if (this.process.child.stderr?.destroyed !== false)
        throw new Error(`no such line was logged; stderr: ${this.process.stderr.join('\n')}`)
      await Promise.race([once(this.process.child.stderr, 'data'), this.process.exited])
      // The line reader has its turn after the raw chunk.
      await new Promise(setImmediate)
    }
  }

  /** A further connection to the plugin: with another certificate, or none, as somebody who is not its host. The caller closes it. */
  connect(certificate: Certificate | undefined): Client {
    const { network, address, certificate: plugin } = this.handshake
    const secure =
      plugin &&
      (certificate
        ? credentials.createSsl(plugin, certificate.keyPem, certificate.certificatePem)
        : credentials.createSsl(plugin))
    const names =
      network === 'tcp' ? { 'grpc.ssl_target_name_override': 'localhost', 'grpc.default_authority': 'localhost' } : {}
    return new Client(network === 'unix' ? `unix:${address}` : address, secure ?? credentials.createInsecure(), {
      ...noLimits,
      ...names,
      'grpc.use_local_subchannel_pool': 1,
    })
  }

  /** One unary call on the control connection, by the method's name; rejects with grpc-js's ServiceError. */
  call<Reply>(
    service: ServiceDefinition,
    method: string,
    request: object,
    options: HostCallOptions = {},
  ): Promise<Reply> {
    return unaryCall(options.client ?? this.client, service, method, request, options)
  }

  /** Rejects unless the plugin says it is serving. */
  async ping(service = 'plugin', options: HostCallOptions = {}): Promise<void> {
    const { status } = await this.call<{ readonly status: number }>(health, 'Check', { service }, options)
    if (status !== 1) throw new Error(`the plugin is not serving: ${String(status)}`)
  }

  /** Serves `services` for the plugin on a socket of their own, and announces them under the next broker id. */
  async serveBroker(
    services: readonly Service[],
    { announce = true, certificate = this.certificate }: BrokerServerOptions = {},
  ): Promise<BrokerServer> {
    const id = ++this.#lastId
    const address = join(tmpdir(), `plugin${randomBytes(8).toString('hex')}`)
    const server = new Server(noLimits)
    for (const { definition, implementation } of services) server.addService(definition, implementation)
    const secure =
      certificate &&
      this.handshake.certificate &&
      ServerCredentials.createSsl(
        this.handshake.certificate,
        [{ private_key: certificate.keyPem, cert_chain: certificate.certificatePem }],
        true,
      )
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${address}`, secure ?? ServerCredentials.createInsecure(), (error) => {
        if (error) reject(error)
        else resolve()
      })
    })
    const served: BrokerServer = {
      id,
      address,
      announce: () => {
        this.announce({ service_id: id, network: 'unix', address })
      },
      close: () => {
        this.#servers.delete(served)
        server.forceShutdown()
        rmSync(address, { force: true })
      },
    }
    this.#servers.add(served)
    if (announce) served.announce()
    return served
  }

  /** Sends anything on the broker stream. */
  announce(info: {
    readonly service_id: number
    readonly network?: string
    readonly address?: string
    readonly knock?: object
  }): void {
    this.#broker.write(info)
  }

  /** A broker id that nothing is served under and nothing was announced for. */
  nextBrokerId(): number {
    return ++this.#lastId
  }

  /** Asks for the exit, closes the connection, and after two seconds kills. True where that was not needed. */
  async kill(): Promise<boolean> {
    await this.call(controller, 'Shutdown', {}).catch(() => undefined)
    this.disconnect()
    let killed = false
    const cancel = systemClock.after(2_000, () => {
      killed = this.process.child.kill('SIGKILL')
    })
    await this.process.exited
    cancel()
    return !killed
  }

  /** What the plugin sees of a host that dies: its connections end. The process is left alone. */
  disconnect(): void {
    for (const stream of this.#streams) stream.cancel()
    this.client.close()
    for (const server of this.#servers) server.close()
  }
}
