/** `plugin.GRPCBroker`: the host announces the servers it listens with for us, and they are dialled by their ids. */
import { Client, credentials } from '@grpc/grpc-js'
import type { ChannelCredentials, ChannelOptions, ServerDuplexStream } from '@grpc/grpc-js'
import type { Clock } from '../logical/clock.ts'
import { RequestError } from '../logical/errors.ts'
import { goplugin } from '../proto/goplugin.ts'
import type { Certificate } from './certificate.ts'
import type { Service } from './plugin.ts'
import { serviceDefinition } from '../grpc/index.ts'

interface ConnInfo {
  readonly service_id: number
  readonly network: string
  readonly address: string
  readonly knock?: { readonly knock: boolean; readonly ack: boolean; readonly error: string } | null
}

/** Each side's certificate is the only one the other trusts. */
export interface MutualTls {
  readonly own: Certificate
  /** PEM */
  readonly hostCertificate: Buffer
}

export interface BrokerConfig {
  readonly clock: Clock
  /** Without it connections are plain text, as the host's own. */
  readonly tls: MutualTls | undefined
  /** Told when the host opens the broker stream and when that stream is over. */
  readonly opened: () => void
  readonly closed: () => void
}

export interface Broker {
  readonly service: Service
  readonly dial: (brokerId: number) => Promise<Client>
}

const WAIT_MS = 5_000
/** A host announces what it wants dialled at once; this many undialled ones are no host's doing but a fault, and memory stays bounded. */
const MAX_UNCLAIMED = 1024

const channelOptions: ChannelOptions = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // Idle connections are kept: something that tidies temporary folders may have removed the socket they would be opened by again.
  'grpc.client_idle_timeout_ms': 2 ** 31 - 1,
  // The other end is on this machine; the library's two minutes would be an outage of two minutes.
  'grpc.max_reconnect_backoff_ms': 5_000,
  'grpc.enable_channelz': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
}

export function createBroker(config: BrokerConfig): Broker {
  const announced = new Announcements(config.clock)
  const channelCredentials = credentialsFor(config.tls)
  const StartStream = (stream: ServerDuplexStream<ConnInfo, ConnInfo>) => {
    config.opened()
    stream.on('data', (info: ConnInfo) => {
      if (!info.knock) announced.add(info)
      else if (!info.knock.ack) stream.write(refusal(info.service_id))
    })
    stream.on('end', () => {
      stream.end()
    })
    // Emitted at the end of every call, however it ended.
    stream.once('close', config.closed)
    stream.on('error', () => undefined)
  }
  return {
    service: { definition: serviceDefinition(goplugin, 'plugin.GRPCBroker'), implementation: { StartStream } },
    dial: async (brokerId) => {
      const { target, options } = targetOf(await announced.claim(brokerId))
      const client = new Client(target, channelCredentials, { ...channelOptions, ...options })
      // Asking connects, so that the first call finds the connection made or in the making.
      client.getChannel().getConnectivityState(true)
      return client
    },
  }
}

function credentialsFor(tls: MutualTls | undefined): ChannelCredentials {
  if (!tls) return credentials.createInsecure()
  // Said, because NODE_TLS_REJECT_UNAUTHORIZED may be inherited.
  return credentials.createSsl(tls.hostCertificate, tls.own.keyPem, tls.own.certificatePem, {
    rejectUnauthorized: true,
  })
}

function targetOf({ network, address }: ConnInfo): { target: string; options?: ChannelOptions } {
  // The library takes `localhost`, the only name in a host's certificate, as the name of whatever is behind a socket.
  if (network === 'unix') return { target: `unix:${address}` }
  if (network === 'tcp')
    return {
      target: address,
      options: { 'grpc.ssl_target_name_override': 'localhost', 'grpc.default_authority': 'localhost' },
    }
  throw new RequestError(
    'unavailable',
    `the host announced a listener on the network ${JSON.stringify(network)}; only unix and tcp are supported`,
  )
}

/** Acknowledged, so that the knocking side stops waiting, and refused: connections through one another are not spoken here. */
function refusal(id: number): ConnInfo {
  return {
    service_id: id,
    network: '',
    address: '',
    knock: { knock: true, ack: true, error: 'this plugin does not multiplex connections' },
  }
}

/** Where announcements and those who wait for them meet, in either order; each announcement is claimed once. */
class Announcements {
  readonly #clock: Clock
  readonly #unclaimed = new Map<number, ConnInfo>()
  readonly #waiting = new Map<number, ((info: ConnInfo) => void)[]>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  add(info: ConnInfo): void {
    const waiter = this.#waiting.get(info.service_id)?.shift()
    if (waiter) {
      waiter(info)
      return
    }
    this.#unclaimed.set(info.service_id, info)
    const [oldest] = this.#unclaimed.keys()
    if (this.#unclaimed.size > MAX_UNCLAIMED && oldest !== undefined) this.#unclaimed.delete(oldest)
  }

  claim(id: number): Promise<ConnInfo> {
    const known = this.#unclaimed.get(id)
    if (known) {
      this.#unclaimed.delete(id)
      return Promise.resolve(known)
    }
    return new Promise((resolve, reject) => {
      const waiters = this.#waiting.get(id) ?? []
      this.#waiting.set(id, waiters)
      const leave = () => {
        if (waiters.includes(waiter)) waiters.splice(waiters.indexOf(waiter), 1)
        if (waiters.length === 0 && this.#waiting.get(id) === waiters) this.#waiting.delete(id)
      }
      const waiter = (info: ConnInfo) => {
        cancel()
        leave()
        resolve(info)
      }
      const cancel = this.#clock.after(WAIT_MS, () => {
        leave()
        reject(
          new RequestError(
            'unavailable',
            `the host did not announce the listener ${String(id)} within ${String(WAIT_MS / 1000)} seconds`,
          ),
        )
      })
      waiters.push(waiter)
    })
  }
}
