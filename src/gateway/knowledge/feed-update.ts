import { DocumentError, readFeedResponse } from '../../document/index.ts'
import type { FeedResponse } from '../../document/index.ts'
import { TokenCheck } from './token-check.ts'

/** What holds of the mount as of a response, whatever happened. */
export interface FeedTerms {
  /** That follow the feed, this one included. */
  readonly gateways: number
  /** How many tokens the engine takes in one introspection. */
  readonly introspectionBatch: number
}

type OutOfSight = 'check_keys' | 'check_enforced_from_unix' | 'pollers' | 'introspection_batch'

/** A response of the feed as the gateway takes it: the mount's keys are out of sight. */
export type FeedUpdate = Omit<FeedResponse, OutOfSight> & {
  readonly terms: FeedTerms
  /** With a reset, from an engine that checks tokens by key. */
  readonly check: TokenCheck | undefined
}

/** Undefined where it is not a response of the feed. */
export function readFeedUpdate(data: unknown): FeedUpdate | undefined {
  try {
    const { check_keys: keys, check_enforced_from_unix: enforced, ...response } = readFeedResponse(data)
    const { pollers, introspection_batch: introspectionBatch, ...rest } = response
    const check = keys && enforced !== undefined ? new TokenCheck(keys, enforced) : undefined
    return { ...rest, check, terms: { gateways: Math.max(1, pollers), introspectionBatch } }
  } catch (error) {
    if (error instanceof DocumentError) return undefined
    throw error
  }
}
