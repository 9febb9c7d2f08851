/**
 * One set of rules for documents, at the three places that judge them: what the engine stores, the gateway can use, and its plan is
 * clean. Some rules are the mount's own settings, which the gateway does not know: it can use what any mount would store.
 */
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { Sides, gatewayRefuses, kinds } from './sides.ts'
import type { Document, Json } from './sides.ts'

type KindName = Exclude<keyof typeof kinds, 'upstream'>

const DAY = 86_400
let strict: Sides
let permissive: Sides
beforeAll(async () => {
  strict = await Sides.start({ max_ttl: 600, default_ttl: 600 }, 600)
  permissive = await Sides.start({ allow_wildcards: true }, 9_223_372_036)
})

interface Refusals {
  readonly engine: string | undefined
  readonly plan: string | undefined
  readonly gateway: string | undefined
}

async function judged(sides: Sides, kind: KindName, document: Document): Promise<Refusals> {
  return {
    engine: await sides.engineRefuses(kinds[kind], document),
    plan: await sides.planRefuses(kinds[kind], document),
    gateway: gatewayRefuses(kinds[kind], document),
  }
}

const tool = (rest: Document): Document => ({ upstream: 'stripe', name: 'invoices', operations: [get], ...rest })
const get = { method: 'GET', path: '/v1/invoices' }
const agent = (rest: Document): Document => ({ agent_id: 'billing', owner: 'team', environment: 'production', ...rest })
const scopes = (rest: Document): Document => ({ agent_id: 'billing', scopes: [], max_ttl_seconds: 600, ...rest })
const policy = (text: string): Document => ({ name: 'p', policy: text })
const rule = (path: string, capability = 'read') => policy(`path "${path}" { capabilities = ["${capability}"] }`)
const config = (rest: Document): Document => ({ max_ttl: 600, default_ttl: 600, ...rest })
const many = (text: string, length = 1_001): Json => Array.from({ length }, () => text)

const accepts: readonly [KindName, Document][] = [
  ['tool', tool({})],
  ['tool', tool({ name: 'customers/id-only', fields: ['data[].id', 'has_more'], risk: 'critical' })],
  ['tool', tool({ operations: [{ method: 'patch', path: '/', capability: 'list', parameters: [] }] })],
  ['tool', tool({ fields: [], mcp_tools: ['List Invoices!'] })],
  ['tool', tool({ fields: many('a', 1_000), mcp_tools: many('a', 1_000) })],
  ['policy', rule('tools/stripe/invoices')],
  ['policy', rule('tools/stripe/customers/+', 'delete')],
  ['policy', rule('tools/*', 'deny')],
  ['policy', policy('{"path":{"tools/stripe/invoices":{"capabilities":["read"]}}}')],
  ['policy', policy('# nothing yet')],
  ['agent', agent({})],
  ['agent', agent({ policies: [], description: 'ö', disabled: true })],
  ['scopes', scopes({ scopes: ['read:stripe:invoices', 'write:tools/stripe/customers/id-only', 'deny:a:b:*'] })],
  ['scopes', scopes({ environment: 'staging', max_ttl_seconds: 1 })],
  ['config', config({ environment_labels: { 'any name': 'prodeu' }, token_prefix: '0a', reuse_window: 0 })],
]

const refuses: readonly [KindName, Document][] = [
  ['tool', tool({ operations: [] })],
  ['tool', tool({ operations: [{ method: 'TRACE', path: '/' }] })],
  ['tool', tool({ operations: [get, { method: 'GET', path: '/a/../b' }] })],
  ['tool', tool({ operations: [{ ...get, parameters: [''] }] })],
  ['tool', tool({ operations: [{ ...get, capability: 'write' }] })],
  ['tool', tool({ fields: ['data[]..id'] })],
  ['tool', tool({ fields: many('a') })],
  ['tool', tool({ mcp_tools: many('a') })],
  ['tool', tool({ risk: 'extreme' })],
  ['tool', tool({ name: 'a/b/c' })],
  ['tool', tool({ name: 'Invoices' })],
  ['tool', tool({ upstream: 'str ipe' })],
  ['policy', rule('secret/data/a')],
  ['policy', rule('tools/stripe')],
  ['policy', rule('tools/stripe/a/b/c')],
  ['policy', rule('tools/stripe/Invoices')],
  ['policy', rule('tools/{{identity.entity.name}}/a', 'deny')],
  ['policy', rule('tools/stripe/invoices', 'sudo')],
  ['policy', policy('path "tools/a/b" { capabilities = ["read"] min_wrapping_ttl = "1s" }')],
  ['policy', policy('path "tools/a/b" {')],
  ['policy', policy('')],
  ['policy', { ...rule('tools/a/b'), name: 'P' }],
  ['agent', agent({ owner: '' })],
  ['agent', agent({ owner: 'a'.repeat(257) })],
  ['agent', agent({ environment: 'Production' })],
  ['agent', agent({ environment: '' })],
  ['agent', agent({ policies: ['a', 'B'] })],
  ['agent', agent({ policies: [''] })],
  ['agent', agent({ policies: many('a') })],
  ['agent', agent({ agent_id: 'a.b' })],
  ['scopes', scopes({ scopes: ['read:stripe'] })],
  ['scopes', scopes({ scopes: ['read:stripe:invoices', 'read:Stripe:invoices'] })],
  ['scopes', scopes({ scopes: [''] })],
  ['scopes', scopes({ scopes: many('read:stripe:invoices') })],
  ['scopes', scopes({ environment: 'A' })],
  ['scopes', scopes({ max_ttl_seconds: 0 })],
  ['scopes', scopes({ max_ttl_seconds: 1e10 })],
  ['config', config({ token_prefix: 'SVT' })],
  ['config', config({ environment_labels: { production: 'a'.repeat(17) }, token_prefix: '' })],
]

/** By one mount and not by another: the gateway can use them. */
const bySetting: readonly [KindName, Document][] = [
  ['policy', rule('tools/stripe/*')],
  ['policy', rule('tools/+/invoices')],
  ['policy', rule('tools/*')],
  ['scopes', scopes({ scopes: ['read:stripe:invoices', 'read:stripe:*'] })],
  ['scopes', scopes({ scopes: ['write:*'] })],
  ['scopes', scopes({ max_ttl_seconds: 601 })],
  ['config', config({ max_ttl: 601 })],
]

/** What no gateway hears of. */
const betweenEngineAndPlan: readonly [KindName, Document][] = [
  ['config', config({ default_ttl: 601 })],
  ['config', config({ session_max_life: 599 })],
  ['config', config({ max_ttl: 0 })],
  ['config', config({ reuse_window: 1e10 })],
  ['config', config({ token_prefix: 'gst' })],
  ['config', config({ environment_labels: { production: 'No!' } })],
]

const titled = (rows: readonly [KindName, Document][]) =>
  rows.map(([kind, document]) => [kind, JSON.stringify(document).slice(0, 100), document] as const)
const refused = expect.any(String) as string

describe('engine, gateway and plan', () => {
  it.each(titled(accepts))('accept: %s %s', async (kind, _text, document) => {
    const nobody = { engine: undefined, gateway: undefined, plan: undefined }
    expect([await judged(strict, kind, document), await judged(permissive, kind, document)]).toEqual([nobody, nobody])
  })

  it.each(titled(refuses))('refuse: %s %s', async (kind, _text, document) => {
    const all = { engine: refused, gateway: refused, plan: refused }
    expect([await judged(strict, kind, document), await judged(permissive, kind, document)]).toEqual([all, all])
  })

  it.each(titled(bySetting))("go by the mount's settings: %s %s", async (kind, _text, document) => {
    expect([await judged(strict, kind, document), await judged(permissive, kind, document)]).toEqual([
      { engine: refused, gateway: undefined, plan: refused },
      { engine: undefined, gateway: undefined, plan: undefined },
    ])
  })

  it.each(titled(betweenEngineAndPlan))('refuse, but for the gateway: %s %s', async (kind, _text, document) => {
    expect(await judged(strict, kind, document)).toMatchObject({ engine: refused, plan: refused })
  })
})

const from = <T>(...values: readonly T[]) => fc.constantFrom(...values)
const aName = from('stripe', 'a', '0-_', 'a'.repeat(64))
const someNames = fc.array(aName, { maxLength: 3 })

const anOperation = fc.record(
  {
    method: from('GET', 'head', 'POST', 'PUT', 'PATCH', 'DELETE'),
    path: from('/', '/v1/invoices', '/v1/{id}', '/v1/{a}/b/{c}', '/ö', `/${'a'.repeat(1_023)}`),
    capability: from('create', 'read', 'update', 'delete', 'list'),
    parameters: fc.array(from('limit', 'created[gte]', 'a;b'), { maxLength: 2 }),
  },
  { requiredKeys: ['method', 'path'] },
)
const aCapability = from('create', 'read', 'update', 'delete', 'list', 'deny')
const aScope = fc
  .tuple(
    fc.oneof(aCapability, from('write')),
    from('stripe', '+', '*', 'str*'),
    from('invoices', '+', 'in*', ''),
    from('id-only', '*', ''),
    from(':', '/'),
  )
  .map(([word, upstream, resource, qualifier, separator]) => {
    const parts = [upstream, resource, qualifier].filter((part) => part !== '')
    return separator === ':' ? [word, ...parts].join(':') : `${word}:tools/${parts.join('/')}`
  })
const aRule = fc
  .tuple(
    from('tools/stripe/invoices', 'tools/+/a/b', 'tools/s*', 'tools/stripe/+', 'tools/a/b/*', 'tools/a/b*'),
    fc.array(aCapability, { maxLength: 2 }),
    from('', 'denied_parameters = { "a" = [] }', 'allowed_parameters = { "*" = [], "b" = ["1", 2] }', '# note'),
  )
  .map(([path, words, more]) => `path "${path}" {\n capabilities = ${JSON.stringify(words)}\n ${more}\n}\n`)

const valid: Readonly<Record<KindName, fc.Arbitrary<Document>>> = {
  tool: fc.record(
    {
      upstream: aName,
      name: fc.oneof(
        aName,
        fc.tuple(aName, aName).map((both) => both.join('/')),
      ),
      operations: fc.array(anOperation, { minLength: 1, maxLength: 3 }),
      fields: fc.array(from('a', 'data[].id', '[].x', 'a[][].b'), { maxLength: 3 }),
      mcp_tools: fc.array(fc.string({ maxLength: 6 }), { maxLength: 2 }),
      risk: from('low', 'medium', 'high', 'critical'),
    },
    { requiredKeys: ['upstream', 'name', 'operations'] },
  ),
  policy: fc.record({ name: aName, policy: fc.array(aRule, { maxLength: 3 }).map((rules) => rules.join('')) }),
  agent: fc.record(
    {
      agent_id: aName,
      owner: fc.oneof(from('team', 'a'.repeat(256)), fc.string({ minLength: 1, maxLength: 6 })),
      environment: aName,
      description: fc.string({ maxLength: 6 }),
      policies: someNames,
      disabled: fc.boolean(),
    },
    { requiredKeys: ['agent_id', 'owner', 'environment'] },
  ),
  scopes: fc.record(
    {
      agent_id: aName,
      environment: aName,
      scopes: fc.array(aScope, { maxLength: 3 }),
      max_ttl_seconds: from(1, 600, 601, 900, 9_223_372_036),
    },
    { requiredKeys: ['agent_id', 'scopes'] },
  ),
  config: fc.record(
    {
      default_ttl: from(1, 600, 900),
      max_ttl: from(600, 601, 3_600, DAY),
      session_max_life: from(600, 28_800, DAY),
      allow_wildcards: fc.boolean(),
      token_prefix: from('svt', 'a0', 'abcdefgh'),
      environment_labels: fc.dictionary(from('production', 'a b', 'constructor'), from('a', '0', 'a'.repeat(16))),
      reuse_window: from(0, 1, DAY),
    },
    { requiredKeys: [] },
  ),
}

/** What was found to be read differently somewhere, by type. */
const strings = [
  '',
  ' ',
  '*',
  '+',
  '..',
  '/',
  ':',
  '%2e',
  '\n',
  '\0',
  '{',
  '}',
  '"',
  '\\',
  '[',
  '.',
  'A',
  'ö',
  '\ufeff',
  'a'.repeat(300),
]
// Whole ones: the API cuts 1.5 s to 1 s, as Vault does, and a plan refuses what would read back as something else.
const numbers = [0, -1, 1e10, 2 ** 53, 1e300, 601, DAY + 1]

interface Change {
  /** Which of all values below the document. */
  readonly at: number
  /** Which place of a text. */
  readonly place: number
  readonly how: 'insert' | 'replace' | 'cut' | 'repeat'
  readonly pick: number
}

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat({ max: 50 }),
  place: fc.nat({ max: 60 }),
  how: from('insert', 'replace', 'cut', 'repeat'),
  pick: fc.nat({ max: 50 }),
})

/** The document with one of its values changed. Its own names stay such that they make one path. */
function mutated(kind: KindName, document: Document, { at, ...how }: Change): Document {
  const count = countValues(document)
  if (count === 0) return document
  let left = at % count
  const walk = (value: Json): Json => {
    if (Array.isArray(value) && left-- === 0) return changedList(value, how)
    if (Array.isArray(value)) return value.map(walk)
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, walk(member)]))
    return left-- === 0 ? changedScalar(value, how) : value
  }
  const result = walk(document) as Document
  const segments = kinds[kind].path(result).split('/')
  const isOnePath =
    segments.length === kinds[kind].path(document).split('/').length || segments[1] === document.upstream
  return isOnePath && !segments.includes('') ? result : document
}

function countValues(value: Json): number {
  if (Array.isArray(value)) return 1 + value.reduce((sum: number, item: Json) => sum + countValues(item), 0)
  if (typeof value !== 'object' || value === null) return 1
  return Object.values(value).reduce((sum: number, member) => sum + countValues(member), 0)
}

function changedList(list: readonly Json[], { how, pick }: Omit<Change, 'at'>): Json {
  if (how === 'cut' || list.length === 0) return list.slice(0, -1)
  return how === 'repeat' ? Array.from({ length: pick % 3 === 0 ? 1_001 : 2 }, () => list[0]!) : [...list, list[0]!]
}

function changedScalar(value: Json, { how, place, pick }: Omit<Change, 'at'>): Json {
  if (typeof value === 'boolean') return !value
  if (typeof value === 'number') return numbers[pick % numbers.length]!
  const text = String(value)
  const cut = place % (text.length + 1)
  const other = strings[pick % strings.length]!
  if (how === 'replace') return other
  if (how === 'cut') return text.slice(0, cut)
  return how === 'repeat' ? text + text : text.slice(0, cut) + other + text.slice(cut)
}

const RUNS = 1_000
const kindNames: readonly KindName[] = ['tool', 'policy', 'agent', 'scopes', 'config']

describe.each(kindNames)('a generated %s', (kind) => {
  const document = fc
    .tuple(valid[kind], fc.array(change, { maxLength: 2 }))
    .map(([base, changes]) => changes.reduce((so, one) => mutated(kind, so, one), base))

  it('is stored if and only if its plan is clean and some mount would store what the gateway can use', async () => {
    const seen = { stored: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(document, async (values) => {
        const [here, anywhere] = [await judged(strict, kind, values), await judged(permissive, kind, values)]
        const stored = { here: here.engine === undefined, anywhere: anywhere.engine === undefined }
        seen[stored.anywhere ? 'stored' : 'refused']++
        const said = JSON.stringify([here, anywhere])
        expect({ here: here.plan === undefined, anywhere: anywhere.plan === undefined }, said).toEqual(stored)
        expect({ storedHereAlone: stored.here && !stored.anywhere }, said).toEqual({ storedHereAlone: false })
        const usable = here.gateway === undefined
        expect({ storedAndUseless: stored.anywhere && !usable }, said).toEqual({ storedAndUseless: false })
        // Of a config a gateway sees the tokens that are minted by it, and nothing else.
        const isConfig = kind === 'config'
        expect({ usableAndRefused: usable && !stored.anywhere && !isConfig }, said).toEqual({ usableAndRefused: false })
      }),
      { numRuns: RUNS },
    )
    expect(Math.min(seen.stored, seen.refused)).toBeGreaterThan(RUNS / 20)
  }, 600_000)
})
