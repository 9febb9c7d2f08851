/** Responses in a content coding, though none was asked for: handed on as they came, where nothing in them has to be changed. */
import { randomBytes } from 'node:crypto'
import * as zlib from 'node:zlib'
import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gunzipSync,
  gzipSync,
  inflateRawSync,
} from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CallableUpstream } from '../../../src/gateway/call/upstream.ts'
import { CodingSearch } from '../../../src/gateway/call/coding-search.ts'
import type { Coding } from '../../../src/gateway/call/decode.ts'
import { prepareKey } from '../../../src/gateway/call/key.ts'
import { call, failure, httpUpstream, KEY, SCRUBBED_KEY, text, upstreamAt } from '../proxy/upstream-server.ts'
import type { CallChanges, ReceivedResponse } from '../proxy/upstream-server.ts'

/** From Node 22.15 on. */
const { zstdCompressSync } = zlib as { zstdCompressSync?: (bytes: Uint8Array | string) => Buffer }
const clean = `{"data":"${'x'.repeat(500)}","more":"${randomBytes(3000).toString('base64')}"}`
const echo = `{"echo":"${KEY}","more":"${'x'.repeat(5000)}"}`
const scrubbedEcho = echo.replace(KEY, SCRUBBED_KEY)

const codings: readonly (readonly [string, (text: string | Uint8Array) => Buffer])[] = [
  ['gzip', gzipSync],
  ['x-gzip', gzipSync],
  ['GZIP', gzipSync],
  ['deflate', deflateSync],
  ['deflate', deflateRawSync],
  ['br', brotliCompressSync],
  ['identity, gzip', gzipSync],
  ...(zstdCompressSync ? [['zstd', zstdCompressSync] as const] : []),
]

/** The response to one call, whose body comes in these parts. */
async function coded(
  coding: string,
  parts: readonly Uint8Array[],
  headers: Record<string, string | number> = {},
  changes: CallChanges = {},
  upstream: Partial<CallableUpstream> = {},
): Promise<ReceivedResponse> {
  const { url } = await httpUpstream((_request, response) => {
    response.writeHead(200, { 'content-encoding': coding, ...headers })
    const next = (at: number): void => {
      if (at === parts.length) response.end()
      else
        response.write(parts[at]!, () => {
          setImmediate(next, at + 1)
        })
    }
    next(0)
  })
  return call(upstreamAt(url, upstream), changes)
}
const told = ({ headers }: ReceivedResponse) => Object.fromEntries(headers) as Record<string, string>
const bytesOf = async ({ body }: ReceivedResponse): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}
const cutInto = (bytes: Uint8Array, length: number): Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / length) }, (_, at) => bytes.subarray(at * length, (at + 1) * length))

describe('a body in a content coding that nobody asked for', () => {
  it.each(codings)('goes out byte for byte, with all that is said of its bytes: %s', async (coding, compress) => {
    const bytes = compress(clean)
    const headers = { 'content-length': bytes.length, etag: '"v1"', 'x-amz-checksum-crc32': 'AAAAAA==' }
    const response = await coded(coding, cutInto(bytes, 97), headers)
    expect(told(response)).toMatchObject({
      'content-encoding': coding,
      'content-length': String(bytes.length),
      etag: '"v1"',
      'x-amz-checksum-crc32': 'AAAAAA==',
    })
    expect((await bytesOf(response)).equals(bytes)).toBe(true)
    expect(await response.finished).toMatchObject({ result: 'complete', bytes: bytes.length, key_echoes: 0 })
  })

  it.each(codings)('of unknown length goes out as it comes, too: %s', async (coding, compress) => {
    const bytes = compress(clean)
    expect((await bytesOf(await coded(coding, cutInto(bytes, 500)))).equals(bytes)).toBe(true)
  })

  it('is decoded for those who read no codings', async () => {
    const bytes = gzipSync(clean)
    const headers = { 'content-length': bytes.length, etag: '"v1"', 'x-amz-checksum-crc32': 'AAAAAA==' }
    const response = await coded('gzip', [bytes], headers, { decodes: true })
    expect(told(response)).toEqual({ date: told(response)['date'], etag: 'W/"v1~mcp"' })
    expect(await text(response)).toBe(clean)
  })

  it.each([
    ['gzip, deflate, br', true],
    ['GZIP;q=0.5', true],
    ['*', true],
    ['deflate, *;q=0.1', true],
    ['identity', false],
    ['br', false],
    ['gzip;q=0', false],
    ['gzip; q=0.000, *', false],
    ['*;q=0', false],
  ])(
    'is decoded, with the key cut out of all of it, for those who would decode it themselves: %s, %s',
    async (accepted, isDecoded) => {
      const bytes = gzipSync(clean)
      const headers: [string, string][] = [['Accept-Encoding', accepted]]
      for (const method of ['GET', 'HEAD']) {
        const { url } = await httpUpstream((request, response) => {
          response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': bytes.length, etag: '"v1"' })
          response.end(request.method === 'HEAD' ? undefined : bytes)
        })
        const response = await call(upstreamAt(url), { target: `${method} /v1/a`, headers })
        const { etag, 'content-encoding': coding } = told(response)
        expect([etag, coding]).toEqual(isDecoded ? ['W/"v1~mcp"', undefined] : ['"v1"', 'gzip'])
        const body = await bytesOf(response)
        const whole = isDecoded ? Buffer.from(clean) : bytes
        expect(body.equals(method === 'HEAD' ? Buffer.alloc(0) : whole)).toBe(true)
      }
    },
  )

  it.each(['GET', 'HEAD'])('is told of by %s in the same words', async (method) => {
    const { url } = await httpUpstream((request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': 23, etag: '"v1"' })
      response.end(request.method === 'HEAD' ? undefined : gzipSync('abc'))
    })
    const response = await call(upstreamAt(url), { target: `${method} /v1/a` })
    expect(told(response)).toMatchObject({ 'content-encoding': 'gzip', 'content-length': '23', etag: '"v1"' })
    expect((await bytesOf(response)).length).toBe(method === 'HEAD' ? 0 : 23)
  })

  it('may consist of several streams, and of padding (RFC 1952, 2.2)', async () => {
    const bytes = Buffer.concat([gzipSync('a'), gzipSync('b'), Buffer.alloc(512)])
    expect((await bytesOf(await coded('gzip', cutInto(bytes, 7)))).equals(bytes)).toBe(true)
  })

  it('may be empty', async () => {
    expect(await text(await coded('gzip', []))).toBe('')
  })

  it('may be in any coding where there is no key to look for', async () => {
    const bytes = Buffer.from('whatever this is')
    const response = await coded('compress, br', [bytes], {}, { key: '' }, { auth: 'none' })
    expect(told(response)).toMatchObject({ 'content-encoding': 'compress, br' })
    expect((await bytesOf(response)).equals(bytes)).toBe(true)
  })

  it('is handed on as it comes', async () => {
    let finish: () => void = () => undefined
    // A zlib stream of stored blocks (RFC 1951, 3.2.4): each block can be decoded alone.
    const [first, last] = [Buffer.from('7801000500faff68656c6c6f', 'hex'), Buffer.from('010000ffff062c0215', 'hex')]
    const { url } = await httpUpstream((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'deflate' }).write(first)
      finish = () => {
        response.end(last)
      }
    })
    const chunks = (await call(upstreamAt(url))).body[Symbol.asyncIterator]()
    expect(Buffer.from((await chunks.next()).value as Uint8Array).equals(first)).toBe(true)
    finish()
    expect(Buffer.from((await chunks.next()).value as Uint8Array).equals(last)).toBe(true)
    expect((await chunks.next()).done).toBe(true)
  })
})

describe('a compressed body with the key in it', () => {
  it.each(codings)('is decoded and scrubbed where it is short: %s', async (coding, compress) => {
    const bytes = compress(echo)
    const response = await coded(coding, cutInto(bytes, 1), { 'content-length': bytes.length, etag: '"v1"' })
    const { date, ...headers } = told(response)
    expect([typeof date, headers]).toEqual(['string', { etag: 'W/"v1~mcp"' }])
    expect(await text(response)).toBe(scrubbedEcho)
    expect(await response.finished).toMatchObject({ result: 'complete', key_echoes: 1 })
  })

  it.each(codings)('is so, too, where it comes in one part: %s', async (coding, compress) => {
    const bytes = compress(echo)
    expect(await text(await coded(coding, [bytes]))).toBe(scrubbedEcho)
  })

  it('is cut before the key leaves, where bytes of it have left already', async () => {
    const flushed = zlib.deflateSync('a'.repeat(50), { finishFlush: constants.Z_SYNC_FLUSH })
    const whole = zlib.deflateSync('a'.repeat(50) + KEY)
    const stored = zlib.deflateRawSync(KEY, { level: 0 })
    const response = await coded('deflate', [flushed, stored, whole.subarray(-4)])
    const chunks: Uint8Array[] = []
    const cut = await failure(
      (async () => {
        for await (const chunk of response.body) chunks.push(chunk)
      })(),
    )
    expect(cut).toMatchObject({ code: 'upstream_invalid_response' })
    expect(cut.message).toContain('holds its key')
    expect(Buffer.concat(chunks).equals(flushed)).toBe(true)
    expect(await response.finished).toMatchObject({ result: 'upstream_invalid_response', key_echoes: 1 })
  })

  it('outside the coded bytes loses it there', async () => {
    const bytes = gzipSync('abc')
    const named = Buffer.concat([
      bytes.subarray(0, 3),
      Buffer.from([8]),
      bytes.subarray(4, 10),
      Buffer.from(`${KEY}\0`),
    ])
    const response = await coded('gzip', [Buffer.concat([named, bytes.subarray(10)])])
    const received = await bytesOf(response)
    expect(received.toString('latin1')).not.toContain(KEY.slice(8))
    expect(gunzipSync(received).toString()).toBe('abc')
  })

  it('never leaves, however it is compressed and cut', async () => {
    const matcher = prepareKey(upstreamAt('http://127.0.0.1'), KEY)!.matcher!
    const part = { finishFlush: constants.Z_SYNC_FLUSH }
    const brotliPart = { finishFlush: constants.BROTLI_OPERATION_FLUSH }
    /** The coding, and what a reader makes of the beginning of a body in it. */
    const anyCoding = fc.constantFrom<
      readonly [Coding, (bytes: Uint8Array) => Buffer, (bytes: Uint8Array) => Uint8Array]
    >(
      ['gzip', (bytes) => gzipSync(bytes, { level: 0 }), (bytes) => gunzipSync(bytes, part)],
      ['gzip', gzipSync, (bytes) => gunzipSync(bytes, part)],
      ['deflate', deflateRawSync, (bytes) => inflateRawSync(bytes, part)],
      ['br', brotliCompressSync, (bytes) => brotliDecompressSync(bytes, brotliPart)],
      // A short one is not released at all.
      ...(zstdCompressSync ? [['zstd', zstdCompressSync, (bytes: Uint8Array) => bytes] as const] : []),
    )
    const pieces = fc.array(fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.constant(Buffer.from(KEY.slice(0, 9)))))
    const lengths = fc.integer({ min: 1, max: 90 })
    await fc.assert(
      fc.asyncProperty(anyCoding, pieces, pieces, lengths, async ([coding, compress, read], before, after, length) => {
        const search = new CodingSearch('stripe', coding, matcher)
        const released: Uint8Array[] = []
        const bytes = compress(Buffer.concat([...before, Buffer.from(KEY), ...after]))
        for (const part of cutInto(bytes, length)) released.push(...(await search.push(part)))
        released.push(...(await search.end()))
        search.close()
        expect(search.matches).toBeGreaterThan(0)
        expect(Buffer.concat([...released, ...search.held]).equals(bytes)).toBe(true)
        const begun = Buffer.concat(released)
        expect(begun.length).toBeLessThan(bytes.length)
        expect(Buffer.from(read(begun)).toString('latin1')).not.toContain(KEY.slice(0, 11))
      }),
      { numRuns: 150 },
    )
  })
})

describe('a compressed body that cannot be searched ends in an error: it', () => {
  const begun = gzipSync(clean).subarray(0, 40)
  it.each<[string, string, Buffer, string]>([
    ['is damaged', 'gzip', Buffer.concat([begun, Buffer.from('garbage garbage')]), 'upstream_invalid_response'],
    ['is not of its coding', 'gzip', Buffer.from(clean), 'upstream_invalid_response'],
    ['ends early', 'gzip', begun, 'upstream_invalid_response'],
    ['goes on behind its end', 'gzip', Buffer.concat([gzipSync('a'), Buffer.from('b')]), 'upstream_invalid_response'],
    [
      'goes on behind padding',
      'gzip',
      Buffer.concat([gzipSync('a'), Buffer.alloc(9), gzipSync(KEY)]),
      'upstream_invalid_response',
    ],
    ['has two streams', 'deflate', Buffer.concat([deflateSync('a'), deflateSync(KEY)]), 'upstream_invalid_response'],
    [
      'has two streams',
      'br',
      Buffer.concat([brotliCompressSync('a'), brotliCompressSync(KEY)]),
      'upstream_invalid_response',
    ],
    ['is a bomb', 'gzip', gzipSync(Buffer.alloc(64 * 1024 * 1024)), 'upstream_response_too_large'],
    [
      'holds nothing for too long',
      'deflate',
      Buffer.concat([
        Buffer.from('7801', 'hex'),
        deflateRawSync(KEY.slice(0, 12), { level: 0, finishFlush: constants.Z_SYNC_FLUSH }),
        Buffer.alloc(2_000_000, Buffer.from('000000ffff', 'hex')),
      ]),
      'upstream_invalid_response',
    ],
  ])('%s: %s', async (_name, coding, bytes, code) => {
    expect(await failure(coded(coding, [bytes]).then(bytesOf))).toMatchObject({ code })
    const parts = cutInto(bytes, 50_000).flatMap((part, at) => (at === 0 ? cutInto(part, 5) : [part]))
    expect(await failure(coded(coding, parts).then(bytesOf))).toMatchObject({ code })
  })

  it('is part of one', async () => {
    const { url } = await httpUpstream((_request, response) => {
      response.writeHead(206, { 'content-encoding': 'gzip', 'content-range': 'bytes 0-22/23' }).end(gzipSync('abc'))
    })
    const ranged = call(upstreamAt(url, { allow_range: true }), { headers: [['range', 'bytes=0-']] })
    const refused = await failure(ranged)
    expect(refused).toMatchObject({ code: 'range_not_allowed' })
    expect(refused.message).toContain('without Range')
  })
})
