import type { HeaderPairs } from './credentials.ts'

/**
 * Whether a caller says that it decodes `coding` (RFC 9110, 12.5.3). It may then be given the content without it as well: `identity` is
 * acceptable unless it is ruled out.
 */
export function takesCoding(headers: HeaderPairs, coding: string): boolean {
  let any = false
  let named: boolean | undefined
  for (const [name, value] of headers)
    if (name.length === 15 && name.toLowerCase() === 'accept-encoding')
      for (const item of value.split(',')) {
        const [written = '', ...parameters] = item.split(';')
        const listed = written.trim().toLowerCase()
        const isTaken = !parameters.some((parameter) => /^\s*q\s*=\s*0(?:\.0*)?\s*$/i.test(parameter))
        if (listed === coding || listed === `x-${coding}`) named = isTaken
        else if (listed === '*') any = isTaken
      }
  return named ?? any
}
