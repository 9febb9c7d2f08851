import type { Readable, Writable } from 'node:stream'
import { Failure, INTERRUPTED } from './failure.ts'

/** What a person types at, and sees. */
export interface TerminalStreams {
  readonly stdin: Readable & { setRawMode(raw: boolean): unknown }
  readonly stderr: Pick<Writable, 'write'>
}

const ENTER = /[\r\n]/
const END_OF_INPUT = '\u0004'
const INTERRUPT = '\u0003'
const ERASE = /^[\u007f\b]$/

/** RFC 7468: what begins so goes on to its last line. The lines of a key must not be answers to the next question, or go to the shell. */
const isOpenBlock = (typed: string): boolean =>
  /^\s*-----BEGIN [^\n]*-----/.test(typed) && !/\n-----END [^\n]*-----\s*$/.test(typed)

/** What was typed so far. */
class TypedText {
  readonly #isShown: boolean
  #text = ''

  constructor(isShown: boolean) {
    this.#isShown = isShown
  }

  get text(): string {
    return this.#text
  }

  /** Whether `character` ends it. */
  endsWith(character: string): boolean {
    if (character === END_OF_INPUT) return true
    return ENTER.test(character) && (this.#isShown || !isOpenBlock(this.#text))
  }

  /** What the terminal is to show. */
  add(character: string): string {
    const before = this.#text
    if (ERASE.test(character)) {
      this.#text = [...before].slice(0, -1).join('')
      return this.#isShown && before !== '' ? '\b \b' : ''
    }
    if (!ENTER.test(character)) this.#text += character
    else if (!before.endsWith('\n')) this.#text += '\n'
    return this.#isShown ? character : ''
  }
}

/**
 * One line, shown as it is typed; or one line or one block of PEM, not shown at all. Standard input stays open, for the next
 * question.
 */
export async function readLine({ stdin, stderr }: TerminalStreams, prompt: string, isShown: boolean): Promise<string> {
  // Before the prompt is seen: what is typed at once must not be shown by the terminal itself.
  stdin.setRawMode(true)
  stderr.write(prompt)
  try {
    const typed = new TypedText(isShown)
    for await (const chunk of stdin.iterator({ destroyOnReturn: false })) {
      const characters = [...(chunk as Buffer).toString('utf8')]
      for (const [at, character] of characters.entries()) {
        // In raw mode the terminal hands Ctrl-C over as a character.
        if (character === INTERRUPT) throw new Failure(INTERRUPTED, 'Interrupted')
        if (typed.endsWith(character)) {
          keepForNext(stdin, character, characters.slice(at + 1))
          return typed.text
        }
        stderr.write(typed.add(character))
      }
    }
    return typed.text
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    stderr.write('\n')
  }
}

/** Of a paste with several lines the rest is for the next question. */
function keepForNext(stdin: Readable, end: string, rest: readonly string[]): void {
  const text = rest.join('').slice(end === '\r' && rest[0] === '\n' ? 1 : 0)
  if (text !== '') stdin.unshift(Buffer.from(text))
}
