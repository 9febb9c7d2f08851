/**
 * The server, as resources see it: asked lazily, with a short-lived child token, again where it was not able to answer. Neither
 * `validate` nor a provider function ever comes here.
 */
import { pauseMs } from '../logical/backoff.ts'
import type { Clock } from '../logical/clock.ts'
import { delay } from '../logical/clock.ts'
import type { Logger } from '../logical/log.ts'
import { VaultError } from '../vault-client/errors.ts'
import type { VaultResponse, VaultClient, VaultMethod } from '../vault-client/index.ts'
import { CallFailure } from './call-failure.ts'
import { createChildToken, logIn } from './login.ts'
import type { Post } from './login.ts'
import { Refusal, fault } from './protocol/diagnostic.ts'
import type { ProviderSettings } from './settings.ts'

export interface Server {
  /** Set where this run is to allow wildcards, so that scopes planned after it are not held against the setting of before. */
  wildcardsPlanned: boolean
  /** Where the engine is mounted; throws while that is not known. */
  mount(): string
  /** The same, undefined while it is not known. */
  knownMount(): string | undefined
  /** Paths are Vault's, decoded and without `/v1/`. Rejects with `CallFailure`. */
  request(method: VaultMethod, path: string, options?: ServerRequestOptions): Promise<VaultResponse>
  /** Undefined where there is nothing. */
  read(path: string): Promise<VaultResponse | undefined>
}

export interface ServerRequestOptions {
  readonly body?: object
  /** Sent again only where the server says that it did nothing: twice done would be done twice. */
  readonly once?: boolean
  /** Milliseconds; no retries then. */
  readonly within?: number
}

export interface SessionOptions {
  readonly settings: ProviderSettings
  readonly clock: Clock
  readonly logger: Logger
  readonly userAgent: string
}

/** The longest is longer than any number of retries that can be configured asks for. */
const RETRY = { firstMs: 1_000, longestMs: 60_000, factor: 1.5 }
/** The process is given a second for all of its leaving. */
const SHUTDOWN_REQUEST_MS = 300

interface Connected {
  readonly client: VaultClient
  /** Whose connections those are. */
  readonly root: VaultClient
  /** Under the token that was made by this session and ends with it: what it is revoked with. */
  readonly own: VaultClient | undefined
}

export class VaultSession implements Server {
  wildcardsPlanned = false
  readonly #options: SessionOptions
  readonly #stop = new AbortController()
  #connected: Promise<Connected> | undefined

  constructor(options: SessionOptions) {
    this.#options = options
  }

  knownMount(): string | undefined {
    return this.#options.settings.mount
  }

  mount(): string {
    const { mount } = this.#options.settings
    if (mount === undefined) throw notKnown(['mount'])
    return mount
  }

  async request(
    method: VaultMethod,
    path: string,
    { body, once = false, within }: ServerRequestOptions = {},
  ): Promise<VaultResponse> {
    const { client } = await this.#connect()
    const { settings } = this.#options
    const options = { ...(body && { body }), timeoutMs: within ?? settings.timeoutMs }
    return this.#send(client, method, path, options, once, within === undefined ? settings.maxRetries : 0)
  }

  async read(path: string): Promise<VaultResponse | undefined> {
    try {
      return await this.request('GET', path)
    } catch (error) {
      if (error instanceof CallFailure && error.error.kind === 'not_found' && error.error.errors.length === 0)
        return undefined
      throw error
    }
  }

  /** No request is begun again from here on. */
  stop(): void {
    this.#stop.abort()
  }

  /** Revokes what was logged in or made of the given token, and with it every lease made under that. */
  async close(): Promise<void> {
    this.stop()
    const connected = await this.#connected?.catch(() => undefined)
    if (!connected) return
    if (connected.own) await this.#revoke(connected.own)
    void connected.root.close()
  }

  async #revoke(own: VaultClient): Promise<void> {
    await own.request('POST', 'auth/token/revoke-self', { timeoutMs: SHUTDOWN_REQUEST_MS }).catch((error: unknown) => {
      this.#options.logger.warn(
        { error: messageOf(error) },
        'the token of this run could not be revoked; it ends by its TTL',
      )
    })
  }

  async #send(
    client: VaultClient,
    method: VaultMethod,
    path: string,
    options: { readonly body?: object; readonly timeoutMs: number },
    once: boolean,
    retries: number,
  ): Promise<VaultResponse> {
    const { clock, logger } = this.#options
    for (let attempt = 0; ; attempt++) {
      const began = clock.monotonic()
      try {
        const response = await client.request(method, path, options)
        logger.debug({ method, path, status: response.status, ms: Math.round(clock.monotonic() - began) }, 'request')
        return response
      } catch (thrown) {
        const error = thrown instanceof VaultError ? thrown : new VaultError('unavailable', 0, 'the request failed')
        logger.debug(
          { method, path, status: error.status, ms: Math.round(clock.monotonic() - began) },
          'request failed',
        )
        if (attempt >= retries || this.#stop.signal.aborted || !isWorthAgain(error, once))
          throw new CallFailure(error, method, path)
        await delay(clock, pauseMs(RETRY, attempt + 1), this.#stop.signal)
      }
    }
  }

  /** Once for all: what a login was refused for, it would be refused for again. */
  #connect(): Promise<Connected> {
    return (this.#connected ??= this.#begin())
  }

  async #begin(): Promise<Connected> {
    const { settings, clock, userAgent } = this.#options
    const missing = settings.unknown.filter((name) => name !== 'mount')
    if (missing.length > 0) throw notKnown(missing)
    if (settings.address === undefined)
      throw new Refusal(
        fault(
          'No server address is set',
          'Set the environment variable VAULT_ADDR, or address in the provider block, for example to https://vault.example.com:8200.',
        ),
      )
    // The HTTP client is a third of this program; most processes Terraform starts never ask anything.
    const { createVaultClient } = await import('../vault-client/index.ts')
    const open = (namespace: string | undefined): VaultClient =>
      reportingArguments(settings, () =>
        createVaultClient({
          address: settings.address!,
          clock,
          userAgent,
          timeoutMs: settings.timeoutMs,
          ...(namespace !== undefined && { namespace }),
          ...(settings.caFile !== undefined && { caFile: settings.caFile }),
        }),
      )
    const root = open(settings.namespace)
    const post: Post = (client, path, body, once) =>
      this.#send(client, 'POST', path, { body, timeoutMs: settings.timeoutMs }, once, settings.maxRetries)
    try {
      const given = settings.login
        ? await logIn(
            post,
            settings.login.namespace === undefined ? root : open(settings.login.namespace),
            settings.login,
          )
        : settings.token
      if (given === undefined)
        throw new Refusal(
          fault(
            'No token is set',
            'Set the environment variable VAULT_TOKEN, log in so that ~/.vault-token is there, or give an auth_login block.',
          ),
        )
      const parent = reportingArguments(settings, () => root.withToken(given))
      const client = settings.childToken
        ? root.withToken(
            await createChildToken(post, parent, settings.childTtlSeconds).catch(async (error: unknown) => {
              // Nothing else is going to end what was logged in.
              if (settings.login) await this.#revoke(parent)
              throw error
            }),
          )
        : parent
      const own = settings.login ? parent : client
      return { client, root, own: settings.login || settings.childToken ? own : undefined }
    } catch (error) {
      void root.close()
      throw error
    }
  }
}

function isWorthAgain({ status, kind }: VaultError, once: boolean): boolean {
  if (status === 412 || status === 429) return true
  return once ? status === 503 : status >= 500 || (status === 0 && kind === 'unavailable')
}

function notKnown(names: readonly string[]): Refusal {
  const list = names.join(', ')
  return new Refusal(
    fault(
      `The provider's ${list} ${names.length === 1 ? 'is' : 'are'} not known yet`,
      `It depends on something that is still to be made. Make that first, for example with terraform apply -target=…, or give ${list} a value known beforehand.`,
    ),
  )
}

/** What is wrong with an argument is said as it stands. */
function reportingArguments<T>({ caFile = '' }: ProviderSettings, make: () => T): T {
  try {
    return make()
  } catch (error) {
    // The client's name for it is its own.
    if (error instanceof VaultError)
      throw new Refusal(
        fault('The provider block is not valid', `${error.message.replace(/^caFile:/, `ca_cert_file ${caFile}`)}.`),
      )
    throw error
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
