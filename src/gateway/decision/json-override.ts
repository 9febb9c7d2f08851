import { isOverrideParameter } from '../../scope/index.ts'
import { JsonScanner, JsonSyntaxError } from '../call/json-scanner.ts'
import type { JsonEvents } from '../call/json-scanner.ts'
import { loopBudget } from '../loop-budget.ts'

/** Whether a JSON body names a method: Laravel, and Express behind a body parser, read `_method` from its outermost object too. */
export async function namesMethod(bytes: Uint8Array): Promise<boolean> {
  const names = new OutermostNames()
  const scanner = new JsonScanner(names)
  try {
    for await (const part of steps(bytes, hasMark(bytes) ? 3 : 0)) scanner.write(part)
    scanner.end()
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    // Whether a server makes sense of it cannot be known: of UTF-16, of comments, of what follows the end.
    return names.found || (await mayNameMethod(bytes))
  }
  return names.found
}

async function* steps(bytes: Uint8Array, from: number, overlap = 0): AsyncGenerator<Uint8Array, undefined> {
  for (let start = from; start < bytes.length; start += loopBudget.step) {
    await loopBudget.take(loopBudget.step)
    yield bytes.subarray(start, start + loopBudget.step + overlap)
  }
  return undefined
}

/** A byte order mark, which many servers read past. */
const hasMark = (bytes: Uint8Array): boolean => bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf

/** Bytes of a name that are looked at: more than any spelling of `_method` has. */
const LONGEST_NAME = 256

/** Whether something that is not JSON holds such a name before a colon, at any depth. */
async function mayNameMethod(bytes: Uint8Array): Promise<boolean> {
  for await (const part of steps(bytes, 0, LONGEST_NAME)) {
    const text = Buffer.from(part)
      .toString('utf8')
      // Without NULs, UTF-16 of ASCII is ASCII.
      .replaceAll('\0', '')
      .replace(/\\u([0-9A-Fa-f]{4})/g, (_whole, hex: string) => String.fromCharCode(parseInt(hex, 16)))
      .normalize('NFKC')
    if (
      /(?<![\p{L}\p{N}])(?:[_.[+](?:http)?method|\$http(?:method|headers))[^:"'\p{L}\p{N}]{0,32}["']?\s{0,32}:/iu.test(
        text,
      )
    )
      return true
  }
  return false
}

/** Looks at the names of the outermost object's members. */
class OutermostNames implements JsonEvents {
  found = false
  #depth = 0
  #name: Buffer[] | undefined
  #length = 0

  openObject(): void {
    this.#depth++
  }
  openArray(): void {
    this.#depth++
  }
  closeObject(): void {
    this.#depth--
  }
  closeArray(): void {
    this.#depth--
  }
  beginName(): void {
    this.#name = this.#depth === 1 ? [] : undefined
    this.#length = 0
  }
  endName(): void {
    if (this.#name !== undefined) this.found ||= isOverrideParameter(Buffer.concat(this.#name).toString('utf8'))
    this.#name = undefined
  }
  text(bytes: Uint8Array, start: number, end: number): void {
    const room = LONGEST_NAME - this.#length
    if (this.#name === undefined || room <= 0) return
    const kept = Buffer.from(bytes.subarray(start, Math.min(end, start + room)))
    this.#name.push(kept)
    this.#length += kept.length
  }
  character(codePoint: number): void {
    const bytes = Buffer.from(String.fromCodePoint(codePoint))
    this.text(bytes, 0, bytes.length)
  }
  readonly beginString = nothing
  readonly endString = nothing
  readonly beginScalar = nothing
  readonly scalar = nothing
}

function nothing(): void {
  // Only names count.
}
