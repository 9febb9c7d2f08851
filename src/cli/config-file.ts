import { PolicyError } from '../policy/index.ts'
import { readHcl } from '../policy/hcl.ts'
import { readJson } from '../policy/json.ts'
import type { Node } from '../policy/tree.ts'
import type { z } from 'zod'
import { Failure } from './failure.ts'
import type { Io } from './io.ts'

/**
 * Reads the configuration file of a long-running command: HCL as Vault's own configuration is written, or JSON of the same shape.
 * Throws `Failure` with every problem at once, each naming its setting.
 */
export async function readConfigFile<S extends z.ZodType>(
  io: Pick<Io, 'readFile'>,
  path: string,
  schema: S,
): Promise<z.output<S>> {
  const text = await io.readFile(path).catch((thrown: unknown) => {
    const error = thrown as NodeJS.ErrnoException
    throw new Failure(1, `The configuration ${path} cannot be read (${error.code ?? 'unreadable'}).`)
  })
  const read = schema.safeParse(settingsOf(path, text))
  if (read.success) return read.data
  const problems = read.error.issues.map(({ path: setting, message }) =>
    setting.length === 0 ? message : `${setting.join('.')}: ${message}`,
  )
  throw wrong(path, problems)
}

function settingsOf(path: string, text: string): unknown {
  try {
    return plain(text.trimStart().startsWith('{') ? readJson(text) : readHcl(text))
  } catch (thrown) {
    if (thrown instanceof PolicyError) throw wrong(path, [thrown.message])
    throw thrown
  }
}

const wrong = (path: string, problems: readonly string[]): Failure =>
  new Failure(1, `The configuration ${path} is not usable:\n${problems.map((problem) => `* ${problem}`).join('\n')}`)

/** The plain value of a tree. Blocks of one name are one block (`service_token "a" { … } service_token "b" { … }`); a setting is given once. */
function plain(node: Node): unknown {
  if (node.kind === 'null') return null
  if (node.kind === 'list') return node.items.map(plain)
  if (node.kind !== 'object') return node.value
  const value = Object.create(null) as Record<string, unknown>
  for (const key of new Set(node.members.map((member) => member.key))) {
    const given = node.members.filter((member) => member.key === key)
    const blocks = given.flatMap(({ value: child }) => (child.kind === 'object' ? [child] : []))
    const [first, second] = given
    if (second && blocks.length < given.length)
      throw new PolicyError(second.line, `${key} is given twice; keep one of them.`)
    value[key] =
      blocks.length > 0
        ? plain({ kind: 'object', members: blocks.flatMap(({ members }) => members), line: first!.line })
        : plain(first!.value)
  }
  return value
}
