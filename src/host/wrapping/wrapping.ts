import { isoSeconds } from '../../logical/clock.ts'
import type { Clock } from '../../logical/clock.ts'
import { RequestError, badRequest, fromUnknown } from '../../logical/errors.ts'
import type { Logger } from '../../logical/log.ts'
import type { Response, WrapInfo } from '../../logical/response.ts'
import { collectKeys, getJson, putJson } from '../../logical/storage.ts'
import type { Storage } from '../../logical/storage.ts'
import { wrappingPolicy } from '../auth/token-record.ts'
import type { TokenRecord } from '../auth/token-record.ts'
import type { TokenStore } from '../auth/token-store.ts'
import { isNothing } from '../base/call.ts'
import type { ApiCall, ApiOutcome } from '../base/call.ts'

/** A wrapped response as stored, under the salted hash of its wrapping token. */
interface WrappedResponse {
  readonly creation_path: string
  /** Unix milliseconds. */
  readonly creation_time: number
  /** Seconds. */
  readonly creation_ttl: number
  readonly response: Pick<Response, 'data' | 'warnings' | 'status'>
  readonly lease?: ApiOutcome['lease']
  readonly auth?: ApiOutcome['auth']
}

export interface WrappingConfig {
  readonly storage: Storage
  readonly clock: Clock
  readonly logger: Logger
  readonly tokens: TokenStore
}

const folder = 'sys/wrapping/'
/** What takes a wrapping token in the body, or, where there is none, as the token of the request. */
const aboutWrappingTokens = new Set(['lookup', 'unwrap', 'rewrap'].map((name) => folder + name))

/**
 * Response wrapping: a response is kept here, and the client gets a token that opens it once.
 * https://developer.hashicorp.com/vault/docs/concepts/response-wrapping
 */
export class Wrapping {
  readonly #config: WrappingConfig
  /** Hashes of the tokens that have something stored. */
  readonly #kept = new Set<string>()

  constructor(config: WrappingConfig) {
    this.#config = config
  }

  /** Removes what tokens that ended with the server's last run have left. */
  async start(): Promise<void> {
    const { storage, tokens } = this.#config
    for (const key of await collectKeys(storage, '')) {
      if (tokens.findByHash(key)) this.#kept.add(key)
      else await storage.delete(key)
    }
  }

  /** Forgets the response of a token that has ended. */
  forget(idHash: string): void {
    if (!this.#kept.delete(idHash)) return
    this.#config.storage.delete(idHash).catch((cause: unknown) => {
      this.#config.logger.error({ cause }, 'a wrapped response whose token has ended could not be removed')
    })
  }

  /**
   * The call as it is to be served: a wrapping token that is the request's own need not stand in the body as well. Throws, as
   * Vault does before it looks at the caller, when the token opens nothing.
   */
  admit(call: ApiCall): ApiCall {
    if (!aboutWrappingTokens.has(call.path) || call.operation === 'help') return call
    const inBody = Object.hasOwn(call.data, 'token') ? String(call.data.token) : undefined
    const token = inBody ?? call.token
    if (token === '')
      throw new RequestError(
        'permission_denied',
        `error validating wrapping token: ${inBody === undefined ? 'token is empty' : 'empty token in request body'}`,
      )
    this.#record(token)
    if (call.path === `${folder}lookup` || call.token !== inBody) return call
    const { token: _caller, ...data } = call.data
    return { ...call, data }
  }

  /** Looking a wrapping token up does not use it, even where it is the token of the request. */
  isFree({ path }: ApiCall, record: TokenRecord): boolean {
    return path === `${folder}lookup` && isWrapping(record)
  }

  /** Keeps what a request was answered and answers a token instead; what holds nothing to keep stays as it is. */
  async wrap(call: ApiCall, outcome: ApiOutcome): Promise<ApiOutcome> {
    const ttl = call.wrap_ttl ?? 0
    if (ttl === 0 || call.operation === 'help' || outcome.response?.stream) return outcome
    const response = contentOf(outcome)
    if (!response) return outcome
    const { lease, auth, operation, path, mount_type } = outcome
    const wrap_info = await this.#keep({
      creation_path: call.path,
      creation_time: this.#config.clock.now(),
      creation_ttl: ttl,
      response,
      ...(lease && { lease }),
      ...(auth && { auth }),
    })
    return { operation, path, mount_type, response: { wrap_info } }
  }

  async lookup(token: string): Promise<Response> {
    const { creation_path, creation_time, creation_ttl } = await this.#find(this.#record(token))
    return { data: { creation_path, creation_time: isoSeconds(creation_time), creation_ttl } }
  }

  /** `own`: the token is the caller's, so that the request itself has used it. */
  unwrap(token: string, own: boolean): Promise<Response> {
    return this.#open(token, own, async ({ response, lease, auth }) => ({
      ...response,
      ...(lease && {
        secret: {
          lease_id: lease.lease_id,
          lease_options: { ttl: lease.ttl, max_ttl: 0, renewable: lease.renewable },
          internal_data: {},
        },
      }),
      ...(auth && { auth }),
    }))
  }

  /** Keeps the response under a new token of the same life; the old one is over. */
  rewrap(token: string, own: boolean): Promise<Response> {
    return this.#open(token, own, async (wrapped) => ({
      wrap_info: await this.#keep({ ...wrapped, creation_time: this.#config.clock.now() }),
    }))
  }

  async #open(
    token: string,
    own: boolean,
    respond: (wrapped: WrappedResponse) => Promise<Response>,
  ): Promise<Response> {
    const record = own ? this.#config.tokens.findSpent(token) : this.#record(token)
    if (!record) throw invalid()
    try {
      // Of two at a time the second finds the token used.
      if (!own) await this.#use(record)
      return await respond(await this.#find(record))
    } finally {
      await this.#config.tokens.end(record.id_hash)
    }
  }

  async #use(record: TokenRecord): Promise<void> {
    try {
      await this.#config.tokens.use(record)
    } catch (thrown) {
      throw fromUnknown(thrown).kind === 'permission_denied' ? invalid() : thrown
    }
  }

  async #keep(wrapped: WrappedResponse): Promise<WrapInfo> {
    const { storage, tokens } = this.#config
    const { token, record } = await tokens.create({
      policies: [wrappingPolicy],
      path: wrapped.creation_path,
      meta: null,
      display_name: '',
      num_uses: 1,
      parent: '',
      ttl: wrapped.creation_ttl,
      explicit_max_ttl: wrapped.creation_ttl,
      period: 0,
      renewable: false,
    })
    this.#kept.add(record.id_hash)
    try {
      await putJson(storage, record.id_hash, wrapped)
    } catch (cause) {
      await tokens.end(record.id_hash)
      throw cause
    }
    return {
      token,
      accessor: record.accessor,
      ttl: wrapped.creation_ttl,
      creation_time: isoSeconds(wrapped.creation_time),
      creation_path: wrapped.creation_path,
      ...(wrapped.auth?.accessor && { wrapped_accessor: wrapped.auth.accessor }),
    }
  }

  #record(token: string): TokenRecord {
    const record = this.#config.tokens.find(token)
    if (!record || !isWrapping(record)) throw invalid()
    return record
  }

  async #find({ id_hash }: TokenRecord): Promise<WrappedResponse> {
    const wrapped = await getJson<WrappedResponse>(this.#config.storage, id_hash)
    if (!wrapped) throw invalid()
    return wrapped
  }
}

/** What there is to keep; undefined for what is empty, not there (404, wrapped or not), or a wrapping token itself. */
function contentOf(outcome: ApiOutcome): WrappedResponse['response'] | undefined {
  const { lease, auth } = outcome
  const { data, warnings, status, wrap_info } = outcome.response ?? {}
  const content = data ?? lease ?? auth ?? warnings?.[0]
  if (content === undefined || wrap_info || isNothing(outcome)) return undefined
  return { ...(data && { data }), ...(warnings && { warnings }), ...(status !== undefined && { status }) }
}

/** No other token can have this policy: it is given out by nobody else. */
const isWrapping = ({ policies }: TokenRecord): boolean => policies.length === 1 && policies[0] === wrappingPolicy

const invalid = (): RequestError => badRequest('wrapping token is not valid or does not exist')
