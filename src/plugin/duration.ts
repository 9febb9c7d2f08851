/** The wire's int64 nanoseconds. They come as decimal text: four months of them are more than a double holds exactly. */
import { RequestError } from '../logical/errors.ts'

const SECOND = 1_000_000_000n
const LONGEST = 2n ** 63n - 1n

/** Whole seconds. Fractions are cut, but what is there stays there: 0 means "not given". Negative ones give nothing either. */
export function secondsOf(nanoseconds: string | number): number {
  const duration = BigInt(nanoseconds)
  if (duration <= 0n) return 0
  return duration < SECOND ? 1 : Number(duration / SECOND)
}

/**
 * As text where a number would not be exact; the library writes numbers several times as fast. Throws for what is not a length of time:
 * servers read a negative one as "the mount's default", which is long.
 */
export function nanosecondsOf(seconds: number): string | number {
  if (!Number.isFinite(seconds) || seconds < 0)
    throw new RequestError('internal', undefined, {
      cause: new Error(`the engine returned ${String(seconds)} seconds`),
    })
  const whole = Math.trunc(seconds)
  const duration = BigInt(whole) * SECOND + BigInt(Math.round((seconds - whole) * 1e9))
  if (duration <= Number.MAX_SAFE_INTEGER) return Number(duration)
  return String(duration > LONGEST ? LONGEST : duration)
}
