import type { Clock } from '../../logical/clock.ts'
import type { Logger } from '../../logical/log.ts'
import type { VaultClient, VaultHealth } from '../../vault-client/index.ts'

export interface FollowerConfig {
  readonly vault: VaultClient
  /** `mcp` */
  readonly mount: string
  readonly clock: Clock
  readonly logger: Logger
  /** Vault refused our own token: log in again. Awaited before the next poll; `LoginRefused` = Vault says no to that too. */
  readonly onRefused?: () => Promise<void>
  /** Which of Vault's nodes serve; never rejects. Unless given, the node that `vault` goes to is asked. */
  readonly health?: (signal: AbortSignal) => Promise<VaultHealth>
  /** Is anything under way that must hear of changes at once? Unless given there always is, and polls never cease. */
  readonly inUse?: () => boolean
  /** The mount lies, or may lie, in a namespace, which can be deleted as a whole: see `holdOf`. */
  readonly inNamespace?: boolean
  /** Random; the engine counts the gateways that poll by it. */
  readonly gatewayId?: string
}

/** A poll is held for one second; a server that is this late has lost it. */
export const POLL_TIMEOUT_MS = 3_000
export const FIRST_PAUSE_MS = 100
/** So that it is there again within a second of the server, and gateways without one do not wear it down. */
export const LONGEST_PAUSE_MS = 1_000
export const SHORTEST_PAUSE_MS = 20
/** Wall and monotonic clock that differ by more: nothing known is fresh. */
export const CLOCK_AGREEMENT_MS = 1_000

/** While nothing is followed: what is known is good enough for this long, and brought up to date no oftener. */
export const FRESH_MS = 1_000
export const LOOK_EVERY_MS = 2_000
/** Between looks whether Vault serves again. */
export const REFUSED_PAUSE_MS = 1_000
/** Responses of one round trip: the engine keeps no more events than these can hold. */
export const MOST_TRIES = 32

const WAIT_SECONDS = 1
const WAIT_IN_NAMESPACE_MS = 150

/**
 * How long the engine holds a poll while nothing happens. A namespace that is being deleted refuses requests at once, but OpenBao
 * marks its mounts one after the other, and ours last where it was mounted last: the engine cannot know before. So there the next
 * request is never far off.
 */
export function holdOf({ inNamespace }: Pick<FollowerConfig, 'inNamespace'>, waits: boolean) {
  if (!waits) return { wait: 0 }
  return { wait: WAIT_SECONDS, ...(inNamespace === true ? { wait_ms: WAIT_IN_NAMESPACE_MS } : {}) }
}
