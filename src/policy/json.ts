import { PolicyError } from './error.ts'
import { maxDepth } from './limits.ts'
import type { Member, Node, ObjectNode } from './tree.ts'

/**
 * Reads the JSON spelling into the same tree as HCL. `JSON.parse` would keep only the last of two equal keys, which
 * could be the one that does not deny, and knows no lines; so the text is walked here, by the grammar of RFC 8259.
 */
export function readJson(text: string): ObjectNode {
  const reader = new Reader(text)
  const node = reader.document()
  if (node.kind !== 'object')
    throw new PolicyError(
      1,
      'a JSON policy is an object, for example {"path": {"secret/*": {"capabilities": ["read"]}}}.',
    )
  return node
}

class Reader {
  readonly #text: string
  #at = 0
  #line = 1
  #depth = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): Node {
    const node = this.#value()
    this.#skipBlank()
    if (this.#at < this.#text.length) throw this.#unexpected('the end of the text')
    return node
  }

  #skipBlank(): void {
    for (;;) {
      const char = this.#text[this.#at]
      if (char === '\n') this.#line++
      else if (char !== ' ' && char !== '\t' && char !== '\r') return
      this.#at++
    }
  }

  #take(mark: string): boolean {
    this.#skipBlank()
    if (this.#text[this.#at] !== mark) return false
    this.#at++
    return true
  }

  #expect(mark: string): void {
    if (!this.#take(mark)) throw this.#unexpected(`"${mark}"`)
  }

  #unexpected(wanted: string): PolicyError {
    const found = this.#text[this.#at]
    return new PolicyError(
      this.#line,
      `the JSON text has ${found === undefined ? 'its end' : JSON.stringify(found)} where ${wanted} was expected.`,
    )
  }

  #match(expression: RegExp): string | undefined {
    expression.lastIndex = this.#at
    const found = expression.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #value(): Node {
    this.#skipBlank()
    const line = this.#line
    if (this.#take('{')) return this.#nested(line, () => ({ kind: 'object', members: this.#members(), line }))
    if (this.#take('[')) return this.#nested(line, () => ({ kind: 'list', items: this.#items(), line }))
    if (this.#text[this.#at] === '"') return { kind: 'string', value: this.#string(), line }
    const number = this.#match(/-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y)
    if (number !== undefined) return { kind: 'number', value: Number(number), line }
    const word = this.#match(/true|false|null/y)
    if (word === undefined) throw this.#unexpected('a value')
    return word === 'null' ? { kind: 'null', line } : { kind: 'boolean', value: word === 'true', line }
  }

  #nested(line: number, read: () => Node): Node {
    if (++this.#depth > maxDepth)
      throw new PolicyError(line, `objects and lists are nested more than ${maxDepth} deep.`)
    const node = read()
    this.#depth--
    return node
  }

  #members(): Member[] {
    const members: Member[] = []
    if (this.#take('}')) return members
    do {
      this.#skipBlank()
      const line = this.#line
      const key = this.#string()
      this.#expect(':')
      members.push({ key, value: this.#value(), line })
    } while (this.#take(','))
    this.#expect('}')
    return members
  }

  #items(): Node[] {
    const items: Node[] = []
    if (this.#take(']')) return items
    do items.push(this.#value())
    while (this.#take(','))
    this.#expect(']')
    return items
  }

  #string(): string {
    const start = this.#at
    if (this.#text[this.#at] !== '"') throw this.#unexpected('a string in double quotes')
    this.#at++
    // One simple expression per stretch: a single one over the whole string would backtrack on hostile texts.
    for (;;) {
      this.#match(/[^"\\\x00-\x1f]+/y)
      if (this.#text[this.#at] === '"') break
      if (this.#match(/\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y) === undefined)
        throw this.#unexpected('the rest of a string')
    }
    this.#at++
    return JSON.parse(this.#text.slice(start, this.#at)) as string
  }
}
