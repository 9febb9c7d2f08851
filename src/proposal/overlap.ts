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

/** Every pair of operations of different tools that one call could be, in their order. */
export function sharedCalls(drafts: readonly Pick<ToolDraft, 'name' | 'operations'>[]): readonly SharedCalls[] {
  const byMethod = new Map<string, SharedCall[]>()
  for (const { name: tool, operations } of drafts)
    for (const { method, path } of operations) {
      const known = byMethod.get(method)
      if (known) known.push({ tool, path })
      else byMethod.set(method, [{ tool, path }])
    }
  return [...byMethod].flatMap(([method, calls]) => {
    const before = new MeetingTemplates()
    const pairs = calls.flatMap((second, at) => {
      const met = before.meeting(second.path).filter((one) => calls[one]!.tool !== second.tool)
      before.add(second.path, at)
      return met.map((one) => [one, at] as const)
    })
    return pairs
      .sort((a, b) => a[0] - b[0] || a[1] - b[1])
      .map(([first, second]) => ({ method, first: calls[first]!, second: calls[second]! }))
  })
}

interface TemplateNode {
  readonly literals: Map<string, TemplateChild>
  /** By how they are written, but for the names of parameters. */
  readonly others: Map<string, TemplateChild>
  readonly ends: number[]
}

interface TemplateChild {
  readonly part: TemplatePart
  readonly node: TemplateNode
}

const newNode = (): TemplateNode => ({ literals: new Map(), others: new Map(), ends: [] })

/** Templates by their parts: a large API has tens of thousands, too many to look at each with each. */
class MeetingTemplates {
  readonly #root = newNode()
  /** Those with a `{name...}`, of which there are few. */
  readonly #open: { readonly path: string; readonly at: number }[] = []
  readonly #all: { readonly path: string; readonly at: number }[] = []

  add(path: string, at: number): void {
    const parts = partsOf(path)
    this.#all.push({ path, at })
    if (isOpen(parts)) this.#open.push({ path, at })
    else parts.reduce(child, this.#root).ends.push(at)
  }

  /** Which of those that were added meet this one. */
  meeting(path: string): readonly number[] {
    const parts = partsOf(path)
    const fits = (some: readonly { readonly path: string; readonly at: number }[]) =>
      some.filter((one) => mayMeet(one.path, path)).map(({ at }) => at)
    if (isOpen(parts)) return fits(this.#all)
    let nodes = [this.#root]
    for (const part of parts) nodes = nodes.flatMap((node) => childrenMeeting(node, part))
    return [...nodes.flatMap(({ ends }) => ends), ...fits(this.#open)]
  }
}

function child({ literals, others }: TemplateNode, part: TemplatePart): TemplateNode {
  const isLiteral = part.kind === 'literal'
  const children = isLiteral ? literals : others
  const key = isLiteral ? part.text : part.kind === 'mixed' ? JSON.stringify(part.texts) : part.kind
  const known = children.get(key) ?? { part, node: newNode() }
  children.set(key, known)
  return known.node
}

function childrenMeeting({ literals, others }: TemplateNode, part: TemplatePart): readonly TemplateNode[] {
  const same = part.kind === 'literal' ? literals.get(part.text) : undefined
  const named = part.kind === 'literal' ? (same ? [same] : []) : [...literals.values()]
  return [...named, ...others.values()].filter((one) => partsMeet(one.part, part)).map(({ node }) => node)
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
