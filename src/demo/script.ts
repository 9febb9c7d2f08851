/**
 * What `npm start` shows: the article's deployment, built and used step by step with real processes' parts on loopback: two
 * upstreams that demand their real keys, the engine, the gateway, a real MCP server and a real MCP client.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AGENT, SCOPES, TOOLS, startArticleMcpServer, startUpstreams } from './article.ts'
import { startDevServer } from './dev-server.ts'
import type { DevServer } from './dev-server.ts'
import { ScriptPrinter } from './script-printer.ts'
import { silentLogger } from '../logical/log.ts'
import { tool, validate, vault } from './script-calls.ts'
import type { IssuedSession, ScriptContext, ScriptOptions } from './script-calls.ts'

export type { ScriptOptions } from './script-calls.ts'

export interface ScriptResult {
  /** Promises that were not kept; empty = all were. */
  readonly failures: readonly string[]
  readonly server: DevServer
  readonly mcpUrl: string
  close(): Promise<void>
}

export async function runScript(options: ScriptOptions): Promise<ScriptResult> {
  const printer = new ScriptPrinter(options.print)
  const folder = await mkdtemp(join(tmpdir(), 'mcp-demo-'))
  const auditPath = join(folder, 'audit.jsonl')
  const free = '127.0.0.1:0'
  printer.say(
    'One process, loopback only: an embedded Vault with the mcp engine, the gateway, two local APIs that demand their keys, an MCP server.',
  )
  const server = await startDevServer({
    listenAddress: free,
    grpcAddress: free,
    httpAddress: free,
    upstreamListeners: [],
    auditPath,
    clock: options.clock,
    random: options.random,
    logger: silentLogger,
  })
  const upstreams = await startUpstreams()
  const context: ScriptContext = { ...options, printer, server, upstreams, folder, auditPath, mcpUrl: '' }
  const mcp = await startArticleMcpServer(server, free)
  context.mcpUrl = mcp.url
  printer.say(
    `  Vault API ${server.vaultAddress}   gateway ${server.gateway.httpUrl}, gRPC ${server.gateway.grpcAddress}   MCP server ${mcp.url}`,
  )
  printer.say(`  Stripe-like API ${upstreams.stripe.url}   GitHub-like API ${upstreams.github.url}`)
  const close = async () => {
    await mcp.close()
    await upstreams.close()
    await server.close()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await keys(context)
    await tools(context)
    await agent(context)
    const issued = await issue(context)
    await use(context, issued)
    await refuse(context, issued)
    const refreshed = await refresh(context, issued)
    await revoke(context, refreshed)
    await reuse(context, refreshed)
    await secrecy(context)
  } catch (error) {
    await close()
    throw error
  }
  return { failures: printer.failures, server, mcpUrl: mcp.url, close }
}

async function keys(context: ScriptContext): Promise<void> {
  const { printer, upstreams } = context
  printer.step('The real keys go into Vault KV; their owner says which origins may be sent them.')
  let stored = true
  for (const [name, upstream] of Object.entries({ stripe: upstreams.stripe, github: upstreams.github })) {
    await writeFile(join(context.folder, `${name}.key`), upstream.key, { mode: 0o600 })
    stored &&= (await vault(context, `kv put -mount=secret mcp/${name} api_key=@${name}.key`)).code === 0
    stored &&=
      (await vault(context, `kv metadata put -mount=secret -custom-metadata=mcp_origins=${upstream.url} mcp/${name}`))
        .code === 0
    stored &&=
      (await vault(context, `write mcp/upstreams/${name} url=${upstream.url} allow_private_addresses=true`)).code === 0
    await rm(join(context.folder, `${name}.key`))
  }
  printer.check('both upstreams are known, their keys are in KV and nowhere else', stored)
}

async function tools(context: ScriptContext): Promise<void> {
  const { printer } = context
  printer.step('Tools: named capabilities, with the HTTP operations they cover and the fields they may return.')
  let written = true
  for (const [path, tool] of Object.entries(TOOLS)) {
    const pairs = Object.entries(tool).map(([field, values]) => `${field}=${values.join(',')}`)
    const typed = pairs.map((pair) => (/[^\w=.,/-]/.test(pair) ? `${pair.replace('=', '="')}"` : pair))
    written &&=
      (await vault(context, `write mcp/tools/${path} ${typed.join(' ')}`, ['write', `mcp/tools/${path}`, ...pairs]))
        .code === 0
  }
  printer.check('customers/id-only returns data[].id and has_more, and nothing else of a customer', written)
}

async function agent(context: ScriptContext): Promise<void> {
  const { printer } = context
  printer.step('Register the agent and declare its scopes. A scope that covers everything is refused.')
  const registered = await vault(context, `write mcp/agents/${AGENT} owner=platform-team environment=production`)
  const broad = await vault(context, `write mcp/agents/${AGENT}/scopes scopes=read:*`)
  printer.output(broad.out)
  printer.check('read:* is refused', broad.code !== 0 && broad.out.includes('covers every upstream'))
  const declared = await vault(
    context,
    `write mcp/agents/${AGENT}/scopes scopes=${SCOPES.join(',')} max_ttl_seconds=900`,
  )
  printer.check(
    `${AGENT} may read invoices, customer ids, events and PR status`,
    registered.code === 0 && declared.code === 0,
  )
}

async function issue(context: ScriptContext): Promise<IssuedSession> {
  const { printer } = context
  printer.step('A task begins: a session is opened and its first phantom token issued, as a Vault lease.')
  const args = ['write', '-format=json', `mcp/creds/${AGENT}`, 'purpose=quarterly-invoice-reconciliation']
  const { out } = await vault(context, args.join(' '), args)
  const response = JSON.parse(out) as { lease_id: string; lease_duration: number; data: Record<string, string> }
  printer.output(
    `lease_id         ${response.lease_id}\nlease_duration   ${response.lease_duration} s\nsession_id       ${response.data.session_id}\ntoken            ${response.data.token}\nexpires_at       ${response.data.expires_at}`,
  )
  printer.check(
    'the token is opaque, lives 15 minutes and is not the key',
    response.lease_duration === 900 && String(response.data.token).startsWith('svt_prod_'),
  )
  return {
    token: String(response.data.token),
    session_id: String(response.data.session_id),
    lease_id: response.lease_id,
  }
}

async function use(context: ScriptContext, { token }: IssuedSession): Promise<void> {
  const { printer, upstreams } = context
  printer.step(
    'A real MCP client calls a real MCP server with the phantom token; the gateway adds the real key on the way.',
  )
  const before = upstreams.stripe.calls()
  const invoices = await tool(context, 'list_invoices', token)
  printer.check(
    'the Stripe-like API was called once, with its real key',
    !invoices.isError && upstreams.stripe.calls() === before + 1,
  )
  const status = await tool(context, 'pr_status', token, { owner: 'acme', repo: 'billing', number: 7 })
  printer.check('the GitHub-like API responded too', !status.isError && upstreams.github.calls() > 0)
  const customers = await tool(context, 'list_customer_ids', token)
  printer.check(
    'customers come back as ids only: no name, no address',
    !customers.isError && customers.text.includes('cus_') && !/name|email|@/.test(customers.text),
  )
}

async function refuse(context: ScriptContext, { token }: IssuedSession): Promise<void> {
  const { printer, upstreams, server } = context
  printer.step('What the session was not granted is refused before any key is touched.')
  const before = upstreams.stripe.calls()
  const refund = await tool(context, 'refund', token, { charge: 'ch_1' })
  printer.check('refund is refused: insufficient_scope', refund.isError && refund.text.includes('insufficient_scope'))
  const url = `${server.gateway.httpUrl}/u/stripe/v1/balance`
  printer.command(`curl -s -H "Authorization: Bearer $TOKEN" ${url}`)
  const raw = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
  printer.output(await raw.text())
  printer.check(
    'a path no tool covers is a 403, and the upstream saw neither call',
    raw.status === 403 && upstreams.stripe.calls() === before,
  )
}

async function refresh(context: ScriptContext, issued: IssuedSession): Promise<IssuedSession> {
  const { printer } = context
  printer.step(
    'Before the token expires (at 80 % of its life) the agent refreshes: a new token in the same session, the old one lives on until its own expiry.',
  )
  const args = ['write', '-force', '-format=json', `mcp/creds/${AGENT}/${issued.session_id}`]
  const { out } = await vault(context, args.join(' '), args)
  const response = JSON.parse(out) as { lease_id: string; data: Record<string, string> }
  const second = {
    token: String(response.data.token),
    session_id: String(response.data.session_id),
    lease_id: response.lease_id,
  }
  const [old, young] = await Promise.all([validate(context, issued.token), validate(context, second.token)])
  printer.output(`old token: ${old.status} active   new token: ${young.status} active   session ${second.session_id}`)
  printer.check(
    'same session, two live tokens, no request dropped',
    old.status === 200 && young.status === 200 && second.session_id === issued.session_id,
  )
  return second
}

async function revoke(context: ScriptContext, { token, lease_id }: IssuedSession): Promise<void> {
  const { printer, server, clock } = context
  printer.step('Revoking the lease cuts what is under way: here a stream of events that would never end.')
  const url = `${server.gateway.httpUrl}/u/stripe/v1/events/stream`
  printer.command(`curl -N -H "Authorization: Bearer $TOKEN" ${url} &`)
  const stream = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
  const reader = stream.body!.getReader()
  const first = (await reader.read()) as { readonly value: Uint8Array }
  printer.output(new TextDecoder().decode(first.value), 3)
  const cut = drain(reader).then(() => clock.monotonic())
  const { code } = await vault(context, `lease revoke -sync ${lease_id}`)
  const refusedAt = clock.monotonic()
  const cutAt = await cut
  printer.check(
    `the stream is cut, ${Math.max(0, cutAt - refusedAt).toFixed(0)} ms after the revoke returned`,
    code === 0 && stream.status === 200,
  )
}

/** Reads until the stream ends or breaks. */
async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  try {
    while (!(await reader.read()).done);
  } catch {
    // Cut: what the step waits for.
  }
}

async function reuse(context: ScriptContext, { token }: IssuedSession): Promise<void> {
  const { printer } = context
  printer.step('Anyone who still holds the token gets a 401, and is flagged in the audit log.')
  const response = await validate(context, token)
  printer.output(response.body)
  const line = (await readFile(context.auditPath, 'utf8')).trimEnd().split('\n').at(-1) ?? ''
  printer.command('tail -1 audit.jsonl')
  printer.output(line)
  printer.check(
    '401, recorded as reuse_after_revocation',
    response.status === 401 && line.includes('"reason":"reuse_after_revocation"'),
  )
}

async function secrecy(context: ScriptContext): Promise<void> {
  const { printer, upstreams } = context
  printer.step("Where the real keys are: in Vault KV and in the gateway's memory.")
  const log = await readFile(context.auditPath, 'utf8')
  const keys = [upstreams.stripe.key, upstreams.github.key]
  const seen = keys.some((key) => log.includes(key) || printer.transcript.includes(key))
  printer.output(
    `${log.trimEnd().split('\n').length} audit lines; ${upstreams.stripe.calls() + upstreams.github.calls()} upstream calls with the real keys`,
  )
  printer.check('no key appears in the audit log or in any line of this demo', !seen && printer.transcript.length > 0)
}
