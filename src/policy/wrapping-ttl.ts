import { PolicyError } from './error.ts'
import { kindOf } from './tree.ts'
import type { Member } from './tree.ts'

const secondsPerUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** `90`, `"90"`, `"90s"`, `"1h30m"` in whole seconds; 0 when the key is absent or 0, which sets no bound. */
export function wrappingTtl(member: Member | undefined, key: string, name: string): number {
  if (member === undefined) return 0
  const { value, line } = member
  const text =
    value.kind === 'number' ? String(value.value) : value.kind === 'string' ? value.value.trim() : kindOf(value)
  const seconds = secondsOf(text)
  if (seconds === undefined)
    throw new PolicyError(
      line,
      `${name}: ${key} is ${JSON.stringify(text)}; write whole seconds or a duration, for example 90, "90s" or "1h30m".`,
    )
  return seconds
}

function secondsOf(text: string): number | undefined {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text)
  if (!/^(?:[0-9]{1,9}[smhd])+$/.test(text)) return undefined
  let seconds = 0
  for (const [, digits = '', unit = ''] of text.matchAll(/([0-9]+)([smhd])/g))
    seconds += Number(digits) * (secondsPerUnit[unit] ?? 0)
  return seconds <= 999_999_999 ? seconds : undefined
}
