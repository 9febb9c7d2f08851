import { compileProjection } from '../../scope/index.ts'
import type { CallJudgement, Projection, Tool } from '../../scope/index.ts'

/** A projection belongs to one version of one tool; several tools together are rare. */
const projections = new WeakMap<Tool, Projection>()

/** What may pass of the responses to a call; undefined = all. */
export function projectionOf({ tools, fields }: CallJudgement): Projection | undefined {
  if (fields === null) return undefined
  const { tool } = tools[0]!
  if (tools.length > 1) return compileProjection(fields)
  const known = projections.get(tool) ?? compileProjection(fields)
  projections.set(tool, known)
  return known
}
