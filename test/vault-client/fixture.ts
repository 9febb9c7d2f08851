/** A local Vault, clients of it that end with the test, and what they throw. */
import { inspect } from 'node:util'
import { afterEach, expect, vi } from 'vitest'
import { systemClock } from '../../src/logical/clock.ts'
import { createVaultClient, VaultError } from '../../src/vault-client/index.ts'
import type { VaultClient, VaultClientOptions } from '../../src/vault-client/index.ts'
import { startLocalVault } from './local-vault.ts'
import type { Respond, LocalVault } from './local-vault.ts'

export const token = 'hvs.CAESIJ5vT0kenOfTheGatewayItself0001'
export const key = 'sk_live_51TheRealUpstreamKey'
export const envelope = {
  request_id: 'r-1',
  lease_id: '',
  renewable: false,
  lease_duration: 0,
  data: { keys: ['a'] },
  warnings: null,
  auth: null,
  wrap_info: null,
}

export const cleanups: (() => unknown)[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

export async function vaultThat(response: Respond): Promise<LocalVault> {
  const vault = await startLocalVault(response)
  cleanups.push(() => vault.close())
  return vault
}

export function clientOf(vault: { address: string }, options: Partial<VaultClientOptions> = {}): VaultClient {
  const client = createVaultClient({ address: vault.address, token, clock: systemClock, ...options })
  cleanups.push(() => client.close())
  return client
}

export async function failureOf(pending: Promise<unknown>): Promise<VaultError> {
  const thrown: unknown = await pending.then(
    () => 'nothing was thrown',
    (error: unknown) => error,
  )
  expect(thrown).toBeInstanceOf(VaultError)
  return thrown as VaultError
}

export function thrownBy(act: () => unknown): VaultError {
  try {
    act()
  } catch (thrown) {
    return thrown as VaultError
  }
  throw new Error('nothing was thrown')
}

/** Everything a log could make of an error. */
export const printed = (error: VaultError): string =>
  [
    error.message,
    JSON.stringify(error),
    inspect(error, { depth: 20, showHidden: true }),
    JSON.stringify(Object.entries(error)),
    error.stack,
  ].join('\n')
