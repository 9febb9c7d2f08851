import { badRequest } from '../../logical/errors.ts'
import { withoutChunkSignatures } from '../call/aws-chunked.ts'
import type { HeaderPairs } from '../call/credentials.ts'
import { buildOutgoing } from '../call/outgoing.ts'
import { signatureOf } from '../call/sigv4.ts'
import type { SigningKey } from '../call/sigv4.ts'
import type { CallerBody } from './caller-body.ts'
import type { UpstreamCall } from './upstream-call.ts'

/**
 * The call with the signature its upstream expects. The client's own was made with a phantom token and is gone; what it says of its body
 * (`x-amz-content-sha256`) goes on, because it is still true.
 */
export async function signedCall(call: UpstreamCall, key: SigningKey, callerBody: CallerBody): Promise<UpstreamCall> {
  const stated = valueOf(call.headers, 'x-amz-content-sha256')
  const unsigned = isSignedInPieces(stated) ? withoutSignatures(call, stated) : call
  const isHashed = unsigned.body !== undefined && stated === undefined && key.service !== 's3'
  const body = isHashed ? await callerBody.whole(call.upstream) : unsigned.body
  const isUntold = body !== undefined && stated === undefined && !isHashed
  const headers = isUntold ? [...unsigned.headers, unsignedPayload] : unsigned.headers
  // What was picked from the headers before is of those that came in.
  const restated = { ...unsigned, headers, body, sent: undefined }
  const hashed = isHashed && body instanceof Uint8Array ? body : undefined
  return { ...restated, signature: await signatureOf(key, buildOutgoing(restated), hashed, call.clock.now()) }
}

const unsignedPayload = ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD'] as const

const valueOf = (headers: HeaderPairs, name: string): string | undefined =>
  headers.find(([given]) => given.toLowerCase() === name)?.[1].trim()

/** Throws `bad_request` for a way of signing pieces that cannot be undone. */
function isSignedInPieces(stated: string | undefined): stated is string {
  if (stated?.startsWith('STREAMING-') !== true || stated === UNSIGNED_PIECES) return false
  if (/^STREAMING-AWS4-HMAC-SHA256-PAYLOAD(?:-TRAILER)?$/.test(stated)) return true
  throw badRequest(
    `x-amz-content-sha256: ${stated.slice(0, 64)} cannot be sent on under another signature; send UNSIGNED-PAYLOAD`,
  )
}

const UNSIGNED_PIECES = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'

function withoutSignatures(call: UpstreamCall, stated: string): UpstreamCall {
  const hasTrailer = stated.endsWith('-TRAILER')
  const { body } = call
  const pieces = body instanceof Uint8Array ? [body] : (body ?? [])
  const decodedLength = Number(valueOf(call.headers, 'x-amz-decoded-content-length') ?? NaN)
  if (!Number.isSafeInteger(decodedLength))
    throw badRequest('x-amz-decoded-content-length is missing, which tells the length of an aws-chunked body')
  return {
    ...call,
    headers: call.headers.flatMap((header) => restated(header, hasTrailer)),
    body: withoutChunkSignatures(pieces, hasTrailer),
    contentLength: hasTrailer ? undefined : decodedLength,
  }
}

/** The header as it is true of the body without signatures; without a trailer it is no longer in pieces either. */
function restated([name, value]: readonly [string, string], hasTrailer: boolean): HeaderPairs {
  const lowerName = name.toLowerCase()
  if (lowerName === 'x-amz-content-sha256') return [[name, hasTrailer ? UNSIGNED_PIECES : 'UNSIGNED-PAYLOAD']]
  if (hasTrailer) return [[name, value]]
  if (lowerName === 'x-amz-decoded-content-length') return []
  if (lowerName !== 'content-encoding') return [[name, value]]
  const codings = value.split(',').filter((coding) => coding.trim().toLowerCase() !== 'aws-chunked')
  return codings.length === 0 ? [] : [[name, codings.join(',').trim()]]
}
