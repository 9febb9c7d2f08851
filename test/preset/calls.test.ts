/**
 * Every preset against a fake of its API, which knows nothing of it and enforces what the API's documentation says: where the key
 * goes, which headers there must be, how pages follow each other, what an error looks like.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sendRequest } from '../gateway/http/harness.ts'
import type { HttpResponse } from '../gateway/http/harness.ts'
import { presets } from '../../src/preset/index.ts'
import { addPreset, firstCall } from './add.ts'
import { fakeApis } from './apis.ts'
import { startFake, textOf } from './fake-api.ts'
import type { ApiCall, ApiRequest, FakeApi, RunningFake } from './fake-api.ts'
import { startPresetHarness } from './harness.ts'
import type { PresetHarness } from './harness.ts'

let harness: PresetHarness
beforeAll(async () => {
  harness = await startPresetHarness()
})
afterAll(() => harness.stop())

const send = (base: string, { path, ...options }: ApiCall): Promise<HttpResponse> => {
  const { origin, pathname } = new URL(base)
  return sendRequest(origin, `${pathname === '/' ? '' : pathname}${path}`, options)
}

/** Of a connection, or of the two ends of it. */
const ofTheHop = new Set(['accept-encoding', 'connection', 'date', 'host', 'keep-alive', 'transfer-encoding'])
const withoutHop = (headers: Record<string, unknown>, fleeting: readonly string[] = []) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !ofTheHop.has(name) && !fleeting.includes(name)))

const meaning = ({ method, target, headers, body }: ApiRequest, { fleeting }: FakeApi) => ({
  method,
  target,
  body,
  headers: withoutHop(headers, fleeting),
})

/** Headers of a response that reach the client as they are: not those of the hop, URLs, challenges, or a length that changed. */
function handedOn({ headers, text }: HttpResponse, arrived: string): Record<string, unknown> {
  const dropped = ['link', 'location', 'www-authenticate', 'x-request-id', 'content-length']
  const { 'x-request-id': requestId, 'content-length': length } = headers
  return {
    ...withoutHop(headers, dropped),
    // Under the other name stands the id that the gateway gave the request.
    ...(requestId !== undefined && { 'x-upstream-request-id': requestId }),
    ...(text === arrived && length !== undefined && { 'content-length': length }),
  }
}

it('has a fake for every preset', () => {
  expect(fakeApis.map(({ name }) => name).sort()).toEqual(presets.map(({ name }) => name))
})

describe.each(fakeApis)('$name', (api) => {
  let fake: RunningFake
  let added: Awaited<ReturnType<typeof addPreset>>
  let base: string
  beforeAll(async () => {
    fake = await startFake(api)
    base = `${harness.url}/u/${api.name}`
    added = await addPreset(harness, api, fake.origin)
  })
  afterAll(() => fake.close())

  const through = async (call: ApiCall, token: string) => send(base, await api.authorize(call, token, base))
  const direct = async (call: ApiCall) => send(fake.origin, await api.authorizeDirectly(call, fake.origin))
  const last = () => meaning(fake.received.at(-1)!, api)
  /** The call both ways: what the API got, and what the client did. */
  const both = async (call: ApiCall, scope: string) => {
    const expected = { response: await direct(call), request: last() }
    const actual = { response: await through(call, await harness.tokenFor([scope])), request: last() }
    return { expected, actual }
  }
  const passes = api.passes ?? ((text: string) => text)
  const sameBothWays = async (call: ApiCall, scope: string): Promise<HttpResponse> => {
    const { expected, actual } = await both(call, scope)
    expect(actual.request).toEqual(expected.request)
    const { status, text, headers } = actual.response
    expect([status, text]).toEqual([expected.response.status, passes(expected.response.text)])
    expect(headers).toMatchObject(handedOn(expected.response, text))
    return actual.response
  }

  it.each(api.refused)('refuses a client that comes $what', async ({ call, status, says = '' }) => {
    const response = await send(fake.origin, call)
    expect([response.status, response.text]).toEqual([status, expect.stringContaining(says)])
  })

  it('gets the same requests, page after page, and its responses arrive', async () => {
    const { scope, first, next, items, expected } = api.pages
    const one = await sameBothWays(first, scope)
    const two = await sameBothWays(next(one, base), scope)
    expect([items(one), items(two)]).toEqual(expected)
  })

  it('gets the same body, and its response arrives', async () => {
    const { scope, call, status } = api.write
    expect((await sameBothWays(call, scope)).status).toBe(status)
  })

  it('is called by the line that add shows at its end, with the scopes that it lets in', async () => {
    const token = await harness.tokenFor(firstCall(added, base, '').scopes)
    const { call } = firstCall(added, base, token)
    const response = await send(base, call)
    expect([response.status, response.text]).toEqual([200, expect.not.stringContaining('"ok":false')])
  })

  it('has its own errors arrive as they are', async () => {
    const { call, status, scope } = api.missing
    expect((await sameBothWays(call, scope)).status).toBe(status)
  })

  it('has its refusal of a revoked key told', async () => {
    fake.revokeKey()
    const token = await harness.tokenFor([api.pages.scope])
    const [theirs, told] = [await direct(api.pages.first), await through(api.pages.first, token)]
    fake.restoreKey()
    const { status, body } = api.badKey
    expect([theirs.status, theirs.text]).toEqual([status, textOf(body)])
    // A client would take a 401 for its own token's.
    const [expected, says] =
      status === 401 ? [502, `${api.name} refused the gateway's key (401)`] : [status, passes(textOf(body))]
    expect([told.status, told.text]).toEqual([expected, status === 401 ? expect.stringContaining(says) : says])
  })

  const unheard = async (call: ApiCall, token: string) => {
    const before = fake.received.length
    const response = await through(call, token)
    expect(fake.received).toHaveLength(before)
    return response
  }
  const refusalStatus = (status: number) => api.refusalStatus ?? status
  const sentence = api.sentence ?? (({ text }: HttpResponse) => text)

  it('never hears of a call that no tool covers, and its clients show why', async () => {
    const response = await unheard(api.undeclared, await harness.tokenFor([api.pages.scope]))
    expect(response.status).toBe(refusalStatus(403))
    expect(sentence(response)).toContain(`no tool of ${api.name} covers`)
  })

  it('never hears of a token for another tool, and its clients show why', async () => {
    const response = await unheard(api.pages.first, await harness.tokenFor([api.otherScope]))
    expect(response.status).toBe(refusalStatus(403))
    expect(sentence(response)).toContain(api.pages.scope)
  })

  it.each(api.byQuery ?? [])('never hears of $method $path, another operation by its query', async (call) => {
    const { scopes } = firstCall(added, base, '')
    expect(scopes).toContain(api.pages.scope)
    expect((await unheard(call, await harness.tokenFor(scopes))).status).toBe(refusalStatus(403))
  })

  it.each(api.beyond ?? [])('never hears of $call.method $call.path, beyond $scope', async (tried) => {
    expect((await unheard(tried.call, await harness.tokenFor([tried.scope]))).status).toBe(refusalStatus(403))
  })

  it.each(api.withheld ?? [])('answers $call.method $call.path without what must not pass', async (tried) => {
    const { expected, actual } = await both(tried.call, tried.scope)
    expect(actual.request).toEqual(expected.request)
    expect(expected.response.text).toContain(tried.secret)
    expect([actual.response.status, actual.response.text]).toEqual([200, expect.not.stringContaining(tried.secret)])
  })

  it('never hears of what is no token', async () => {
    const token = await harness.tokenFor([api.pages.scope])
    const other = token.slice(0, -1) + (token.endsWith('0') ? '1' : '0')
    expect((await unheard(api.pages.first, other)).status).toBe(refusalStatus(401))
  })

  it.each(api.onBehalf)('never hears of %s, which chooses on whose behalf the key acts', async (name, value) => {
    const { first, scope } = api.pages
    const call = { ...first, headers: { ...first.headers, [name]: value } }
    const response = await unheard(call, await harness.tokenFor([scope]))
    expect(response.status).toBe(refusalStatus(400))
    expect(sentence(response)).toContain(name.toLowerCase())
  })
})
