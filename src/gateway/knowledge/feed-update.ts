import { DocumentError, readFeedResponse } from '../../document/index.ts'
import type { FeedResponse } from '../../document/index.ts'
import { TokenCheck } from './token-check.ts'

/** A response of the feed as the gateway takes it: the mount's keys are out of sight. */
export type FeedUpdate = Omit<FeedResponse, 'check_keys' | 'check_enforced_from_unix'> & {
  /** With a reset, from an engine that checks tokens by key. */
  readonly check: TokenCheck | undefined
}

/** Undefined where it is not a response of the feed. */
export function readFeedUpdate(data: unknown): FeedUpdate | undefined {
  try {
    const { check_keys: keys, check_enforced_from_unix: enforced, ...rest } = readFeedResponse(data)
    return { ...rest, check: keys && enforced !== undefined ? new TokenCheck(keys, enforced) : undefined }
  } catch (error) {
    if (error instanceof DocumentError) return undefined
    throw error
  }
}
