/** Many who issue, refresh and revoke while servers die, remember what they were told, and judge afterwards what became of it. */
import { seededRandom } from '../../survival/writer.ts'
import type { ApiResponse } from './api.ts'
import { pause } from './until.ts'
import type { ClusterNode } from './node.ts'

export const AGENT = 'claude-billing-agent'

interface Token {
  readonly token: string
  readonly lease_id: string
}

/** `live`: everything acknowledged says so. `doubtful`: a request that ends it got no good response. `ended`: its end was acknowledged. */
interface Session {
  readonly session_id: string
  /** Oldest first. */
  readonly tokens: Token[]
  standing: 'live' | 'doubtful' | 'ended'
  /** A refresh got no good response: it may have happened, and taken a place among the live tokens. Nothing further is done with it. */
  refreshing: boolean
}

export interface CheckResult {
  /** A sentence for every acknowledged thing that does not hold. */
  readonly problems: readonly string[]
  readonly live: number
  readonly ended: number
  readonly doubtful: number
}

/** How many live tokens a session holds at most; a further refresh is refused. */
const MOST_TOKENS = 8

export class Writers {
  readonly #nodes: () => readonly ClusterNode[]
  readonly #token: string
  readonly #sessions: Session[] = []
  readonly #work: Promise<void>[] = []
  #stopping = false
  /** Milliseconds of every acknowledged request. */
  readonly latencies: number[] = []
  /** What was answered instead of a success, and how often. */
  readonly refusals = new Map<string, number>()
  /** The longest time in which nobody was acknowledged anything, in milliseconds. */
  longestGapMs = 0
  #lastAt = performance.now()

  /** `nodes` are asked in turn, as a load balancer would; it is asked again for every request. */
  constructor(nodes: () => readonly ClusterNode[], token: string) {
    this.#nodes = nodes
    this.#token = token
  }

  get acknowledged(): number {
    return this.latencies.length
  }

  start(count: number, pauseMs = 5): void {
    this.#lastAt = performance.now()
    for (let index = 0; index < count; index++) this.#work.push(this.#write(seededRandom(index + 1), index, pauseMs))
  }

  /** Resolves when the last request has its response. */
  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#work)
  }

  async #write(random: () => number, turn: number, pauseMs: number): Promise<void> {
    const mine: Session[] = []
    while (!this.#stopping) {
      const nodes = this.#nodes()
      const good = await this.#step(nodes[turn++ % nodes.length]!, mine, random)
      await pause(good ? pauseMs : 50)
    }
    this.#sessions.push(...mine)
  }

  async #step(node: ClusterNode, mine: Session[], random: () => number): Promise<boolean> {
    const usable = mine.filter(({ standing, refreshing }) => standing === 'live' && !refreshing)
    const session = usable[Math.floor(random() * usable.length)]
    const dice = random()
    if (!session || dice < 0.45) {
      const body = await this.#ask(node, 'POST', `mcp/creds/${AGENT}`, { purpose: 'load' })
      if (body)
        mine.push({
          session_id: body.data.session_id,
          tokens: [{ token: body.data.token, lease_id: body.lease_id }],
          standing: 'live',
          refreshing: false,
        })
      return body !== undefined
    }
    if (dice < 0.7 && session.tokens.length < MOST_TOKENS) {
      session.refreshing = true
      const body = await this.#ask(node, 'POST', `mcp/creds/${AGENT}/${session.session_id}`, {})
      if (!body) return false
      session.tokens.push({ token: body.data.token, lease_id: body.lease_id })
      session.refreshing = false
      return true
    }
    session.standing = 'doubtful'
    const body =
      dice < 0.85
        ? await this.#ask(node, 'POST', 'sys/leases/revoke', { lease_id: session.tokens.at(-1)!.lease_id, sync: true })
        : await this.#ask(node, 'DELETE', `mcp/sessions/${session.session_id}`)
    if (body) session.standing = 'ended'
    return body !== undefined
  }

  async #ask(
    node: ClusterNode,
    method: string,
    path: string,
    body?: unknown,
  ): Promise<ApiResponse['body'] | undefined> {
    const started = performance.now()
    const response = await node
      .api(method, path, { token: this.#token, ...(body !== undefined && { body }) })
      .catch(() => undefined)
    if (response && response.status < 300) {
      const now = performance.now()
      this.latencies.push(now - started)
      this.longestGapMs = Math.max(this.longestGapMs, now - this.#lastAt)
      this.#lastAt = now
      return response.body
    }
    const reason = response
      ? `${String(response.status)} ${String(response.body.errors?.[0] ?? '')
          .replaceAll(/\s+/g, ' ')
          .slice(0, 100)}`
      : 'no answer'
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1)
    return undefined
  }

  /** Compares everything that was acknowledged with what the engine says now. After `stop`. */
  async examine(node: ClusterNode): Promise<CheckResult> {
    const problems: string[] = []
    const introspect = async (token: string): Promise<string> => {
      const { status, body } = await node.api('POST', 'mcp/introspect', { token: this.#token, body: { token } })
      if (status !== 200) return `${String(status)} ${JSON.stringify(body)}`
      return body.data.active === true ? 'active' : String(body.data.reason)
    }
    const examine = async ({ session_id, tokens, standing, refreshing }: Session): Promise<void> => {
      const verdicts = await Promise.all(tokens.map(({ token }) => introspect(token)))
      if (standing === 'ended' && verdicts.some((outcome) => outcome !== 'revoked'))
        problems.push(`${session_id} was ended: ${verdicts.join(', ')}`)
      if (standing !== 'live') return
      // No refresh ends a token, whatever became of its response.
      if (verdicts.some((outcome) => outcome !== 'active'))
        problems.push(`${session_id} is live${refreshing ? ', refreshing' : ''}: ${verdicts.join(', ')}`)
      const lease = await node.api('PUT', 'sys/leases/lookup', {
        token: this.#token,
        body: { lease_id: tokens.at(-1)!.lease_id },
      })
      if (lease.status !== 200) problems.push(`${session_id} is live, its lease is lost: ${JSON.stringify(lease.body)}`)
    }
    const waiting = this.#sessions.values()
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        for (const session of waiting) await examine(session)
      }),
    )
    const count = (wanted: Session['standing']): number =>
      this.#sessions.filter(({ standing }) => standing === wanted).length
    return { problems, live: count('live'), ended: count('ended'), doubtful: count('doubtful') }
  }
}

/** The agent all of them are, and what it needs. */
export async function provisionAgent(
  root: (method: string, path: string, body?: unknown) => Promise<unknown>,
  upstreamUrl: string,
  key: string,
): Promise<void> {
  for (const [name, sensitivity] of [
    ['stripe', 'high'],
    ['github', 'standard'],
  ] as const) {
    await root('POST', `secret/data/mcp/${name}`, { data: { api_key: key } })
    await root('POST', `secret/metadata/mcp/${name}`, { custom_metadata: { mcp_origins: upstreamUrl } })
    await root('POST', `mcp/upstreams/${name}`, { url: upstreamUrl, sensitivity, allow_private_addresses: true })
    await root('POST', `mcp/tools/${name}/all`, { operations: ['GET /v1/invoices', 'GET /v1/events'] })
  }
  await root('POST', `mcp/agents/${AGENT}`, { owner: 'platform-team', environment: 'production' })
  await root('POST', `mcp/agents/${AGENT}/scopes`, { scopes: ['read:stripe:all', 'read:github:all'] })
}

const at = (sorted: readonly number[], share: number): string =>
  (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(1)

/** `p50 1.2, p99 3.4 ms of 100` */
export function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b)
  return `p50 ${at(sorted, 0.5)}, p99 ${at(sorted, 0.99)}, max ${at(sorted, 1)} ms of ${String(sorted.length)}`
}

export const refusalsOf = ({ refusals }: Writers): string =>
  refusals.size === 0 ? 'none' : [...refusals].map(([reason, count]) => `${String(count)} x "${reason}"`).join(', ')
