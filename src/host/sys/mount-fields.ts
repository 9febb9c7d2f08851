import { durationSeconds } from '../../framework/duration.ts'
import type { FieldData } from '../../framework/field-data.ts'
import { badRequest } from '../../logical/errors.ts'
import type { MountConfig } from '../base/mount.ts'
import type { MountChanges, MountRequest } from '../base/mounts.ts'

/** Fields of enabling and of tuning; one URL pattern serves both. */
export const mountFields = {
  path: { type: 'string', description: 'Where the engine is mounted.', example: 'mcp' },
  type: { type: 'string', description: 'The engine to mount.', example: 'mcp' },
  plugin_name: {
    type: 'string',
    description: 'Old place of the engine\'s name, read when type is empty or "plugin".',
    example: 'mcp',
  },
  description: { type: 'string', description: 'Description for people.', example: 'Phantom tokens for agents' },
  config: {
    type: 'object',
    description:
      'default_lease_ttl, max_lease_ttl, force_no_cache, plugin_version, audit_non_hmac_request_keys, audit_non_hmac_response_keys.',
    example: { max_lease_ttl: '1h' },
  },
  options: { type: 'object', description: 'Options of the engine, as strings.', example: { version: '2' } },
  local: {
    type: 'bool',
    description: 'Accepted and shown; this server does not replicate.',
    example: false,
    default: false,
  },
  seal_wrap: {
    type: 'bool',
    description: 'Accepted and shown; all storage is encrypted alike.',
    example: false,
    default: false,
  },
  external_entropy_access: { type: 'bool', description: 'Accepted and shown.', example: false, default: false },
  default_lease_ttl: {
    type: 'string',
    description: 'tune: lease life when an engine names none; "system" resets it.',
    example: '15m',
  },
  max_lease_ttl: { type: 'string', description: 'tune: longest lease life; "system" resets it.', example: '1h' },
  plugin_version: {
    type: 'string',
    description: 'tune: a version registered in the catalogue, or empty for the built-in engine.',
    example: 'v0.1.0',
  },
  audit_non_hmac_request_keys: {
    type: 'list',
    description: 'tune: request fields written readable to the audit log.',
    example: ['purpose'],
  },
  audit_non_hmac_response_keys: {
    type: 'list',
    description: 'tune: response fields written readable to the audit log.',
    example: ['session_id'],
  },
} as const

export type MountFieldData = FieldData<typeof mountFields>

const aliases: Readonly<Record<string, { type: string; options?: Record<string, string> }>> = {
  'kv-v1': { type: 'kv', options: { version: '1' } },
  'kv-v2': { type: 'kv', options: { version: '2' } },
  generic: { type: 'kv', options: { version: '1' } },
}

export function mountRequest(path: string, given: MountFieldData): MountRequest {
  const config = given.get('config') ?? {}
  const type = engineType(given, config)
  const alias = aliases[type]
  const options = optionsOf({ ...given.get('options'), ...alias?.options })
  return {
    path,
    type: alias?.type ?? type,
    description: given.get('description') ?? '',
    config: mountConfig(config),
    options: Object.keys(options).length > 0 ? options : null,
    local: given.get('local') ?? false,
    seal_wrap: given.get('seal_wrap') ?? false,
    external_entropy_access: given.get('external_entropy_access') ?? false,
  }
}

function engineType(given: MountFieldData, config: Readonly<Record<string, unknown>>): string {
  const requested = given.get('type') ?? ''
  return requested === '' || requested === 'plugin' ? given.get('plugin_name') || text(config.plugin_name) : requested
}

function mountConfig(given: Readonly<Record<string, unknown>>): MountConfig {
  return {
    default_lease_ttl: ttlOf('config.default_lease_ttl', given.default_lease_ttl) ?? 0,
    max_lease_ttl: ttlOf('config.max_lease_ttl', given.max_lease_ttl) ?? 0,
    force_no_cache: given.force_no_cache === true || given.force_no_cache === 'true',
    plugin_version: text(given.plugin_version),
    audit_non_hmac_request_keys: namesOf('config.audit_non_hmac_request_keys', given.audit_non_hmac_request_keys),
    audit_non_hmac_response_keys: namesOf('config.audit_non_hmac_response_keys', given.audit_non_hmac_response_keys),
  }
}

export function mountChanges(given: MountFieldData): MountChanges {
  const defaultTtl = ttlOf('default_lease_ttl', given.given('default_lease_ttl'))
  const maxTtl = ttlOf('max_lease_ttl', given.given('max_lease_ttl'))
  const pluginVersion = given.given('plugin_version')
  const requestKeys = given.given('audit_non_hmac_request_keys')
  const responseKeys = given.given('audit_non_hmac_response_keys')
  const config: Partial<MountConfig> = {
    ...(defaultTtl !== undefined && { default_lease_ttl: defaultTtl }),
    ...(maxTtl !== undefined && { max_lease_ttl: maxTtl }),
    ...(pluginVersion !== undefined && { plugin_version: pluginVersion }),
    ...(requestKeys && { audit_non_hmac_request_keys: requestKeys }),
    ...(responseKeys && { audit_non_hmac_response_keys: responseKeys }),
  }
  const description = given.given('description')
  const options = given.given('options')
  return { config, ...(description !== undefined && { description }), ...(options && { options: optionsOf(options) }) }
}

/** '' leaves a TTL as it is, "system" resets it: what the CLI sends for a flag that was not given, and for a negative one. */
function ttlOf(name: string, given: unknown): number | undefined {
  if (given === undefined || given === null || given === '') return undefined
  if (given === 'system') return 0
  const seconds = durationSeconds(given)
  if (seconds === undefined || seconds < 0)
    throw badRequest(`${name} must be a duration in seconds, or a string such as 15m, for example ${name}=900.`)
  return seconds
}

function namesOf(name: string, given: unknown): string[] {
  if (given === undefined || given === null) return []
  // A text with commas, as the CLI's flags and older clients send it.
  if (typeof given === 'string')
    return given
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
  if (!Array.isArray(given) || !given.every((item) => typeof item === 'string'))
    throw badRequest(`${name} must be a list of field names, for example ["purpose"].`)
  return given
}

function optionsOf(given: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(given)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => {
        if (typeof value === 'object')
          throw badRequest(`options.${name} must be a string, for example options={"version":"2"}.`)
        return [name, String(value)]
      }),
  )
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
