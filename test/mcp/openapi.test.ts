/** The engine's document against the engine: what it answers is what the document says it answers. */
import { beforeAll, describe, expect, it } from 'vitest'
import { fromHelpDocument } from '../../src/framework/openapi.ts'
import type { OpenApiDocument, OpenApiSchema } from '../../src/framework/openapi-document.ts'
import type { Data } from '../../src/logical/data.ts'
import { decodeAsHost, operationsOf } from '../framework/openapi-decoder.ts'
import { TestEngine } from './engine.ts'

let engine: TestEngine
let document: OpenApiDocument
let session: string
let child: string

beforeAll(async () => {
  engine = await TestEngine.start()
  document = (await engine.call('help', '', { requestResponsePrefix: 'mcp' }))!.data!.openapi as OpenApiDocument
  await engine.write('upstreams/stripe', { url: 'https://api.stripe.com' })
  await engine.write('tools/stripe/invoices', { operations: 'GET /v1/invoices' })
  await engine.write('policies/billing', { policy: 'path "tools/stripe/invoices" { capabilities = ["read"] }' })
  await engine.declare('billing', ['read:stripe:invoices'], { policies: 'billing' })
  await engine.write('agents/billing/scopes/staging', { scopes: 'read:stripe:invoices' })
  const issued = await engine.issue('billing')
  session = issued.session_id
  child = (await engine.issue('billing', { parent_token: issued.token, requested_scopes: 'read:stripe:invoices' }))
    .session_id
  await engine.delete(`sessions/${child}`)
})

const fits: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  integer: Number.isSafeInteger,
  boolean: (value) => typeof value === 'boolean',
  array: Array.isArray,
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
}

/** What is wrong with a response, by field. */
function misfits(schema: OpenApiSchema, data: Data): string[] {
  return Object.entries(data).flatMap(([name, value]) => {
    const field = schema.properties?.[name]
    if (!field) return [`${name} is not declared`]
    if (value === null) return field.nullable ? [] : [`${name} is null`]
    if (field.enum && !field.enum.includes(value as string)) return [`${name} is not one of ${field.enum.join()}`]
    return field.type === undefined || fits[field.type]!(value) ? [] : [`${name} is no ${field.type}`]
  })
}

function answerSchema(method: 'get' | 'post', path: string): OpenApiSchema {
  const { $ref } =
    fromHelpDocument(document).paths[path]![method]!.responses['200']!.content!['application/json'].schema
  return document.components.schemas[$ref!.replace('#/components/schemas/', '')]!
}

describe('the engine answers as its document says', () => {
  it.each<[method: 'get' | 'post', path: string, ask: () => Promise<{ data?: Data } | undefined>, except: string[]]>([
    ['get', '/config', () => engine.read('config'), []],
    ['get', '/upstreams/{name}', () => engine.read('upstreams/stripe'), []],
    ['get', '/tools/{upstream}/{name}', () => engine.read('tools/stripe/invoices'), []],
    ['get', '/policies/{name}', () => engine.read('policies/billing'), []],
    ['get', '/agents/{agent_id}', () => engine.read('agents/billing'), []],
    ['get', '/agents/{agent_id}/scopes', () => engine.read('agents/billing/scopes'), []],
    ['get', '/agents/{agent_id}/scopes/{environment}', () => engine.read('agents/billing/scopes/staging'), []],
    ['get', '/creds/{agent}', () => engine.read('creds/billing'), []],
    ['post', '/creds/{agent}', () => engine.write('creds/billing', { purpose: 'a test' }), []],
    ['post', '/creds/{agent}/{session}', () => engine.write(`creds/billing/${session}`), []],
    ['get', '/sessions/{session_id}', () => engine.read(`sessions/${session}`), []],
    ['get', '/sessions/{session_id}', () => engine.read(`sessions/${child}`), []],
    [
      'post',
      '/introspect',
      async () =>
        engine.write('introspect', {
          token: (await engine.issue('billing')).token,
          required_scope: 'read:stripe:invoices',
        }),
      ['reason', 'detail', 'batch_results'],
    ],
    [
      'post',
      '/introspect',
      async () => {
        const { token } = await engine.issue('billing')
        const alone = await engine.introspect({ token })
        const { batch_results: results, ...position } = await engine.introspect({ batch_input: [{ token }] })
        return { data: { ...alone, ...(results as Data[])[0], batch_results: results, ...position } }
      },
      ['reason', 'detail', 'required_scope', 'scope_match'],
    ],
    ['get', '/feed', () => engine.read('feed', { wait: 0 }), ['more']],
    ['get', '/tidy/status', () => engine.read('tidy/status'), []],
    ['post', '/tidy', () => engine.write('tidy'), []],
    ['get', '/tidy/status', () => engine.read('tidy/status'), []],
    ['post', '/sessions/revoke-all', () => engine.write('sessions/revoke-all'), []],
  ])('%s %s', async (method, path, request, except) => {
    const schema = answerSchema(method, path)
    const data = (await request())!.data!
    expect(misfits(schema, data)).toEqual([])
    expect(Object.keys(schema.properties!).filter((name) => !(name in data) && !except.includes(name))).toEqual([])
  })

  it('and a check finds what is not so', () => {
    expect(
      misfits(
        { properties: { a: { type: 'string' }, b: { type: 'integer' }, c: { type: 'string', enum: ['x'] } } },
        { a: null, b: '1', c: 'y', d: 1 },
      ),
    ).toEqual(['a is null', 'b is no integer', 'c is not one of x', 'd is not declared'])
  })
})

describe("the engine's document", () => {
  it('is one a server can decode, with every operation under a name of its own', () => {
    const operations = operationsOf(decodeAsHost(document))
    expect(operations.length).toBeGreaterThan(35)
    expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length)
  })

  it('never answers a secret, and marks it where it is asked for', () => {
    const named = (end: string) =>
      Object.entries(document.components.schemas)
        .filter(([name]) => name.endsWith(end))
        .map(([, schema]) => JSON.stringify(schema))
    expect(named('Response').filter((schema) => schema.includes('sensitive'))).toEqual([])
    expect(named('Request').filter((schema) => schema.includes('sensitive'))).toHaveLength(2)
  })

  it('is the same under every mount of one type, so that two of them share their schemas', async () => {
    const other = await TestEngine.start()
    expect((await other.call('help', '', { requestResponsePrefix: 'mcp' }))!.data!.openapi).toEqual(document)
  })
})
