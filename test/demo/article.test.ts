import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Stripe from 'stripe'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../../src/client/index.ts'
import type { GatewayClient } from '../../src/client/index.ts'
import { AGENT, seedArticle } from '../../src/demo/article.ts'
import type { SeededArticle } from '../../src/demo/article.ts'
import { startDevServer } from '../../src/demo/dev-server.ts'
import type { DevServer } from '../../src/demo/dev-server.ts'
import { callTool } from '../../src/demo/mcp-client.ts'
import { systemClock } from '../../src/logical/clock.ts'
import { silentLogger } from '../../src/logical/log.ts'

/** The SDK and the article's MCP server before the real gateway, engine and host. */

let folder: string
let server: DevServer
let article: SeededArticle
let client: GatewayClient

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mcp-article-'))
  const free = '127.0.0.1:0'
  server = await startDevServer({
    listenAddress: free,
    grpcAddress: free,
    httpAddress: free,
    upstreamListeners: [{ upstream: 'stripe', address: free }],
    auditPath: join(folder, 'audit.jsonl'),
    clock: systemClock,
    random: (bytes) => randomBytes(bytes),
    logger: silentLogger,
  })
  article = await seedArticle(server)
  client = connect({ address: server.gateway.grpcAddress, token: server.serviceToken })
})

afterAll(async () => {
  client.close()
  await article.close()
  await server.close()
  await rm(folder, { recursive: true, force: true })
})

const issue = async () => {
  const { data, lease_id } = await server.admin.write(`mcp/creds/${AGENT}`, { purpose: 'test' })
  return { token: String(data?.token), session_id: String(data?.session_id), lease_id: String(lease_id) }
}
const call = (tool: string, token: string, more: Partial<Parameters<typeof callTool>[0]> = {}) =>
  callTool({ url: article.mcpUrl, token, tool, ...more })
const revoke = (lease_id: string) =>
  server.admin.request('PUT', 'sys/leases/revoke', { body: { lease_id, sync: true } })

describe('a phantom token at the MCP server', () => {
  test('lists invoices, ids of customers and the status of a pull request', async () => {
    const { token } = await issue()
    expect(JSON.parse((await call('list_invoices', token)).text)).toMatchObject({
      object: 'list',
      data: [{ id: 'in_1' }, { id: 'in_2' }, { id: 'in_3' }],
    })
    expect(JSON.parse((await call('list_customer_ids', token)).text)).toEqual({
      data: [{ id: 'cus_1' }, { id: 'cus_2' }],
      has_more: false,
    })
    expect(JSON.parse((await call('pr_status', token)).text)).toMatchObject({ number: 7, state: 'success' })
  })

  test('makes no refund', async () => {
    const { token } = await issue()
    const { text, isError } = await call('refund', token)
    expect(isError).toBe(true)
    expect(text).toMatch(/^403 insufficient_scope: needs create:stripe:refunds; the session has .*read:stripe:invoices/)
  })

  test('ends with its lease, at once and with the reason, also while events are followed', async () => {
    const { token, lease_id } = await issue()
    let ended: Promise<unknown> | undefined
    const { text, isError } = await call('follow_events', token, {
      args: { count: 1_000_000 },
      onProgress: () => {
        ended ??= revoke(lease_id)
      },
    })
    await ended
    expect([isError, text]).toEqual([true, '401 invalid_token: the session is over (revoked); open a new one'])
    const after = await call('list_invoices', token)
    expect(after.isError).toBe(true)
    expect(after.text).toMatch(/^401 invalid_token: /)
  })

  test('loses a tool when its scope is taken away while it works', async () => {
    const { token } = await issue()
    const path = `mcp/agents/${AGENT}/scopes`
    const narrow = article.scopes.filter((scope) => scope !== 'read:stripe:events')
    let narrowed: Promise<unknown> | undefined
    const { text, isError } = await call('follow_events', token, {
      args: { count: 1_000_000 },
      onProgress: () => {
        narrowed ??= server.admin.write(path, { scopes: narrow })
      },
    })
    await narrowed
    await server.admin.write(path, { scopes: article.scopes })
    expect(isError).toBe(true)
    expect(text).toMatch(/^403 insufficient_scope: /)
  })
})

describe('the SDK at the real gateway', () => {
  test('opens, refreshes and closes a session', async () => {
    const session = await client.sessions.open({ agent_id: AGENT, purpose: 'test' })
    const first = await session.token()
    await session.refresh()
    const second = await session.token()
    expect(second).not.toBe(first)
    expect(await client.validate(first, 'read:stripe:invoices')).toMatchObject({
      active: true,
      scope_match: true,
      agent_id: AGENT,
      session_id: session.session_id,
    })
    await session.close()
    await expect(client.validate(second)).rejects.toMatchObject({ type: 'invalid_token', http_status: 401 })
  })

  test('calls with HEAD, which is recorded as complete', async () => {
    await server.admin.write('mcp/tools/stripe/invoices', {
      operations: ['GET /v1/invoices', 'GET /v1/invoices/{id}', 'HEAD /v1/invoices'],
    })
    const { token } = await issue()
    const response = await client.upstream('stripe', token).fetch('/v1/invoices', { method: 'HEAD' })
    expect(response.status).toBe(200)
    const records = async () =>
      (await readFile(join(folder, 'audit.jsonl'), 'utf8'))
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
    await expect
      .poll(async () => (await records()).find((record) => record.type === 'outcome' && record.method === 'HEAD'))
      .toMatchObject({ status: 200, result: 'complete' })
  })

  test('a service token that is not known is not an invalid session', async () => {
    const unauthenticated = connect({ address: server.gateway.grpcAddress, token: 'gst_dev_unknown' })
    const result = await unauthenticated.requireScope('read:stripe:invoices', () => ({ content: [] }))(
      {},
      { authInfo: { token: article.token } },
    )
    unauthenticated.close()
    expect(result.content).toEqual([
      {
        type: 'text',
        text: "403 caller_unknown: the service token is not known to this gateway; that is the MCP server's own credential, so its operator must act: the session token is not at fault",
      },
    ])
  })
})

describe('the real Stripe SDK with a phantom token for its key', () => {
  const sdk = (token: string) => {
    const { hostname, port } = new URL(server.gateway.upstreamUrls.stripe!)
    return new Stripe(token, { host: hostname, port, protocol: 'http', maxNetworkRetries: 0, telemetry: false })
  }

  test('lists invoices, page by page', async () => {
    const { token } = await issue()
    const ids: (string | undefined)[] = []
    for await (const { id } of sdk(token).invoices.list({ limit: 1 })) ids.push(id)
    expect(ids).toEqual(['in_1', 'in_2', 'in_3'])
  })

  test('sees no more of customers than it may', async () => {
    const { token } = await issue()
    expect((await sdk(token).customers.list()).data).toEqual([{ id: 'cus_1' }, { id: 'cus_2' }])
  })

  test('a refund is a permission error, a revoked token an authentication error', async () => {
    const { token, lease_id } = await issue()
    await expect(sdk(token).refunds.create({ charge: 'ch_1' })).rejects.toBeInstanceOf(
      Stripe.errors.StripePermissionError,
    )
    await revoke(lease_id)
    await expect(sdk(token).invoices.list()).rejects.toBeInstanceOf(Stripe.errors.StripeAuthenticationError)
  })
})
