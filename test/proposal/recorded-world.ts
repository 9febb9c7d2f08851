/** Made-up tools, scopes and calls, judged and recorded by the gateway's own functions. */
import fc from 'fast-check'
import { auditMembers } from '../../src/audit/index.ts'
import { decisionRecord } from '../../src/gateway/decision/record-fields.ts'
import { requestedAccess } from '../../src/gateway/decision/judge.ts'
import type { AuthorizationRequest } from '../../src/gateway/decision/requests.ts'
import {
  judgeCall,
  matchOperations,
  matchReadings,
  parseOperation,
  scopeMatch,
  scopeText,
  toolPath,
} from '../../src/scope/index.ts'
import type { CallJudgement, Tool } from '../../src/scope/index.ts'

export interface Call {
  readonly method: string
  readonly segments: readonly string[]
  readonly query: readonly (readonly [string, string])[]
}

export interface World {
  readonly tools: readonly Tool[]
  readonly declared: readonly string[]
  readonly calls: readonly Call[]
  readonly asked: readonly string[]
}

const upstream = 'api'
const methods = ['GET', 'POST', 'DELETE']
const words = ['a', 'b']

const part = fc.constantFrom(...words, '{x}', '{x}', 'p-{x}')
const template = fc
  .tuple(fc.array(part, { minLength: 1, maxLength: 2 }), fc.constantFrom('', '', '', '', '/{rest...}', '/'))
  .map(([parts, end]) => `/${parts.map((text, at) => text.replace('x', `x${String(at)}`)).join('/')}${end}`)

const operation = fc
  .record({
    method: fc.constantFrom(...methods),
    path: template,
    capability: fc.constantFrom(undefined, undefined, 'list', 'update'),
    parameters: fc.constantFrom(undefined, undefined, undefined, ['limit']),
  })
  .map(({ capability, parameters, ...rest }) =>
    parseOperation({ ...rest, ...(capability && { capability }), ...(parameters && { parameters }) }),
  )

const tool = (name: string) =>
  fc
    .record({
      operations: fc.uniqueArray(operation, {
        minLength: 1,
        maxLength: 4,
        selector: ({ method, path }) => method + path,
      }),
      fields: fc.constantFrom(null, null, null, ['id'], ['id', 'name']),
      risk: fc.constantFrom(null, 'high'),
    })
    .map((values): Tool => ({ upstream, name, ...values }))

const names = ['alpha', 'alpha/one', 'beta', 'gamma/agent', 'delta']
const capabilities = ['create', 'read', 'update', 'delete', 'list']

const call: fc.Arbitrary<Call> = fc.record({
  method: fc.constantFrom(...methods),
  segments: fc
    .tuple(fc.array(fc.constantFrom(...words, 'p-1', '17', 'Zed'), { minLength: 1, maxLength: 4 }), fc.boolean())
    .map(([segments, slash]) => (slash && segments.length > 2 ? [...segments, ''] : segments)),
  query: fc.constantFrom([], [], [['limit', '1'] as const], [['filter', 'x'] as const]),
})

export const world: fc.Arbitrary<World> = fc.tuple(...names.map(tool)).chain((tools) =>
  fc.record({
    tools: fc.subarray(tools, { minLength: 1 }),
    declared: fc
      .tuple(
        fc.subarray(
          tools.flatMap((one) => capabilities.map((word) => scopeText(word, toolPath(one)))),
          { minLength: 4 },
        ),
        fc.constantFrom([], [], [], ['deny:api:beta'], ['deny:api:alpha:*'], ['deny:api:delta:agent']),
        fc.constantFrom([], [], [], ['read:api:*', 'write:api:*']),
      )
      .map((lists) => lists.flat()),
    calls: fc.array(call, { minLength: 1, maxLength: 30 }),
    asked: fc.array(fc.constantFrom(...names.map((name) => scopeText('read', `tools/api/${name}`))), { maxLength: 2 }),
  }),
)

const link = (declared: readonly string[]) => ({
  agent_id: 'agent',
  granted: null,
  declared_scopes: declared,
  policies: null,
  own_environment: true,
})

export function judge(
  tools: readonly Tool[],
  declared: readonly string[],
  { method, segments, query }: Call,
): CallJudgement {
  const matches = matchOperations(tools, method, segments)
  const readings = matchReadings(tools, method, segments)
  return judgeCall([link(declared)], matches, { query, headers: [], body: { kind: 'none' } }, readings)
}

export const covered = (declared: readonly string[], scope: string): boolean => scopeMatch([link(declared)], scope)

const session = {
  session_id: 'sess_1',
  agent_id: 'agent',
  token_id: 'tok_1',
  owner: 'o',
  environment: 'test',
  purpose: 'p',
}

/** The line a gateway writes. */
function line(decision: 'allow' | 'deny', reason: string, requested: object): string {
  const record = decisionRecord(
    {
      request_id: 'req_00000000000000000000000000000001',
      caller: { kind: 'session', address: '127.0.0.1' } as never,
      decision,
      validation_result: decision === 'allow' ? 'valid' : 'insufficient_scope',
      reason,
      session,
      requested,
    },
    {},
  )
  return `{"time":"2026-12-01T12:00:00.000Z",${auditMembers(record)!}}`
}

export function recordedCall(tools: readonly Tool[], made: Call, judgement: CallJudgement, withPaths = false): string {
  const request = { upstream, method: made.method, segments: made.segments } as unknown as AuthorizationRequest
  const matches = judgement.allowed ? judgement.tools : matchOperations(tools, made.method, made.segments)
  return line(judgement.allowed ? 'allow' : 'deny', judgement.reason, requestedAccess(request, matches, withPaths))
}

export const recordedScope = (declared: readonly string[], required_scope: string): string =>
  covered(declared, required_scope)
    ? line('allow', 'allowed', { required_scope })
    : line('deny', 'insufficient_scope', { required_scope })
