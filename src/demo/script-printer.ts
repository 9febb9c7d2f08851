/** Prints the demo: what a person would type, what came back, and whether it was what the step promised. */
export class ScriptPrinter {
  readonly #print: (text: string) => void
  #step = 0
  readonly failures: string[] = []

  /** Every response, uncut, and every line printed. */
  transcript = ''

  constructor(print: (text: string) => void) {
    this.#print = (text) => {
      this.transcript += text
      print(text)
    }
  }

  say(text: string): void {
    this.#print(`${text}\n`)
  }

  step(title: string): void {
    this.#step++
    this.#print(`\n${String(this.#step).padStart(2)}  ${title}\n`)
  }

  command(line: string): void {
    this.#print(`    $ ${line}\n`)
  }

  /** What came back, cut to `most` lines. */
  output(text: string, most = 12): void {
    this.transcript += text
    const lines = text.trimEnd().split('\n')
    for (const line of lines.slice(0, most))
      this.#print(`      ${line.length > 150 ? `${line.slice(0, 149)}…` : line}\n`)
    if (lines.length > most) this.#print(`      … ${lines.length - most} more lines\n`)
  }

  check(promise: string, kept: boolean): void {
    this.#print(`    ${kept ? '✓' : '✗'} ${promise}\n`)
    if (!kept) this.failures.push(promise)
  }
}
