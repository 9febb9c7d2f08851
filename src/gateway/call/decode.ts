/** Content codings of responses (RFC 9110, 8.4): which are read here, and the bytes behind them. */
import { Readable, type Transform } from 'node:stream'
import * as zlib from 'node:zlib'
import { GatewayCallError, plainCause } from './call-error.ts'
import { fieldValue } from './field-value.ts'

/** A compressed response may grow to this many times its size once it is past the first MiB; honest text stays far below. */
const MOST_EXPANSION = 200
const FREE_BYTES = 1024 * 1024

export type Coding = 'gzip' | 'deflate' | 'br' | 'zstd'
export type Encoding = 'identity' | Coding
export type CodingDecoder = Transform & { readonly bytesWritten: number }

interface ZstdOptions {
  readonly params: Readonly<Record<number, number>>
}
/** From Node 22.15 on; the types are those of Node 20. */
const { createZstdDecompress } = zlib as { createZstdDecompress?: (options: ZstdOptions) => CodingDecoder }
/** RFC 9659, 3: as a content coding a window of at most 8 MiB. `ZSTD_d_windowLogMax` of zstd.h, which takes its logarithm. */
const zstdWindow: ZstdOptions = { params: { 100: 23 } }

const isRead = (name: string): name is Coding =>
  name === 'gzip' || name === 'deflate' || name === 'br' || (name === 'zstd' && createZstdDecompress !== undefined)

/** The one encoding of a response. Only `identity` was asked for; of others that an upstream uses anyway, those that can be read here. */
export function encodingOf(upstreamName: string, fields: readonly string[]): Encoding {
  const value = fieldValue(fields, 'content-encoding')
  if (value === undefined) return 'identity'
  const names = value
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity')
  const name = names[0] === 'x-gzip' ? 'gzip' : names[0]
  if (name === undefined) return 'identity'
  if (names.length === 1 && isRead(name)) return name
  throw new GatewayCallError(
    'upstream_invalid_response',
    `upstream ${upstreamName} responded with a content encoding that was not requested and is not supported`,
  )
}

/** The decoded bytes of `source`. Memory is bounded; a response that expands beyond reason or is damaged fails. */
export async function* decode(
  upstreamName: string,
  encoding: Coding,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let encodedBytes = 0
  let decodedBytes = 0
  const counted = async function* (first: Uint8Array | undefined, rest: AsyncIterable<Uint8Array>) {
    if (first) {
      encodedBytes += first.length
      yield first
    }
    for await (const chunk of rest) {
      encodedBytes += chunk.length
      yield chunk
    }
  }
  const chunks = source[Symbol.asyncIterator]()
  const first = await chunks.next()
  // An empty body is an empty body, whatever encoding it claims.
  if (first.done === true) return
  const input = Readable.from(counted(first.value, { [Symbol.asyncIterator]: () => chunks }), { objectMode: false })
  const decoder = decoderFor(encoding, first.value[0] ?? 0)
  let inputFailure: Error | undefined
  input.on('error', (error) => {
    inputFailure = error
    decoder.destroy(error)
  })
  try {
    for await (const chunk of input.pipe(decoder) as AsyncIterable<Buffer>) {
      decodedBytes += chunk.length
      requireModest(upstreamName, encodedBytes, decodedBytes)
      yield chunk
    }
  } catch (error) {
    if (inputFailure) throw inputFailure
    if (error instanceof GatewayCallError) throw error
    throw damaged(upstreamName, error)
  } finally {
    input.destroy()
    decoder.destroy()
  }
}

/** Throws for a body that expands beyond reason. */
export function requireModest(upstreamName: string, encodedBytes: number, decodedBytes: number): void {
  if (decodedBytes <= FREE_BYTES + encodedBytes * MOST_EXPANSION) return
  throw new GatewayCallError(
    'upstream_response_too_large',
    `upstream ${upstreamName}: its compressed response expands too far`,
  )
}

export const damaged = (upstreamName: string, cause: unknown): GatewayCallError =>
  new GatewayCallError('upstream_invalid_response', `upstream ${upstreamName}: its compressed response is damaged`, {
    cause: plainCause(cause),
  })

/** For a body that begins with `firstByte`. */
export function decoderFor(encoding: Coding, firstByte: number): CodingDecoder {
  if (encoding === 'gzip') return zlib.createGunzip()
  if (encoding === 'br') return zlib.createBrotliDecompress()
  if (encoding === 'zstd') return createZstdDecompress!(zstdWindow)
  // RFC 9110, 8.4.1.2: "deflate" is the zlib format, but some servers send the bare stream; zlib's first byte tells (RFC 1950, 2.2).
  const zlibHeader = (firstByte & 0x0f) === 8 && firstByte >> 4 <= 7
  return zlibHeader ? zlib.createInflate() : zlib.createInflateRaw()
}
