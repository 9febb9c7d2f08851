/**
 * Tools and scopes proposed to operators: from the OpenAPI description of an API, or from what the decision records say was used.
 * Pure; reads no files and knows no Vault.
 */
export { DescriptionError, operationName, readDescription } from './description.ts'
export type { ApiDescription, DescribedOperation, LeftOut } from './description.ts'
export { sharedCalls } from './overlap.ts'
export type { SharedCalls } from './overlap.ts'
export { importOperations } from './imported-operation.ts'
export { selectOperations } from './selection.ts'
export { draftTools, groupings, riskLevels } from './tool-draft.ts'
export type { RiskLevel } from './tool-draft.ts'
export { planTools, writtenOperation } from './tool-plan.ts'
export type { ProposedTool, ToolPlan } from './tool-plan.ts'
export { isInForce } from './coverage.ts'
export { RecordedUse, RecordsError } from './recorded-use.ts'
export type { RecordedCall } from './recorded-call.ts'
export type { AgentUse } from './recorded-use.ts'
export { suggest } from './suggestion.ts'
export type { AgentStanding, Suggestion } from './suggestion.ts'
