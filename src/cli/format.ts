import { stringifyJsonExactly } from '../logical/json.ts'
import type { VaultResponse } from '../vault-client/index.ts'
import { UsageError } from './failure.ts'
import { text } from './flags.ts'
import { variable } from './io.ts'
import type { Io } from './io.ts'
import { byKey, printable } from './table.ts'
import { yaml } from './yaml.ts'

export const formats = ['table', 'json', 'yaml'] as const
export type Format = (typeof formats)[number]

export const formatFlag = { format: text(formats.join('|'), 'How to print it; default VAULT_FORMAT, else table.') }

/** The format asked for by flag, else by the environment. */
export function formatOf(io: Pick<Io, 'env'>, given: string | undefined): Format {
  const name = given ?? variable(io, 'FORMAT') ?? 'table'
  const format = formats.find((known) => known === name)
  if (format === undefined)
    throw new UsageError(`Invalid output format: ${printable(name)}. Use ${formats.join(', ')}.`)
  return format
}

const envelopeOrder = ['request_id', 'lease_id', 'lease_duration', 'renewable', 'data', 'warnings', 'auth', 'wrap_info']
const leftOutWhenNull = new Set(['auth', 'wrap_info'])

/** Members in byte order at every depth, as Go writes a map. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(byKey)
      .map(([key, member]) => [key, sorted(member)]),
  )
}

/** The whole envelope in Vault's order; what Vault answers bare (seal status, help) as it is. */
export function envelope(response: VaultResponse): unknown {
  const all = sorted(response.raw)
  if (typeof all !== 'object' || all === null || !('request_id' in all)) return all
  const members = new Map(Object.entries(all).filter(([key, value]) => value !== null || !leftOutWhenNull.has(key)))
  const first = envelopeOrder.filter((key) => members.has(key)).map((key): [string, unknown] => [key, members.get(key)])
  return Object.fromEntries([...first, ...[...members].filter(([key]) => !envelopeOrder.includes(key))])
}

/** One document in the format asked for, ending in a line feed. */
export function document(format: 'json' | 'yaml', value: unknown): string {
  return format === 'json' ? `${stringifyJsonExactly(value, 2)}\n` : yaml(value)
}

/** One field of a response, by the name its table row has; undefined when there is none. */
export function fieldOf(response: VaultResponse, field: string): unknown {
  const { auth, wrap_info: wrap, data } = response
  if (auth) {
    const names: Record<string, unknown> = {
      token: auth.client_token,
      token_accessor: auth.accessor,
      token_duration: auth.lease_duration,
      token_renewable: auth.renewable,
      token_policies: auth.token_policies,
      identity_policies: auth.identity_policies,
      policies: auth.policies,
    }
    if (Object.hasOwn(names, field)) return names[field]
  }
  if (wrap) {
    const names: Record<string, unknown> = {
      wrapping_token: wrap.token,
      wrapping_accessor: wrap.accessor,
      wrapping_token_ttl: wrap.ttl,
      wrapping_token_creation_time: wrap.creation_time,
      wrapping_token_creation_path: wrap.creation_path,
      wrapped_accessor: wrap.wrapped_accessor,
    }
    if (Object.hasOwn(names, field)) return names[field]
  }
  if (data && Object.hasOwn(data, field)) return data[field]
  if (response.lease_id) {
    const names: Record<string, unknown> = {
      lease_id: response.lease_id,
      lease_duration: response.lease_duration,
      lease_renewable: response.renewable,
    }
    if (Object.hasOwn(names, field)) return names[field]
  }
  return field === 'refresh_interval' ? response.lease_duration : undefined
}
