/** Gateways beside the cluster: the CLI in processes of their own, logged in with approle, and callers who watch what they say. */
import { randomBytes } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { compileCli, openWorkshop } from '../../survival/process.ts'
import type { Running } from '../../survival/process.ts'
import type { Cluster } from './cluster.ts'
import { pause, timeUntil } from './until.ts'

export interface Gateways {
  /** Starts one that talks to `address`; resolves to its URL when it is in contact with the engine. */
  start(address: string): Promise<string>
  close(): Promise<void>
}

/** Logs the gateways in under the policy the package ships. */
export async function openGateways(cluster: Cluster): Promise<Gateways> {
  const compiled = await compileCli()
  const workshop = await openWorkshop(compiled.script)
  const policy = await readFile(resolve(import.meta.dirname, '../../../vault-config/policies/mcp-gateway.hcl'), 'utf8')
  await cluster.root('POST', 'sys/policies/acl/mcp-gateway', { policy })
  await cluster.root('POST', 'sys/auth/approle', { type: 'approle' })
  await cluster.root('POST', 'auth/approle/role/gateway', {
    token_policies: ['mcp-gateway'],
    token_ttl: '20m',
    token_max_ttl: '1h',
  })
  const { body: role } = await cluster.root('GET', 'auth/approle/role/gateway/role-id')
  // One for all: a standby that is asked about a secret ID it has not heard of yet may not believe in it for long.
  const { body: secret } = await cluster.root('POST', 'auth/approle/role/gateway/secret-id', {})
  await workshop.write('secret-id', String(secret.data.secret_id))
  await Promise.all(cluster.nodes.map((node) => cluster.caughtUp(node)))
  const running: Running[] = []
  return {
    async start(address) {
      const name = `gateway-${randomBytes(4).toString('hex')}`
      await workshop.write(
        `${name}.hcl`,
        `
        vault { address = "${address}" approle { role_id = "${String(role.data.role_id)}" secret_id_file = "secret-id" } }
        listener "http" { address = "127.0.0.1:0" }
        listener "grpc" { address = "127.0.0.1:0" }
        audit_path = "${name}.jsonl"
        max_staleness { high = 2 standard = "60s" }
        log_level = "warn"
      `,
      )
      const gateway = await workshop.start(['gateway', `-config=${name}.hcl`])
      running.push(gateway)
      const url = /HTTP\s+(\S+)/.exec(gateway.banner)?.[1] ?? ''
      await timeUntil(
        `${name} is in contact`,
        async () => (await fetch(`${url}/healthz`)).status === 200,
        20_000,
      ).catch((cause: unknown) => {
        throw new Error(`${name} at ${address} is not in contact:\n${gateway.log()}`, { cause })
      })
      return url
    },
    async close() {
      await Promise.all(running.map((gateway) => gateway.stop('SIGTERM')))
      await workshop.close()
      await rm(compiled.directory, { recursive: true })
    },
  }
}

export interface Outcome {
  readonly status: number
  readonly code: string
}

/** One call through `/u/`: the status, and the gateway's word for it where it refused. */
export async function callThrough(gatewayUrl: string, token: string, path: string): Promise<Outcome> {
  const response = await fetch(`${gatewayUrl}/u/${path}`, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(20_000),
  })
  const body = (await response.json().catch(() => ({}))) as { error?: { code: string } }
  return { status: response.status, code: body.error?.code ?? '' }
}

/** Calls again and again with tokens that are good, and keeps every kind of response. */
export class Probe {
  readonly outcomes = new Map<string, number>()
  /** The longest time between two successes, in milliseconds. */
  longestGapMs = 0
  #stopping = false
  readonly #work: Promise<void>[]

  /** One caller for each path; `tokenOf` is asked again for each call. */
  constructor(gatewayUrl: string, paths: readonly string[], tokenOf: () => string) {
    this.#work = paths.map((path) => this.#call(gatewayUrl, path, tokenOf))
  }

  async #call(gatewayUrl: string, path: string, tokenOf: () => string): Promise<void> {
    let goodAt = performance.now()
    while (!this.#stopping) {
      const { status, code } = await callThrough(gatewayUrl, tokenOf(), path).catch(() => ({
        status: 0,
        code: 'no answer',
      }))
      const outcome = [String(status), code].filter(Boolean).join(' ')
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
      if (status === 200) {
        this.longestGapMs = Math.max(this.longestGapMs, performance.now() - goodAt)
        goodAt = performance.now()
      }
      await pause(20)
    }
  }

  async stop(): Promise<string[]> {
    this.#stopping = true
    await Promise.all(this.#work)
    return [...this.outcomes.keys()].sort()
  }
}

/** A stream through a gateway: counts chunks, and knows when it was cut. */
export class OpenStream {
  chunks = 0
  lastByteAt = 0
  /** Resolves when it is over, to the time of that. */
  readonly over: Promise<number>

  private constructor(response: Response) {
    const reader = response.body!.getReader()
    const read = async (): Promise<void> => {
      while (!(await reader.read()).done) {
        this.chunks++
        this.lastByteAt = performance.now()
      }
    }
    // A cut is a broken stream.
    this.over = read()
      .catch(() => undefined)
      .then(() => performance.now())
  }

  static async open(gatewayUrl: string, token: string, path: string): Promise<OpenStream> {
    const response = await fetch(`${gatewayUrl}/u/${path}`, { headers: { authorization: `Bearer ${token}` } })
    if (response.status !== 200)
      throw new Error(`the stream was refused: ${String(response.status)} ${await response.text()}`)
    const stream = new OpenStream(response)
    await stream.flows()
    return stream
  }

  /** Resolves when more came than until now. */
  async flows(): Promise<void> {
    const before = this.chunks
    await timeUntil('the stream flows', () => this.chunks > before, 10_000)
  }
}
