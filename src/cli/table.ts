import { durationText } from '../framework/duration.ts'
import type { VaultResponse } from '../vault-client/index.ts'

/** Vault's tables: cells in columns four spaces apart, dashes below the head, `n/a` where a cell is empty. */

const GAP = '    '

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, head.map((title) => '-'.repeat(title.length)), ...rows].map((row) =>
    row.map((cell) => printable(cell.trim()) || 'n/a'),
  )
  const widths = head.map((_, column) => Math.max(...all.map((row) => [...(row[column] ?? '')].length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell + ' '.repeat(widths[column]! - [...cell].length)))
      .join(GAP)
  return `${all.map(line).join('\n')}\n`
}

export function keyValueTable(rows: readonly (readonly [string, string])[]): string {
  return table(['Key', 'Value'], rows)
}

/** Text from a server must not steer the terminal it is shown on. */
export function printable(value: string): string {
  return value.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

/** `1 tool`, `2 tools`. */
export const counted = (count: number, noun: string): string => `${String(count)} ${noun}${count === 1 ? '' : 's'}`

/** A JSON value the way Go prints it: `[a b]`, `map[k:v]`, `<nil>`. */
export function goText(value: unknown): string {
  if (value === null || value === undefined) return '<nil>'
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`
  if (typeof value === 'object')
    return `map[${Object.entries(value)
      .sort(byKey)
      .map(([key, member]) => `${key}:${goText(member)}`)
      .join(' ')}]`
  return String(value)
}

/** Byte order, as Go sorts the keys it prints. */
export const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : a > b ? 1 : 0

const quotedList = (value: unknown): string =>
  `[${(Array.isArray(value) ? value : []).map((entry) => JSON.stringify(entry)).join(' ')}]`

const durationName = /^(?:.+_)?(?:ttl|period|duration)$|^ttl_max$|^lease_max$/

/** `data` members in key order, whole numbers under a duration's name as durations. */
export function dataRows(data: Readonly<Record<string, unknown>>): [string, string][] {
  return Object.entries(data)
    .sort(byKey)
    .map(([key, value]) => [
      key,
      durationName.test(key) && typeof value === 'number' ? durationText(value) : goText(value),
    ])
}

function authRows(auth: Readonly<Record<string, unknown>>): [string, string][] {
  const seconds = Number(auth.lease_duration)
  const metadata = Object.entries((auth.metadata ?? {}) as Record<string, unknown>).sort(byKey)
  return [
    ['token', goText(auth.client_token)],
    ['token_accessor', goText(auth.accessor)],
    ['token_duration', seconds === 0 ? '∞' : durationText(seconds)],
    ['token_renewable', goText(auth.renewable)],
    ['token_policies', quotedList(auth.token_policies ?? auth.policies)],
    ['identity_policies', quotedList(auth.identity_policies)],
    ['policies', quotedList(auth.policies)],
    ...metadata.map(([key, value]): [string, string] => [`token_meta_${key}`, goText(value)]),
  ]
}

function leaseRows({ lease_id, lease_duration = 0, renewable = false }: VaultResponse): [string, string][] {
  if (lease_id)
    return [
      ['lease_id', lease_id],
      ['lease_duration', durationText(lease_duration)],
      ['lease_renewable', String(renewable)],
    ]
  return lease_duration > 0 ? [['refresh_interval', durationText(lease_duration)]] : []
}

function wrapRows(wrap: Readonly<Record<string, unknown>>): [string, string][] {
  const rows: [string, string][] = [
    ['wrapping_token:', goText(wrap.token)],
    ['wrapping_accessor:', goText(wrap.accessor)],
    ['wrapping_token_ttl:', durationText(Number(wrap.ttl))],
    ['wrapping_token_creation_time:', goText(wrap.creation_time)],
    ['wrapping_token_creation_path:', goText(wrap.creation_path)],
  ]
  return wrap.wrapped_accessor ? [...rows, ['wrapped_accessor:', goText(wrap.wrapped_accessor)]] : rows
}

/** Rows of a whole response, lease first; none when there is nothing to show. */
export function responseRows(response: VaultResponse): [string, string][] {
  return [
    ...leaseRows(response),
    ...(response.auth ? authRows(response.auth) : []),
    ...(response.wrap_info ? wrapRows(response.wrap_info) : []),
    ...(response.data ? dataRows(response.data) : []),
  ]
}

/** `======= Metadata =======`, as wide as what stands below it. */
export function heading(title: string, width: number): string {
  const left = width - title.length - 2
  const signs = '='.repeat(left <= 0 ? 2 : Math.ceil(left / 2))
  return `${signs} ${title} ${signs}`
}

/** A titled table of one object's members. */
export function section(title: string, data: Readonly<Record<string, unknown>>): string {
  const longest = Math.max(0, ...Object.keys(data).map((key) => key.length))
  return `${heading(title, longest + GAP.length + 'Value'.length)}\n${keyValueTable(dataRows(data))}`
}
