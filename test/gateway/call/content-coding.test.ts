import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { RefusedRequest } from '../../../src/gateway/call/call-error.ts'
import { decodedBody } from '../../../src/gateway/call/content-coding.ts'
import { RequestError } from '../../../src/logical/errors.ts'

const text = JSON.stringify({ amount: 5, more: 'x'.repeat(5_000) })
const limits = (maxBytes = 1_000_000) => {
  const held = { bytes: 0, most: 0 }
  return {
    held,
    maxBytes,
    tooLarge: () => new RequestError('too_large', 'too large'),
    take: (bytes: number) => {
      held.bytes += bytes
      held.most = Math.max(held.most, held.bytes)
    },
  }
}
const refusal = (coding: string | undefined, bytes: Buffer, maxBytes?: number): Promise<string> =>
  decodedBody(coding, bytes, limits(maxBytes)).then(
    () => 'decoded',
    (error: unknown) => (error instanceof RefusedRequest ? error.code : (error as RequestError).kind),
  )

/** A gzip member with an extra field, a name, a comment and a header checksum. */
const adorned = (): Buffer => {
  const plain = gzipSync(text)
  const head = Buffer.from(plain.subarray(0, 10))
  head[3] = 2 | 4 | 8 | 16
  const fields = Buffer.from('\x03\x00abcname\0comment\0\x12\x34', 'latin1')
  return Buffer.concat([head, fields, plain.subarray(10)])
}

describe('a compressed body', () => {
  it.each([
    ['gzip', gzipSync(text)],
    ['X-GZIP', gzipSync(text)],
    ['gzip', adorned()],
    ['deflate', deflateSync(text)],
    ['br', brotliCompressSync(text)],
    ['identity, gzip', gzipSync(text)],
    ['identity', Buffer.from(text)],
    [undefined, Buffer.from(text)],
  ])('is seen as the server sees it: %s', async (coding, bytes) => {
    const bounds = limits()
    expect((await decodedBody(coding, bytes, bounds)).toString()).toBe(text)
    expect(bounds.held.most).toBeLessThanOrEqual(2 * text.length)
  })

  it.each(['gzip', 'deflate', 'br'])('may be empty: %s', async (coding) => {
    expect(await decodedBody(coding, Buffer.alloc(0), limits())).toHaveLength(0)
  })

  it.each([
    ['zstd', Buffer.from('28b52ffd', 'hex')],
    ['compress', Buffer.from('1f9d', 'hex')],
    ['aws-chunked', Buffer.from('0\r\n\r\n')],
    ['gzip, gzip', gzipSync(gzipSync(text))],
  ])('in %s is refused, because nobody can say what is in it', async (coding, bytes) => {
    expect(await refusal(coding, bytes)).toBe('unsupported_content_encoding')
  })

  it.each<[string, string, Buffer]>([
    ['two gzip members', 'gzip', Buffer.concat([gzipSync('amount=5'), gzipSync('00')])],
    ['bytes after its end', 'gzip', Buffer.concat([gzipSync(text), Buffer.from('x')])],
    ['zeros after its end', 'gzip', Buffer.concat([gzipSync(text), Buffer.alloc(8)])],
    ['a wrong checksum', 'gzip', Buffer.concat([gzipSync(text).subarray(0, -8), Buffer.alloc(8)])],
    ['no end', 'gzip', gzipSync(text).subarray(0, 40)],
    ['a header alone', 'gzip', gzipSync(text).subarray(0, 10)],
    ['an endless name', 'gzip', Buffer.concat([Buffer.from('1f8b0808000000000003', 'hex'), Buffer.alloc(50, 97)])],
    ['nothing of the kind', 'gzip', Buffer.from(text)],
    ['two zlib streams', 'deflate', Buffer.concat([deflateSync('a=1'), deflateSync('b=2')])],
    ['no zlib header', 'deflate', deflateRawSync(text)],
    ['two brotli streams', 'br', Buffer.concat([brotliCompressSync('a=1'), brotliCompressSync('b=2')])],
    ['no end', 'br', brotliCompressSync(text).subarray(0, 10)],
  ])('with %s is refused (%s), because servers would differ', async (_name, coding, bytes) => {
    expect(await refusal(coding, bytes)).toBe('bad_request')
  })

  it.each([
    ['gzip', gzipSync(Buffer.alloc(50_000_000))],
    ['deflate', deflateSync(Buffer.alloc(50_000_000))],
    ['br', brotliCompressSync(Buffer.alloc(50_000_000))],
  ])('that grows past the limit is refused without being held: %s', async (coding, bytes) => {
    const bounds = limits(100_000)
    await expect(decodedBody(coding, bytes, bounds)).rejects.toMatchObject({ kind: 'too_large' })
    expect(bounds.held.most).toBeLessThan(200_000)
  })
})
