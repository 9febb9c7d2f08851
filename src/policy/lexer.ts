import { PolicyError } from './error.ts'

/**
 * Tokens of HCL 1, as far as policies use it. `text` is the identifier, the decoded string, the digits or the
 * punctuation mark itself; `line` is 1-based.
 */
export interface Token {
  readonly kind: 'identifier' | 'string' | 'number' | 'mark' | 'end'
  readonly text: string
  readonly line: number
}

const simpleEscapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '"': '"',
  '\\': '\\',
}
/** Escapes with hexadecimal digits, and how many follow. */
const hexEscapes: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 }

/** Splits HCL text into tokens, ending with one `end` token. Throws `PolicyError` naming the line. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  const scanner = new Scanner(text)
  for (;;) {
    const token = scanner.next()
    tokens.push(token)
    if (token.kind === 'end') return tokens
  }
}

class Scanner {
  readonly #text: string
  #at = 0
  #line = 1

  constructor(text: string) {
    this.#text = text
  }

  next(): Token {
    this.#skipBlank()
    const line = this.#line
    const char = this.#text[this.#at]
    if (char === undefined) return { kind: 'end', text: '', line }
    if (char === '"') return { kind: 'string', text: this.#quoted(), line }
    if (char === '<') return { kind: 'string', text: this.#heredoc(), line }
    if ('{}[]=,'.includes(char)) {
      this.#at++
      return { kind: 'mark', text: char, line }
    }
    const identifier = this.#match(/[\p{L}_][\p{L}\p{Nd}_.-]*/uy)
    if (identifier !== undefined) return { kind: 'identifier', text: identifier, line }
    const number = this.#match(/-?[0-9][0-9A-Za-z_.+-]*/y)
    if (number !== undefined) return { kind: 'number', text: number, line }
    throw new PolicyError(
      line,
      `${describe(char)} is not expected here; write for example path "secret/*" { capabilities = ["read"] }.`,
    )
  }

  #match(expression: RegExp): string | undefined {
    expression.lastIndex = this.#at
    const found = expression.exec(this.#text)?.[0]
    if (found !== undefined) this.#at += found.length
    return found
  }

  #skipBlank(): void {
    for (;;) {
      const char = this.#text[this.#at]
      if (char === '\n') {
        this.#line++
        this.#at++
      } else if (char === ' ' || char === '\t' || char === '\r') this.#at++
      else if (char === '#' || this.#text.startsWith('//', this.#at)) this.#match(/[^\n]*/y)
      else if (this.#text.startsWith('/*', this.#at)) this.#skipBlockComment()
      else return
    }
  }

  #skipBlockComment(): void {
    const end = this.#text.indexOf('*/', this.#at + 2)
    if (end < 0) throw new PolicyError(this.#line, 'the comment opened with /* is never closed with */.')
    for (let at = this.#at; at < end; at++) if (this.#text[at] === '\n') this.#line++
    this.#at = end + 2
  }

  #quoted(): string {
    const line = this.#line
    let value = ''
    this.#at++
    for (;;) {
      value += this.#match(/[^"\\\n]+/y) ?? ''
      const char = this.#text[this.#at++]
      if (char === '"') return value
      if (char === undefined || char === '\n')
        throw new PolicyError(line, 'a quoted string is not closed on its line; put a " at its end.')
      value += this.#escape(line)
    }
  }

  #escape(line: number): string {
    const char = this.#text[this.#at++] ?? ''
    const simple = Object.hasOwn(simpleEscapes, char) ? simpleEscapes[char] : undefined
    if (simple !== undefined) return simple
    const digits = Object.hasOwn(hexEscapes, char) ? (hexEscapes[char] ?? 0) : 0
    const hex = this.#text.slice(this.#at, this.#at + digits)
    const code = digits > 0 && hex.length === digits && /^[0-9A-Fa-f]+$/.test(hex) ? Number.parseInt(hex, 16) : Infinity
    if (code > 0x10ffff)
      throw new PolicyError(
        line,
        `a quoted string holds the unknown escape \\${char}; \\" \\\\ \\n \\t and \\u0041 are known.`,
      )
    this.#at += digits
    return String.fromCodePoint(code)
  }

  /** `<<MARK` up to a line holding only MARK; `<<-MARK` also takes away the indentation all lines share. */
  #heredoc(): string {
    const line = this.#line
    const opening = this.#match(/<<-?[\p{L}\p{Nd}_]+\r?\n/uy)
    if (opening === undefined)
      throw new PolicyError(line, '"<" begins a here-document; write <<EOF, the text, and EOF on a line of its own.')
    const mark = opening.replace(/^<<-?/, '').trimEnd()
    const lines: string[] = []
    this.#line++
    for (;;) {
      if (this.#at >= this.#text.length)
        throw new PolicyError(line, `the here-document is never closed; put ${mark} on a line of its own.`)
      const next = this.#match(/[^\n]*/y) ?? ''
      if (next.trim() === mark) break
      lines.push(next.replace(/\r$/, ''))
      this.#at++
      this.#line++
    }
    return (opening.startsWith('<<-') ? withoutIndentation(lines) : lines).map((one) => `${one}\n`).join('')
  }
}

function withoutIndentation(lines: readonly string[]): string[] {
  const shared = Math.min(
    ...lines.filter((line) => line.trim() !== '').map((line) => /^[ \t]*/.exec(line)?.[0].length ?? 0),
  )
  return lines.map((line) => line.slice(shared))
}

/** How a character is shown in a sentence: itself in quotes, or its code point when it cannot be seen. */
function describe(char: string): string {
  return /[\x21-\x7e]/.test(char)
    ? JSON.stringify(char)
    : `the character U+${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`
}
