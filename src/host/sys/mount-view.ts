import type { Data } from '../../logical/data.ts'
import type { Mount } from '../base/mount.ts'

/** `mcp`, `/mcp/` and `mcp/` are the same mount. */
export const mountPath = (given: string): string => `${given.replace(/^\/+|\/+$/g, '')}/`

/** A mount as `sys/mounts` shows it. TTLs in seconds, 0 = the server's own. */
export function mountView({ entry }: Mount): Data {
  const { config } = entry
  return {
    accessor: entry.accessor,
    config: {
      default_lease_ttl: config.default_lease_ttl,
      force_no_cache: config.force_no_cache,
      max_lease_ttl: config.max_lease_ttl,
      ...nonHmacKeys(config),
      ...(entry.path.startsWith('auth/') && { token_type: 'default-service' }),
    },
    deprecation_status: 'supported',
    description: entry.description,
    external_entropy_access: entry.external_entropy_access,
    local: entry.local,
    options: entry.options,
    plugin_version: config.plugin_version ?? '',
    running_plugin_version: config.plugin_version ?? '',
    running_sha256: '',
    seal_wrap: entry.seal_wrap,
    type: entry.type,
    uuid: entry.uuid,
  }
}

/** A mount's tuning: the TTLs in force, in seconds. */
export function tuneView(mount: Mount): Data {
  const { entry } = mount
  const { default_ttl, max_ttl } = mount.limits()
  return {
    default_lease_ttl: default_ttl,
    description: entry.description,
    force_no_cache: entry.config.force_no_cache,
    max_lease_ttl: max_ttl,
    ...(entry.options && { options: entry.options }),
    ...(entry.config.plugin_version && { plugin_version: entry.config.plugin_version }),
    ...nonHmacKeys(entry.config),
    ...(entry.path.startsWith('auth/') && { token_type: 'default-service' }),
  }
}

function nonHmacKeys(config: Mount['entry']['config']): Data {
  return {
    ...(config.audit_non_hmac_request_keys.length > 0 && {
      audit_non_hmac_request_keys: [...config.audit_non_hmac_request_keys],
    }),
    ...(config.audit_non_hmac_response_keys.length > 0 && {
      audit_non_hmac_response_keys: [...config.audit_non_hmac_response_keys],
    }),
  }
}
