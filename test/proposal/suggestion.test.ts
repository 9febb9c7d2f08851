/** For any history that a gateway recorded, the proposal refuses nothing that was allowed, and no line of it can go. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RecordedUse, suggest } from '../../src/proposal/index.ts'
import type { Suggestion } from '../../src/proposal/index.ts'
import { toolPath } from '../../src/scope/index.ts'
import type { Tool } from '../../src/scope/index.ts'
import { covered, judge, recordedCall, recordedScope, world } from './recorded-world.ts'
import type { Call, World } from './recorded-world.ts'

interface History {
  readonly suggestion: Suggestion
  readonly allowed: readonly { readonly call: Call; readonly fields: readonly string[] | null }[]
  readonly scopes: readonly string[]
}

/** Undefined where nothing was allowed. */
function play({ tools, declared, calls, asked }: World, withPaths: boolean): History | undefined {
  const records = new RecordedUse({ agent: 'agent', refused: false })
  const judged = calls.map((call) => ({ call, judgement: judge(tools, declared, call) }))
  for (const { call, judgement } of judged) records.add(recordedCall(tools, call, judgement, withPaths))
  for (const scope of asked) records.add(recordedScope(declared, scope))
  const [use] = records.uses()
  if (use === undefined) return undefined
  return {
    suggestion: suggest(use, { tools, declared, policies: null, own_environment: true }),
    allowed: judged
      .filter(({ judgement }) => judgement.allowed)
      .map(({ call, judgement }) => ({ call, fields: judgement.fields })),
    scopes: asked.filter((scope) => covered(declared, scope)),
  }
}

interface Applied {
  readonly tools: readonly Tool[]
  readonly scopes: readonly string[]
}

/** All tools, in the order of their names, as the engine lists them. */
function applied(standing: readonly Tool[], { tools, scopes, kept }: Suggestion): Applied {
  const replaced = new Set(tools.map(toolPath))
  const all = [...standing.filter((tool) => !replaced.has(toolPath(tool))), ...tools]
  return { tools: all.sort((a, b) => (a.name < b.name ? -1 : 1)), scopes: [...scopes, ...kept] }
}

const includes = (wide: readonly string[] | null, fields: readonly string[] | null): boolean =>
  wide === null || (fields !== null && fields.every((field) => wide.includes(field)))

/** What of a history is refused, or shows less than it did. */
const refused = ({ allowed, scopes }: History, now: Applied): unknown[] => [
  ...allowed.filter(({ call, fields }) => {
    const judgement = judge(now.tools, now.scopes, call)
    return !judgement.allowed || !includes(judgement.fields, fields)
  }),
  ...scopes.filter((scope) => !covered(now.scopes, scope)),
]

/** The proposal with one line less, in every way. */
function* shortened(suggestion: Suggestion): Generator<[string, Suggestion]> {
  const { scopes, tools } = suggestion
  for (const scope of scopes) yield [scope, { ...suggestion, scopes: scopes.filter((one) => one !== scope) }]
  for (const tool of tools)
    for (const operation of tool.operations)
      yield [
        `${tool.name} ${operation.method} ${operation.path}`,
        {
          ...suggestion,
          tools: tools.map((one) =>
            one === tool ? { ...one, operations: one.operations.filter((other) => other !== operation) } : one,
          ),
        },
      ]
}

/** Fixed, so that a build does not fail for a case of no importance; RUNS=15000 looks further, elsewhere. */
const { RUNS } = process.env
const runs = RUNS === undefined ? { numRuns: 500, seed: 20_261_201 } : { numRuns: Number(RUNS) }

describe.each([
  ['templates alone', false],
  ['paths', true],
])('from records that hold %s', (_name, withPaths) => {
  it('refuses nothing that was allowed, and shows no less of a response', () => {
    fc.assert(
      fc.property(world, (made) => {
        const history = play(made, withPaths)
        fc.pre(history !== undefined)
        expect(refused(history, applied(made.tools, history.suggestion))).toEqual([])
        expect(history.suggestion.left_out).toEqual([])
      }),
      runs,
    )
  })

  it('has no line that could go', () => {
    fc.assert(
      fc.property(world, (made) => {
        const history = play(made, withPaths)
        // What the records leave open is said, and stays.
        fc.pre(history !== undefined && !history.suggestion.notes.some((note) => note.includes('do not tell')))
        const idle = [...shortened(history.suggestion)].filter(
          ([, less]) => refused(history, applied(made.tools, less)).length === 0,
        )
        expect(idle.map(([line]) => line)).toEqual([])
      }),
      runs,
    )
  })
})
