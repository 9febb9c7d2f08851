/** Reads a preset's file, strictly: used where presets are built in, and by tests; programs have them built in. */
import { presetProblems } from './problems.ts'
import { presetSchema } from './schema.ts'
import type { Preset } from './schema.ts'

/** Throws an `Error` with every problem, each line with file and field. `file` is a path that ends in `<name>.json`. */
export function readPreset(file: string, text: string): Preset {
  const wrong = (problems: readonly string[]) => new Error(problems.map((problem) => `${file}: ${problem}`).join('\n'))
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw wrong([error instanceof Error ? error.message : 'is not JSON'])
  }
  const read = presetSchema.safeParse(value)
  if (!read.success) throw wrong(read.error.issues.map(issueText))
  const name = file.replace(/^.*\//, '').replace(/\.json$/, '')
  const problems = presetProblems(name, read.data)
  if (problems.length > 0) throw wrong(problems)
  return read.data
}

/** `tools[0].operations[1].method: invalid input` */
function issueText({ path, message }: { readonly path: readonly PropertyKey[]; readonly message: string }): string {
  const place = path.map((step, at) =>
    typeof step === 'number' ? `[${String(step)}]` : `${at === 0 ? '' : '.'}${String(step)}`,
  )
  return [...(place.length === 0 ? [] : [place.join('')]), message.toLowerCase()].join(': ')
}
