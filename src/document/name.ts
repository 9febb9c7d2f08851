import { isName } from '../scope/index.ts'
import type { DocumentProblem } from './problem.ts'

const rule = '1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit'

/** The name of an agent, environment, upstream, tool segment or policy. What is not a text is not judged here. */
export const nameProblems = (
  field: string,
  name: unknown,
  example: string,
  index?: number,
): readonly DocumentProblem[] =>
  typeof name !== 'string' || isName(name)
    ? []
    : [{ field, ...(index !== undefined && { index }), value: name, problem: 'is not a name', rule, example }]

/** Each of a list of names. */
export const namesProblems = (field: string, names: unknown, example: string): readonly DocumentProblem[] =>
  Array.isArray(names) ? names.flatMap((name, index) => nameProblems(field, name, example, index)) : []
