import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { call } from '../../src/cli/call.ts'
import type { Io } from '../../src/cli/io.ts'
import { run } from '../../src/cli/run.ts'
import { connect } from '../../src/client/index.ts'
import type { GatewayClient, SessionToken } from '../../src/client/index.ts'
import { startFakeGateway } from '../../src/client/testing.ts'
import type { FakeGateway } from '../../src/client/testing.ts'
import { startMcpServer } from '../../src/demo/mcp-server.ts'
import type { McpServerHandle } from '../../src/demo/mcp-server.ts'
import { systemClock } from '../../src/logical/clock.ts'
import { nothing, refusal, scriptVault, secret } from '../cli/scripted-vault.ts'
import type { Scripted, ScriptedVault } from '../cli/scripted-vault.ts'

let fake: FakeGateway
let gateway: GatewayClient
let mcp: McpServerHandle
let session: SessionToken
let vault: ScriptedVault | undefined
let requests: string[]

beforeEach(async () => {
  requests = []
  fake = await startFakeGateway({
    upstreams: {
      stripe: (request) => {
        requests.push(request.url)
        return Response.json({ data: [{ id: 'in_1' }] })
      },
    },
  })
  gateway = connect({ address: fake.address, token: fake.token })
  mcp = await startMcpServer({ gateway, address: '127.0.0.1:0' })
  session = fake.openSession({ agent_id: 'claude-billing-agent', scopes: ['read:stripe:invoices'] })
})

afterEach(async () => {
  await vault?.close()
  vault = undefined
  await mcp.close()
  gateway.close()
  await fake.close()
})

const issued = (): Scripted =>
  secret({ token: session.token, session_id: session.session_id }, { lease_id: 'mcp/creds/claude-billing-agent/L1' })

async function type(script: readonly Scripted[], words: readonly string[], io: Partial<Io> = {}) {
  vault = await scriptVault(...script)
  const said = { out: '', err: '' }
  const terminal: Io = {
    env: { VAULT_ADDR: vault.address, VAULT_TOKEN: 'test-token' },
    home: '/nonexistent',
    clock: systemClock,
    signal: new AbortController().signal,
    stdinIsTerminal: false,
    stdoutIsTerminal: false,
    stdout: (text) => {
      said.out += text
    },
    stderr: (text) => {
      said.err += text
    },
    readStdin: () => Promise.resolve(''),
    promptHidden: () => Promise.resolve(''),
    prompt: () => Promise.resolve(''),
    readFile: () => Promise.reject(new Error('no files here')),
    readChunks: () => Readable.from([]),
    ...io,
  }
  const code = await run(['call', ...words], terminal, [
    { group: 'Data', name: 'call', summary: '', load: () => Promise.resolve(call) },
  ])
  return { code, ...said, vault }
}

const asAgent = ['-agent', 'claude-billing-agent']

describe('call', () => {
  test('opens a session, prints what the tool said, and ends the lease', async () => {
    const {
      code,
      out,
      err,
      vault: { requests: vaultRequests },
    } = await type([issued(), nothing], [mcp.url, 'list_invoices', ...asAgent])
    expect(code).toBe(0)
    expect(out).toBe('{"data":[{"id":"in_1"}]}\n')
    expect(err).toMatch(/^gateway \d+ ms, upstream \d+ ms\n$/)
    expect(vaultRequests.map(({ method, url, body }) => ({ method, url, body }))).toEqual([
      { method: 'PUT', url: '/v1/mcp/creds/claude-billing-agent', body: { purpose: 'mcp-vault call list_invoices' } },
      {
        method: 'PUT',
        url: '/v1/sys/leases/revoke',
        body: { lease_id: 'mcp/creds/claude-billing-agent/L1', sync: true },
      },
    ])
  })

  test('shows the timing beside the response at a terminal', async () => {
    const { out, err } = await type([issued(), nothing], [mcp.url, 'list_invoices', ...asAgent], {
      stdoutIsTerminal: true,
    })
    expect(out).toMatch(/^\{"data":\[\{"id":"in_1"\}\]\} +gateway \d+ ms, upstream \d+ ms\n$/)
    expect(err).toBe('')
  })

  test('is a document for scripts, with nothing else on standard output', async () => {
    const { out, err } = await type([issued(), nothing], [mcp.url, 'list_invoices', '-format=json', ...asAgent])
    expect(JSON.parse(out)).toEqual({
      tool: 'list_invoices',
      text: '{"data":[{"id":"in_1"}]}',
      timing: { gateway_ms: expect.any(Number) as number, upstream_ms: expect.any(Number) as number },
    })
    expect(err).toBe('')
  })

  test('passes purpose, scopes, environment and ttl on', async () => {
    const flags = [
      '-purpose=reconciliation',
      '-scopes=read:stripe:invoices,read:stripe:events',
      '-environment=staging',
      '-ttl=5m',
      '-mount=agents/mcp',
    ]
    const {
      vault: { requests: vaultRequests },
    } = await type([issued(), nothing], [mcp.url, 'list_invoices', ...asAgent, ...flags])
    expect(vaultRequests[0]).toMatchObject({
      url: '/v1/agents/mcp/creds/claude-billing-agent',
      body: {
        purpose: 'reconciliation',
        requested_scopes: ['read:stripe:invoices', 'read:stripe:events'],
        environment: 'staging',
        ttl: 300,
      },
    })
  })

  test.each([
    ['name=value, read as JSON where it is JSON', ['limit=7']],
    ['a JSON object', ['{"limit":7}']],
  ])('takes arguments as %s', async (_, words) => {
    await type([issued(), nothing], [mcp.url, 'list_invoices', ...words, ...asAgent])
    expect(requests).toEqual(['http://stripe.invalid/v1/invoices?limit=7'])
  })

  test('uses the token of the environment when no agent is named, and ends nothing', async () => {
    const {
      code,
      vault: { requests: vaultRequests },
    } = await type([], [mcp.url, 'list_invoices'], { env: { MCP_SESSION_TOKEN: session.token } })
    expect(code).toBe(0)
    expect(vaultRequests).toEqual([])
  })

  test('closes the session where leases may not be touched', async () => {
    const {
      code,
      vault: { lines },
    } = await type([issued(), refusal(403, 'permission denied'), nothing], [mcp.url, 'list_invoices', ...asAgent])
    expect(code).toBe(0)
    expect(lines().at(-1)).toBe(`DELETE /v1/mcp/creds/claude-billing-agent/${session.session_id}`)
  })

  test('says so when the session could not be ended', async () => {
    const { code, err } = await type(
      [issued(), refusal(403, 'permission denied'), refusal(403, 'permission denied')],
      [mcp.url, 'list_invoices', ...asAgent],
    )
    expect(code).toBe(0)
    expect(err).toContain(`mcp-vault delete mcp/creds/claude-billing-agent/${session.session_id}`)
  })
})

describe('call fails with one sentence and still ends its session', () => {
  test('when the scope is missing', async () => {
    const {
      code,
      out,
      err,
      vault: { lines },
    } = await type([issued(), nothing], [mcp.url, 'refund', ...asAgent])
    expect(code).toBe(1)
    expect(out).toBe('')
    expect(err).toBe('403 insufficient_scope: needs create:stripe:refunds; the session has read:stripe:invoices\n')
    expect(lines().at(-1)).toBe('PUT /v1/sys/leases/revoke')
  })

  test('when the session is over', async () => {
    fake.endSession(session.session_id)
    const { code, err } = await type([issued(), nothing], [mcp.url, 'list_invoices', ...asAgent])
    expect(code).toBe(1)
    expect(err).toBe('401 invalid_token: session is over, open a new one\n')
  })

  test('when the gateway is down', async () => {
    await fake.close()
    const { code, err } = await type([issued(), nothing], [mcp.url, 'list_invoices', ...asAgent])
    expect(code).toBe(1)
    expect(err).toBe('503 unavailable: the gateway cannot be reached; keep the token and retry\n')
  })

  test('when there is no MCP server', async () => {
    await mcp.close()
    const {
      code,
      err,
      vault: { lines },
    } = await type([issued(), nothing], [mcp.url, 'list_invoices', ...asAgent])
    expect(code).toBe(1)
    expect(err).toBe(
      `Error calling list_invoices at ${mcp.url}: nothing listens there (ECONNREFUSED); is the MCP server running?\n`,
    )
    expect(lines().at(-1)).toBe('PUT /v1/sys/leases/revoke')
  })

  test.each([
    [
      'in its own words',
      '{"error":"server_error","error_description":"the gateway cannot be reached; keep the token and retry"}',
      '500 server_error: the gateway cannot be reached; keep the token and retry\n',
    ],
    [
      'with the status alone when it says nothing',
      '<html>',
      expect.stringMatching(/^Error calling list_invoices at http:.*<html>\n$/) as string,
    ],
  ])('when the bearer check of the server fails, %s', async (_case, body, sentence) => {
    const broken = createServer((_request, response) => {
      response.writeHead(500, { 'content-type': 'application/json' }).end(body)
    })
    await new Promise<void>((resolve) => {
      broken.listen(0, '127.0.0.1', resolve)
    })
    const { code, err } = await type(
      [issued(), nothing],
      [`http://127.0.0.1:${String((broken.address() as AddressInfo).port)}/mcp`, 'list_invoices', ...asAgent],
    )
    broken.close()
    expect(code).toBe(1)
    expect(err).toEqual(sentence)
  })

  test('when there is no such tool', async () => {
    const { code, err } = await type([issued(), nothing], [mcp.url, 'no_such_tool', ...asAgent])
    expect(code).toBe(1)
    expect(err).toContain('no_such_tool')
  })

  test('when the person gives up', async () => {
    const {
      code,
      err,
      vault: { lines },
    } = await type([issued(), nothing], [mcp.url, 'list_invoices', ...asAgent], { signal: AbortSignal.abort() })
    expect(code).not.toBe(0)
    expect(err).not.toContain(session.token)
    expect(lines().filter((line) => line.startsWith('DELETE'))).toEqual([])
  })
})

describe('call is refused before anything is sent', () => {
  test.each<[string, string[], string]>([
    ['neither agent nor token', ['http://127.0.0.1:1/mcp', 'list_invoices'], '-agent=claude-billing-agent'],
    ['no URL', ['stripe', 'list_invoices', '-agent=a'], 'is not the URL of an MCP endpoint'],
    [
      'a URL with a password',
      ['http://u:secret@host/mcp', 'list_invoices', '-agent=a'],
      'is not the URL of an MCP endpoint',
    ],
    [
      'arguments that are no JSON',
      ['http://127.0.0.1:1/mcp', 'list_invoices', '{limit:3}', '-agent=a'],
      'are not a JSON object',
    ],
    [
      'an argument without value',
      ['http://127.0.0.1:1/mcp', 'list_invoices', 'limit', '-agent=a'],
      'is not name=value',
    ],
    ['no tool', ['http://127.0.0.1:1/mcp', '-agent=a'], 'Not enough arguments'],
  ])('%s', async (_, words, sentence) => {
    const {
      code,
      err,
      vault: { requests: vaultRequests },
    } = await type([], words)
    expect(code).toBe(1)
    expect(err).toContain(sentence)
    expect(err).not.toContain('secret')
    expect(vaultRequests).toEqual([])
  })
})

test('a refusal by Vault is reported in its words', async () => {
  const { code, err } = await type(
    [refusal(400, 'unknown agent: claude-billing-agent')],
    [mcp.url, 'list_invoices', ...asAgent],
  )
  expect(code).toBe(2)
  expect(err).toContain('unknown agent')
})
