/** Request bodies in a content coding (RFC 9110, 8.4), where a rule must see what is in them. What is sent upstream stays as it came. */
import type { Transform } from 'node:stream'
import { crc32, createBrotliDecompress, createInflate, createInflateRaw } from 'node:zlib'
import { RequestError } from '../../logical/errors.ts'
import { RefusedRequest } from './call-error.ts'

export interface DecodingLimits {
  /** Of the decoded bytes. */
  readonly maxBytes: number
  readonly tooLarge: () => Error
  /** Asked before that many bytes more are held; throws to refuse them. */
  readonly take: (bytes: number) => void
}

type Coding = 'identity' | 'gzip' | 'deflate' | 'br'

/** What `Content-Encoding` names. Throws `unsupported_content_encoding` for what cannot be read here. */
function codingOf(contentEncoding: string | undefined): Coding {
  const names = (contentEncoding ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity')
  const [name = 'identity'] = names
  if (names.length > 1) throw unsupported('more than one coding')
  if (name === 'x-gzip') return 'gzip'
  if (name === 'identity' || name === 'gzip' || name === 'deflate' || name === 'br') return name
  throw unsupported('this coding')
}

const unsupported = (what: string): RefusedRequest =>
  new RefusedRequest(
    'unsupported_content_encoding',
    `header content-encoding: a body of this type has to be looked at, and ${what} cannot be read here; send it uncompressed, or in gzip, deflate or br`,
  )

const damaged = (): RefusedRequest =>
  new RefusedRequest(
    'bad_request',
    'the body is not what its content-encoding says, or more follows its end, which servers read differently; send one complete stream',
  )

/**
 * What a server reads in the body. One stream of the coding must fill it: after its end some readers go on with what follows, and
 * some do not, so that they would not see the same.
 */
export async function decodedBody(
  contentEncoding: string | undefined,
  bytes: Buffer,
  limits: DecodingLimits,
): Promise<Buffer> {
  const coding = codingOf(contentEncoding)
  // An empty body is an empty body, whatever coding it claims.
  if (coding === 'identity' || bytes.length === 0) return bytes
  if (coding === 'gzip') return gunzipped(bytes, limits)
  // RFC 9110, 8.4.1.2: zlib's format. The bare stream that some senders mean by the name is not taken.
  const { decoded, consumed } = await decode(
    coding === 'br' ? createBrotliDecompress() : createInflate(),
    bytes,
    limits,
  )
  if (consumed !== bytes.length) throw damaged()
  return decoded
}

/** RFC 1952, 2.3.1: one member. Node would go on with a second one. */
async function gunzipped(bytes: Buffer, limits: DecodingLimits): Promise<Buffer> {
  const start = endOfGzipHeader(bytes)
  const { decoded, consumed } = await decode(createInflateRaw(), bytes.subarray(start), limits)
  const trailer = bytes.subarray(start + consumed)
  const fits =
    trailer.length === 8 && trailer.readUInt32LE(0) === crc32(decoded) && trailer.readUInt32LE(4) === decoded.length
  if (!fits) throw damaged()
  return decoded
}

const flag = { headerChecksum: 2, extra: 4, name: 8, comment: 16, reserved: 0xe0 } as const

function endOfGzipHeader(bytes: Buffer): number {
  const flags = bytes[3] ?? flag.reserved
  if (bytes.length < 18 || bytes.readUInt32BE(0) >>> 8 !== 0x1f8b08 || (flags & flag.reserved) !== 0) throw damaged()
  let at = 10
  if ((flags & flag.extra) !== 0) at += 2 + bytes.readUInt16LE(at)
  for (const text of [flag.name, flag.comment])
    if ((flags & text) !== 0) {
      const end = bytes.indexOf(0, at)
      if (end < 0) throw damaged()
      at = end + 1
    }
  return (flags & flag.headerChecksum) === 0 ? at : at + 2
}

/** How much of `bytes` the decoder took shows where its stream ended. */
async function decode(
  decoder: Transform & { readonly bytesWritten: number },
  bytes: Buffer,
  { maxBytes, tooLarge, take }: DecodingLimits,
): Promise<{ decoded: Buffer; consumed: number }> {
  const chunks: Buffer[] = []
  let length = 0
  decoder.end(bytes)
  try {
    for await (const chunk of decoder as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > maxBytes) throw tooLarge()
      take(chunk.length)
      chunks.push(chunk)
    }
  } catch (error) {
    throw error instanceof RequestError ? error : damaged()
  } finally {
    decoder.destroy()
  }
  // Whole and in chunks at once, for a moment.
  take(length)
  const decoded = Buffer.concat(chunks)
  take(-length)
  return { decoded, consumed: decoder.bytesWritten }
}
