/** How a step of the demo acts: by `mcp-vault`, by an MCP client, or by asking the gateway about a token; each shown as it is typed. */
import type { Clock } from '../logical/clock.ts'
import type { Upstreams } from './article.ts'
import type { DevServer } from './dev-server.ts'
import { callTool } from './mcp-client.ts'
import type { ScriptPrinter } from './script-printer.ts'

export interface ScriptOptions {
  readonly print: (text: string) => void
  /** Runs `mcp-vault <args>` and answers what it printed. */
  readonly mcpVault: (
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    cwd: string,
  ) => Promise<{ code: number; out: string }>
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
}

/** What the steps of the demo share. */
export interface ScriptContext extends ScriptOptions {
  readonly printer: ScriptPrinter
  readonly server: DevServer
  readonly upstreams: Upstreams
  readonly folder: string
  readonly auditPath: string
  mcpUrl: string
}

export interface IssuedSession {
  readonly token: string
  readonly session_id: string
  readonly lease_id: string
}

/** Runs `mcp-vault` under the root token. */
export async function vault(
  context: ScriptContext,
  line: string,
  args: readonly string[] = line.split(' '),
): Promise<{ code: number; out: string }> {
  context.printer.command(`mcp-vault ${line}`)
  return context.mcpVault(
    args,
    { VAULT_ADDR: context.server.vaultAddress, VAULT_TOKEN: context.server.rootToken },
    context.folder,
  )
}

/** Calls a tool of the MCP server under a phantom token. */
export async function tool(context: ScriptContext, name: string, token: string, args: Record<string, unknown> = {}) {
  context.printer.command(
    `mcp client → tools/call ${name}${Object.keys(args).length > 0 ? ` ${JSON.stringify(args)}` : ''}`,
  )
  const response = await callTool({ url: context.mcpUrl, token, tool: name, args })
  context.printer.output(response.text, 4)
  return response
}

/** What the gateway says of a token. */
export async function validate(context: ScriptContext, token: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`${context.server.gateway.httpUrl}/validate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${context.server.serviceToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ token, required_scope: 'read:stripe:invoices' }),
  })
  return { status: response.status, body: await response.text() }
}
