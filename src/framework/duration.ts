/**
 * Durations as Vault's parseutil reads them: a number of seconds, a text of digits, or Go's notation (`1h30m`, `90s`, `1.5h`,
 * `250ms`), and `d` for days as well.
 */

const unitSeconds: Readonly<Record<string, number>> = {
  ns: 1e-9,
  us: 1e-6,
  µs: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
}
/** What Go's durations, 63 bits of nanoseconds, can hold. */
const LONGEST_SECONDS = 2 ** 63 / 1e9

/** Whole seconds (fractions cut), or undefined when `value` is not a duration. */
export function durationSeconds(value: unknown): number | undefined {
  const seconds = typeof value === 'number' ? value : typeof value === 'string' ? fromText(value.trim()) : undefined
  if (seconds === undefined || !Number.isFinite(seconds) || Math.abs(seconds) >= LONGEST_SECONDS) return undefined
  return Math.trunc(seconds)
}

function fromText(text: string): number | undefined {
  if (text === '') return 0
  if (/^[+-]?\d+$/.test(text)) return Number(text)
  const match = /^([+-]?)((?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h|d))+)$/.exec(text)
  if (!match?.[2]) return undefined
  let total = 0
  for (const [, amount, unit] of match[2].matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h|d)/g))
    total += Number(amount) * (unitSeconds[unit!] ?? 0)
  return match[1] === '-' ? -total : total
}

/** Go's notation for a number of whole seconds, as Vault prints leases: `15m`, `1h30m`, `768h`, `0s`. */
export function durationText(seconds: number): string {
  if (seconds < 60) return `${seconds}s`
  const parts = [
    [Math.floor(seconds / 3600), 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const
  return parts
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join('')
}
