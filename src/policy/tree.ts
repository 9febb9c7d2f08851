/** What both spellings of a policy, HCL and JSON, are read into before their meaning is looked at. Lines are 1-based. */
export type Node =
  | { readonly kind: 'string'; readonly value: string; readonly line: number }
  | { readonly kind: 'number'; readonly value: number; readonly line: number }
  | { readonly kind: 'boolean'; readonly value: boolean; readonly line: number }
  | { readonly kind: 'null'; readonly line: number }
  | ListNode
  | ObjectNode

export interface ListNode {
  readonly kind: 'list'
  readonly items: readonly Node[]
  readonly line: number
}
export interface ObjectNode {
  readonly kind: 'object'
  readonly members: readonly Member[]
  readonly line: number
}

/**
 * One entry of an object. Repeated keys are kept: which of them may be repeated is a matter of meaning, and dropping the
 * first of two silently could drop a deny. `path "a" { … }` is read as `path = { "a" = { … } }`.
 */
export interface Member {
  readonly key: string
  readonly value: Node
  readonly line: number
}

/** How a value is named in a sentence. */
export function kindOf(node: Node): string {
  return node.kind === 'object' ? 'a block' : node.kind === 'null' ? 'null' : `a ${node.kind}`
}

/** The plain value; objects get no prototype, so that any key is safe. */
export function plainValue(node: Node): unknown {
  if (node.kind === 'null') return null
  if (node.kind === 'list') return node.items.map(plainValue)
  if (node.kind !== 'object') return node.value
  const value = Object.create(null) as Record<string, unknown>
  for (const member of node.members) value[member.key] = plainValue(member.value)
  return value
}
