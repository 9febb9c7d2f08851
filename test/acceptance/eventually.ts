import { expect } from 'vitest'

const WITHIN_MS = 20_000
const EVERY_MS = 50

/**
 * Asks until the answer is the wanted one. A server acknowledges many things before they are done (queued revokes, an unseal); what
 * is compared between targets is the state they settle in.
 */
export async function eventually<T>(what: string, probe: () => Promise<T>, wanted: NoInfer<T>): Promise<void> {
  await expect.poll(probe, { timeout: WITHIN_MS, interval: EVERY_MS, message: what }).toEqual(wanted)
}
