/** The operations of an upstream's tools as a tree over the parts of their templates: a call is held against those alone that may fit. */
import { foldText, isPlain, withoutEnd } from './reading.ts'
import type { PathReading } from './reading.ts'
import { fitsTexts } from './template.ts'
import type { TemplatePart } from './template.ts'
import type { Tool, ToolOperation } from './tool.ts'

/** One operation of one tool that a call can be. */
export interface ToolMatch {
  readonly tool: Tool
  readonly operation: ToolOperation
}

/** An operation at the end of its template. */
interface End {
  /** Its place in the list of tools and operations, in which matches are given. */
  readonly order: number
  readonly match: ToolMatch
}

interface Node {
  readonly literals: Map<string, Node>
  readonly mixed: { readonly texts: readonly string[]; readonly node: Node }[]
  parameter: Node | undefined
  /** What follows a `{name...}`, from the end of the template backwards. */
  afterRest: Node | undefined
  readonly ends: End[]
}

const newNode = (): Node => ({
  literals: new Map(),
  mixed: [],
  parameter: undefined,
  afterRest: undefined,
  ends: [],
})

/** Finds operations by one method's templates. Both of its trees are built from the same list; the second only where it is asked for. */
export class OperationTree {
  readonly #operations: readonly { readonly end: End; readonly parts: readonly TemplatePart[] }[]
  readonly #root: Node
  #folded: Node | undefined

  constructor(operations: readonly { readonly end: End; readonly parts: readonly TemplatePart[] }[]) {
    this.#operations = operations
    this.#root = newNode()
    for (const { end, parts } of operations) insert(this.#root, parts).ends.push(end)
  }

  /** Adds what fits the segments as they are. A segment with a slash is one segment only with `slashIsData`, or part of a `{name...}`. */
  find(segments: readonly string[], slashIsData: boolean, found: End[]): void {
    walk(this.#root, segments, 0, slashIsData, found)
  }

  /** Adds what fits a reading. An operation may be added more than once. */
  findReading(reading: PathReading, found: End[]): void {
    this.#folded ??= this.#fold()
    walkReading(this.#folded, reading, 0, found)
  }

  #fold(): Node {
    const root = newNode()
    for (const { end, parts } of this.#operations) insert(root, parts.flatMap(foldPart)).ends.push(end)
    return root
  }
}

/** A template that ends in a slash is one without it to some servers. */
function foldPart(part: TemplatePart): readonly TemplatePart[] {
  if (part.kind === 'literal') {
    const text = isPlain(part.text) ? part.text : withoutEnd(foldText(part.text))
    return text === '' ? [] : [{ ...part, text }]
  }
  return part.kind === 'mixed' ? [{ kind: 'mixed', texts: part.texts.map(foldText) }] : [part]
}

function insert(root: Node, parts: readonly TemplatePart[]): Node {
  const rest = parts.findIndex(({ kind }) => kind === 'rest')
  if (rest < 0) return parts.reduce(child, root)
  const before = parts.slice(0, rest).reduce(child, root)
  before.afterRest ??= newNode()
  return parts.slice(rest + 1).reduceRight(child, before.afterRest)
}

function child(node: Node, part: TemplatePart): Node {
  if (part.kind === 'parameter') return (node.parameter ??= newNode())
  if (part.kind === 'literal') {
    const known = node.literals.get(part.text) ?? newNode()
    node.literals.set(part.text, known)
    return known
  }
  if (part.kind === 'rest') throw new Error('a template has one {name...} at most')
  const known = node.mixed.find(({ texts }) => texts.join('{}') === part.texts.join('{}'))
  if (known) return known.node
  const added = { texts: part.texts, node: newNode() }
  node.mixed.push(added)
  return added.node
}

function walk(node: Node, segments: readonly string[], at: number, slashIsData: boolean, found: End[]): void {
  if (at === segments.length) {
    for (const end of node.ends) found.push(end)
    return
  }
  const segment = segments[at]!
  const literal = node.literals.get(segment)
  if (literal) walk(literal, segments, at + 1, slashIsData, found)
  if (segment === '') return
  if (slashIsData || !segment.includes('/')) {
    if (node.parameter) walk(node.parameter, segments, at + 1, slashIsData, found)
    for (const { texts, node: next } of node.mixed)
      if (fitsTexts(texts, segment)) walk(next, segments, at + 1, slashIsData, found)
  }
  if (node.afterRest) walkBack(node.afterRest, segments, segments.length, at, slashIsData, found)
}

/** From the end of the path back to what a `{name...}` takes, which is not empty. */
function walkBack(
  node: Node,
  segments: readonly string[],
  end: number,
  from: number,
  slashIsData: boolean,
  found: End[],
): void {
  if (end <= from) return
  const segment = segments[end - 1]!
  if (segment !== '') for (const operation of node.ends) found.push(operation)
  const literal = node.literals.get(segment)
  if (literal) walkBack(literal, segments, end - 1, from, slashIsData, found)
  if (segment === '' || (!slashIsData && segment.includes('/'))) return
  if (node.parameter) walkBack(node.parameter, segments, end - 1, from, slashIsData, found)
  for (const { texts, node: next } of node.mixed)
    if (fitsTexts(texts, segment)) walkBack(next, segments, end - 1, from, slashIsData, found)
}

/** As `walk`, where a segment may have several forms. */
function walkReading(node: Node, reading: PathReading, at: number, found: End[]): void {
  const { segments, slashAtEnd } = reading
  // To some servers, nothing at all is what a `{name...}` stands for, before a slash at the end.
  if (node.afterRest && (at < segments.length || slashAtEnd))
    walkReadingBack(node.afterRest, reading, segments.length, at, found)
  if (at === segments.length) {
    for (const end of node.ends) found.push(end)
    return
  }
  const forms = segments[at]!
  if (typeof forms === 'string') walkForm(node, forms, reading, at, found)
  else for (const form of forms) walkForm(node, form, reading, at, found)
  if (node.parameter) walkReading(node.parameter, reading, at + 1, found)
  for (const { texts, node: next } of node.mixed) if (fitsForms(texts, forms)) walkReading(next, reading, at + 1, found)
}

function walkForm(node: Node, form: string, reading: PathReading, at: number, found: End[]): void {
  const literal = node.literals.get(form)
  if (literal) walkReading(literal, reading, at + 1, found)
}

function walkReadingBack(node: Node, reading: PathReading, end: number, from: number, found: End[]): void {
  const { segments, slashAtEnd } = reading
  if (end > from || slashAtEnd) for (const operation of node.ends) found.push(operation)
  if (end <= from) return
  const forms = segments[end - 1]!
  for (const form of typeof forms === 'string' ? [forms] : forms) {
    const literal = node.literals.get(form)
    if (literal) walkReadingBack(literal, reading, end - 1, from, found)
  }
  if (node.parameter) walkReadingBack(node.parameter, reading, end - 1, from, found)
  for (const { texts, node: next } of node.mixed)
    if (fitsForms(texts, forms)) walkReadingBack(next, reading, end - 1, from, found)
}

/** The last text may have lost dots and spaces at its end, as the segment may. */
function fitsForms(texts: readonly string[], forms: string | readonly string[]): boolean {
  const shortened = [...texts.slice(0, -1), withoutEnd(texts.at(-1)!)]
  const fits = (form: string): boolean => fitsTexts(texts, form, 0) || fitsTexts(shortened, form, 0)
  return typeof forms === 'string' ? fits(forms) : forms.some(fits)
}
