import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildMatcher } from '../../../src/gateway/call/matcher.ts'
import { keyPatterns } from '../../../src/gateway/call/patterns.ts'
import { KEY_REMOVED, scrubHeader, Scrubber } from '../../../src/gateway/call/scrub.ts'

function scrub(patterns: readonly Uint8Array[], chunks: readonly Uint8Array[]): { bytes: Buffer; hits: number } {
  const scrubber = new Scrubber(buildMatcher(patterns))
  const out = chunks.map((chunk) => Buffer.from(scrubber.push(chunk)))
  const bytes = Buffer.concat([...out, scrubber.flush()])
  return { bytes, hits: scrubber.matches }
}

/** What must come out, by the definition alone: covered bytes go, each run of them leaves one marker. */
function expected(patterns: readonly Uint8Array[], text: Buffer): { bytes: Buffer; hits: number } {
  const covered = new Array<boolean>(text.length).fill(false)
  for (const pattern of patterns) {
    for (let at = text.indexOf(pattern); at >= 0; at = text.indexOf(pattern, at + 1))
      covered.fill(true, at, at + pattern.length)
  }
  const out: number[] = []
  let hits = 0
  for (const [i, byte] of text.entries()) {
    if (!covered[i]) {
      out.push(byte)
      continue
    }
    if (i > 0 && covered[i - 1]) continue
    hits++
    out.push(...Buffer.from(KEY_REMOVED))
  }
  return { bytes: Buffer.from(out), hits }
}

function cut(text: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b)
  return [0, ...places].map((from, i) => text.subarray(from, places[i] ?? text.length))
}

const cuts = fc.array(fc.nat(), { maxLength: 20 })

describe('the scrubber', () => {
  it('does by any cutting what the definition says, on texts made of pattern pieces', () => {
    const letters = fc
      .array(fc.constantFrom(97, 98, 99), { minLength: 1, maxLength: 6 })
      .map((bytes) => Buffer.from(bytes))
    const patterns = fc.array(letters, { minLength: 1, maxLength: 5 })
    const text = fc.array(fc.constantFrom(97, 98, 99, 100), { maxLength: 80 }).map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(patterns, text, cuts, (found, body, at) => {
        expect(scrub(found, cut(body, at))).toEqual(expected(found, body))
      }),
      { numRuns: 5000 },
    )
  })

  it('does so byte by byte', () => {
    const patterns = [Buffer.from('abab'), Buffer.from('babb'), Buffer.from('bb')]
    const text = Buffer.from('xababbababbbxabxbabbabab')
    expect(
      scrub(
        patterns,
        [...text].map((byte) => Buffer.from([byte])),
      ),
    ).toEqual(expected(patterns, text))
  })

  it('takes patterns that use all 256 byte values', () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
    const text = Buffer.concat([Buffer.from('a'), all, Buffer.from('b')])
    expect(scrub([all], [text]).bytes.toString('latin1')).toBe(`a${KEY_REMOVED}b`)
  })

  it('holds back nothing that cannot begin a pattern: an event ends where it ends', () => {
    const scrubber = new Scrubber(buildMatcher([Buffer.from('sk_live_0123456789')]))
    expect(Buffer.from(scrubber.push(Buffer.from('data: hello\n\n'))).toString()).toBe('data: hello\n\n')
    expect(Buffer.from(scrubber.push(Buffer.from('data: sk_li'))).toString()).toBe('data: ')
    expect(Buffer.from(scrubber.push(Buffer.from('ne\n\n'))).toString()).toBe('sk_line\n\n')
  })

  it('keeps what it holds back apart from the chunk it came in', () => {
    const scrubber = new Scrubber(buildMatcher([Buffer.from('sk_live_')]))
    const chunk = Buffer.from('sk_li')
    scrubber.push(chunk)
    chunk.fill(0)
    expect(Buffer.from(scrubber.flush()).toString()).toBe('sk_li')
  })

  it('returns the very chunk when there is nothing in it', () => {
    const chunk = Buffer.from('nothing here')
    const out = new Scrubber(buildMatcher([Buffer.from('sk_live_')])).push(chunk)
    expect(out.buffer).toBe(chunk.buffer)
    expect(Buffer.from(out)).toEqual(chunk)
  })
})

const encoders: readonly (readonly [string, (key: string) => string])[] = [
  ['as it is', (key) => key],
  ['in JSON', (key) => JSON.stringify({ a: key })],
  ['in JSON with escaped slashes', (key) => JSON.stringify(key).replaceAll('/', '\\/')],
  [
    'in JSON as Go writes it',
    (key) => JSON.stringify(key).replace(/[<>&]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
  ],
  [
    'in JSON as Python writes it',
    (key) =>
      JSON.stringify(key).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
  ],
  [
    'in HTML',
    (key) =>
      key
        .replaceAll('&', '&amp;')
        .replaceAll('<', '&lt;')
        .replaceAll('>', '&gt;')
        .replaceAll('"', '&quot;')
        .replaceAll("'", '&#39;'),
  ],
  ['as a URL component', (key) => encodeURIComponent(key)],
  [
    'as a URL component in lower case',
    (key) => encodeURIComponent(key).replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase()),
  ],
  ['as a form field', (key) => new URLSearchParams({ key }).toString()],
  ['as base64', (key) => Buffer.from(key).toString('base64')],
  ['as base64 behind one byte', (key) => Buffer.from(`x${key}yz`).toString('base64')],
  ['as base64 behind two bytes', (key) => Buffer.from(`xy${key}`).toString('base64')],
  ['as base64url behind four bytes', (key) => Buffer.from(`key:${key}!`).toString('base64url')],
  ['as hex', (key) => Buffer.from(key).toString('hex')],
  ['as upper-case hex', (key) => Buffer.from(key).toString('hex').toUpperCase()],
]

describe('a key is found', () => {
  // Letters apart from those of the surrounding text, so that a leftover of the key is visible.
  const keys = fc.string({
    unit: fc.constantFrom(...'KLMNOPQ0123456789/+=<>&"\' ~!(*é%_-'),
    minLength: 12,
    maxLength: 40,
  })
  const text = fc.string({ unit: fc.constantFrom(...'abc {}[]:,\n'), maxLength: 40 })

  it.each(encoders)('%s, in any cutting', (_name, encode) => {
    fc.assert(
      fc.property(keys, text, text, cuts, (key, before, after, at) => {
        const body = Buffer.from(before + encode(key) + after)
        const { bytes, hits } = scrub(keyPatterns([key]), cut(body, at))
        expect(hits).toBeGreaterThan(0)
        expect(keyPatterns([key]).filter((pattern) => bytes.includes(pattern))).toEqual([])
        expect(bytes.subarray(0, Buffer.byteLength(before)).toString()).toBe(before)
        expect(bytes.subarray(bytes.length - Buffer.byteLength(after)).toString()).toBe(after)
      }),
      { numRuns: 200 },
    )
  })

  it('in a header value, byte for byte', () => {
    expect(scrubHeader(buildMatcher(keyPatterns(['sk_live_0123456789'])), 'caf\xe9 sk_live_0123456789;')).toEqual({
      value: `caf\xe9 ${KEY_REMOVED};`,
      matches: 1,
    })
  })
})

describe('ordinary data stays as it is', () => {
  it('whatever the bytes and the cutting', () => {
    const matcher = keyPatterns(['sk_live_51HqLyjWDarjtT1zdp7dc'])
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), cuts, (bytes, at) => {
        expect(scrub(matcher, cut(Buffer.from(bytes), at)).bytes.equals(Buffer.from(bytes))).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('where the key is too short to be distinguished from data: only its injected form is looked for', () => {
    expect(keyPatterns(['test'])).toEqual([])
    expect(keyPatterns(['1234567'], 'Bearer 1234567').map(String)).toEqual(['Bearer 1234567'])
    expect(keyPatterns(['12345678']).map(String)).toContain('12345678')
  })
})
