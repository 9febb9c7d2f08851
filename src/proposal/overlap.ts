/** Templates that some call fits both of: the scope of either's tool then lets it through. */
import { fitsTexts, parseTemplate } from '../scope/index.ts'
import type { TemplatePart } from '../scope/index.ts'
import type { ToolDraft } from './tool-draft.ts'

/** Two operations of two tools. */
export interface SharedCalls {
  readonly method: string
  readonly first: SharedCall
  readonly second: SharedCall
}

interface SharedCall {
  readonly tool: string
  readonly path: string
}

/** Every pair of operations of different tools that one call could be. */
export function sharedCalls(drafts: readonly Pick<ToolDraft, 'name' | 'operations'>[]): readonly SharedCalls[] {
  const byMethod = new Map<string, SharedCall[]>()
  for (const { name: tool, operations } of drafts)
    for (const { method, path } of operations) {
      const known = byMethod.get(method)
      if (known) known.push({ tool, path })
      else byMethod.set(method, [{ tool, path }])
    }
  return [...byMethod].flatMap(([method, calls]) =>
    calls.flatMap((first, at) =>
      calls
        .slice(at + 1)
        .filter((second) => second.tool !== first.tool && mayMeet(first.path, second.path))
        .map((second) => ({ method, first, second })),
    ),
  )
}

/** Whether one path fits both. Two parts that both mix text and parameters are taken to have one in common. */
export function mayMeet(a: string, b: string): boolean {
  const [left, right] = [partsOf(a), partsOf(b)]
  const longest = isOpen(left) && isOpen(right) ? left.length + right.length : Math.max(left.length, right.length)
  const lengths = [left, right].filter((parts) => !isOpen(parts)).map((parts) => parts.length)
  if (new Set(lengths).size > 1) return false
  for (let length = lengths[0] ?? Math.max(left.length, right.length); length <= (lengths[0] ?? longest); length++) {
    const [first, second] = [stretched(left, length), stretched(right, length)]
    if (first && second && first.every((part, at) => partsMeet(part, second[at]!))) return true
  }
  return false
}

const isOpen = (parts: readonly TemplatePart[]): boolean => parts.some(({ kind }) => kind === 'rest')

/** With as many parameters in place of a `{name...}` as make up the length. */
function stretched(parts: readonly TemplatePart[], length: number): readonly TemplatePart[] | undefined {
  const rest = parts.findIndex(({ kind }) => kind === 'rest')
  if (rest < 0) return parts.length === length ? parts : undefined
  const taken = length - parts.length + 1
  if (taken < 1) return undefined
  return [...parts.slice(0, rest), ...Array<TemplatePart>(taken).fill({ kind: 'parameter' }), ...parts.slice(rest + 1)]
}

function partsMeet(a: TemplatePart, b: TemplatePart): boolean {
  if (a.kind === 'literal' && b.kind === 'literal') return a.text === b.text
  const literal = a.kind === 'literal' ? a : b.kind === 'literal' ? b : undefined
  if (literal === undefined) return true
  const other = literal === a ? b : a
  return other.kind === 'mixed' ? fitsTexts(other.texts, literal.text) : literal.text !== ''
}

const known = new Map<string, readonly TemplatePart[]>()
const MOST_KNOWN = 10_000

function partsOf(path: string): readonly TemplatePart[] {
  const found = known.get(path)
  if (found) return found
  const parts = parseTemplate(path)
  if (known.size >= MOST_KNOWN) known.clear()
  known.set(path, parts)
  return parts
}
