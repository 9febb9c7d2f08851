import { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib'
import { GatewayCallError, plainCause } from './call-error.ts'
import { fieldValue } from './field-value.ts'

/** A compressed response may grow to this many times its size once it is past the first MiB; honest text stays far below. */
const MOST_EXPANSION = 200
const FREE_BYTES = 1024 * 1024

export type Encoding = 'identity' | 'gzip' | 'deflate' | 'br'

/** The one encoding of a response. Only `identity` was asked for; others an upstream uses anyway are undone where known. */
export function encodingOf(upstreamName: string, fields: readonly string[]): Encoding {
  const value = fieldValue(fields, 'content-encoding')
  if (value === undefined) return 'identity'
  const names = value
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity')
  const name = names[0] === 'x-gzip' ? 'gzip' : names[0]
  if (name === undefined) return 'identity'
  if (names.length === 1 && (name === 'gzip' || name === 'deflate' || name === 'br')) return name
  throw new GatewayCallError(
    'upstream_invalid_response',
    `upstream ${upstreamName} responded with a content encoding that was not requested and is not supported`,
  )
}

/** The decoded bytes of `source`. Memory is bounded; a response that expands beyond reason or is damaged fails. */
export async function* decode(
  upstreamName: string,
  encoding: Exclude<Encoding, 'identity'>,
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
      if (decodedBytes > FREE_BYTES + encodedBytes * MOST_EXPANSION) {
        throw new GatewayCallError(
          'upstream_response_too_large',
          `upstream ${upstreamName}: its compressed response expands too far`,
        )
      }
      yield chunk
    }
  } catch (error) {
    if (inputFailure) throw inputFailure
    if (error instanceof GatewayCallError) throw error
    throw new GatewayCallError(
      'upstream_invalid_response',
      `upstream ${upstreamName}: its compressed response is damaged`,
      { cause: plainCause(error) },
    )
  } finally {
    input.destroy()
    decoder.destroy()
  }
}

function decoderFor(encoding: Exclude<Encoding, 'identity'>, firstByte: number) {
  if (encoding === 'gzip') return createGunzip()
  if (encoding === 'br') return createBrotliDecompress()
  // RFC 9110, 8.4.1.2: "deflate" is the zlib format, but some servers send the bare stream; zlib's first byte tells (RFC 1950, 2.2).
  const zlibHeader = (firstByte & 0x0f) === 8 && firstByte >> 4 <= 7
  return zlibHeader ? createInflate() : createInflateRaw()
}
