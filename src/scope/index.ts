export { judgeCall } from './call-judgement.ts'
export type { CallJudgement } from './call-judgement.ts'
export { jsonBody, semicolonPairs } from './call-parameters.ts'
export type { CallBody, CallParameters } from './call-parameters.ts'
export {
  consentCommand,
  defaultKvPath,
  isListable,
  missingConsent,
  withConsent,
  withheldConsent,
  withoutConsent,
  withoutEntries,
} from './consent.ts'
export type { ConsentList, CustomMetadata, KeyUse, MissingConsent } from './consent.ts'
export { intersectScopes, scopeCovered } from './containment.ts'
export { declaresNothing, effectiveScopes, isPattern, narrowScopes } from './effective.ts'
export { ScopeError, quote } from './error.ts'
export { compileScopes, parseScope, scopeDocument, scopeText } from './grammar.ts'
export type { Scope } from './grammar.ts'
export { judgeTool, mayDeny, scopeMatch } from './grant.ts'
export type { GrantLink, GrantReason, ToolJudgement } from './grant.ts'
export { newTokenId, sessionIdOf, sessionKeyOf, sessionKeyOfDigest } from './identifier.ts'
export { environmentLabel, isName, nameRule } from './name.ts'
export { isOverrideHeader, isOverrideParameter } from './override.ts'
export { operationMethods, takesBody } from './method.ts'
export { matchOperations, matchReadings, renderPath } from './operation-match.ts'
export type { ToolMatch } from './operation-match.ts'
export { mintedKinds } from './minted.ts'
export type { MintedKind, Minting } from './minted.ts'
export { fieldsOf, isPlainTemplate, placementsIn, takesKey } from './placement.ts'
export type { Placement, PlacementKind, Signing, Template } from './placement.ts'
export { decodeAgain, isPercentEncoded } from './reading.ts'
export { compileProjection } from './projection.ts'
export type { FieldFilter, Projection } from './projection.ts'
export { embeddedToken, mintToken, passesKeyedCheck, tokenDigest, tokenShape } from './token.ts'
export { encodeSegment, fitsTexts, isPathWord, parseTemplate } from './template.ts'
export type { TemplatePart } from './template.ts'
export { isToolName, parseOperation, toolPath } from './tool.ts'
export type { Tool, ToolOperation } from './tool.ts'
