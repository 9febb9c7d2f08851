import { createBackend } from '../../framework/backend.ts'
import type { Factory } from '../../logical/backend.ts'
import { auditPaths } from './path-audit.ts'
import { authPaths } from './path-auth.ts'
import { capabilityPaths } from './path-capabilities.ts'
import { internalPaths } from './path-internal.ts'
import { leasePaths } from './path-leases.ts'
import { monitorPaths } from './path-monitor.ts'
import { mountPaths, remountPaths } from './path-mounts.ts'
import { pluginPaths } from './path-plugins.ts'
import { policyPaths } from './path-policies.ts'
import { versionPaths } from './path-versions.ts'
import { wrappingPaths } from './path-wrapping.ts'
import type { SysServices } from './services.ts'

/** The engine at `sys/`: the server managing itself. Its status paths (health, seal-status, …) are in status.ts. */
export function sysFactory(services: SysServices): Factory {
  return (config) =>
    Promise.resolve(
      createBackend({
        leasing: 'engine',
        help: 'The system engine: mounts, policies, leases, audit devices.',
        paths: [
          ...mountPaths(services),
          ...remountPaths(services),
          ...authPaths(services),
          ...internalPaths(services),
          ...policyPaths(services),
          ...capabilityPaths(services),
          ...leasePaths(services),
          ...auditPaths(services),
          ...pluginPaths(services),
          ...wrappingPaths(services),
          ...versionPaths(services),
          ...monitorPaths(services),
        ],
        // Any token may ask which mount serves a path it can reach, and for the API of those, whatever its policies say of sys/; the paths check that themselves.
        unauthenticated: ['internal/ui/mounts', 'internal/ui/mounts/*', 'internal/specs/openapi', 'wrapping/lookup'],
        system: config.system,
      }),
    )
}
