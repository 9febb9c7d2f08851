import { callTool } from '../demo/mcp-client.ts'
import type { ToolCallResult } from '../demo/mcp-client.ts'
import { TIMING_META } from '../client/index.ts'
import type { CallOptions, VaultResponse } from '../vault-client/index.ts'
import { cleanPath, readData } from './data.ts'
import { Failure, UsageError } from './failure.ts'
import { duration, text } from './flags.ts'
import type { FlagValues } from './flags.ts'
import { document } from './format.ts'
import type { Io } from './io.ts'
import { lostNumber, parseJsonExactly } from '../logical/json.ts'
import { printable } from './table.ts'
import { vaultCommand } from './vault-command.ts'
import type { VaultCall } from './vault-command.ts'

const flags = {
  agent: text(
    'id',
    'Open a session of this agent and end it afterwards. Without: the token in MCP_SESSION_TOKEN is used.',
  ),
  purpose: text('text', 'What the session is for; part of every audit record.'),
  scopes: text('scope,…', 'Request only these scopes; default all that the agent declares.'),
  environment: text('name', "Environment of the session; default the agent's own."),
  ttl: duration('TTL of the token; default the configured one.'),
  mount: text('path', 'Where the engine is mounted; default mcp.'),
}

type Flags = FlagValues<typeof flags>

/** The token to call with, and what ends the session it belongs to. */
interface Opened {
  readonly token: string
  close(): Promise<void>
}

/** Ending a session must not wait for the person who has just pressed Ctrl-C. */
const CLOSE_TIMEOUT_MS = 10_000

export const call = vaultCommand({
  summary: 'Call a tool of an MCP server as an agent would, with a phantom token',
  usage: '[flags] <url of the MCP endpoint> <tool> [name=value … | \'{"name":value}\']',
  examples: [
    'call http://127.0.0.1:3000/mcp list_invoices -agent claude-billing-agent',
    'call http://127.0.0.1:3000/mcp pr_status repo=billing number=7 -agent claude-billing-agent -scopes read:github:prs:status',
  ],
  flags,
  takes: [2, Infinity],
  async run(call) {
    const { io, args } = call
    const url = endpoint(args[0]!)
    const tool = args[1]!
    const toolArgs = await toolArguments(args.slice(2), io)
    const session = await open(call, `mcp-vault call ${tool}`)
    try {
      const onProgress = (message: string) => {
        // Who asked for a document gets nothing else on standard output.
        const line = `${printable(message)}\n`
        if (call.format === 'table') io.stdout(line)
        else io.stderr(line)
      }
      return report(
        call,
        tool,
        await callTool({ url, token: session.token, tool, args: toolArgs, signal: io.signal, onProgress }),
      )
    } catch (thrown) {
      throw thrown instanceof Failure ? thrown : noResponse(io, tool, url, thrown)
    } finally {
      await session.close()
    }
  },
})

async function open({ io, flags: given, request }: VaultCall<typeof flags>, defaultPurpose: string): Promise<Opened> {
  if (given.agent === undefined) {
    const token = io.env.MCP_SESSION_TOKEN
    if (!token)
      throw new UsageError(
        'Name the agent to call as, for example -agent=claude-billing-agent, or set MCP_SESSION_TOKEN',
      )
    return { token, close: () => Promise.resolve() }
  }
  const path = `${cleanPath(given.mount ?? 'mcp')}/creds/${given.agent}`
  const response = await request(`Error opening a session of ${given.agent}`, (vault, options) =>
    vault.request('PUT', path, { ...options, body: sessionRequest(given, defaultPurpose) }),
  )
  const { token, session_id } = response.data ?? {}
  if (typeof token !== 'string' || typeof session_id !== 'string')
    throw new Failure(2, `${path} returned no token; is an engine of type mcp mounted there?`)
  return { token, close: () => end(io, request, response, `${path}/${session_id}`) }
}

function sessionRequest({ purpose, scopes, environment, ttl }: Flags, defaultPurpose: string): object {
  return {
    purpose: purpose ?? defaultPurpose,
    ...(scopes === undefined ? {} : { requested_scopes: scopes.split(',').map((scope) => scope.trim()) }),
    ...(environment === undefined ? {} : { environment }),
    ...(ttl === undefined ? {} : { ttl }),
  }
}

/** Ends the lease, and with it the session; where the person may not touch leases, closes the session. */
async function end(io: Io, request: VaultCall['request'], { lease_id }: VaultResponse, path: string): Promise<void> {
  const late = (options: CallOptions) => ({ ...options, signal: AbortSignal.timeout(CLOSE_TIMEOUT_MS) })
  try {
    await request('', (vault, options) =>
      vault.request('PUT', 'sys/leases/revoke', { ...late(options), body: { lease_id, sync: true } }),
    )
  } catch {
    await request('', (vault, options) => vault.delete(path, late(options))).catch(() => {
      io.stderr(
        `WARNING! The session could not be ended and lives until its token expires. To end it: mcp-vault delete ${path}\n`,
      )
    })
  }
}

function report({ io, format }: VaultCall, tool: string, { text: response, isError, meta }: ToolCallResult): number {
  const shown = printable(response)
  if (isError) throw new Failure(1, shown)
  if (format !== 'table') {
    io.stdout(document(format, { tool, text: response, ...(TIMING_META in meta && { timing: meta[TIMING_META] }) }))
    return 0
  }
  const timing = timingOf(meta)
  // In a pipe the response must stay what the tool said.
  if (timing !== undefined && io.stdoutIsTerminal && !shown.includes('\n'))
    io.stdout(`${shown.padEnd(50)}    ${timing}\n`)
  else {
    io.stdout(`${shown}\n`)
    if (timing !== undefined) io.stderr(`${timing}\n`)
  }
  return 0
}

function timingOf(meta: ToolCallResult['meta']): string | undefined {
  const { gateway_ms, upstream_ms } = (meta[TIMING_META] ?? {}) as { gateway_ms?: unknown; upstream_ms?: unknown }
  return typeof gateway_ms === 'number' && typeof upstream_ms === 'number'
    ? `gateway ${String(gateway_ms)} ms, upstream ${String(upstream_ms)} ms`
    : undefined
}

function noResponse(io: Io, tool: string, url: string, thrown: unknown): Failure {
  if (io.signal.aborted) return new Failure(1, 'Interrupted.')
  const { message, cause, code } = thrown as NodeJS.ErrnoException
  if (code === 'ERR_MODULE_NOT_FOUND')
    return new Failure(1, 'This command needs the MCP SDK beside it: npm i @modelcontextprotocol/sdk')
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : message
  return new Failure(
    1,
    `Error calling ${printable(tool)} at ${url}: ${reason === 'ECONNREFUSED' ? 'nothing listens there (ECONNREFUSED); is the MCP server running?' : printable(reason)}`,
  )
}

function endpoint(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '') {
    throw new UsageError(
      `"${given.split('@').at(-1) ?? ''}" is not the URL of an MCP endpoint, for example http://127.0.0.1:3000/mcp`,
    )
  }
  return url.href
}

/** `limit=3` is the number 3, `name=Ada` a text: what reads as JSON is JSON. A word in braces is a whole object, `@file` and `-` are read. */
async function toolArguments(words: readonly string[], io: Io): Promise<Record<string, unknown>> {
  const pieces = await Promise.all(
    words.map(async (word) => {
      if (word.startsWith('{')) return object(word)
      const piece = await readData([word], io)
      return word.startsWith('@') || word === '-'
        ? piece
        : Object.fromEntries(Object.entries(piece).map(([name, value]) => [name, fromJson(String(value)) ?? value]))
    }),
  )
  return Object.assign({}, ...pieces) as Record<string, unknown>
}

function object(word: string): Record<string, unknown> {
  const value = fromJson(word)
  if (typeof value !== 'object' || value === null)
    throw new UsageError(
      'The arguments are not a JSON object, or hold a number with too many digits, for example \'{"limit":3}\'',
    )
  return value as Record<string, unknown>
}

/** Undefined for what is not JSON, and for what holds a number that the call could only carry with other digits. */
function fromJson(word: string): unknown {
  try {
    const value = parseJsonExactly(word)
    // Throws where a bigint is in it.
    JSON.stringify(value)
    return lostNumber(word) === undefined ? value : undefined
  } catch {
    return undefined
  }
}
