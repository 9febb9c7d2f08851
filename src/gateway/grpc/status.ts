import { Metadata } from '@grpc/grpc-js'
import { unavailable } from '../error.ts'
import type { GatewayFailure } from '../error.ts'

/** What a failed call ends with. Trailing metadata: `mcp-error-type`, `mcp-error-code`, `mcp-request-id`, and `mcp-retry-after` in seconds. */
export interface FailureStatus {
  readonly code: number
  readonly details: string
  readonly metadata: Metadata
}

/** Trailers must fit a client's header limit (8 KiB where it is not set), three bytes for each character in the worst case. */
const LONGEST_DETAILS = 1_000

/** `requestId` empty where no single request failed. `code` where the moment of the failure says more than its kind: ABORTED for a call that was cut. */
export function failureStatus(error: GatewayFailure, requestId: string, code: number = error.row.grpc): FailureStatus {
  const metadata = new Metadata()
  metadata.set('mcp-error-type', error.type)
  metadata.set('mcp-error-code', error.code)
  if (error.retryAfterSeconds !== undefined) metadata.set('mcp-retry-after', String(error.retryAfterSeconds))
  // gRPC's own way of saying that no client shall try again by itself (gRFC A6, server pushback).
  if (!error.retryable) metadata.set('grpc-retry-pushback-ms', '-1')
  if (requestId !== '') metadata.set('mcp-request-id', requestId)
  return { code, details: wellFormed(error.message.slice(0, LONGEST_DETAILS)), metadata }
}

/** The library percent-encodes details, and throws at half a surrogate pair, which a caller's own text may have brought in. */
const wellFormed = (text: string): string => Buffer.from(text, 'utf8').toString('utf8')

export const shuttingDown = (): GatewayFailure =>
  unavailable('shutting_down', 'the gateway is shutting down; try again')
