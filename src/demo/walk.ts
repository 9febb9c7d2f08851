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
import { Narrator } from './narrator.ts'
import { silentLogger } from '../logical/log.ts'
import { tool, validate, vault } from './walk-calls.ts'
import type { WalkSession, Stage, WalkOptions } from './walk-calls.ts'

export type { WalkOptions } from './walk-calls.ts'

export interface Walk {
  /** Promises that were not kept; empty = all were. */
  readonly failures: readonly string[]
  readonly server: DevServer
  readonly mcpUrl: string
  close(): Promise<void>
}

export async function walk(options: WalkOptions): Promise<Walk> {
  const tell = new Narrator(options.print)
  const folder = await mkdtemp(join(tmpdir(), 'mcp-demo-'))
  const auditPath = join(folder, 'audit.jsonl')
  const free = '127.0.0.1:0'
  tell.say(
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
  const stage: Stage = { ...options, tell, server, upstreams, folder, auditPath, mcpUrl: '' }
  const mcp = await startArticleMcpServer(server, free)
  stage.mcpUrl = mcp.url
  tell.say(
    `  Vault API ${server.vaultAddress}   gateway ${server.gateway.httpUrl}, gRPC ${server.gateway.grpcAddress}   MCP server ${mcp.url}`,
  )
  tell.say(`  Stripe-like API ${upstreams.stripe.url}   GitHub-like API ${upstreams.github.url}`)
  const close = async () => {
    await mcp.close()
    await upstreams.close()
    await server.close()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await keys(stage)
    await tools(stage)
    await agent(stage)
    const issued = await issue(stage)
    await use(stage, issued)
    await refuse(stage, issued)
    const refreshed = await refresh(stage, issued)
    await revoke(stage, refreshed)
    await reuse(stage, refreshed)
    await secrecy(stage)
  } catch (error) {
    await close()
    throw error
  }
  return { failures: tell.failures, server, mcpUrl: mcp.url, close }
}

async function keys(stage: Stage): Promise<void> {
  const { tell, upstreams } = stage
  tell.step('The real keys go into Vault KV; their owner says which origins may be sent them.')
  let stored = true
  for (const [name, upstream] of Object.entries({ stripe: upstreams.stripe, github: upstreams.github })) {
    await writeFile(join(stage.folder, `${name}.key`), upstream.key, { mode: 0o600 })
    stored &&= (await vault(stage, `kv put -mount=secret mcp/${name} api_key=@${name}.key`)).code === 0
    stored &&=
      (await vault(stage, `kv metadata put -mount=secret -custom-metadata=mcp_origins=${upstream.url} mcp/${name}`))
        .code === 0
    stored &&=
      (await vault(stage, `write mcp/upstreams/${name} url=${upstream.url} allow_private_addresses=true`)).code === 0
    await rm(join(stage.folder, `${name}.key`))
  }
  tell.check('both upstreams are known, their keys are in KV and nowhere else', stored)
}

async function tools(stage: Stage): Promise<void> {
  const { tell } = stage
  tell.step('Tools: named capabilities, with the HTTP operations they cover and the fields they may return.')
  let written = true
  for (const [path, tool] of Object.entries(TOOLS)) {
    const pairs = Object.entries(tool).map(([field, values]) => `${field}=${values.join(',')}`)
    const typed = pairs.map((pair) => (/[^\w=.,/-]/.test(pair) ? `${pair.replace('=', '="')}"` : pair))
    written &&=
      (await vault(stage, `write mcp/tools/${path} ${typed.join(' ')}`, ['write', `mcp/tools/${path}`, ...pairs]))
        .code === 0
  }
  tell.check('customers/id-only returns data[].id and has_more, and nothing else of a customer', written)
}

async function agent(stage: Stage): Promise<void> {
  const { tell } = stage
  tell.step('Register the agent and declare its scopes. A scope that covers everything is refused.')
  const registered = await vault(stage, `write mcp/agents/${AGENT} owner=platform-team environment=production`)
  const broad = await vault(stage, `write mcp/agents/${AGENT}/scopes scopes=read:*`)
  tell.answered(broad.out)
  tell.check('read:* is refused', broad.code !== 0 && broad.out.includes('covers every upstream'))
  const declared = await vault(stage, `write mcp/agents/${AGENT}/scopes scopes=${SCOPES.join(',')} max_ttl_seconds=900`)
  tell.check(
    `${AGENT} may read invoices, customer ids, events and PR status`,
    registered.code === 0 && declared.code === 0,
  )
}

async function issue(stage: Stage): Promise<WalkSession> {
  const { tell } = stage
  tell.step('A task begins: a session is opened and its first phantom token issued, as a Vault lease.')
  const args = ['write', '-format=json', `mcp/creds/${AGENT}`, 'purpose=quarterly-invoice-reconciliation']
  const { out } = await vault(stage, args.join(' '), args)
  const answer = JSON.parse(out) as { lease_id: string; lease_duration: number; data: Record<string, string> }
  tell.answered(
    `lease_id         ${answer.lease_id}\nlease_duration   ${answer.lease_duration} s\nsession_id       ${answer.data.session_id}\ntoken            ${answer.data.token}\nexpires_at       ${answer.data.expires_at}`,
  )
  tell.check(
    'the token is opaque, lives 15 minutes and is not the key',
    answer.lease_duration === 900 && String(answer.data.token).startsWith('svt_prod_'),
  )
  return { token: String(answer.data.token), session_id: String(answer.data.session_id), lease_id: answer.lease_id }
}

async function use(stage: Stage, { token }: WalkSession): Promise<void> {
  const { tell, upstreams } = stage
  tell.step(
    'A real MCP client calls a real MCP server with the phantom token; the gateway adds the real key on the way.',
  )
  const before = upstreams.stripe.calls()
  const invoices = await tool(stage, 'list_invoices', token)
  tell.check(
    'the Stripe-like API was called once, with its real key',
    !invoices.isError && upstreams.stripe.calls() === before + 1,
  )
  const status = await tool(stage, 'pr_status', token, { owner: 'acme', repo: 'billing', number: 7 })
  tell.check('the GitHub-like API answered too', !status.isError && upstreams.github.calls() > 0)
  const customers = await tool(stage, 'list_customer_ids', token)
  tell.check(
    'customers come back as ids only: no name, no address',
    !customers.isError && customers.text.includes('cus_') && !/name|email|@/.test(customers.text),
  )
}

async function refuse(stage: Stage, { token }: WalkSession): Promise<void> {
  const { tell, upstreams, server } = stage
  tell.step('What the session was not granted is refused before any key is touched.')
  const before = upstreams.stripe.calls()
  const refund = await tool(stage, 'refund', token, { charge: 'ch_1' })
  tell.check('refund is refused: insufficient_scope', refund.isError && refund.text.includes('insufficient_scope'))
  const url = `${server.gateway.httpUrl}/u/stripe/v1/balance`
  tell.typed(`curl -s -H "Authorization: Bearer $TOKEN" ${url}`)
  const raw = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
  tell.answered(await raw.text())
  tell.check(
    'a path no tool covers is a 403, and the upstream saw neither call',
    raw.status === 403 && upstreams.stripe.calls() === before,
  )
}

async function refresh(stage: Stage, issued: WalkSession): Promise<WalkSession> {
  const { tell } = stage
  tell.step(
    'Before the token expires (at 80 % of its life) the agent refreshes: a new token in the same session, the old one lives on until its own expiry.',
  )
  const args = ['write', '-force', '-format=json', `mcp/creds/${AGENT}/${issued.session_id}`]
  const { out } = await vault(stage, args.join(' '), args)
  const answer = JSON.parse(out) as { lease_id: string; data: Record<string, string> }
  const second = {
    token: String(answer.data.token),
    session_id: String(answer.data.session_id),
    lease_id: answer.lease_id,
  }
  const [old, young] = await Promise.all([validate(stage, issued.token), validate(stage, second.token)])
  tell.answered(`old token: ${old.status} active   new token: ${young.status} active   session ${second.session_id}`)
  tell.check(
    'same session, two live tokens, no request dropped',
    old.status === 200 && young.status === 200 && second.session_id === issued.session_id,
  )
  return second
}

async function revoke(stage: Stage, { token, lease_id }: WalkSession): Promise<void> {
  const { tell, server, clock } = stage
  tell.step('Revoking the lease cuts what is under way: here a stream of events that would never end.')
  const url = `${server.gateway.httpUrl}/u/stripe/v1/events/stream`
  tell.typed(`curl -N -H "Authorization: Bearer $TOKEN" ${url} &`)
  const stream = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
  const reader = stream.body!.getReader()
  const first = (await reader.read()) as { readonly value: Uint8Array }
  tell.answered(new TextDecoder().decode(first.value), 3)
  const cut = drain(reader).then(() => clock.monotonic())
  const { code } = await vault(stage, `lease revoke -sync ${lease_id}`)
  const answered = clock.monotonic()
  const cutAt = await cut
  tell.check(
    `the stream is cut, ${Math.max(0, cutAt - answered).toFixed(0)} ms after the revoke answered`,
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

async function reuse(stage: Stage, { token }: WalkSession): Promise<void> {
  const { tell } = stage
  tell.step('Whoever still holds the token gets a 401, and is flagged in the audit log.')
  const answer = await validate(stage, token)
  tell.answered(answer.body)
  const line = (await readFile(stage.auditPath, 'utf8')).trimEnd().split('\n').at(-1) ?? ''
  tell.typed('tail -1 audit.jsonl')
  tell.answered(line)
  tell.check(
    '401, recorded as reuse_after_revocation',
    answer.status === 401 && line.includes('"reason":"reuse_after_revocation"'),
  )
}

async function secrecy(stage: Stage): Promise<void> {
  const { tell, upstreams } = stage
  tell.step("Where the real keys are: in Vault KV and in the gateway's memory.")
  const log = await readFile(stage.auditPath, 'utf8')
  const keys = [upstreams.stripe.key, upstreams.github.key]
  const seen = keys.some((key) => log.includes(key) || tell.transcript.includes(key))
  tell.answered(
    `${log.trimEnd().split('\n').length} audit lines; ${upstreams.stripe.calls() + upstreams.github.calls()} upstream calls with the real keys`,
  )
  tell.check('no key stands in the audit log or in any line of this walk', !seen && tell.transcript.length > 0)
}
