/** Who uses the product in an episode: brokers that open sessions for agents, an operator that ends and narrows, callers with tokens. */
import { delay } from '../../src/logical/clock.ts'
import type { VaultResponse, VaultClient } from '../../src/vault-client/index.ts'
import type { ClientDependencies } from './vault-client.ts'
import { vaultClient } from './vault-client.ts'
import { PATHS } from './gateway.ts'
import type { GatewayNode, HeldToken } from './gateway.ts'
import type { History } from './history.ts'
import { Process } from './machine.ts'
import type { Machine } from './machine.ts'
import type { Names } from './names.ts'
import type { Random } from './random.ts'

export const AGENTS = ['billing', 'support'] as const
export const SCOPES = Object.keys(PATHS)

export interface Grant {
  readonly text: string
  readonly name: string
  readonly session_id: string
  readonly agent: string
  readonly scopes: readonly string[]
  readonly lease_id: string
  readonly client: VaultClient
}

export interface ActorDependencies {
  readonly machine: Machine
  readonly network: ClientDependencies['network']
  readonly cluster: ClientDependencies['cluster']
  readonly history: History
  readonly names: Names
  readonly random: Random
}

/** Callers choose among the grants issued last: old and dead ones among them, but not only those. */
const CHOSEN_FROM = 14
const REQUEST_MS = { timeoutMs: 5_000 }

/** Everybody who writes to Vault, on one machine, and what they were given. */
export class Writers {
  readonly grants: Grant[] = []
  readonly #dependencies: ActorDependencies
  readonly #process: Process
  readonly #operator: VaultClient
  readonly #brokers: readonly VaultClient[]
  #isOver = false

  constructor(dependencies: ActorDependencies) {
    this.#dependencies = dependencies
    this.#process = new Process(dependencies.machine, dependencies.random.fork('writers'))
    const client = (token: string) => vaultClient({ ...dependencies, process: this.#process, token })
    this.#operator = client('hvs.operator')
    this.#brokers = [client('hvs.broker-one'), client('hvs.broker-two')]
  }

  /** Documents without which nothing can be opened; repeated until they are there. */
  async setUp(): Promise<void> {
    const write = (path: string, body: object) =>
      this.#insist(() => this.#operator.write(`mcp/${path}`, body, REQUEST_MS))
    for (const [name, sensitivity] of [
      ['crm', 'high'],
      ['wiki', 'standard'],
    ] as const) {
      await write(`upstreams/${name}`, { url: `https://${name}.example`, sensitivity })
    }
    for (const [scope, segments] of Object.entries(PATHS)) {
      const [, upstream, tool] = scope.split(':')
      await write(`tools/${upstream!}/${tool!}`, { operations: [`GET /${segments.join('/')}`] })
    }
    for (const agent of AGENTS) {
      await write(`agents/${agent}`, { owner: 'team', environment: 'production' })
      await write(`agents/${agent}/scopes`, { scopes: SCOPES, max_ttl_seconds: 120 })
    }
  }

  /** Until `stop`: sessions are opened, refreshed, renewed, delegated and ended; agents are narrowed. */
  start(): void {
    const { random } = this.#dependencies
    void this.#repeat(random.fork('opener'), 300, 2_500, (draw) => this.#issue(draw))
    void this.#repeat(random.fork('operator'), 500, 3_500, (draw) => this.#operate(draw))
  }

  stop(): void {
    this.#isOver = true
  }

  choose(random: Random): HeldToken | undefined {
    const recent = this.grants.slice(-CHOSEN_FROM).filter((grant) => grant.scopes.length > 0)
    if (recent.length === 0) return undefined
    const { text, name, scopes } = random.pick(recent)
    return { text, name, scope: random.pick(scopes) }
  }

  /** What the engine says at the end about everything that was ever handed out, and what the agents declare. */
  async takeStock(): Promise<void> {
    for (const { text } of this.grants)
      await this.#insist(() => this.#operator.write('mcp/introspect', { token: text }, REQUEST_MS))
    for (const agent of AGENTS) {
      const response = await this.#insist(() => this.#operator.read(`mcp/agents/${agent}/scopes`, REQUEST_MS))
      this.#dependencies.history.add({ kind: 'read', agent, scopes: response?.data?.scopes as string[] })
    }
  }

  /** The mount goes, and may come back empty. */
  async removeMount(comesBack: boolean): Promise<void> {
    await this.#insist(() => this.#operator.write('sys/mounts/disable', {}, REQUEST_MS))
    if (!comesBack) return
    await delay(this.#process.clock, 2_000)
    await this.#insist(() => this.#operator.write('sys/mounts/enable', {}, REQUEST_MS))
    await this.setUp()
  }

  async #repeat(random: Random, least: number, most: number, act: (draw: Random) => Promise<unknown>): Promise<void> {
    while (!this.#isOver) {
      // Whatever fails is part of the episode: what was asked and what came of it stands in the history.
      await act(random).catch(() => undefined)
      await delay(this.#process.clock, random.between(least, most))
    }
  }

  async #insist<T>(request: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await request()
      } catch (error) {
        if (attempt >= 60) throw error
        await delay(this.#process.clock, 250)
      }
    }
  }

  async #issue(random: Random): Promise<void> {
    const luck = random.next()
    const ttl = random.chance(0.6) ? 4 + random.below(20) : 30 + random.below(60)
    const earlier = this.grants.length > 0 ? random.pick(this.grants.slice(-6)) : undefined
    if (!earlier || luck < 0.4) await this.#open(random, { ttl })
    else if (luck < 0.7) await this.#refresh(earlier, ttl)
    else if (luck < 0.85) await this.#open(random, { ttl, parent_token: earlier.text })
    else await earlier.client.write('sys/leases/renew', { lease_id: earlier.lease_id, increment: ttl + 20 }, REQUEST_MS)
  }

  async #open(random: Random, body: { ttl: number; parent_token?: string }): Promise<void> {
    const agent = random.pick(AGENTS)
    const client = random.pick(this.#brokers)
    this.#keep(await client.write(`mcp/creds/${agent}`, { purpose: 'simulated', ...body }, REQUEST_MS), agent, client)
  }

  async #refresh({ agent, session_id, client }: Grant, ttl: number): Promise<void> {
    this.#keep(await client.write(`mcp/creds/${agent}/${session_id}`, { ttl }, REQUEST_MS), agent, client)
  }

  #keep({ data, lease_id }: VaultResponse, agent: string, client: VaultClient): void {
    if (!data || lease_id === undefined) return
    const text = String(data.token)
    this.grants.push({
      text,
      name: this.#dependencies.names.token(text),
      session_id: String(data.session_id),
      agent,
      scopes: data.scopes as string[],
      lease_id,
      client,
    })
  }

  async #operate(random: Random): Promise<unknown> {
    const operator = this.#operator
    const agent = random.pick(AGENTS)
    const grant = this.grants.length > 0 ? random.pick(this.grants.slice(-8)) : undefined
    const luck = random.next()
    if (luck < 0.3) {
      const scopes = SCOPES.filter(() => random.chance(0.7))
      return operator.write(`mcp/agents/${agent}/scopes`, { scopes }, REQUEST_MS)
    }
    if (luck < 0.4) return operator.write(`mcp/agents/${agent}/scopes`, { scopes: SCOPES }, REQUEST_MS)
    if (luck < 0.47) return operator.write(`mcp/agents/${agent}/revoke`, {}, REQUEST_MS)
    if (luck < 0.52) {
      await operator.write(`mcp/agents/${agent}`, { disabled: true }, REQUEST_MS)
      await delay(this.#process.clock, random.between(100, 2_000))
      return this.#insist(() => operator.write(`mcp/agents/${agent}`, { disabled: false }, REQUEST_MS))
    }
    if (luck < 0.53) return operator.write('mcp/sessions/revoke-all', {}, REQUEST_MS)
    if (!grant) return undefined
    if (luck < 0.8) return operator.write('sys/leases/revoke', { lease_id: grant.lease_id, sync: true }, REQUEST_MS)
    if (luck < 0.9) return operator.delete(`mcp/sessions/${grant.session_id}`, REQUEST_MS)
    return grant.client.delete(`mcp/creds/${grant.agent}/${grant.session_id}`, REQUEST_MS)
  }
}

/** Callers at one gateway's door, for as long as its process lives. */
export function startCallers(gateway: GatewayNode, writers: Writers, random: Random, isOver: () => boolean): void {
  const { clock } = gateway.process
  const loop = (act: (draw: Random) => Promise<void>, leastMs: number, mostMs: number, draw: Random) => {
    const next = () => {
      clock.after(draw.between(leastMs, mostMs), () => {
        if (isOver()) return
        void act(draw)
        next()
      })
    }
    next()
  }
  const withToken = (act: (held: HeldToken, draw: Random) => Promise<void>) => async (draw: Random) => {
    const held = writers.choose(draw)
    if (held) await act(held, draw)
  }
  loop(
    withToken((held) => gateway.validate(held)),
    200,
    900,
    random.fork('validate'),
  )
  loop(
    withToken((held) => gateway.call(held, false)),
    300,
    1_500,
    random.fork('call'),
  )
  loop(
    withToken((held) => gateway.call(held, true)),
    1_500,
    5_000,
    random.fork('stream'),
  )
}
