import type { Readable, Writable } from 'node:stream'
import { Failure, INTERRUPTED } from './failure.ts'

/** What a person types at, and sees. */
export interface TerminalStreams {
  readonly stdin: Readable & { setRawMode(raw: boolean): unknown }
  readonly stderr: Pick<Writable, 'write'>
}

const ENTER = /[\r\n\u0004]/
const INTERRUPT = '\u0003'
const ERASE = /^[\u007f\b]$/

/** One line, shown as it is typed or not at all. Standard input stays open, for the next question. */
export async function readLine({ stdin, stderr }: TerminalStreams, prompt: string, isShown: boolean): Promise<string> {
  // Before the prompt is seen: what is typed at once must not be shown by the terminal itself.
  stdin.setRawMode(true)
  stderr.write(prompt)
  try {
    let typed = ''
    for await (const chunk of stdin.iterator({ destroyOnReturn: false })) {
      const characters = [...(chunk as Buffer).toString('utf8')]
      for (const [at, character] of characters.entries()) {
        // In raw mode the terminal hands Ctrl-C over as a character.
        if (character === INTERRUPT) throw new Failure(INTERRUPTED, 'Interrupted')
        if (ENTER.test(character)) {
          // Of a paste with several lines the rest is for the next question.
          const rest = characters.slice(at + 1).join('')
          if (rest !== '') stdin.unshift(Buffer.from(rest))
          return typed
        }
        const isErased = ERASE.test(character)
        if (isShown && (!isErased || typed !== '')) stderr.write(isErased ? '\b \b' : character)
        typed = isErased ? [...typed].slice(0, -1).join('') : typed + character
      }
    }
    return typed
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    stderr.write('\n')
  }
}
