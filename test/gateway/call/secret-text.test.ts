import { describe, expect, it } from 'vitest'
import { prepareKey } from '../../../src/gateway/call/key.ts'
import { markerOf } from '../../../src/gateway/call/marker.ts'
import { scrubHeader } from '../../../src/gateway/call/scrub.ts'
import { call, httpUpstream, text, upstreamAt } from '../proxy/upstream-server.ts'

const KEY = 'key_live_Z9y8X7w6V5u4T3s2R1q0'
const base64 = (plain: string) => Buffer.from(plain).toString('base64')

/** What the caller gets of a response that repeats `spoken`. */
async function heard(auth: string, key: string, spoken: string): Promise<string> {
  const { url } = await httpUpstream((_request, response) => {
    response.setHeader('x-request-id', spoken)
    response.end(JSON.stringify({ message: `invalid token ${spoken}` }))
  })
  const response = await call(upstreamAt(url, { auth }), { key })
  return JSON.stringify(response.headers) + (await text(response))
}

describe('the bare key is removed, in whatever the secret wraps it', () => {
  it.each([
    ['header:Authorization', `Bot ${KEY}`],
    ['header:Authorization', `SSWS ${KEY}`],
    ['header:Authorization', `Token token=${KEY}`],
    ['header:Authorization', `Token token="${KEY}", nonce="x"`],
    ['header:Authorization', `Bearer ${KEY}`],
    ['header:Authorization', `Basic ${base64(`me:${KEY}`)}`],
    ['header:X-Api-Key', `id:${KEY}`],
    ['query:key', `ApiKey ${KEY}`],
    ['bearer', KEY],
    ['basic', KEY],
    ['basic', `${KEY}:X`],
    ['basic', `me@example.com:${KEY}`],
  ])('%s: %s', async (auth, key) => {
    expect(await heard(auth, key, KEY)).not.toContain(KEY)
    expect(await heard(auth, key, base64(KEY))).not.toContain(base64(KEY))
  })

  it('and so is what was composed of it', async () => {
    const composed = base64(`me@example.com:${KEY}`)
    expect(await heard('basic', `me@example.com:${KEY}`, composed)).not.toContain(composed)
    expect(await heard('basic', KEY, base64(`${KEY}:`))).not.toContain(base64(`${KEY}:`))
  })
})

const scrubbed = (auth: string, stored: string, others: readonly string[], value: string): string =>
  scrubHeader(prepareKey({ name: 'x', auth }, stored, others)!.matcher!, value).value

describe('every field of the secret is removed', () => {
  it('by itself and by its parts, whichever field is the key', () => {
    const others = ['whsec_0123456789', `Bot other_${KEY}`, 'pk_live_0123456789\n']
    for (const field of ['whsec_0123456789', `other_${KEY}`, 'pk_live_0123456789'])
      expect(scrubbed('bearer', KEY, others, `a ${field} b`)).toBe(`a ${markerOf(field.length)} b`)
  })
})

describe('ordinary data stays', () => {
  it('what is shorter than a pattern', () => {
    expect(scrubbed('bearer', KEY, ['eu-west', 'v1'], 'eu-west v1')).toBe('eu-west v1')
    expect(scrubbed('header:Authorization', `Bot ${KEY}`, [], 'Bot')).toBe('Bot')
  })

  it('the scheme word, and the e-mail address that names an account', () => {
    expect(scrubbed('header:Authorization', `GoogleLogin auth=${KEY}`, [], 'use GoogleLogin auth')).toBe(
      'use GoogleLogin auth',
    )
    expect(scrubbed('basic', `me@example.com:${KEY}`, [], 'from me@example.com')).toBe('from me@example.com')
  })
})

describe("what the upstream's document says of the user", () => {
  const account = 'AC0123456789abcdef0123456789abcdef'
  const of = (key: string, value: string) =>
    scrubHeader(
      prepareKey({ name: 'x', auth: `basic:${account}:{api_key}` }, key, [], { api_key: key })!.matcher!,
      value,
    ).value

  it('is no secret, and stays', () => {
    expect(of(KEY, `/Accounts/${account}/Messages`)).toBe(`/Accounts/${account}/Messages`)
  })

  it('does not keep the key, or what is composed of both', () => {
    const composed = base64(`${account}:${KEY}`)
    expect(of(KEY, `${KEY} ${composed}`)).toBe(`${markerOf(KEY.length)} ${markerOf(composed.length)}`)
  })

  it('is removed where it is the key itself', () => {
    expect(of(account, `/Accounts/${account}`)).toBe(`/Accounts/${markerOf(account.length)}`)
  })
})

describe('a key is refused', () => {
  it.each([
    ['bearer', 'a secret of many words', KEY, ['x'.repeat(25_000)]],
    ['basic', 'a short password of an account', 'me@example.com:secret', []],
    ['basic', 'two short halves', 'admin:admin', []],
  ])('%s: %s', (auth, _what, stored, others) => {
    expect(() => prepareKey({ name: 'x', auth }, stored, others)).toThrow(
      expect.objectContaining({ code: 'key_unavailable' }) as Error,
    )
  })

  it('but a key in its user name is not, for its password may be anything', () => {
    expect(prepareKey({ name: 'x', auth: 'basic' }, `${KEY}:X`)).toBeDefined()
  })
})
