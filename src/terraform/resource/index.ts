import type { ResourceType } from '../protocol/provider.ts'
import type { Server } from '../server.ts'
import { agentSpec } from './agent.ts'
import { documentResource } from './document.ts'

const specs = {
  mcp_agent: agentSpec,
}

/** `server` is asked for only where one is needed. */
export function resourceTypes(server: () => Server): Record<string, ResourceType> {
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, documentResource(spec, server)]))
}
