/** What a real gateway recorded, proposed, applied, and called again: nothing is refused, and without any line something is. */
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startDevServer } from '../../src/demo/dev-server.ts'
import type { DevServer } from '../../src/demo/dev-server.ts'
import { systemClock } from '../../src/logical/clock.ts'
import { silentLogger } from '../../src/logical/log.ts'
import { shellAt } from './terminal.ts'

interface History {
  readonly tools: Readonly<Record<string, object>>
  readonly scopes: readonly string[]
  /** `GET /orders/17?limit=3`, or a scope that is asked about. */
  readonly uses: readonly string[]
  readonly flags?: readonly string[]
  readonly auditPaths?: boolean
  /** Names of the tools to write, and their operations. */
  readonly proposed: readonly (readonly [string, readonly string[]])[]
}

const histories: Readonly<Record<string, History>> = {
  'part of a tool, and all of another': {
    tools: {
      orders: { operations: ['GET /orders', 'GET /orders/{id}', 'POST /orders', 'DELETE /orders/{id}'] },
      prices: { operations: ['GET /prices'] },
      users: { operations: ['GET /users/{id}'], fields: ['id'] },
    },
    scopes: ['read:shop:orders', 'write:shop:orders', 'delete:shop:orders', 'read:shop:prices', 'read:shop:users'],
    uses: ['GET /orders/17', 'GET /orders/18', 'DELETE /orders/17', 'GET /prices?limit=3'],
    proposed: [['orders/helper', ['GET /orders/{id}']]],
  },
  'tools whose operations overlap, fields and a denial': {
    tools: {
      files: { operations: ['GET /files/{path...}', 'PUT /files/{path...}', 'GET /files/{name}/meta'] },
      'files/names': { operations: ['GET /files/{name}'], fields: ['name'] },
      secrets: { operations: ['GET /files/secret'] },
    },
    scopes: ['read:shop:files', 'update:shop:files', 'read:shop:files:names', 'deny:shop:secrets'],
    uses: ['GET /files/a', 'GET /files/a/meta', 'GET /files/a/b/c'],
    proposed: [['files/helper', ['GET /files/{path...}']]],
  },
  'scopes that MCP servers ask about': {
    tools: {
      orders: { operations: ['GET /orders', 'GET /orders/{id}', 'POST /orders'] },
      refunds: { operations: ['POST /refunds', 'POST /refunds/{id}/cancel'] },
    },
    scopes: ['read:shop:orders', 'create:shop:orders', 'create:shop:refunds'],
    uses: ['read:shop:orders', 'GET /orders/7', 'POST /refunds'],
    proposed: [['refunds/helper', ['POST /refunds']]],
  },
  'paths that are kept': {
    tools: { all: { operations: ['GET /{path...}', 'PUT /orders/{id}/{part}'] } },
    scopes: ['read:shop:all', 'update:shop:all'],
    uses: [
      'GET /orders',
      'GET /orders/17',
      'GET /v2/users/jane@shop.example',
      'PUT /orders/17/notes',
      'PUT /orders/18/notes',
    ],
    auditPaths: true,
    proposed: [
      ['all/helper', ['GET /orders', 'GET /orders/{part_2}', 'GET /v2/users/{part_3}', 'PUT /orders/{id}/notes']],
    ],
  },
  'calls that were refused': {
    tools: { prices: { operations: ['GET /prices'] }, orders: { operations: ['GET /orders', 'GET /orders/{id}'] } },
    scopes: ['read:shop:prices'],
    uses: ['GET /prices', 'GET /orders/17', 'POST /v1/carts', 'PUT /v1/carts/C4/items/9', 'read:shop:orders:all'],
    flags: ['-refused'],
    proposed: [
      ['orders/helper', ['GET /orders/{id}']],
      ['carts/helper', ['POST /v1/carts', 'PUT /v1/carts/{id}/items/{id_2}']],
    ],
  },
}

interface Suggested {
  readonly scopes: readonly string[]
  readonly kept: readonly string[]
  readonly tools: readonly { name: string; operations: readonly unknown[] }[]
  readonly left_out: readonly unknown[]
}

let folder: string
let server: DevServer
let upstream: Server

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'suggest-'))
  upstream = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":1,"name":"n"}')
  })
  await new Promise<void>((resolve) => {
    upstream.listen(0, '127.0.0.1', resolve)
  })
})

afterAll(async () => {
  upstream.closeAllConnections()
  upstream.close()
  await rm(folder, { recursive: true })
})

const auditPath = (at: number) => join(folder, `audit-${String(at)}.jsonl`)

async function start({ tools, scopes, auditPaths = false }: History, at: number): Promise<void> {
  server = await startDevServer({
    rootTokenId: 'root',
    listenAddress: '127.0.0.1:0',
    grpcAddress: '127.0.0.1:0',
    httpAddress: '127.0.0.1:0',
    upstreamListeners: [],
    auditPath: auditPath(at),
    auditPaths,
    clock: systemClock,
    random: (bytes) => randomBytes(bytes),
    logger: silentLogger,
  })
  const url = `http://127.0.0.1:${String((upstream.address() as AddressInfo).port)}`
  const { admin } = server
  await admin.write('secret/data/mcp/shop', { data: { api_key: `key_${randomBytes(8).toString('hex')}` } })
  await admin.write('secret/metadata/mcp/shop', { custom_metadata: { mcp_origins: url } })
  await admin.write('mcp/upstreams/shop', { url, allow_private_addresses: true })
  for (const [name, tool] of Object.entries(tools)) await admin.write(`mcp/tools/shop/${name}`, tool)
  await admin.write('mcp/agents/helper', { owner: 'o', environment: 'production' })
  await admin.write('mcp/agents/helper/scopes', { scopes })
}

async function openSession(agent = 'helper'): Promise<string> {
  const { data } = await server.admin.write(`mcp/creds/${agent}`, { purpose: 'p' })
  return String(data?.token)
}

/** Whether a call passes, or a scope is held, for a session that is opened now: what stands now is what it is judged by. */
async function passes(token: string, use: string): Promise<boolean> {
  const { httpUrl } = server.gateway
  const [method = '', path] = use.split(' ')
  if (path !== undefined) {
    const response = await fetch(`${httpUrl}/u/shop${path}`, { method, headers: { authorization: `Bearer ${token}` } })
    await response.arrayBuffer()
    return response.status === 200
  }
  const response = await fetch(`${httpUrl}/validate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.serviceToken}` },
    body: JSON.stringify({ token, required_scope: use }),
  })
  return ((await response.json()) as { scope_match: boolean }).scope_match
}

async function refused(uses: readonly string[]): Promise<string[]> {
  const token = await openSession()
  const found: string[] = []
  for (const use of uses) if (!(await passes(token, use))) found.push(use)
  return found
}

/** A gateway hears of changes by its feed, in their order: once it knows the last one, it knows the others. */
async function untilKnown(scopes: readonly string[], tools: Suggested['tools']): Promise<void> {
  const { admin } = server
  for (const { name, operations } of tools)
    await (operations.length === 0
      ? admin.delete(`mcp/tools/shop/${name}`)
      : admin.write(`mcp/tools/shop/${name}`, { operations }))
  await admin.write('mcp/agents/helper/scopes', { scopes })
  await admin.write('mcp/tools/shop/marker', { operations: [`GET /marker/${String(++marker)}`] })
  await admin.write('mcp/agents/watch', { owner: 'o', environment: 'production' })
  await admin.write('mcp/agents/watch/scopes', { scopes: ['read:shop:marker'] })
  const token = await openSession('watch')
  await expect.poll(() => passes(token, `GET /marker/${String(marker)}`), { timeout: 10_000 }).toBe(true)
}
let marker = 0

/** The proposal with one line less, in every way. */
function* shortened({ scopes, tools }: Suggested): Generator<Pick<Suggested, 'scopes' | 'tools'>> {
  for (const scope of scopes) yield { scopes: scopes.filter((one) => one !== scope), tools }
  for (const tool of tools)
    for (const operation of tool.operations) {
      const operations = tool.operations.filter((one) => one !== operation)
      yield { scopes, tools: tools.map((one) => (one === tool ? { ...one, operations } : one)) }
    }
}

describe.each(Object.entries(histories).map(([name, history], at) => ({ name, history, at })))('$name', (row) => {
  const { history, at } = row
  let suggestion: Suggested

  beforeAll(() => start(history, at))
  afterAll(() => server.close())

  it('is recorded, proposed and applied', async () => {
    expect(await refused(history.uses)).toHaveLength(history.flags ? history.uses.length - 1 : 0)
    const shell = await shellAt(server.vaultAddress, { env: { VAULT_TOKEN: 'root' } })
    const words = ['tools', 'suggest', auditPath(at), '-agent=helper', '-format=json', '-yes', ...(history.flags ?? [])]
    const { code, out, err } = await shell.mcpVault(...words)
    expect([code, err]).toEqual([0, ''])
    suggestion = (JSON.parse(out) as { suggestions: Suggested[] }).suggestions[0]!
    expect(suggestion.left_out).toEqual([])
  })

  it('has tools of what was used alone', () => {
    expect(suggestion.tools.map(({ name, operations }) => [name, operations])).toEqual(history.proposed)
  })

  it('rests on records that hold paths only where they are kept, and then nothing personal', async () => {
    const records = await readFile(auditPath(at), 'utf8')
    expect(records.includes('"path":"/')).toBe(history.auditPaths === true)
    expect(records).not.toContain('jane')
  })

  it('refuses none of the recorded calls', async () => {
    await untilKnown([...suggestion.scopes, ...suggestion.kept], suggestion.tools)
    expect(await refused(history.uses)).toEqual([])
  })

  it('refuses one without any line', async () => {
    const idle: unknown[] = []
    expect([...shortened(suggestion)].length).toBeGreaterThan(1)
    for (const less of shortened(suggestion)) {
      await untilKnown([...less.scopes, ...suggestion.kept], less.tools)
      if ((await refused(history.uses)).length === 0) idle.push(less)
    }
    expect(idle).toEqual([])
  })
})
