import { INTROSPECTION_BATCH } from '../../document/index.ts'
import type { SentFeedResponse, SentIntrospection } from '../../document/index.ts'
import { newTokenId, sessionIdOf, tokenDigest } from '../../scope/index.ts'
import type { MadeUpSecrets, RehearsalSource } from './made-up.ts'

export const MOUNT = 'mcp'
export const UPSTREAM = 'rehearsal'
const AGENT = 'rehearsal'
const EPOCH = 'rehearsal'
const SCOPES = ['read:rehearsal:things', 'read:rehearsal:ids', 'create:rehearsal:things']
const TOKEN_LIFE_S = 900

const agent = { agent_id: AGENT, owner: AGENT, environment: 'production', description: '', disabled: false }
const tool = (name: string, operations: readonly string[], fields: readonly string[] | null) => ({
  upstream: UPSTREAM,
  name,
  operations,
  fields,
  mcp_tools: [],
  risk: null,
})
/** Versions are large numbers, as the engine's are: V8 keeps those apart from small ones, and what is compiled for either is thrown away at the other. */
const toolsOf = (version: number) => ({
  things: { ...tool('things', ['GET /v1/things', 'GET /v1/things/{id}', 'POST /v1/things'], null), version },
  ids: { ...tool('ids', ['GET /v1/ids'], ['data[].id']), version },
})

/** One request of Vault's HTTP API below `/v1/`. */
export interface VaultRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: Readonly<Record<string, unknown>>
}

/** The engine and KV as a gateway finds them, with one upstream, two tools, one agent and a session for each token. */
export class StandInEngine {
  readonly #source: RehearsalSource
  readonly #secrets: MadeUpSecrets
  readonly #sessions: ReadonlyMap<string, Omit<SentIntrospection, 'epoch' | 'sequence' | 'server_time_unix_ms'>>
  readonly #contents: Readonly<Record<string, object>>

  constructor(source: RehearsalSource, secrets: MadeUpSecrets, upstreamUrl: string) {
    this.#source = source
    this.#secrets = secrets
    const version = source.clock.now()
    this.#sessions = new Map(
      secrets.tokens.map((token) => [tokenDigest(token), sessionOf(tokenDigest(token), source, version)] as const),
    )
    const tools = toolsOf(version)
    this.#contents = {
      [`${MOUNT}/agents/${AGENT}`]: { ...agent, policies: null, generation: 0, version },
      [`${MOUNT}/agents/${AGENT}/scopes`]: { scopes: SCOPES, max_ttl_seconds: TOKEN_LIFE_S, version },
      [`${MOUNT}/upstreams/${UPSTREAM}`]: {
        name: UPSTREAM,
        url: upstreamUrl,
        kv_path: `mcp/${UPSTREAM}`,
        auth: 'bearer',
        allow_private_addresses: true,
        version,
      },
      [`${MOUNT}/tools/${UPSTREAM}`]: { keys: Object.keys(tools), key_info: tools },
      [`secret/data/mcp/${UPSTREAM}`]: {
        data: { api_key: secrets.upstreamKey },
        metadata: {
          version: 1,
          created_time: '2026-12-01T09:00:00Z',
          custom_metadata: { mcp_origins: upstreamUrl },
        },
      },
    }
  }

  /** What `data` of the response holds; undefined where there is nothing at the path. A promise of a poll that waits for a change never settles. */
  respond({ path, query, body }: VaultRequest): object | Promise<object> | undefined {
    if (path === `${MOUNT}/introspect`) return this.#introspect(body)
    if (path !== `${MOUNT}/feed`) return this.#contents[path]
    return query.get('epoch') === EPOCH ? new Promise(() => undefined) : this.#feed()
  }

  #position() {
    return { epoch: EPOCH, sequence: 0, server_time_unix_ms: this.#source.clock.now() }
  }

  #feed(): SentFeedResponse {
    return {
      ...this.#position(),
      held_ms: 0,
      events: [],
      reset: true,
      more: false,
      check_keys: [Buffer.from(this.#secrets.checkKey).toString('base64')],
      check_enforced_from_unix: 0,
      pollers: 1,
      introspection_batch: INTROSPECTION_BATCH,
    }
  }

  #introspect({ batch_input: batch, token_sha256: digest }: VaultRequest['body']): object {
    const about = (asked: unknown) => this.#sessions.get(String(asked)) ?? { active: false, reason: 'unknown' }
    const results = Array.isArray(batch)
      ? { batch_results: batch.map((one: VaultRequest['body']) => about(one.token_sha256)) }
      : about(digest)
    return { ...results, ...this.#position() }
  }
}

function sessionOf(digest: string, { clock, random }: RehearsalSource, version: number) {
  const nowUnix = Math.floor(clock.now() / 1000)
  const session_id = sessionIdOf(digest, clock.now())
  const endsAtUnix = nowUnix + TOKEN_LIFE_S
  return {
    active: true,
    session_id,
    agent_id: AGENT,
    token_id: newTokenId(random, clock.now()),
    owner: AGENT,
    environment: 'production',
    purpose: 'rehearsal',
    expires_at_unix: endsAtUnix,
    iat: nowUnix,
    chain: [
      {
        session_id,
        agent_id: AGENT,
        environment: 'production',
        own_environment: true,
        scopes: SCOPES,
        policies: null,
        generation: 0,
        newest_token_expires_at_unix: endsAtUnix,
        session_expires_at_unix: endsAtUnix,
      },
    ],
    mount_generation: 0,
    refresh_possible_unix: 0,
    documents: { [`agents/${AGENT}`]: version, [`agents/${AGENT}/scopes`]: version },
  } as const
}
