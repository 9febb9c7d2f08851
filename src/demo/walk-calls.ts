/** How a step of the walk acts: by `mcp-vault`, by an MCP client, or by asking the gateway about a token; each shown as it is typed. */
import type { Clock } from '../logical/clock.ts'
import type { Upstreams } from './article.ts'
import type { DevServer } from './dev-server.ts'
import { callTool } from './mcp-client.ts'
import type { Narrator } from './narrator.ts'

export interface WalkOptions {
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

/** The walk's surroundings, handed from step to step. */
export interface Stage extends WalkOptions {
  readonly tell: Narrator
  readonly server: DevServer
  readonly upstreams: Upstreams
  readonly folder: string
  readonly auditPath: string
  mcpUrl: string
}

export interface WalkSession {
  readonly token: string
  readonly session_id: string
  readonly lease_id: string
}

/** Runs `mcp-vault` under the root token. */
export async function vault(
  stage: Stage,
  line: string,
  args: readonly string[] = line.split(' '),
): Promise<{ code: number; out: string }> {
  stage.tell.typed(`mcp-vault ${line}`)
  return stage.mcpVault(
    args,
    { VAULT_ADDR: stage.server.vaultAddress, VAULT_TOKEN: stage.server.rootToken },
    stage.folder,
  )
}

/** Calls a tool of the MCP server under a phantom token. */
export async function tool(stage: Stage, name: string, token: string, args: Record<string, unknown> = {}) {
  stage.tell.typed(`mcp client → tools/call ${name}${Object.keys(args).length > 0 ? ` ${JSON.stringify(args)}` : ''}`)
  const answer = await callTool({ url: stage.mcpUrl, token, tool: name, args })
  stage.tell.answered(answer.text, 4)
  return answer
}

/** What the gateway says of a token. */
export async function validate(stage: Stage, token: string): Promise<{ status: number; body: string }> {
  const answer = await fetch(`${stage.server.gateway.httpUrl}/validate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${stage.server.serviceToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ token, required_scope: 'read:stripe:invoices' }),
  })
  return { status: answer.status, body: await answer.text() }
}
