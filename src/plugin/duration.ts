/** The wire's int64 nanoseconds, as decimal text: a year of them is more than a double holds exactly. */

const SECOND = 1_000_000_000n

/** Whole seconds, fractions cut. */
export function secondsOf(nanoseconds: string): number {
  return Number(BigInt(nanoseconds) / SECOND)
}

/** Of whole seconds; fractions are cut. */
export function nanosecondsOf(seconds: number): string {
  return String(BigInt(Math.trunc(seconds)) * SECOND)
}
