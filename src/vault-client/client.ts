import { readFileSync } from 'node:fs'
import type { Clock } from '../logical/clock.ts'
import { stringifyJsonExactly } from '../logical/json.ts'
import { readResponse } from './response.ts'
import type { VaultResponse } from './response.ts'
import { hardenedClient } from './hardened-client.ts'
import { noResponse, refused, VaultError } from './errors.ts'
import { encodePath, encodeQuery } from './path.ts'
import { secretsOf } from './scrub.ts'
import { createTransport } from './transport.ts'
import type { RawResponse, Transport } from './transport.ts'

export type VaultMethod = 'GET' | 'LIST' | 'PUT' | 'POST' | 'PATCH' | 'DELETE'

export interface CallOptions {
  readonly query?: Readonly<Record<string, string | number | boolean>>
  readonly signal?: AbortSignal
  /** Whole exchange, from the call to the last byte of the response. */
  readonly timeoutMs?: number
  /** Asks for the response wrapped in a single-use token that lives this long: `60s`, `5m`. */
  readonly wrapTtl?: string
  /**
   * Takes the body of a success as it comes, where it has no end of its own (`sys/monitor`); the response then has no data, and
   * `timeoutMs` is for its beginning.
   */
  readonly onText?: (text: string) => void
}

export interface RequestOptions extends CallOptions {
  /** Sent as JSON; not with GET and LIST. */
  readonly body?: object
}

/**
 * Vault's HTTP API. Paths are decoded text below `/v1/`, without leading slash: `mcp/creds/claude-billing-agent`.
 * Every failure is a `VaultError`; what never reached Vault or was not answered by it is `unavailable`.
 */
export interface VaultClient {
  /** Any request. 2xx resolves; so do `sys/health` in any state and the 404 of a deleted KV version, with their data. */
  request(method: VaultMethod, path: string, options?: RequestOptions): Promise<VaultResponse>
  /** Undefined when there is nothing at the path, and Vault does not say why. */
  read(path: string, options?: CallOptions): Promise<VaultResponse | undefined>
  /** Undefined likewise. Sent as `GET ?list=true`, which every proxy lets through. */
  list(path: string, options?: CallOptions): Promise<VaultResponse | undefined>
  write(path: string, body?: object, options?: CallOptions): Promise<VaultResponse>
  delete(path: string, options?: CallOptions): Promise<VaultResponse>
  /** The same connections under another token. Throws `bad_request` for an empty or malformed one. */
  withToken(token: string): VaultClient
  /** Ends the connections. They belong to the first client: closing one made by `withToken` does nothing. */
  close(): Promise<void>
}

export interface VaultClientOptions {
  /** `https://vault.internal:8200`; or the nodes of one cluster, of which the next is asked once one has failed. */
  readonly address: string | readonly string[]
  /** Omitted: requests carry no token (logins). A function is asked before each request. */
  readonly token?: string | (() => string)
  readonly namespace?: string
  /** PEM file of the authorities to trust instead of the machine's. */
  readonly caFile?: string
  /** Of a request that names none; default 10 s. */
  readonly timeoutMs?: number
  readonly clock: Clock
  readonly userAgent?: string
}

const DEFAULT_TIMEOUT_MS = 10_000
const LONGEST_TOKEN = 16_384

interface Settings {
  readonly endpoint: string
  readonly namespace: string
  readonly timeoutMs: number
  readonly userAgent: string
  readonly transport: Transport
}

/** Opens nothing yet: connections are made by the first request. Throws `bad_request` naming the wrong option. */
export function createVaultClient(options: VaultClientOptions): VaultClient {
  const { clock, caFile, token } = options
  const [address, ...others] = parseAddresses(options.address)
  const userAgent = options.userAgent ?? 'vault-plugin-secrets-mcp'
  if (!/^[\x20-\x7e]{1,256}$/.test(userAgent))
    throw refused('userAgent: must be printable ASCII, for example mcp-gateway/1.0')
  const settings: Settings = {
    endpoint: address.origin + address.pathname.replace(/\/$/, ''),
    namespace: options.namespace === undefined ? '' : checkNamespace(options.namespace),
    timeoutMs: checkTimeout(options.timeoutMs ?? DEFAULT_TIMEOUT_MS),
    userAgent,
    transport: createTransport({
      origins: [address.origin, ...others.map(({ origin }) => origin)],
      clock,
      ...(caFile === undefined ? {} : { ca: readAuthorities(caFile) }),
    }),
  }
  if (typeof token === 'string') checkToken(token)
  return clientOf(settings, token ?? '', () => settings.transport.close())
}

function clientOf(settings: Settings, token: string | (() => string), close: () => Promise<void>): VaultClient {
  const sender = senderOf(settings, token)

  async function request(method: VaultMethod, path: string, options: RequestOptions = {}): Promise<VaultResponse> {
    const { body, signal, wrapTtl, onText } = options
    const listing = method === 'LIST'
    const reading = listing || method === 'GET'
    if (reading && body !== undefined) throw refused(`body: ${method} carries none; use query`)
    const encoded = encodePath(path, listing) + encodeQuery({ ...options.query, ...(listing ? { list: true } : {}) })
    const { send, current } = sender()
    const response = await send({
      method: listing ? 'GET' : method,
      path: `/${encoded}`,
      headers: headersOf(settings.userAgent, method, body !== undefined, wrapTtl),
      timeoutMs: checkTimeout(options.timeoutMs ?? settings.timeoutMs),
      ...(signal ? { signal } : {}),
      ...(onText ? { onText } : {}),
      ...(body === undefined ? {} : { content: serialise(body) }),
    }).catch((thrown: unknown): RawResponse => {
      throw thrown instanceof VaultError ? thrown : noResponse('the request to Vault failed')
    })
    return readResponse(response.statusCode, response.body, path, () => secretsOf(current, body))
  }

  return Object.freeze({
    request,
    read: (path: string, options?: CallOptions) => orNothing(request('GET', path, options)),
    list: (path: string, options?: CallOptions) => orNothing(request('LIST', path, options)),
    write: (path: string, body: object = {}, options?: CallOptions) => request('POST', path, { ...options, body }),
    delete: (path: string, options?: CallOptions) => request('DELETE', path, options),
    withToken: (other: string) => clientOf(settings, checkToken(other), () => Promise.resolve()),
    close,
  })
}

/** The hardened client of the current token; a new one is built only when the token has changed. */
function senderOf(settings: Settings, token: string | (() => string)) {
  const build = (current: string) => ({ current, send: hardenedClient({ ...settings, token: current }) })
  if (typeof token === 'string') {
    const fixed = build(token)
    return () => fixed
  }
  let latest: ReturnType<typeof build> | undefined
  return () => {
    const current = token()
    if (latest?.current === current) return latest
    // The caller did nothing wrong here: it is our own identity that is missing.
    if (current === '') throw noResponse('there is no Vault token to send right now')
    latest = build(checkToken(current))
    return latest
  }
}

async function orNothing(response: Promise<VaultResponse>): Promise<VaultResponse | undefined> {
  try {
    return await response
  } catch (thrown) {
    if (thrown instanceof VaultError && thrown.kind === 'not_found' && thrown.errors.length === 0) return undefined
    throw thrown
  }
}

function headersOf(
  userAgent: string,
  method: VaultMethod,
  hasBody: boolean,
  wrapTtl: string | undefined,
): Record<string, string> {
  if (wrapTtl !== undefined && !/^\d{1,9}[smhd]?$/.test(wrapTtl))
    throw refused('wrapTtl: must be a duration, for example 60s')
  const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
  return {
    'User-Agent': userAgent,
    // A Vault Agent in front may insist on it, as its guard against forged cross-site requests.
    'X-Vault-Request': 'true',
    ...(hasBody ? { 'Content-Type': contentType } : {}),
    ...(wrapTtl === undefined ? {} : { 'X-Vault-Wrap-TTL': wrapTtl }),
  }
}

function serialise(body: object): string {
  try {
    return stringifyJsonExactly(body)
  } catch {
    throw refused('body: cannot be written as JSON')
  }
}

function parseAddresses(given: string | readonly string[]): [URL, ...URL[]] {
  const [first, ...others] = [given].flat().map(parseAddress)
  if (!first) throw refused('address: is empty; name a server, for example https://vault.internal:8200')
  if (others.some(({ pathname }) => pathname !== first.pathname))
    throw refused('address: all nodes of a cluster must have the same path after their hosts')
  return [first, ...others]
}

function parseAddress(address: string): URL {
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:'))
    throw refused('address: must be an http or https URL, for example https://vault.internal:8200')
  if (url.username !== '' || url.password !== '')
    throw refused('address: must not hold a user name or password; Vault takes a token')
  if (url.search !== '' || url.hash !== '')
    throw refused('address: must not hold a query or fragment, for example https://vault.internal:8200')
  return url
}

function checkToken(token: string): string {
  if (typeof token !== 'string' || token === '')
    throw refused('token: is empty; an empty token never stands for another one')
  if (token.length > LONGEST_TOKEN || !/^[\x21-\x7e]+$/.test(token))
    throw refused('token: must be printable ASCII without spaces')
  return token
}

function checkNamespace(namespace: string): string {
  return encodePath(namespace, true)
}

function checkTimeout(timeoutMs: number): number {
  if (!Number.isFinite(timeoutMs) || timeoutMs <= 0)
    throw refused('timeoutMs: must be a positive number of milliseconds, for example 10000')
  return timeoutMs
}

function readAuthorities(caFile: string): string {
  let text: string
  try {
    text = readFileSync(caFile, 'utf8')
  } catch {
    throw refused('caFile: cannot be read; name a PEM file of certificates')
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw refused('caFile: holds no PEM certificate')
  return text
}
