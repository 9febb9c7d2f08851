import { PolicyError } from './error.ts'
import { tokenize } from './lexer.ts'
import type { Token } from './lexer.ts'
import { maxDepth } from './limits.ts'
import type { Member, Node, ObjectNode } from './tree.ts'

/** Reads HCL text into a tree. Throws `PolicyError` naming the line. */
export function readHcl(text: string): ObjectNode {
  return new Reader(tokenize(text)).document()
}

class Reader {
  readonly #tokens: readonly Token[]
  #at = 0
  #depth = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  document(): ObjectNode {
    return { kind: 'object', members: this.#members('end'), line: 1 }
  }

  get #token(): Token {
    return this.#tokens[this.#at] ?? { kind: 'end', text: '', line: 0 }
  }

  #isMark(text: string): boolean {
    return this.#token.kind === 'mark' && this.#token.text === text
  }

  #takeMark(text: string): boolean {
    const found = this.#isMark(text)
    if (found) this.#at++
    return found
  }

  /** Entries up to `}` or the end of the text; a comma between two is optional, as in HCL 1. */
  #members(until: 'end' | '}'): Member[] {
    const members: Member[] = []
    for (;;) {
      const token = this.#token
      if (until === '}' && this.#takeMark('}')) return members
      if (token.kind === 'end') {
        if (until === 'end') return members
        throw new PolicyError(token.line, 'the text ends inside a block; a closing } is missing.')
      }
      members.push(this.#member())
      if (until === '}') this.#takeMark(',')
    }
  }

  #member(): Member {
    const keys: Token[] = []
    while (this.#token.kind === 'identifier' || this.#token.kind === 'string') {
      keys.push(this.#token)
      this.#at++
    }
    const key = keys[0]
    if (key === undefined)
      throw new PolicyError(
        this.#token.line,
        `${show(this.#token)} stands where a key was expected, for example path or capabilities.`,
      )
    if (this.#isMark('{')) return nest(keys, this.#value())
    if (keys.length === 1 && this.#takeMark('=')) return { key: key.text, value: this.#value(), line: key.line }
    throw new PolicyError(
      this.#token.line,
      `after ${keys.map(show).join(' ')} comes ${show(this.#token)}; write ${key.text} = value, or ${key.text} "name" { … }.`,
    )
  }

  #value(): Node {
    const token = this.#token
    const { line } = token
    if (token.kind === 'mark' && (token.text === '{' || token.text === '[')) return this.#nested(token.text, line)
    this.#at++
    if (token.kind === 'string') return { kind: 'string', value: token.text, line }
    if (token.kind === 'number') return { kind: 'number', value: numberOf(token), line }
    if (token.text === 'true' || token.text === 'false') return { kind: 'boolean', value: token.text === 'true', line }
    if (token.kind === 'identifier')
      throw new PolicyError(line, `${token.text} is not in quotes; write "${token.text}".`)
    throw new PolicyError(line, `${show(token)} stands where a value was expected, for example "text", 15 or ["read"].`)
  }

  #nested(mark: '{' | '[', line: number): Node {
    if (++this.#depth > maxDepth) throw new PolicyError(line, `blocks and lists are nested more than ${maxDepth} deep.`)
    this.#at++
    const node: Node =
      mark === '{'
        ? { kind: 'object', members: this.#members('}'), line }
        : { kind: 'list', items: this.#items(line), line }
    this.#depth--
    return node
  }

  #items(line: number): Node[] {
    const items: Node[] = []
    for (;;) {
      if (this.#takeMark(']')) return items
      if (this.#token.kind === 'end') throw new PolicyError(line, 'a list is never closed; a ] is missing.')
      items.push(this.#value())
      if (!this.#isMark(']') && !this.#takeMark(','))
        throw new PolicyError(
          this.#token.line,
          `${show(this.#token)} follows a list item; put a comma between items and a ] at the end.`,
        )
    }
  }
}

/** `a "b" { … }` as `a = { b = { … } }`. */
function nest(keys: readonly Token[], body: Node): Member {
  const [first, ...rest] = keys as [Token, ...Token[]]
  const value = rest.length === 0 ? body : { kind: 'object' as const, members: [nest(rest, body)], line: first.line }
  return { key: first.text, value, line: first.line }
}

function numberOf(token: Token): number {
  // A leading zero means octal to HCL 1 and decimal to most readers; neither is guessed.
  const isNumber = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/.test(token.text)
  if (!isNumber)
    throw new PolicyError(
      token.line,
      `${token.text} is not a number; write digits such as 90, or a quoted text such as "90s".`,
    )
  return Number(token.text)
}

function show(token: Token): string {
  if (token.kind === 'end') return 'the end of the text'
  return token.kind === 'string' ? JSON.stringify(token.text) : token.kind === 'mark' ? `"${token.text}"` : token.text
}
