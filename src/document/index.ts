/**
 * What operators write and what the engine says on the wire, described and checked once. The engine's paths, the gateway and
 * the provider call this and add no rule of their own: what one of them accepts, all of them do (test/document). Pure: knows
 * neither requests nor servers; imports only `src/scope` and `src/policy`. A kind of document is its fields and `…Problems`, what
 * is wrong with values of them; `read…` reads what the engine responds.
 */
export { agentFields, agentProblems } from './agent.ts'
export { agentScopesFields, agentScopesProblems, broadScopes } from './agent-scopes.ts'
export { configFields, configProblems, ttlCeilingFields, ttlCeilingProblems } from './config.ts'
export type { ConfigValues } from './config.ts'
export { readAgent, readPolicy, readScopes, readTools, readUpstream } from './documents.ts'
export type { AgentDocument, AgentScopes, Reading, Sensitivity, UpstreamDocument } from './documents.ts'
export { feedRequestFields, feedResponseFields, readFeedResponse } from './feed.ts'
export type { FeedEvent, FeedPosition, FeedResponse, NumberedEvent, SentFeedResponse } from './feed.ts'
export { isCredentialName } from './header-lists.ts'
export { isForwardingName, isFramingHeader, isHeaderName } from './header-name.ts'
export { INTROSPECTION_BATCH, introspectionBatchFields, readIntrospectionBatch } from './introspection-batch.ts'
export type { IntrospectionResult } from './introspection-batch.ts'
export { introspectionFields, readIntrospection } from './introspection.ts'
export type { ActiveSession, ChainLink, InactiveSession, Introspection, SentIntrospection } from './introspection.ts'
export { LONG_SECONDS, ceilingProblems, cutLife, storedLife } from './life.ts'
export type { MountRules } from './mount-rules.ts'
export { nameProblems } from './name.ts'
export { policyFields, policyProblems, readPolicyText } from './policy.ts'
export { DocumentError, isShort, placeOf, shown, summaryOf } from './problem.ts'
export type { DocumentProblem, RuleProblem } from './problem.ts'
export { LONGEST_LIST, isObject } from './shape.ts'
export { toolFields, toolNameProblems, toolProblems } from './tool.ts'
export { upstreamFields, upstreamProblems, upstreamWarnings } from './upstream.ts'
export type { UpstreamValues } from './upstream.ts'
