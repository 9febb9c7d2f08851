import { compileAcl } from '../policy/acl.ts'
import type { AclMatch } from '../policy/acl.ts'
import type { CallParameters } from './call-parameters.ts'
import { parameterFinding } from './grant.ts'
import type { GrantFinding } from './grant.ts'
import type { ToolOperation } from './tool.ts'

/**
 * Why an operation does not take a call for what it was given: as a policy's `denied_parameters` are judged, with any value and in any
 * spelling, in query and body. `undefined` = it takes it.
 */
export function deniedParameter(operation: ToolOperation, call: CallParameters): GrantFinding | undefined {
  const names = operation.denied_parameters
  if (names === undefined || names.length === 0) return undefined
  let rule = compiled.get(operation)
  if (rule === undefined) compiled.set(operation, (rule = ruleFor(names)))
  return parameterFinding(rule, call)
}

const compiled = new WeakMap<ToolOperation, AclMatch>()

function ruleFor(names: readonly string[]): AclMatch {
  const denied = Object.create(null) as Record<string, readonly unknown[]>
  for (const name of names) denied[name.toLowerCase()] = []
  const path = { pattern: 'operation', capabilities: [], denied_parameters: denied, line: 0 }
  return compileAcl([{ paths: [path], warnings: [], templated: false }]).match('operation')!
}
