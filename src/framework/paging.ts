import type { Data } from '../logical/data.ts'
import type { Response } from '../logical/response.ts'
import { parseFields } from './field-data.ts'
import type { Fields } from './field.ts'

/**
 * Pages of a list, as OpenBao has them: `after` leaves out what does not sort behind it, `limit` what is more than so many.
 * Every list has them; a path that declares one of the two responses for it itself.
 * https://openbao.org/api-docs/#pagination
 */
export const pageFields = {
  after: { type: 'string', description: 'Only keys that sort behind this one.', example: 'billing' },
  limit: { type: 'int', description: 'How many keys at most; 0 or less = all.', example: 100 },
} as const satisfies Fields

interface Page {
  readonly after: string
  readonly limit: number
}

/** Takes the page out of a list's parameters; undefined when none is asked for, or the path has pages of its own. */
export function takePage(fields: Fields, data: Data): { data: Data; page?: Page } {
  const own = Object.keys(pageFields).some((name) => Object.hasOwn(fields, name))
  const requested = Object.hasOwn(data, 'after') || Object.hasOwn(data, 'limit')
  if (own || !requested) return { data }
  const { after, limit, ...rest } = data
  const given = Object.fromEntries(Object.entries({ after, limit }).filter(([, value]) => value !== undefined))
  const { fields: page } = parseFields(pageFields, given, {})
  return { data: rest, page: { after: page.get('after') ?? '', limit: page.get('limit') ?? 0 } }
}

/** The page of a list's response. Nothing left is nothing there. */
export function paged(response: Response | undefined, { after, limit }: Page): Response | undefined {
  const { keys, key_info: info, ...rest } = response?.data ?? {}
  if (!Array.isArray(keys)) return response
  const sorted = (keys as string[]).filter((key) => key > after).sort()
  const page = limit > 0 ? sorted.slice(0, limit) : sorted
  const kept = info as Readonly<Record<string, unknown>> | undefined
  const key_info = kept && Object.fromEntries(page.map((key) => [key, kept[key]]))
  return { ...response, data: { ...rest, keys: page, ...(key_info && { key_info }) } }
}
