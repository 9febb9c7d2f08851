/** Asks until it holds: clusters settle when they settle. */

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

/** Resolves to the milliseconds it took; rejects, naming `what`, after `limitMs`. */
export async function timeUntil(
  what: string,
  holds: () => Promise<boolean> | boolean,
  limitMs = 60_000,
  everyMs = 25,
): Promise<number> {
  const started = performance.now()
  while (!(await holds())) {
    if (performance.now() - started > limitMs) throw new Error(`not within ${String(limitMs / 1000)} s: ${what}`)
    await pause(everyMs)
  }
  return performance.now() - started
}
