/** Templates as narrow as the paths that were seen. */
import { ScopeError, isPathWord, parseOperation, parseTemplate } from '../scope/index.ts'
import type { ToolOperation } from '../scope/index.ts'
import { fits } from './coverage.ts'
import type { UsedCall } from './coverage.ts'
import { shapeOf } from './imported-operation.ts'

type Segments = readonly string[]

/** The operations of calls, as narrow as their paths allow where the records have them. */
export function narrowOperations(calls: readonly UsedCall[]): ToolOperation[] {
  const byShape = new Map<string, UsedCall[]>()
  for (const one of calls) {
    const shape = shapeOf(one.operation)
    byShape.set(shape, [...(byShape.get(shape) ?? []), one])
  }
  const operations = [...byShape.values()].flatMap((same) => {
    const paths = same.map(({ call }) => call.segments)
    const { operation } = same[0]!
    return paths.every((path) => path !== undefined) ? narrowed(operation, paths) : [operation]
  })
  return [...new Map(operations.map((operation) => [shapeOf(operation), operation])).values()]
}

/**
 * An operation for the paths of calls it took: a parameter stays where they had different values, or one that does not look like a word
 * of the API; else the word stands in its place. A `{name...}` becomes the segments that were seen, words as they are and data as
 * parameters, once for each shape.
 */
function narrowed(operation: ToolOperation, paths: readonly Segments[]): readonly ToolOperation[] {
  const written = operation.path.slice(1).split('/')
  const rest = parseTemplate(operation.path).findIndex(({ kind }) => kind === 'rest')
  const behind = rest < 0 ? 0 : written.length - rest - 1
  const head = written.slice(0, rest < 0 ? written.length : rest)
  const tail = rest < 0 ? [] : written.slice(rest + 1)
  const fixed = [
    ...head.map((text, at) =>
      oneWord(
        text,
        paths.map((path) => path[at]!),
      ),
    ),
    ...tail.map((text, at) =>
      oneWord(
        text,
        paths.map((path) => path[path.length - behind + at]!),
      ),
    ),
  ]
  const middles =
    rest < 0 ? [[]] : unique(paths.map((path) => path.slice(rest, path.length - behind).map(wordOrParameter)))
  return unique(
    middles.map((middle) => `/${[...fixed.slice(0, head.length), ...middle, ...fixed.slice(head.length)].join('/')}`),
  ).map((path) => withPath(operation, path, paths))
}

/** Of a path with `{}` for what looks like data, as records have those that no tool took. */
export function templateOf(segments: Segments): string {
  let number = 0
  return `/${segments.map((segment) => (segment === '{}' ? `{id${++number === 1 ? '' : `_${String(number)}`}}` : segment)).join('/')}`
}

/** What looks like data as `{}`. An empty segment at the end is the path's slash. */
export const patternOf = (segments: Segments): Segments =>
  segments.map((segment) => (segment === '' || isPathWord(segment) ? segment : '{}'))

const wordOrParameter = (segment: string, at: number): string =>
  isPathWord(segment) ? segment : `{part_${String(at + 1)}}`

const oneWord = (text: string, values: Segments): string =>
  text.includes('{') && isPathWord(values[0]!) && values.every((value) => value === values[0]) ? values[0]! : text

const unique = <T>(values: readonly T[]): T[] => [
  ...new Map(values.map((value) => [JSON.stringify(value), value])).values(),
]

/** The operation as it was where the narrower template would be none, or would not take what it was made of. */
function withPath(operation: ToolOperation, path: string, paths: readonly Segments[]): ToolOperation {
  try {
    const made = parseOperation({ ...operation, path })
    return paths.some((segments) => fits(made, segments)) ? made : operation
  } catch (error) {
    if (error instanceof ScopeError) return operation
    throw error
  }
}
