/** Cuts a proposal down to what is needed. */
import { scopeCovered } from '../scope/index.ts'
import type { Tool, ToolOperation } from '../scope/index.ts'
import { letsThrough } from './coverage.ts'
import type { ProposedGrant, UsedCall } from './coverage.ts'

/** Leaves out, one after the other, every line without which all that was used still passes. */
export function reduced(grant: ProposedGrant, asked: readonly string[], used: readonly UsedCall[]): ProposedGrant {
  const suffices = (one: ProposedGrant): boolean =>
    asked.every((scope) => scopeCovered(one.scopes, scope)) &&
    used.every((call) => !letsThrough(grant, call) || letsThrough(one, call))
  let kept = grant
  const attempt = (next: ProposedGrant): void => {
    if (suffices(next)) kept = next
  }
  const attemptScopes = (): void => {
    for (const scope of grant.scopes) attempt({ ...kept, scopes: kept.scopes.filter((one) => one !== scope) })
  }
  attemptScopes()
  for (const tool of grant.tools)
    for (const operation of tool.operations)
      attempt({ ...kept, tools: kept.tools.map((one) => (one.name === tool.name ? without(one, operation) : one)) })
  // A tool that lost the last operation of a capability needs no scope for it.
  attemptScopes()
  const tools = kept.tools.filter(({ operations }) => operations.length > 0)
  return { scopes: [...kept.scopes].sort(), tools }
}

const without = (tool: Tool, operation: ToolOperation): Tool => ({
  ...tool,
  operations: tool.operations.filter((one) => one !== operation),
})
