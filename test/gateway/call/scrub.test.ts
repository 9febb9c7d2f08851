import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KEY_REMOVED, markerOf } from '../../../src/gateway/call/marker.ts'
import { Matcher, type KeyPattern } from '../../../src/gateway/call/matcher.ts'
import { patternsOf } from '../../../src/gateway/call/patterns.ts'
import { scrubHeader, Scrubber } from '../../../src/gateway/call/scrub.ts'
import { coveredBy } from './decoding-oracle.ts'
import { spelledKey } from './spelled-key.ts'

const KEY = 'sk_live_51HqLyjWDarjtT1zdp7dc'
const BODY = KEY.slice('sk_live_'.length)
const matcherOf = (key: string): Matcher => new Matcher(patternsOf(key, true))

function scrub(matcher: Matcher, chunks: readonly Uint8Array[]): { text: string; matches: number } {
  const scrubber = new Scrubber(matcher)
  const out = chunks.map((chunk) => Buffer.from(scrubber.push(chunk)))
  return { text: Buffer.concat([...out, scrubber.flush()]).toString('latin1'), matches: scrubber.matches }
}

const scrubbed = (key: string, text: string): string => scrub(matcherOf(key), [Buffer.from(text, 'latin1')]).text

/** What must come out, by the definition alone. */
function expected(patterns: readonly KeyPattern[], bytes: Buffer): { text: string; matches: number } {
  const covered = coveredBy(patterns, bytes)
    .map((isCovered) => (isCovered ? 'x' : '.'))
    .join('')
  let text = bytes.toString('latin1')
  let matches = 0
  for (const { 0: run, index } of covered.matchAll(/x+/g)) {
    text = text.slice(0, index) + markerOf(run.length) + text.slice(index + run.length)
    matches++
  }
  return { text, matches }
}

function cut(text: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b)
  return [0, ...places].map((from, i) => text.subarray(from, places[i] ?? text.length))
}

const cuts = fc.array(fc.nat(), { maxLength: 20 })
const keys = [
  KEY,
  'ghp_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789',
  'p+/=q+/=r+/=s+/=',
  'a\\u0041bc\\x41defghijkl',
  '12345678',
]
keys.push(
  '%41%42%43%44%45%46%47',
  'pass"w\'ord',
  'ééñü-passwörd-123',
  'ababababababababababab',
  'correct horse battery',
)

describe('the scrubber', () => {
  it.each(keys)('finds every mix of spellings of %s that a decoder finds, in any cutting', (key) => {
    const patterns = patternsOf(key, true)
    const matcher = new Matcher(patterns)
    // Long enough that most of it is sampled, not read.
    const around = fc.constantFrom('', '{"a":1,'.repeat(50), '1702600000}}'.repeat(27), 'x'.repeat(301))
    fc.assert(
      fc.property(spelledKey(key), around, cuts, (spelled, padding, at) => {
        const body = Buffer.from(padding + spelled + padding, 'latin1')
        const wanted = expected(patterns, body)
        expect(scrub(matcher, [body])).toEqual(wanted)
        expect(scrub(matcher, cut(body, at))).toEqual(wanted)
        expect(scrub(matcher, cut(body, [...body.keys()]))).toEqual(wanted)
      }),
      { numRuns: 100 },
    )
  })

  it('leaves alone whatever bytes hold no key, and says so by any cutting', () => {
    const matcher = matcherOf(KEY)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), cuts, (bytes, at) => {
        const body = Buffer.from(bytes)
        expect(scrub(matcher, cut(body, at))).toEqual({ text: body.toString('latin1'), matches: 0 })
      }),
      { numRuns: 1000 },
    )
  })

  it('holds back nothing that cannot begin a key: an event ends where it ends', () => {
    const scrubber = new Scrubber(matcherOf(KEY))
    const push = (text: string) => Buffer.from(scrubber.push(Buffer.from(text))).toString()
    expect(push('data: hello\n\n')).toBe('data: hello\n\n')
    expect(push('data: 51Hq')).toBe('data: ')
    expect(push('x\n\n')).toBe('51Hqx\n\n')
    expect(push('data: 5\n\n')).toBe('data: 5\n\n')
    expect(push('data: \\u00')).toBe('data: ')
    expect(push('30"\n\n')).toBe('\\u0030"\n\n')
    expect(push('data: \\u04')).toBe('data: \\u04')
    expect(push(`data: ${BODY}`)).toBe(`data: ${markerOf(BODY.length)}`)
  })

  it('hands out a marker as soon as it is certain, and goes on with it', () => {
    const scrubber = new Scrubber(matcherOf(KEY))
    const push = (text: string) => Buffer.from(scrubber.push(Buffer.from(text))).toString()
    expect(push(BODY.slice(0, 15))).toBe('')
    expect(push(BODY.slice(15, 17))).toBe(markerOf(17))
    expect(push(BODY.slice(17))).toBe(markerOf(BODY.length).slice(17))
    expect(scrubber.matches).toBe(1)
  })

  it('makes one marker of a key whose parts are keys too, in any cutting', () => {
    const [user, password] = ['user_0123', 'password_0123456789']
    const matcher = new Matcher([`${user}:${password}`, user, password].flatMap((text) => patternsOf(text, true)))
    const text = Buffer.from(`for ${user}:${password} and more`)
    const wanted = { text: `for ${markerOf(29)} and more`, matches: 1 }
    expect(scrub(matcher, [text])).toEqual(wanted)
    expect(scrub(matcher, cut(text, [...text.keys()]))).toEqual(wanted)
  })

  it('keeps what it holds back apart from the chunk it came in', () => {
    const scrubber = new Scrubber(matcherOf(KEY))
    const chunk = Buffer.from('51Hq')
    scrubber.push(chunk)
    chunk.fill(0)
    expect(Buffer.from(scrubber.flush()).toString()).toBe('51Hq')
  })

  it('hands out a part of the very chunk when there is nothing in it', () => {
    for (const chunk of [Buffer.from('nothing here'), Buffer.from('{"a":"b"}'.repeat(1000))]) {
      const out = new Scrubber(matcherOf(KEY)).push(chunk)
      expect([out.buffer, out.byteOffset, out.length]).toEqual([chunk.buffer, chunk.byteOffset, chunk.length])
    }
  })

  it('takes as many steps for hostile bytes as there are bytes', () => {
    const read = (text: string) => scrubbed('a'.repeat(4000), text).length
    const hostile = ['a'.repeat(1990) + '%61%', '%61%6', '\\', '&amp;', '\\u006', 'a\n', "a'"]
    for (const piece of hostile) {
      const text = piece.repeat(200_000 / piece.length)
      expect(read(text)).toBe(text.length)
    }
  })
})

const encoders: readonly (readonly [string, (key: string) => string])[] = [
  ['as it is', (key) => key],
  ['in JSON', (key) => JSON.stringify({ a: key })],
  ['in JSON with escaped slashes', (key) => JSON.stringify(key).replaceAll('/', '\\/')],
  ['in JSON in JSON', (key) => JSON.stringify(JSON.stringify(key))],
  ['in HTML', (key) => key.replace(/[&<>"'`=/]/g, (character) => `&#x${character.charCodeAt(0).toString(16)};`)],
  ['as a URL component', (key) => encodeURIComponent(key)],
  ['as a URL component of a URL component', (key) => encodeURIComponent(encodeURIComponent(key))],
  ['as a form field', (key) => new URLSearchParams({ key }).toString()],
  ['as SQL quotes it', (key) => `'${key.replaceAll("'", "''")}'`],
  ['as a shell quotes it', (key) => `'${key.replaceAll("'", "'\\''")}'`],
  ['as base64', (key) => Buffer.from(key).toString('base64')],
  ['as base64 behind one byte', (key) => Buffer.from(`x${key}yz`).toString('base64')],
  ['as base64 behind two bytes', (key) => Buffer.from(`xy${key}`).toString('base64')],
  ['as base64url behind four bytes', (key) => Buffer.from(`key:${key}!`).toString('base64url')],
  ['as base64 in lines', (key) => Buffer.from(`key:${key}!`).toString('base64').replace(/.{19}/g, '$&\r\n')],
  [
    'as base64 in lines in JSON',
    (key) => JSON.stringify(Buffer.from(key).toString('base64').replace(/.{17}/g, '$&\n')),
  ],
  ['as hex', (key) => Buffer.from(key).toString('hex')],
  [
    'as upper-case hex with colons',
    (key) =>
      Buffer.from(key)
        .toString('hex')
        .toUpperCase()
        .replace(/..(?=.)/g, '$&:'),
  ],
  ['as UTF-16', (key) => Buffer.from(key, 'utf16le').toString('latin1')],
  ['as UTF-16 of the other order', (key) => Buffer.from(key, 'utf16le').swap16().toString('latin1')],
]

describe('a key is found', () => {
  const characters = fc.constantFrom(..."KLMNOPQ0123456789/+=<>&' ~!(*%_-")
  const randomKeys = fc
    .string({ unit: characters, minLength: 16, maxLength: 40 })
    .map((key) => `K${key.replace(/''+/g, "'")}9`)

  it.each(encoders)('%s', (_name, encode) => {
    fc.assert(
      fc.property(randomKeys, (key) => {
        const body = encode(key)
        const out = scrubbed(key, `{"message":"${body}"}`)
        expect(out).toContain(KEY_REMOVED)
        expect(out.length).toBe(body.length + 14)
        expect(decodings(out).filter((text) => text.includes(key.slice(0, 16)))).toEqual([])
      }),
      { numRuns: 200 },
    )
  })

  it('by its beginning, from 16 characters and half of it on, not counting what all such keys begin with', () => {
    expect(scrubbed(KEY, `${KEY.slice(0, 8 + 16)}...`)).toBe(`sk_live_${markerOf(16)}...`)
    expect(scrubbed(KEY, `${KEY.slice(0, 8 + 15)}...`)).toBe(`${KEY.slice(0, 8 + 15)}...`)
    const long = 'x1y2z3'.repeat(10)
    expect(scrubbed(long, long.slice(0, 30))).toBe(markerOf(30))
    expect(scrubbed(long, long.slice(0, 29))).toBe(long.slice(0, 29))
  })

  it('in the name of a header, whatever its case', () => {
    const { value } = scrubHeader(matcherOf(KEY), `x-ratelimit-${BODY.toLowerCase()}`)
    expect(value).toBe(`x-ratelimit-${markerOf(BODY.length)}`)
    expect(value).toMatch(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/)
  })

  it('in a header value, byte for byte', () => {
    expect(scrubHeader(matcherOf('key_0123456789abcdef'), 'caf\xe9 key_0123456789abcdef;')).toEqual({
      value: `caf\xe9 ${markerOf(20)};`,
      matches: 1,
    })
  })

  it('where what escapes its first character would be left behind, and JSON stays JSON', () => {
    for (const key of ['/slash/first/0123456789', '"quote"first"0123456789', '\\back\\first\\0123456789']) {
      const json = JSON.stringify({ a: `C:\\${key}`, b: [key, key] }).replaceAll('/', '\\/')
      expect(() => JSON.parse(scrubbed(key, json)) as unknown).not.toThrow()
    }
  })
})

/** The text as it is, and as common readers would decode it. */
function decodings(text: string): string[] {
  const base64 = text.match(/[\w+/-]{8,}/g) ?? []
  return [
    text,
    text.replaceAll('\0', ''),
    text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    text.replace(/&#x([0-9a-f]+);/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    ...base64.map((part) => Buffer.from(part, 'base64').toString('latin1')),
    ...base64.map((part) => Buffer.from(part, 'hex').toString('latin1')),
  ]
}

describe('ordinary data stays as it is', () => {
  it('where a text is too short to be distinguished from it', () => {
    expect(patternsOf('test', true)).toEqual([])
    expect(patternsOf('1234567', true)).toEqual([])
    expect(scrubbed('12345678', 'id 12345678')).toBe(`id ${markerOf(8)}`)
  })

  it('where a short text is written in other letters', () => {
    expect(scrubbed('acme-corp', 'Acme-Corp, acme-corp')).toBe(`Acme-Corp, ${markerOf(9)}`)
  })

  it('where only the beginning of a text that is no key stands', () => {
    const others = new Matcher(patternsOf('https://oauth2.example.com/token', false))
    expect(scrub(others, [Buffer.from('https://oauth2.example.com/authorize')]).matches).toBe(0)
    expect(scrub(others, [Buffer.from('https:\\/\\/oauth2.example.com\\/token')]).matches).toBe(1)
  })

  it('of others: the header of a JWT is the same in all of them', () => {
    const header = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url')
    const jwt = `${header}.${Buffer.from('{"sub":"us"}').toString('base64url')}.c2lnbmF0dXJlLW9mLXVz`
    const theirs = `${header}.${Buffer.from('{"sub":"them"}').toString('base64url')}.dGhlaXItc2lnbmF0dXJl`
    expect(scrubbed(jwt, theirs)).toBe(theirs)
    expect(scrubbed(jwt, jwt)).toBe(`${header}.${markerOf(jwt.length - header.length - 1)}`)
  })
})
