/** The article's deployment: a Stripe-like and a GitHub-like API behind one MCP server, and an agent that may read a little of both. */
import { connect } from '../client/index.ts'
import type { GatewayClient } from '../client/index.ts'
import type { DevServer } from './dev-server.ts'
import { startMcpServer } from './mcp-server.ts'
import type { McpServerHandle } from './mcp-server.ts'
import { startGitHub } from './upstream-github.ts'
import { startStripe } from './upstream-stripe.ts'
import type { LocalUpstream } from './upstream.ts'

export const AGENT = 'claude-billing-agent'
export const SCOPES = [
  'read:stripe:invoices',
  'read:stripe:customers:id-only',
  'read:stripe:events',
  'read:github:prs:status',
]

export interface Upstreams {
  readonly stripe: LocalUpstream
  readonly github: LocalUpstream
  close(): Promise<void>
}

/** Both local APIs, each demanding a real key that is random per start. */
export async function startUpstreams(): Promise<Upstreams> {
  const [stripe, github] = await Promise.all([startStripe(), startGitHub()])
  return {
    stripe,
    github,
    close: async () => {
      await Promise.all([stripe.close(), github.close()])
    },
  }
}

/** The MCP server of the article: it holds a service token for the gateway and no key of any upstream. */
export async function startArticleMcpServer(
  server: DevServer,
  address: string,
): Promise<McpServerHandle & { client: GatewayClient }> {
  const client = connect({ address: server.gateway.grpcAddress, token: server.serviceToken })
  const mcp = await startMcpServer({ gateway: client, address })
  return {
    ...mcp,
    client,
    close: async () => {
      await mcp.close()
      client.close()
    },
  }
}

export interface SeededArticle {
  readonly scopes: readonly string[]
  readonly stripeUrl: string
  readonly githubUrl: string
  readonly mcpUrl: string
  /** A live phantom token, to be pasted into an SDK. */
  readonly token: string
  readonly serviceToken: string
  close(): Promise<void>
}

/** `server -dev -dev-seed=article`: everything provisioned, nothing left to type. Rejects with EADDRINUSE where `mcpAddress` is taken. */
export async function seedArticle(server: DevServer, mcpAddress = '127.0.0.1:0'): Promise<SeededArticle> {
  const upstreams = await startUpstreams()
  try {
    await provision(server, upstreams)
    const mcp = await startArticleMcpServer(server, mcpAddress)
    const issued = await server.admin.write(`mcp/creds/${AGENT}`, { purpose: 'try-out' })
    return {
      scopes: SCOPES,
      stripeUrl: upstreams.stripe.url,
      githubUrl: upstreams.github.url,
      mcpUrl: mcp.url,
      token: String(issued.data?.token),
      serviceToken: server.serviceToken,
      async close() {
        await mcp.close()
        await upstreams.close()
      },
    }
  } catch (error) {
    await upstreams.close()
    throw error
  }
}

/** Keys with their owners' consent, upstreams, tools, the agent and its scopes: what the demo types by hand. */
async function provision({ admin }: DevServer, upstreams: Upstreams): Promise<void> {
  for (const [name, { url, key }] of Object.entries({ stripe: upstreams.stripe, github: upstreams.github })) {
    await admin.write(`secret/data/mcp/${name}`, { data: { api_key: key } })
    await admin.write(`secret/metadata/mcp/${name}`, { custom_metadata: { mcp_origins: url } })
    await admin.write(`mcp/upstreams/${name}`, { url, allow_private_addresses: true })
  }
  for (const [path, tool] of Object.entries(TOOLS)) await admin.write(`mcp/tools/${path}`, tool)
  await admin.write(`mcp/agents/${AGENT}`, {
    owner: 'platform-team',
    environment: 'production',
    description: 'Handles Stripe billing queries via MCP',
  })
  await admin.write(`mcp/agents/${AGENT}/scopes`, { scopes: SCOPES, max_ttl_seconds: 900 })
}

/** Tools by `<upstream>/<name>`, as `mcp/tools/` takes them. */
export const TOOLS: Readonly<Record<string, { operations: string[]; fields?: string[]; mcp_tools?: string[] }>> = {
  'stripe/invoices': { operations: ['GET /v1/invoices', 'GET /v1/invoices/{id}'], mcp_tools: ['list_invoices'] },
  'stripe/customers/id-only': {
    operations: ['GET /v1/customers'],
    fields: ['data[].id', 'has_more'],
    mcp_tools: ['list_customer_ids'],
  },
  'stripe/refunds': { operations: ['POST /v1/refunds'], mcp_tools: ['refund'] },
  'stripe/events': { operations: ['GET /v1/events/stream'], mcp_tools: ['follow_events'] },
  'github/prs/status': {
    operations: ['GET /repos/{owner}/{repo}/pulls/{number}', 'GET /repos/{owner}/{repo}/commits/{ref}/status'],
    mcp_tools: ['pr_status'],
  },
}
