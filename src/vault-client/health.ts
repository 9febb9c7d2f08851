/**
 * Which of Vault's nodes serve, by `sys/health`: needs no token, is answered by sealed nodes and standbys too, and no server
 * audits it. Every address is asked by itself, whichever node other requests go to at the moment.
 */
import type { Clock } from '../logical/clock.ts'
import { createVaultClient } from './client.ts'
import type { VaultClient } from './client.ts'

/** `inactive`: at least one node answered, and none is active: sealed, not initialised, or a standby alone. */
export type VaultHealth = 'active' | 'inactive' | 'unreachable'

export interface HealthCheckOptions {
  /** `https://vault.internal:8200`, or the nodes of one cluster. */
  readonly address: string | readonly string[]
  readonly caFile?: string | undefined
  readonly clock: Clock
}

export interface HealthCheck {
  /** Never rejects; takes no longer than a second. */
  check(signal?: AbortSignal): Promise<VaultHealth>
  close(): Promise<void>
}

const TIMEOUT_MS = 1_000
const ACTIVE = 200

/** Opens nothing yet. Throws `bad_request` naming the wrong option. */
export function createHealthCheck({ address, caFile, clock }: HealthCheckOptions): HealthCheck {
  const nodes = [address]
    .flat()
    .map((one) => createVaultClient({ address: one, clock, ...(caFile === undefined ? {} : { caFile }) }))
  return {
    async check(signal) {
      const statuses = await Promise.all(nodes.map((node) => statusOf(node, signal)))
      if (statuses.includes(ACTIVE)) return 'active'
      return statuses.some((status) => status !== undefined) ? 'inactive' : 'unreachable'
    },
    async close() {
      await Promise.all(nodes.map((node) => node.close()))
    },
  }
}

/** Undefined where what answered is not a Vault, or nothing answered. */
async function statusOf(node: VaultClient, signal: AbortSignal | undefined): Promise<number | undefined> {
  try {
    return (await node.request('GET', 'sys/health', { timeoutMs: TIMEOUT_MS, ...(signal && { signal }) })).status
  } catch {
    return undefined
  }
}
