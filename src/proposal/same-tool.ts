/** Whether two tools let the same through. */
import { toolPath } from '../scope/index.ts'
import type { Tool } from '../scope/index.ts'
import { writtenOperation } from './tool-plan.ts'

type Contents = Pick<Tool, 'operations' | 'fields'>

export const hasSame = (a: Contents, b: Contents): boolean =>
  JSON.stringify(contentsOf(a)) === JSON.stringify(contentsOf(b))

export const isSame = (a: Tool, b: Tool): boolean => toolPath(a) === toolPath(b) && hasSame(a, b)

const contentsOf = ({ operations, fields }: Contents): unknown => [
  operations.map((operation) => JSON.stringify(writtenOperation(operation))).sort(),
  fields === undefined || fields === null ? null : [...fields].sort(),
]
