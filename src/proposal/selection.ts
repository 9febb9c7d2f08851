/** Which operations of a document were asked for. */
import { DescriptionError } from './description.ts'
import type { DescribedOperation } from './description.ts'

export interface Selection {
  /** An operation is chosen if each kind of selector that was given has one that fits it, and no `exclude` does. */
  readonly tags: readonly string[]
  readonly operationIds: readonly string[]
  /** `GET /repos/*`: `*` is any text. */
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  /** Deprecated ones, too. */
  readonly deprecated: boolean
}

export interface SelectedOperations {
  readonly chosen: readonly DescribedOperation[]
  /** Chosen but for being deprecated. */
  readonly deprecated: readonly DescribedOperation[]
  readonly unselected: number
}

type Test = (operation: DescribedOperation) => boolean

/** Throws `DescriptionError` for a selector that fits nothing: it is a slip of the pen, and would be taken for a choice. */
export function selectOperations(operations: readonly DescribedOperation[], selection: Selection): SelectedOperations {
  const kinds = [
    testsOf(
      operations,
      '-tag',
      selection.tags,
      (tag) =>
        ({ tags }) =>
          tags.includes(tag),
    ),
    testsOf(
      operations,
      '-operation-id',
      selection.operationIds,
      (id) =>
        ({ operationId }) =>
          operationId === id,
    ),
    testsOf(operations, '-include', selection.include, (pattern) => patternTest('-include', pattern)),
  ].filter((tests) => tests.length > 0)
  const excluded = testsOf(operations, '-exclude', selection.exclude, (pattern) => patternTest('-exclude', pattern))
  const fits = operations.filter(
    (operation) =>
      kinds.every((tests) => tests.some((test) => test(operation))) && !excluded.some((test) => test(operation)),
  )
  const isLeft: Test = ({ deprecated }) => deprecated && !selection.deprecated
  return {
    chosen: fits.filter((operation) => !isLeft(operation)),
    deprecated: fits.filter(isLeft),
    unselected: operations.length - fits.length,
  }
}

function testsOf(
  operations: readonly DescribedOperation[],
  flag: string,
  selectors: readonly string[],
  testOf: (selector: string) => Test,
): readonly Test[] {
  return selectors.map((selector) => {
    const test = testOf(selector)
    if (!operations.some(test))
      throw new DescriptionError(`${flag}: no operation of the document fits ${JSON.stringify(selector)}`)
    return test
  })
}

function patternTest(flag: string, pattern: string): Test {
  const [, method, path] = /^\s*([A-Za-z]+|\*)\s+(\S+)\s*$/.exec(pattern) ?? []
  if (method === undefined || path === undefined)
    throw new DescriptionError(
      `${flag}: ${JSON.stringify(pattern)} is not a method and a path; write for example ${flag}='GET /repos/*'`,
    )
  const expression = new RegExp(
    `^${path
      .split('*')
      .map((text) => text.replaceAll(/[.+?^${}()|[\]\\/-]/g, '\\$&'))
      .join('[^]*')}$`,
  )
  return (operation) => (method === '*' || method.toUpperCase() === operation.method) && expression.test(operation.path)
}
