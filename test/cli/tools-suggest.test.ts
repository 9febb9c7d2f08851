/** `mcp-vault tools suggest`, against an embedded server, on records as a gateway writes them. */
import { beforeEach, describe, expect, it } from 'vitest'
import { embeddedShell } from './embedded.ts'
import { call, noTool, record } from './recorded.ts'
import type { Outcome } from './terminal.ts'

const { v, shell, shellWith } = embeddedShell()
const orders = ['GET /orders', 'GET /orders/{id}', 'POST /orders', 'DELETE /orders/{id}']

beforeEach(async () => {
  await v('write mcp/upstreams/shop url=https://api.shop.example')
  await shell().mcpVault(
    'write',
    'mcp/tools/shop/orders',
    `operations=${JSON.stringify(orders)}`,
    'risk=medium',
    'fields=id,total',
  )
  await shell().mcpVault('write', 'mcp/tools/shop/prices', 'operations=["GET /prices"]')
  await v('write mcp/agents/helper owner=o environment=production')
  await v(
    'write mcp/agents/helper/scopes scopes=read:shop:orders,write:shop:orders,delete:shop:orders,read:shop:prices',
  )
})

async function suggest(lines: readonly string[], ...flags: string[]): Promise<Outcome> {
  await shell().write('audit.jsonl', lines.map((line) => `${line}\n`).join(''))
  const who = flags.some((flag) => /^-(agent|session)=/.test(flag)) ? [] : ['-agent=helper']
  return shell().mcpVault('tools', 'suggest', 'audit.jsonl', ...who, ...flags)
}

async function suggested(lines: readonly string[], ...flags: string[]): Promise<string> {
  const outcome = await suggest(lines, ...flags)
  expect(outcome).toMatchObject({ code: 0, err: '' })
  return outcome.out
}

interface Shown {
  readonly scopes: string[]
  readonly kept: string[]
  readonly tools: Record<string, unknown>[]
  readonly left_out: unknown[]
  readonly notes: string[]
}

async function asJson(lines: readonly string[], ...flags: string[]): Promise<Shown> {
  const { suggestions } = JSON.parse(await suggested(lines, '-format=json', ...flags)) as { suggestions: Shown[] }
  expect(suggestions).toHaveLength(1)
  return suggestions[0]!
}

const data = async (path: string) =>
  (JSON.parse(await v(`read -format=json ${path}`)) as { data: Record<string, unknown> }).data

const used = [call('GET /orders/{id}', ['orders']), call('POST /orders', ['orders']), call('GET /prices', ['prices'])]

describe('the proposal', () => {
  it('is commands for a shell, and nothing is written', async () => {
    expect(await suggested([...used, used[0]!])).toBe(
      [
        '# Agent helper in production: 4 calls; 3 scopes (4 before), 1 tool to write.',
        '# Sessions that were opened with scopes named one by one keep only what is in both lists: open them again.',
        `vault write mcp/tools/shop/orders/helper 'operations=["GET /orders/{id}"]' 'fields=["id","total"]' risk=medium`,
        `vault write mcp/agents/helper/scopes 'scopes=["create:shop:orders","read:shop:orders:helper","read:shop:prices"]'`,
        '',
        '# From 4 records.',
        '# Nothing was written. To write it, add -yes.',
        '',
      ].join('\n'),
    )
    expect((await shell().mcpVault('read', 'mcp/tools/shop/orders/helper')).code).toBe(2)
  })

  it('does what it says when its commands are typed', async () => {
    const commands = (await suggested(used)).split('\n').filter((line) => line.startsWith('vault '))
    for (const line of commands) {
      const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!)
      expect(await shell().mcpVault(...words.slice(1))).toMatchObject({ code: 0, err: '' })
    }
    const { scopes } = await asJson(used)
    expect((await data('mcp/agents/helper/scopes')).scopes).toEqual(scopes)
    expect(await data('mcp/tools/shop/orders/helper')).toMatchObject({ operations: ['GET /orders/{id}'] })
  })

  it('is written with -yes, and proposed again is the same', async () => {
    expect(await suggested(used, '-yes')).toContain('# Written.')
    expect((await data('mcp/agents/helper/scopes')).scopes).toEqual([
      'create:shop:orders',
      'read:shop:orders:helper',
      'read:shop:prices',
    ])
    expect(await data('mcp/tools/shop/orders/helper')).toMatchObject({
      operations: ['GET /orders/{id}'],
      fields: ['id', 'total'],
      risk: 'medium',
    })
    const again = [call('GET /orders/{id}', ['orders/helper']), call('POST /orders', ['orders']), used[2]!]
    expect(await asJson(again)).toMatchObject({
      tools: [],
      scopes: ['create:shop:orders', 'read:shop:orders:helper', 'read:shop:prices'],
    })
    const repeated = await suggested(used, '-yes')
    expect(repeated).toContain('# Nothing to write: all of it is in force.')
    expect(repeated).not.toMatch(/Written|does not have now/)
  })

  it("narrows the agent's own tool where it stands", async () => {
    await shell().mcpVault('write', 'mcp/tools/shop/orders/helper', 'operations=["GET /orders", "GET /orders/{id}"]')
    const { tools } = await asJson([call('GET /orders', ['orders/helper'])])
    expect(tools).toMatchObject([{ name: 'orders/helper', change: 'update', operations: ['GET /orders'] }])
  })

  it("leaves a tool alone that only has the agent's name", async () => {
    await shell().mcpVault('write', 'mcp/tools/shop/orders/helper', 'operations=["GET /other"]')
    expect(await asJson([used[0]!])).toMatchObject({ tools: [{ name: 'orders/helper-2', change: 'create' }] })
  })

  it('is Terraform, with what a template might be read as escaped', async () => {
    await shell().mcpVault('write', 'mcp/tools/shop/odd', 'operations=["GET /${x}/{id}", "GET /odd"]')
    const text = await suggested([call('GET /${x}/{id}', ['odd'])], '-as=terraform')
    expect(text).toContain(
      [
        'resource "mcp_tool" "shop_odd_helper" {',
        '  upstream = "shop"',
        '  name     = "odd/helper"',
        '  operations = [',
        '    { method = "GET", path = "/$${x}/{id}", capability = "read" },',
        '  ]',
        '  risk = "low"',
        '}',
        '',
        'resource "mcp_agent_scopes" "helper" {',
        '  agent = "helper"',
        '  scopes = ["read:shop:odd:helper"]',
        '  max_ttl_seconds = 900',
        '  depends_on = [mcp_tool.shop_odd_helper]',
        '}',
      ].join('\n'),
    )
  })

  it('keeps scopes that MCP servers asked about as they are', async () => {
    const { scopes, tools } = await asJson([record({ required_scope: 'read:shop:orders' }), used[0]!])
    expect([scopes, tools]).toEqual([['read:shop:orders'], []])
  })

  it('keeps what is denied', async () => {
    await shell().mcpVault('write', 'mcp/tools/shop/orders/secret', 'operations=GET /secret')
    await v('write mcp/agents/helper/scopes scopes=read:shop:orders,read:shop:prices,deny:shop:orders:secret')
    expect(await asJson([used[2]!])).toMatchObject({ scopes: ['read:shop:prices'], kept: ['deny:shop:orders:secret'] })
  })

  it('takes a whole tool where its narrower one would be denied', async () => {
    await v('write mcp/agents/helper/scopes scopes=read:shop:orders,deny:shop:orders:*')
    const { scopes, tools } = await asJson([used[0]!])
    expect([scopes, tools]).toEqual([['read:shop:orders'], []])
  })

  it('makes no tools for an agent whose policies name tools', async () => {
    await shell().write('p.hcl', 'path "tools/shop/orders" { capabilities = ["read"] }')
    await v('write mcp/policies/orders policy=@p.hcl')
    await v('write mcp/agents/helper policies=orders')
    const { scopes, tools, notes } = await asJson([used[0]!])
    expect([scopes, tools]).toEqual([['read:shop:orders'], []])
    expect(notes).toEqual([expect.stringContaining('Agent helper has policies, and their rules name tools')])
  })

  it('stands for each environment by itself', async () => {
    await v('write mcp/agents/helper/scopes/staging scopes=read:shop:prices,read:shop:orders')
    const text = await suggested([used[2]!, call('GET /prices', ['prices'], { environment: 'staging' })])
    expect(text).toContain(`vault write mcp/agents/helper/scopes 'scopes=["read:shop:prices"]'`)
    expect(text).toContain(`vault write mcp/agents/helper/scopes/staging 'scopes=["read:shop:prices"]'`)
  })

  it('says what the agent would get again', async () => {
    await v('write mcp/agents/helper/scopes scopes=read:shop:prices')
    const { notes } = await asJson(used)
    expect(notes).toEqual([
      'Agent helper does not have now what the records show by create:shop:orders, read:shop:orders, and would get it.',
    ])
  })

  it('names calls of tools that are gone', async () => {
    const { left_out: left } = await asJson([
      used[2]!,
      call('GET /gone', ['gone']),
      call('GET /gone', ['orders', 'gone']),
    ])
    expect(left).toMatchObject([
      { call: { endpoint: '/gone' }, reason: 'shop/gone no longer has this operation' },
      { call: { endpoint: '/gone' }, reason: 'shop/orders and shop/gone no longer have this operation' },
    ])
  })
})

describe('what was refused', () => {
  const wanted = [
    noTool('GET /v1/carts/{}/items/{}'),
    noTool('PUT /v1/carts/{}'),
    call('GET /prices', ['prices'], { decision: 'deny', reason: 'insufficient_scope' }),
    record({ required_scope: 'delete:shop:orders', decision: 'deny', reason: 'insufficient_scope' }),
  ]

  it('is not covered by itself', async () => {
    const { code, err } = await suggest(wanted)
    expect([code, err]).toEqual([
      1,
      expect.stringContaining('Refused for want of a tool or a scope: 4 calls; -refused covers them.'),
    ])
  })

  it('is covered with -refused, by tools of its words', async () => {
    await v('write mcp/agents/helper/scopes scopes=[]')
    expect(await asJson(wanted, '-refused')).toMatchObject({
      scopes: ['delete:shop:orders', 'read:shop:carts:helper', 'read:shop:prices', 'update:shop:carts:helper'],
      tools: [
        { name: 'carts/helper', risk: 'medium', operations: ['GET /v1/carts/{id}/items/{id_2}', 'PUT /v1/carts/{id}'] },
      ],
    })
  })

  it.each([['denied'], ['parameter_refused'], ['expired'], ['refusals_limit']])(
    'for another reason (%s) never is',
    async (reason) => {
      const lines = [call('GET /prices', ['prices'], { decision: 'deny', reason })]
      expect(await suggest(lines, '-refused')).toMatchObject({ code: 1, out: '' })
    },
  )

  it('stays refused where a denied tool takes it, too', async () => {
    await shell().mcpVault('write', 'mcp/tools/shop/all', 'operations=["GET /{any}/carts/{id}/"]')
    await v('write mcp/agents/helper/scopes scopes=deny:shop:all')
    const { left_out: left } = await asJson([noTool('GET /v1/carts/{}')], '-refused')
    expect(left).toMatchObject([{ reason: 'tools/shop/all is denied.' }])
  })

  it('has a method from which no capability follows', async () => {
    const { left_out: left } = await asJson([noTool('MOVE /files/{}'), used[2]!], '-refused')
    expect(left).toMatchObject([{ reason: 'no capability follows from MOVE; declare the operation by hand' }])
  })
})

describe('which records count', () => {
  const other = call('GET /orders', ['orders'], { session_id: 'sess_2', time: '2026-11-30T08:00:00.000Z' })

  it.each([
    ['-session=sess_1', ['read:shop:prices']],
    ['-session=sess_2', ['read:shop:orders:helper']],
    ['-agent=helper', ['read:shop:orders:helper', 'read:shop:prices']],
    ['-since=2026-12-01T00:00:00Z', ['read:shop:prices']],
    ['-since=2026-11-30T09:00:00+01:00', ['read:shop:orders:helper', 'read:shop:prices']],
  ])('%s', async (flag, scopes) => {
    expect((await asJson([used[2]!, other], flag)).scopes).toEqual(scopes)
  })

  it('counts back a duration from now', async () => {
    const recent = call('GET /prices', ['prices'], { time: new Date().toISOString() })
    expect((await asJson([recent, other], '-since=1h')).scopes).toEqual(['read:shop:prices'])
  })

  it('passes over lines that are no records, and says how many', async () => {
    const lines = [...used, '{"type":"decision"', 'x'.repeat(1_100_000), '', '{"type":"outcome","status":200}', '7']
    expect(await suggested(lines)).toContain('# Lines that are no records: 2.')
  })

  it('come from standard input, too', async () => {
    const piped = await shellWith({ env: { VAULT_TOKEN: 'root' }, stdin: used.join('\n') })
    expect(await piped.mcpVault('tools', 'suggest', '-', '-agent=helper')).toMatchObject({ code: 0, err: '' })
  })

  it('holds nothing that ends a comment', async () => {
    const text = await suggested([used[2]!, call('GET /gone\nvault delete x', ['gone'])])
    expect(text.split('\n').filter((line) => !/^(#|vault write |$)/.test(line))).toEqual([])
  })

  it.each([
    [['-since=yesterday'], 1, '-since: "yesterday" is neither a duration nor a time'],
    [['-as=yaml'], 1, '"yaml" is not one of commands, terraform'],
    [['-agent=nobody'], 1, 'The records hold no allowed call of this selection.'],
    [['-mount=none'], 2, 'Error reading none/agents/helper'],
  ])('%j is refused: %s', async (flags, code, sentence) => {
    const outcome = await suggest(used, ...flags)
    expect([outcome.code, outcome.out, outcome.err]).toEqual([code, '', expect.stringContaining(sentence)])
  })

  it('need somebody to look for, a file, and an agent that is there', async () => {
    const nobody = await shell().mcpVault('tools', 'suggest', 'audit.jsonl')
    expect([nobody.code, nobody.err]).toEqual([1, expect.stringContaining('Say what to look at: -agent=<id>')])
    const nowhere = await shell().mcpVault('tools', 'suggest', 'none.jsonl', '-agent=helper')
    expect([nowhere.code, nowhere.err]).toEqual([
      1,
      expect.stringContaining('Cannot read the file "none.jsonl" (ENOENT)'),
    ])
    const gone = await suggest([call('GET /prices', ['prices'], { agent_id: 'gone' })], '-agent=gone')
    expect([gone.code, gone.err]).toEqual([2, expect.stringContaining('Agent gone of the records is not registered')])
  })

  it('may not hold more different calls than anybody reads', async () => {
    const many = Array.from({ length: 10_001 }, (_, at) => call(`GET /x/${String(at)}`, ['orders']))
    const { code, err } = await suggest(many)
    expect([code, err]).toEqual([1, expect.stringContaining('The records hold more than 10000 different calls')])
  })

  it('nor more different scopes that were asked about', async () => {
    const many = Array.from({ length: 10_001 }, (_, at) => record({ required_scope: `read:shop:x${String(at)}` }))
    const { code, err } = await suggest(many)
    expect([code, err]).toEqual([1, expect.stringContaining('The records hold more than 10000 different calls')])
  })
})

describe('records that hold paths', () => {
  const at = (line: string, tool: string, ...paths: string[]): string[] =>
    paths.map((path) => call(line, [tool], { path }))

  beforeEach(async () => {
    const operations = ['GET /{path...}', 'GET /repos/{owner}/{repo}', 'PUT /compare/{base}...{head}']
    await shell().mcpVault('write', 'mcp/tools/shop/all', `operations=${JSON.stringify(operations)}`)
    await v('write mcp/agents/helper/scopes scopes=read:shop:all,update:shop:all')
  })

  it.each([
    ['GET /repos/{owner}/{repo}', ['/repos/octo/site', '/repos/octo/site'], ['GET /repos/octo/site']],
    ['GET /repos/{owner}/{repo}', ['/repos/octo/site', '/repos/octo/docs'], ['GET /repos/octo/{repo}']],
    ['GET /repos/{owner}/{repo}', ['/repos/octo/17'], ['GET /repos/octo/{repo}']],
    ['GET /repos/{owner}/{repo}', ['/repos/Octo/a%2Fb'], ['GET /repos/{owner}/{repo}']],
    ['GET /{path...}', ['/v1/carts', '/v1/carts/17', '/v1/carts/C9'], ['GET /v1/carts', 'GET /v1/carts/{part_3}']],
    ['GET /{path...}', ['/users/jane@shop.example'], ['GET /users/{part_2}']],
    ['PUT /compare/{base}...{head}', ['/compare/main...dev'], ['PUT /compare/{base}...{head}']],
    // What redaction made another path of, and what is none.
    ['GET /repos/{owner}/{repo}', ['/repos/[redacted:token]'], ['GET /repos/{owner}/{repo}']],
    ['GET /repos/{owner}/{repo}', ['/repos/%zz/x'], ['GET /repos/{owner}/{repo}']],
  ])('%s with %j becomes %j', async (line, paths, operations) => {
    const { tools, scopes } = await asJson(at(line, 'all', ...paths))
    const whole = operations.includes(line)
    expect(tools.map((tool) => tool.operations)).toEqual([operations])
    expect(scopes).toEqual([line.startsWith('PUT') && whole ? 'update:shop:all:helper' : 'read:shop:all:helper'])
  })

  it('may be of some calls alone: those without one keep the template', async () => {
    const lines = [
      ...at('GET /repos/{owner}/{repo}', 'all', '/repos/octo/site'),
      call('GET /repos/{owner}/{repo}', ['all']),
    ]
    expect((await asJson(lines)).tools).toMatchObject([{ operations: ['GET /repos/{owner}/{repo}'] }])
  })

  it('tell a slash at the end of a refused path from an id', async () => {
    const refused = { decision: 'deny', reason: 'no_tool', path: '/items/' }
    expect((await asJson([call('GET /items/{}', [], refused)], '-refused')).tools).toMatchObject([
      { name: 'items/helper', operations: ['GET /items/'] },
    ])
  })
})
