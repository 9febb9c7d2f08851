import { isUtf8 } from 'node:buffer'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { badRequest } from '../logical/errors.ts'
import { JsonScan, endOfScalar, endOfString } from './json-limits.ts'
import type { JsonLimits } from './json-limits.ts'

/** Bytes that are worked on before others get their turn: a few milliseconds. */
const slice = 128 * 1024

/** Throws `bad_request` for bytes that are not UTF-8: they would be stored as something the caller never wrote. */
export function bodyText(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw badRequest('the body is not valid UTF-8')
  return bytes.toString('utf8', startOf(bytes))
}

/**
 * A body's JSON value; undefined for a blank one. Throws `bad_request` without a word of the body, which may hold a token. A long body
 * is scanned and built in slices, between which other requests are served.
 */
export async function parseJson(bytes: Buffer, limits: JsonLimits): Promise<unknown> {
  if (!isUtf8(bytes)) throw badRequest('the body is not valid UTF-8')
  const scan = new JsonScan(bytes, limits)
  let until = slice
  while (scan.step(until)) {
    await nextTurn()
    until += slice
  }
  if (bytes.length > slice) return new SlicedParser(bytes, scan.big).parse()
  const text = bytes.toString('utf8', startOf(bytes))
  return text.trim() === '' ? undefined : parseWhole(text)
}

/** A byte order mark is not part of the text. */
const startOf = (bytes: Buffer): number => (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0)

function parseWhole(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw notJson()
  }
}

const notJson = (): Error => badRequest('the body is not valid JSON')

const [OPEN_LIST, OPEN_OBJECT, QUOTE, COMMA, COLON] = [0x5b, 0x7b, 0x22, 0x2c, 0x3a]

/** Builds large containers member by member, and leaves everything smaller to the engine's parser: the same values, in slices. */
class SlicedParser {
  readonly #bytes: Buffer
  readonly #big: ReadonlySet<number>
  #at: number
  #turnAt = slice

  constructor(bytes: Buffer, big: ReadonlySet<number>) {
    this.#bytes = bytes
    this.#big = big
    this.#at = startOf(bytes)
  }

  async parse(): Promise<unknown> {
    this.#space()
    if (this.#at === this.#bytes.length) return undefined
    const value = await this.#value()
    this.#space()
    if (this.#at !== this.#bytes.length) throw notJson()
    return value
  }

  async #value(): Promise<unknown> {
    if (this.#at >= this.#turnAt) {
      await nextTurn()
      this.#turnAt = this.#at + slice
    }
    const first = this.#bytes[this.#at]
    if (!this.#big.has(this.#at)) return this.#small()
    return first === OPEN_LIST ? this.#list() : this.#object()
  }

  #small(): unknown {
    const start = this.#at
    this.#at = this.#endOfSmall(start)
    return parseWhole(this.#bytes.toString('utf8', start, this.#at))
  }

  #endOfSmall(start: number): number {
    const bytes = this.#bytes
    let depth = 0
    let at = start
    do {
      const byte = bytes[at]
      if (byte === undefined) throw notJson()
      if (byte === QUOTE) at = endOfString(bytes, at)
      else if (byte === OPEN_LIST || byte === OPEN_OBJECT) [depth, at] = [depth + 1, at + 1]
      else if (byte === OPEN_LIST + 2 || byte === OPEN_OBJECT + 2) [depth, at] = [depth - 1, at + 1]
      else at = depth === 0 ? endOfScalar(bytes, at) : at + 1
    } while (depth > 0)
    return at
  }

  async #list(): Promise<unknown[]> {
    const items: unknown[] = []
    for await (const item of this.#entries(OPEN_LIST + 2, () => this.#value())) items.push(item)
    return items
  }

  async #object(): Promise<Record<string, unknown>> {
    const members: [string, unknown][] = []
    const member = async (): Promise<[string, unknown]> => {
      if (this.#bytes[this.#at] !== QUOTE) throw notJson()
      const name = this.#small() as string
      this.#space()
      this.#expect(COLON)
      this.#space()
      return [name, await this.#value()]
    }
    for await (const entry of this.#entries(OPEN_OBJECT + 2, member)) members.push(entry)
    // Of two members of one name the last counts, as JSON.parse and Go have it; one called __proto__ is a member like any other.
    return Object.fromEntries(members)
  }

  async *#entries<T>(close: number, read: () => Promise<T>): AsyncGenerator<T> {
    this.#at += 1
    this.#space()
    if (this.#bytes[this.#at] === close) {
      this.#at += 1
      return
    }
    for (;;) {
      yield await read()
      this.#space()
      if (this.#bytes[this.#at] === close) break
      this.#expect(COMMA)
      this.#space()
    }
    this.#at += 1
  }

  #expect(byte: number): void {
    if (this.#bytes[this.#at] !== byte) throw notJson()
    this.#at += 1
  }

  #space(): void {
    const bytes = this.#bytes
    for (; ; this.#at += 1) {
      const byte = bytes[this.#at]
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return
    }
  }
}
