import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { z } from 'zod'
import type { GatewayClient, ToolResult } from '../client/index.ts'

/** The tools of the article, each behind the scope that its upstream calls need. */

const text = (value: string, isError = false): ToolResult => ({
  content: [{ type: 'text', text: value }],
  ...(isError ? { isError } : {}),
})

/** What the upstream answered, as it is. */
const passOn = async (response: Response): Promise<ToolResult> => text(await response.text(), !response.ok)

export function registerTools(mcp: McpServer, gateway: GatewayClient): void {
  registerBilling(mcp, gateway)
  registerPullRequests(mcp, gateway)
  registerEvents(mcp, gateway)
}

function registerBilling(mcp: McpServer, gateway: GatewayClient): void {
  mcp.registerTool(
    'list_invoices',
    { description: 'The newest invoices', inputSchema: { limit: z.int().min(1).max(100).default(3) } },
    gateway.requireScope('read:stripe:invoices', async ({ limit }, { upstream }) =>
      passOn(await upstream('stripe').fetch(`/v1/invoices?limit=${String(limit)}`)),
    ),
  )

  mcp.registerTool(
    'list_customer_ids',
    { description: 'Ids of the customers, and nothing else about them' },
    gateway.requireScope('read:stripe:customers:id-only', async (_args, { upstream }) =>
      passOn(await upstream('stripe').fetch('/v1/customers')),
    ),
  )

  mcp.registerTool(
    'refund',
    {
      description: 'Refunds a charge, whole or in part (amount in cents)',
      inputSchema: { charge: z.string().default('ch_1'), amount: z.int().min(1).optional() },
    },
    gateway.requireScope('create:stripe:refunds', async ({ charge, amount }, { upstream }) => {
      const body = new URLSearchParams({ charge, ...(amount === undefined ? {} : { amount: String(amount) }) })
      return passOn(await upstream('stripe').fetch('/v1/refunds', { method: 'POST', body }))
    }),
  )
}

function registerPullRequests(mcp: McpServer, gateway: GatewayClient): void {
  mcp.registerTool(
    'pr_status',
    {
      description: 'Whether the checks of a pull request passed',
      inputSchema: {
        owner: z.string().default('acme'),
        repo: z.string().default('billing'),
        number: z.int().default(7),
      },
    },
    gateway.requireScope('read:github:prs:status', async ({ owner, repo, number }, { upstream }) => {
      const github = upstream('github')
      const base = `/repos/${encodeURIComponent(owner)}/${encodeURIComponent(repo)}`
      const pull = await github.fetch(`${base}/pulls/${String(number)}`)
      if (!pull.ok) return passOn(pull)
      const { title, head } = (await pull.json()) as { title: string; head: { sha: string } }
      const status = await github.fetch(`${base}/commits/${encodeURIComponent(head.sha)}/status`)
      if (!status.ok) return passOn(status)
      const { state, statuses } = (await status.json()) as {
        state: string
        statuses: { context: string; state: string }[]
      }
      return text(
        JSON.stringify({
          number,
          title,
          state,
          checks: statuses.map(({ context, state: result }) => `${context}: ${result}`),
        }),
      )
    }),
  )
}

function registerEvents(mcp: McpServer, gateway: GatewayClient): void {
  mcp.registerTool(
    'follow_events',
    {
      description: 'Follows billing events, reporting each as progress, until the given number has arrived',
      inputSchema: { count: z.int().min(1).max(1_000_000).default(5) },
    },
    gateway.requireScope('read:stripe:events', async ({ count }, { upstream, extra }) => {
      const response = await upstream('stripe').fetch('/v1/events/stream')
      if (!response.ok || response.body === null) return passOn(response)
      let seen = 0
      for await (const event of events(response.body)) {
        seen += 1
        await tell(extra, seen, count, event)
        if (seen === count) break
      }
      return text(`${String(seen)} events`)
    }),
  )
}

interface FollowExtra {
  readonly signal: AbortSignal
  readonly _meta?: { readonly progressToken?: string | number | undefined } | undefined
  readonly sendNotification: (notification: {
    method: 'notifications/progress'
    params: { progressToken: string | number; progress: number; total: number; message: string }
  }) => Promise<void>
}

async function tell(
  { _meta, sendNotification }: FollowExtra,
  progress: number,
  total: number,
  message: string,
): Promise<void> {
  const progressToken = _meta?.progressToken
  if (progressToken !== undefined)
    await sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total, message } })
}

/** The data of server-sent events, one per event. */
async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true })
    const blocks = rest.split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) if (block.startsWith('data: ')) yield block.slice('data: '.length)
  }
}
