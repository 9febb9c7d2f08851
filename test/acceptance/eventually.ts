import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'

const WITHIN_MS = 20_000
const EVERY_MS = 50

/**
 * Asks until the response is the wanted one. A server acknowledges many things before they are done (queued revokes, an unseal); what
 * is compared between targets is the state they settle in.
 */
export async function eventually<T>(what: string, probe: () => Promise<T>, wanted: NoInfer<T>): Promise<void> {
  const deadlineMs = performance.now() + WITHIN_MS
  for (;;) {
    const found = await probe()
    if (isDeepStrictEqual(found, wanted)) return
    if (performance.now() > deadlineMs)
      throw new Error(
        `${what}: after ${WITHIN_MS / 1000} s it is ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`,
      )
    await delay(EVERY_MS)
  }
}
