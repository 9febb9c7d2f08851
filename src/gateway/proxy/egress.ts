import { lookup as systemLookup } from 'node:dns/promises'
import { isIP, type LookupFunction, type Socket } from 'node:net'
import { buildConnector } from 'undici'
import { ClientPool } from '../../http-client/index.ts'
import type { Connect } from '../../http-client/index.ts'
import type { Clock } from '../../logical/clock.ts'
import { Deadlines } from '../../logical/deadlines.ts'
import type { WithDeadline } from '../../logical/deadlines.ts'
import { classifyAddress, isMetadataName } from '../call/address.ts'
import { GatewayCallError, plainCause } from '../call/call-error.ts'
import { parseBase, type BaseUrl, type CallableUpstream } from '../call/upstream.ts'

/** All addresses of a host name, as strings. Rejects when there is none. */
export type Resolver = (hostname: string) => Promise<readonly string[]>

export interface EgressOptions {
  readonly clock: Clock
  readonly resolve?: Resolver
  /** Opens the checked connection; by default undici's own connector. Given the `lookup` that must be used. */
  readonly connector?: (options: buildConnector.BuildOptions) => buildConnector.connector
  /** PEM certificates trusted instead of the built-in ones. */
  readonly ca?: string
}

/** Bounds what one upstream may take of this process; streams hold a connection each. */
export const CONNECTIONS_PER_UPSTREAM = 1024
const LARGEST_HEADERS = 64 * 1024

interface PoolEntry {
  readonly fingerprint: string
  readonly pool: ClientPool
}

const systemResolve: Resolver = async (hostname) =>
  (await systemLookup(hostname, { all: true, verbatim: true })).map(({ address }) => address)

/**
 * The only way out of the gateway. Every connection resolves the name again, checks every address the response holds and
 * connects to exactly those; no second look-up can lead elsewhere. Proxy variables play no part, TLS is always verified,
 * the protocol is HTTP/1.1, a redirect is another request, with a look at its own address.
 */
export class Egress {
  readonly #options: EgressOptions
  readonly #pools = new Map<string, PoolEntry>()
  /** Pools of older versions, until their last call is over. */
  readonly #retired = new Set<ClientPool>()
  /** Of the document a call was judged by: what it is called at is worked out once. */
  readonly #ofDocument = new WeakMap<CallableUpstream, PoolEntry>()
  /** When calls to upstreams have waited long enough. */
  readonly deadlines: Deadlines<WithDeadline>
  #closed = false

  constructor(options: EgressOptions) {
    this.#options = options
    this.deadlines = new Deadlines(options.clock)
  }

  /** The keep-alive connections of this version of the upstream. An older version's take no new calls and close when idle. */
  poolFor(upstream: CallableUpstream): ClientPool {
    if (this.#closed) throw new GatewayCallError('call_ended', 'the gateway is shutting down')
    const known = this.#ofDocument.get(upstream)
    if (known && this.#pools.get(upstream.name) === known) return known.pool
    const entry = this.#entryFor(upstream)
    this.#ofDocument.set(upstream, entry)
    return entry.pool
  }

  #entryFor(upstream: CallableUpstream): PoolEntry {
    const base = parseBase(upstream)
    const fingerprint = JSON.stringify([
      upstream.version,
      base.origin,
      upstream.allow_private_addresses,
      upstream.connect_timeout,
    ])
    const known = this.#pools.get(upstream.name)
    if (known?.fingerprint === fingerprint) return known
    checkOrigin(upstream, base)
    const pool = new ClientPool({
      origin: base.origin,
      connect: this.#connector(upstream),
      clock: this.#options.clock,
      connections: CONNECTIONS_PER_UPSTREAM,
      maxHeadBytes: LARGEST_HEADERS,
    })
    const entry = { fingerprint, pool }
    this.#pools.set(upstream.name, entry)
    if (known) this.#retire(known.pool)
    return entry
  }

  /** Opens connections to another origin for an upstream, checked as its own are; for undici. */
  connectorFor(target: CallableUpstream): buildConnector.connector {
    checkOrigin(target, parseBase(target))
    const connect = this.#connector(target)
    return ({ hostname, host = hostname, protocol, port }, callback) => {
      connect({ hostname, host, protocol, port }, (error, socket) => {
        if (socket && !error) callback(null, socket)
        else callback(error ?? new Error('there is no connection'), null)
      })
    }
  }

  /** Destroys every connection. */
  async close(): Promise<void> {
    this.#closed = true
    const pools = [...[...this.#pools.values()].map(({ pool }) => pool), ...this.#retired]
    this.#pools.clear()
    await Promise.all(
      pools.map((pool) => pool.destroy(new GatewayCallError('call_ended', 'the gateway is shutting down'))),
    )
  }

  #retire(pool: ClientPool): void {
    this.#retired.add(pool)
    void pool.close().then(() => this.#retired.delete(pool))
  }

  #connector(upstream: CallableUpstream): Connect {
    const { clock, connector = buildConnector, resolve = systemResolve, ca } = this.#options
    const timeoutMs = upstream.connect_timeout * 1000
    const connect = connector({
      lookup: checkedLookup(upstream, resolve),
      timeout: timeoutMs,
      rejectUnauthorized: true,
      allowH2: false,
      ...(ca === undefined ? {} : { ca }),
    })
    return (options, callback) => {
      // A literal address is connected to without a look-up, so it is checked here.
      const refusal = isIP(options.hostname) === 0 ? undefined : refuseAddress(upstream, options.hostname)
      if (refusal) {
        callback(refusal, null)
        return
      }
      let settled = false
      const settle = (error: Error | null, socket: Socket | null) => {
        if (settled) {
          socket?.destroy()
          return
        }
        settled = true
        cancel()
        callback(error, socket)
      }
      const cancel = clock.after(timeoutMs, () => {
        settle(
          new GatewayCallError(
            'upstream_timeout',
            `upstream ${upstream.name} did not accept a connection within ${String(upstream.connect_timeout)} s`,
          ),
          null,
        )
      })
      connect(options, (error: Error | null, socket: Socket | null) => {
        if (error || !socket) settle(connectFailure(upstream, error), null)
        else settle(null, socket)
      })
    }
  }
}

function checkOrigin(upstream: CallableUpstream, base: BaseUrl): void {
  if (isMetadataName(base.hostname)) throw addressRefused(upstream, 'is a cloud metadata service')
  if (base.protocol === 'http:' && !upstream.allow_private_addresses)
    throw addressRefused(upstream, 'is http:, which needs allow_private_addresses')
}

const addressRefused = (upstream: CallableUpstream, what: string): GatewayCallError =>
  new GatewayCallError('upstream_address_refused', `upstream ${upstream.name}: its address ${what}`)

function refuseAddress(upstream: CallableUpstream, address: string): GatewayCallError | undefined {
  const kind = classifyAddress(address)
  if (kind === 'metadata') return addressRefused(upstream, 'is a cloud metadata service')
  if (kind === 'private' && !upstream.allow_private_addresses)
    return addressRefused(upstream, 'is not public, which needs allow_private_addresses')
  return undefined
}

/**
 * The look-up `net.connect` uses. One address that may not be called spoils the whole response: a name that is public and
 * private at once is a rebinding attempt or a mistake, and either way not to be trusted.
 */
function checkedLookup(upstream: CallableUpstream, resolve: Resolver): LookupFunction {
  return (hostname, options, callback) => {
    const respond = async () => {
      const all = await resolve(hostname)
      for (const address of all) {
        const refusal = refuseAddress(upstream, address)
        if (refusal) throw refusal
      }
      const wanted = options.family === 4 || options.family === 6 ? options.family : undefined
      const addresses = all.filter((address) => wanted === undefined || isIP(address) === wanted)
      const [first] = addresses
      if (first === undefined)
        throw new GatewayCallError('upstream_unreachable', `upstream ${upstream.name}: its host name has no address`)
      return addresses.map((address) => ({ address, family: isIP(address) }))
    }
    respond().then(
      (addresses) => {
        if (options.all) callback(null, addresses)
        else callback(null, addresses[0]!.address, addresses[0]!.family)
      },
      (error: unknown) => {
        callback(error as NodeJS.ErrnoException, '')
      },
    )
  }
}

function connectFailure(upstream: CallableUpstream, error: NodeJS.ErrnoException | null): GatewayCallError {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof GatewayCallError) return cause
  const code = error?.code ?? ''
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') {
    return new GatewayCallError(
      'upstream_timeout',
      `upstream ${upstream.name} did not accept a connection within ${String(upstream.connect_timeout)} s`,
      { cause: plainCause(error) },
    )
  }
  const certificate = /CERT|SELF_SIGNED|UNABLE_TO_|HOSTNAME|ERR_TLS|ERR_SSL|EPROTO/.test(code)
  return new GatewayCallError(
    'upstream_unreachable',
    `upstream ${upstream.name} could not be reached${certificate ? ': its TLS certificate or handshake was not accepted' : ''}`,
    { cause: plainCause(error) },
  )
}
