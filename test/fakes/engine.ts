/** The engine as gateways see it: documents, sessions, introspection and the feed, with none of its storage. */
import { upstreamFields } from '../../src/document/index.ts'
import { mintToken, newTokenId, sessionIdOf, tokenDigest } from '../../src/scope/index.ts'
import { VaultError } from '../../src/vault-client/index.ts'
import type { FakeClock } from './clock.ts'

export interface FakeToken {
  readonly token: string
  readonly token_id: string
  readonly issued_at_unix: number
  expires_at_unix: number
  ended?: boolean
}

export interface FakeSession {
  readonly session_id: string
  readonly agent_id: string
  readonly environment: string
  readonly purpose: string
  readonly scopes: readonly string[] | null
  readonly policies: readonly string[] | null
  readonly generation: number
  readonly session_expires_at_unix: number
  readonly parent: FakeSession | undefined
  readonly tokens: FakeToken[]
  ended?: string
}

const upstreamDefaults = Object.fromEntries(
  Object.entries(upstreamFields).flatMap(([name, field]) => ('default' in field ? [[name, field.default]] : [])),
)

type Event = Record<string, unknown> & { type: string }

export class FakeEngine {
  readonly clock: FakeClock
  /** The engine's wall clock is this far ahead of the gateway's. */
  clockAheadMs = 0
  epoch = 'epoch-1'
  sequence = 0
  /** Gateways that follow the feed, as it tells them. */
  pollers = 1
  /** Told with every reset; undefined: an engine that has no check keys. Tokens are minted under the last of them. */
  check: { readonly check_keys: readonly string[]; readonly check_enforced_from_unix: number } | undefined
  /** How many tokens it takes in one introspection; 1: an engine that has no batches. */
  introspectionBatch = 64
  readonly documents = new Map<string, Record<string, unknown>>()
  readonly sessions = new Map<string, FakeSession>()
  #events: (Event & { sequence: number })[] = []
  #generations = new Map<string, number>()
  #version = 0
  #seed = 0
  #wake = new Set<() => void>()

  constructor(clock: FakeClock) {
    this.clock = clock
  }

  nowUnix(): number {
    return Math.floor((this.clock.now() + this.clockAheadMs) / 1000)
  }

  publish(event: Event): void {
    this.#events.push({ sequence: ++this.sequence, ...event })
    for (const wake of [...this.#wake]) wake()
  }

  /** The engine was restarted: another epoch, and nothing of the old ring. */
  restart(): void {
    this.epoch = `epoch-${String(++this.#seed + 1)}`
    this.#events = []
    this.sequence = 0
    for (const wake of [...this.#wake]) wake()
  }

  /** Stores a document and tells followers. `silent` = the event is still on its way. */
  put(path: string, document: Record<string, unknown>, silent = false): void {
    const version = ++this.#version
    this.documents.set(path, { ...document, version })
    if (!silent) this.publish({ type: 'document', path, version, deleted: false })
  }

  remove(path: string): void {
    this.documents.delete(path)
    this.publish({ type: 'document', path, version: ++this.#version, deleted: true })
  }

  agent(
    agentId: string,
    settings: { environment?: string; policies?: string[] | null; scopes?: string[] | null; owner?: string } = {},
  ): void {
    const { environment = 'production', policies = null, scopes, owner = 'platform-team' } = settings
    this.put(`agents/${agentId}`, {
      agent_id: agentId,
      owner,
      environment,
      description: '',
      policies,
      disabled: false,
      generation: this.#generation(agentId),
    })
    if (scopes !== undefined) this.put(`agents/${agentId}/scopes`, { scopes, max_ttl_seconds: 900, environment })
  }

  upstream(name: string, settings: Record<string, unknown> = {}): void {
    this.put(`upstreams/${name}`, {
      name,
      url: 'https://api.stripe.com',
      kv_mount: 'secret',
      kv_path: `mcp/${name}`,
      kv_field: 'api_key',
      auth: 'bearer',
      headers: {},
      request_headers: {},
      response_headers: [],
      allow_range: false,
      follow_redirects: [],
      error_format: 'object',
      sensitivity: 'high',
      allow_private_addresses: false,
      connect_timeout: 5,
      timeout: 60,
      idle_timeout: 300,
      max_request_bytes: 1_048_576,
      max_response_bytes: 1_048_576,
      ...settings,
    })
  }

  tool(upstream: string, name: string, operations: readonly unknown[], settings: Record<string, unknown> = {}): void {
    this.put(`tools/${upstream}/${name}`, {
      upstream,
      name,
      operations,
      fields: null,
      mcp_tools: [],
      risk: null,
      ...settings,
    })
  }

  open(
    agentId: string,
    settings: {
      scopes?: readonly string[] | null
      policies?: string[]
      ttl?: number
      parent?: FakeSession
      environment?: string
      life?: number
      purpose?: string
    } = {},
  ): FakeSession {
    const token = this.#mint(settings.ttl ?? 900)
    const session: FakeSession = {
      session_id: sessionIdOf(tokenDigest(token.token), this.clock.now()),
      agent_id: agentId,
      environment: settings.environment ?? 'production',
      purpose: settings.purpose ?? 'test',
      scopes: settings.scopes ?? null,
      policies: settings.policies ?? null,
      generation: this.#generation(agentId),
      session_expires_at_unix: this.nowUnix() + (settings.life ?? 28_800),
      parent: settings.parent,
      tokens: [token],
    }
    this.sessions.set(session.session_id, session)
    return session
  }

  refresh(session: FakeSession, ttl = 900): FakeToken {
    const token = this.#mint(ttl)
    session.tokens.push(token)
    this.publish({
      type: 'expiry',
      session_id: session.session_id,
      token_id: token.token_id,
      expires_at_unix: token.expires_at_unix,
      newest: newest(session) === token,
      tokens_end_unix: newest(session)?.expires_at_unix ?? 0,
    })
    return token
  }

  end(session: FakeSession, reason = 'closed'): void {
    session.ended = reason
    this.publish({ type: 'session_ended', session_id: session.session_id, reason })
  }

  endToken(session: FakeSession, token: FakeToken, reason: string): void {
    token.ended = true
    this.publish({ type: 'token_ended', session_id: session.session_id, token_id: token.token_id, reason })
  }

  revokeAgent(agentId: string): void {
    const generation = this.#generation(agentId) + 1
    this.#generations.set(agentId, generation)
    this.publish({ type: 'generation', agent_id: agentId, generation })
    // The generation is kept in the agent's document, which so has another version.
    const path = `agents/${agentId}`
    const document = this.documents.get(path)
    if (document) this.put(path, { ...document, generation })
  }

  feed(query: Readonly<Record<string, unknown>>, signal?: AbortSignal): Promise<Record<string, unknown>> {
    const { epoch, after, wait, wait_ms } = query as { epoch: string; after: number; wait: number; wait_ms?: number }
    const waitMs = wait_ms ?? wait * 1000
    const requested = this.clock.monotonic()
    const response = () => {
      const current = epoch === this.epoch && after <= this.sequence
      return {
        epoch: this.epoch,
        sequence: this.sequence,
        server_time_unix_ms: this.clock.now() + this.clockAheadMs,
        held_ms: this.clock.monotonic() - requested,
        events: current ? this.#events.filter((event) => event.sequence > after) : [],
        reset: !current,
        more: false,
        pollers: this.pollers,
        ...(this.introspectionBatch > 1 && { introspection_batch: this.introspectionBatch }),
        ...(!current && this.check),
      }
    }
    if (waitMs === 0 || epoch !== this.epoch || after !== this.sequence) return Promise.resolve(response())
    return new Promise((resolve) => {
      const finish = () => {
        cancel()
        this.#wake.delete(finish)
        signal?.removeEventListener('abort', finish)
        resolve(response())
      }
      const cancel = this.clock.after(waitMs, finish)
      this.#wake.add(finish)
      signal?.addEventListener('abort', finish, { once: true })
    })
  }

  handle(
    method: string,
    path: string,
    body: Record<string, unknown>,
    asker: string,
  ): Record<string, unknown> | undefined {
    if (path === 'introspect') return this.introspect(body)
    if (method === 'LIST') return this.#list(path)
    if (method === 'GET') return this.documents.get(path)
    const [kind, agentId = '', sessionId] = path.split('/')
    if (kind === 'creds' && method === 'POST') return this.#issue(agentId, sessionId, body)
    if (kind === 'creds' && method === 'DELETE') return this.#close(sessionId ?? '', asker)
    if (kind === 'sessions' && method === 'DELETE') return this.#close(agentId, undefined)
    if (kind === 'agents' && method === 'POST' && sessionId === 'revoke') {
      this.revokeAgent(agentId)
      return undefined
    }
    if (kind === 'agents' && method === 'POST') {
      this.put(path, {
        ...(path.includes('/scopes') ? {} : { agent_id: agentId, policies: null, disabled: false }),
        ...this.documents.get(path),
        ...body,
      })
      return undefined
    }
    if (kind === 'upstreams' && method === 'POST') {
      this.put(path, {
        ...upstreamDefaults,
        name: agentId,
        kv_path: `mcp/${agentId}`,
        ...this.documents.get(path),
        ...body,
      })
      return undefined
    }
    if (kind === 'tools' && method === 'POST') {
      const known = {
        upstream: agentId,
        name: path.split('/').slice(2).join('/'),
        fields: null,
        mcp_tools: [],
        risk: null,
      }
      this.put(path, { ...known, ...this.documents.get(path), ...body })
      return undefined
    }
    if (method === 'DELETE' && this.documents.has(path)) {
      this.remove(path)
      return undefined
    }
    throw new VaultError('unsupported_path', 404, 'unsupported path', ['unsupported path'])
  }

  introspect(body: Record<string, unknown>): Record<string, unknown> {
    const stamp = {
      epoch: this.epoch,
      sequence: this.sequence,
      server_time_unix_ms: this.clock.now() + this.clockAheadMs,
    }
    if (!('batch_input' in body)) return { ...this.#stateOf(body), ...stamp }
    if (this.introspectionBatch === 1)
      throw new VaultError('bad_request', 400, 'give exactly one of token, token_sha256 and session_id', [])
    const batch = body.batch_input as Record<string, unknown>[]
    return { batch_results: batch.map((about) => this.#stateOf(about)), ...stamp }
  }

  #stateOf(body: Record<string, unknown>): Record<string, unknown> {
    const session = [...this.sessions.values()].find(
      (candidate) =>
        candidate.session_id === body.session_id ||
        candidate.tokens.some(({ token }) => tokenDigest(token) === body.token_sha256),
    )
    if (!session) return { active: false, reason: 'unknown' }
    const token = session.tokens.find((candidate) => tokenDigest(candidate.token) === body.token_sha256)
    const { session_id, agent_id, environment, scopes } = session
    const about = {
      session_id,
      agent_id,
      environment,
      owner: 'platform-team',
      purpose: session.purpose,
      ...(token && { token_id: token.token_id, expires_at_unix: token.expires_at_unix }),
    }
    const chain = chainOf(session)
    const reason =
      chain.map((link) => this.#over(link)).find((over) => over !== undefined) ??
      (token?.ended ? 'revoked' : token && token.expires_at_unix <= this.nowUnix() ? 'expired' : undefined)
    if (reason) return { active: false, reason, ...about }
    return {
      active: true,
      ...about,
      scopes,
      ...(token && { expires_at_unix: token.expires_at_unix, iat: token.issued_at_unix }),
      chain: chain.map((link) => ({
        session_id: link.session_id,
        agent_id: link.agent_id,
        environment: link.environment,
        own_environment: true,
        scopes: link.scopes,
        policies: link.policies,
        generation: link.generation,
        newest_token_expires_at_unix: newest(link)?.expires_at_unix ?? 0,
        session_expires_at_unix: link.session_expires_at_unix,
      })),
      mount_generation: 0,
      refresh_possible_unix: this.#refreshPossibleUnix(session),
      documents: Object.fromEntries(
        chain
          .flatMap((link) => [`agents/${link.agent_id}`, `agents/${link.agent_id}/scopes`])
          .map((path) => [path, this.documents.get(path)?.version ?? null]),
      ),
    }
  }

  #over(session: FakeSession): 'revoked' | 'expired' | undefined {
    if (session.ended !== undefined || session.generation < this.#generation(session.agent_id)) return 'revoked'
    const youngest = newest(session)
    return !youngest || youngest.expires_at_unix <= this.nowUnix() || session.session_expires_at_unix <= this.nowUnix()
      ? 'expired'
      : undefined
  }

  #refreshPossibleUnix({ tokens }: FakeSession): number {
    const live = tokens.filter((token) => !token.ended && token.expires_at_unix > this.nowUnix())
    return live.length < 8 ? 0 : Math.min(...live.map((token) => token.expires_at_unix))
  }

  #issue(agentId: string, sessionId: string | undefined, body: Record<string, unknown>): Record<string, unknown> {
    if (!this.documents.has(`agents/${agentId}`))
      throw new VaultError('bad_request', 400, `agent "${agentId}" is not registered.`, [
        `agent "${agentId}" is not registered.`,
      ])
    const ttl = Math.min(typeof body.ttl === 'number' ? body.ttl : 900, 900)
    const known = sessionId === undefined ? undefined : this.sessions.get(sessionId)
    if (sessionId !== undefined && (!known || this.#over(known)))
      throw new VaultError('bad_request', 400, 'session is over, open a new one', ['session is over, open a new one'])
    if (known && this.#refreshPossibleUnix(known) > 0)
      throw new VaultError('rate_limited', 429, 'too_many_live_tokens', ['too_many_live_tokens'])
    const parent = [...this.sessions.values()].find(({ tokens }) =>
      tokens.some(({ token }) => token === body.parent_token),
    )
    const session =
      known ??
      this.open(agentId, {
        scopes:
          (body.requested_scopes as string[] | undefined) ??
          (this.documents.get(`agents/${agentId}/scopes`)?.scopes as string[] | undefined) ??
          null,
        ttl,
        ...(parent && { parent }),
        ...(typeof body.purpose === 'string' && { purpose: body.purpose }),
      })
    const token = known ? this.refresh(known, ttl) : session.tokens[0]!
    const iso = (unix: number) => new Date(unix * 1000).toISOString().replace('.000Z', 'Z')
    return {
      session_id: session.session_id,
      agent_id: agentId,
      token: token.token,
      token_id: token.token_id,
      scopes: session.scopes,
      environment: session.environment,
      purpose: body.purpose ?? '',
      issued_at: iso(token.expires_at_unix - ttl),
      expires_at: iso(token.expires_at_unix),
      expires_at_unix: token.expires_at_unix,
      ttl_seconds: ttl,
      refresh_after_unix: token.expires_at_unix - ttl / 5,
    }
  }

  /** Only tokens named `hvs.opener…` opened anything here. */
  #close(sessionId: string, asker: string | undefined): undefined {
    const session = this.sessions.get(sessionId)
    if (asker !== undefined && !asker.startsWith('hvs.opener'))
      throw new VaultError('permission_denied', 403, 'permission denied', ['permission denied'])
    if (session && session.ended === undefined) this.end(session)
    return undefined
  }

  #list(path: string): Record<string, unknown> | undefined {
    const below = [...this.documents].filter(
      ([key]) => key.startsWith(`${path}/`) && (path.startsWith('tools/') || !key.slice(path.length + 1).includes('/')),
    )
    if (below.length === 0) return undefined
    return {
      keys: below.map(([key]) => key.slice(path.length + 1)),
      key_info: Object.fromEntries(below.map(([key, document]) => [key.slice(path.length + 1), document])),
    }
  }

  #generation(agentId: string): number {
    return this.#generations.get(agentId) ?? 0
  }

  #mint(ttl: number): FakeToken {
    const random = (bytes: number) => new Uint8Array(bytes).fill(++this.#seed)
    const last = this.check?.check_keys.at(-1)
    const checkKey = last === undefined ? undefined : Buffer.from(last, 'base64')
    return {
      token: mintToken({ prefix: 'svt', label: 'prod', random, checkKey }),
      token_id: newTokenId(random, this.clock.now()),
      issued_at_unix: this.nowUnix(),
      expires_at_unix: this.nowUnix() + ttl,
    }
  }
}

/** The one that runs out last. */
const newest = (session: FakeSession): FakeToken | undefined =>
  session.tokens
    .filter((token) => !token.ended)
    .reduce<FakeToken | undefined>(
      (last, token) => (last && last.expires_at_unix > token.expires_at_unix ? last : token),
      undefined,
    )

function chainOf(session: FakeSession): FakeSession[] {
  return session.parent ? [session, ...chainOf(session.parent)] : [session]
}
