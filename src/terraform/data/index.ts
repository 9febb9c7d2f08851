import type { DataSource } from '../protocol/provider.ts'
import type { Server } from '../server.ts'
import { accessCheckSource } from './access-check.ts'
import { agentsSource } from './agents.ts'
import { policyDocument } from './policy-document.ts'
import { presetSource } from './preset.ts'

/** `server` is asked for only where one is needed. */
export function dataSources(server: () => Server): Record<string, DataSource> {
  return {
    mcp_policy_document: policyDocument,
    mcp_access_check: accessCheckSource(server),
    mcp_agents: agentsSource(server),
    mcp_preset: presetSource(server),
  }
}
