import type { ResourceType } from '../protocol/provider.ts'
import type { Server } from '../server.ts'
import { agentScopesSpec } from './agent-scopes.ts'
import { agentSpec } from './agent.ts'
import { configSpec } from './config.ts'
import { DocumentResource } from './document.ts'
import { policySpec } from './policy.ts'
import { toolSpec } from './tool.ts'
import { upstreamSpec } from './upstream.ts'

const specs = {
  mcp_config: configSpec,
  mcp_upstream: upstreamSpec,
  mcp_tool: toolSpec,
  mcp_policy: policySpec,
  mcp_agent: agentSpec,
  mcp_agent_scopes: agentScopesSpec,
}

/** `server` is asked for only where one is needed. */
export function resourceTypes(server: () => Server): Record<string, ResourceType> {
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, new DocumentResource(spec, server)]))
}
