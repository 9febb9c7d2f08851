import { isUtf8 } from 'node:buffer'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { badRequest } from '../logical/errors.ts'
import { parseJsonExactly } from '../logical/json.ts'
import { JsonScan, endOfScalar, endOfString } from './json-limits.ts'
import type { JsonLimits } from './json-limits.ts'

/** A body that is longer is built in slices. */
const short = 128 * 1024
/** Bytes that are worked on between two looks at the clock: well under a millisecond, whatever they are. */
const slice = 16 * 1024
/** Milliseconds after which others get their turn. */
const turn = 4

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
  await inSlices((until) => scan.step(until))
  if (bytes.length > short) {
    const builder = new SlicedParser(bytes, scan.big)
    await inSlices((until) => builder.step(until))
    return builder.value
  }
  const text = bytes.toString('utf8', startOf(bytes))
  return text.trim() === '' ? undefined : parseWhole(text)
}

/** `step` works up to the byte it is given and tells whether there is more. By the clock: what a byte costs depends on the body. */
async function inSlices(step: (until: number) => boolean): Promise<void> {
  let since = performance.now()
  for (let until = slice; step(until); until += slice) {
    if (performance.now() - since < turn) continue
    await nextTurn()
    since = performance.now()
  }
}

/** A byte order mark is not part of the text. */
const startOf = (bytes: Buffer): number => (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0)

function parseWhole(text: string): unknown {
  try {
    return parseJsonExactly(text)
  } catch {
    throw notJson()
  }
}

const notJson = (): Error => badRequest('the body is not valid JSON')

const [OPEN_LIST, OPEN_OBJECT, QUOTE, COMMA, COLON] = [0x5b, 0x7b, 0x22, 0x2c, 0x3a]

/** A large container that is being built. */
type Frame =
  | { readonly close: number; readonly items: unknown[] }
  | { readonly close: number; readonly members: [string, unknown][]; name: string }

/** Builds large containers entry by entry, and leaves everything smaller to the engine's parser: the same values, in slices. */
class SlicedParser {
  /** Undefined for a blank body. */
  value: unknown
  readonly #bytes: Buffer
  readonly #big: ReadonlySet<number>
  readonly #frames: Frame[] = []
  #at: number
  /** What comes next: a value, the first entry of a container or its end, or what follows a value. */
  #next: 'value' | 'first' | 'after' = 'value'

  constructor(bytes: Buffer, big: ReadonlySet<number>) {
    this.#bytes = bytes
    this.#big = big
    this.#at = startOf(bytes)
    this.#space()
    if (this.#at === bytes.length) this.#next = 'after'
  }

  /** Builds to the first entry that ends at or after `until`; true when there is more. */
  step(until: number): boolean {
    while (this.#at < until) {
      this.#space()
      const frame = this.#frames.at(-1)
      if (frame) this.#entry(frame)
      else if (this.#next === 'value') this.#start()
      else if (this.#at === this.#bytes.length) return false
      else throw notJson()
    }
    return true
  }

  #entry(frame: Frame): void {
    if (this.#bytes[this.#at] === frame.close) {
      this.#at += 1
      this.#frames.pop()
      // Of two members of one name the last counts, as JSON.parse and Go have it; one called __proto__ is a member like any other.
      this.#deliver('items' in frame ? frame.items : Object.fromEntries(frame.members))
      return
    }
    if (this.#next === 'after') {
      this.#expect(COMMA)
      this.#space()
    }
    if ('items' in frame) {
      this.#items(frame.items)
      return
    }
    if (this.#bytes[this.#at] !== QUOTE) throw notJson()
    frame.name = this.#small() as string
    this.#space()
    this.#expect(COLON)
    this.#space()
    this.#start()
  }

  /** The next item, and small ones that follow it, at once: parsing them one by one takes several times as long. */
  #items(items: unknown[]): void {
    if (this.#big.has(this.#at)) {
      this.#start()
      return
    }
    const start = this.#at
    let end: number
    for (;;) {
      end = this.#endOfSmall(this.#at)
      this.#at = end
      this.#space()
      if (this.#bytes[this.#at] !== COMMA || end - start >= slice) break
      const comma = this.#at
      this.#at += 1
      this.#space()
      if (!this.#big.has(this.#at)) continue
      this.#at = comma
      break
    }
    for (const item of parseWhole(`[${this.#bytes.toString('utf8', start, end)}]`) as unknown[]) items.push(item)
    this.#next = 'after'
  }

  #start(): void {
    if (!this.#big.has(this.#at)) {
      this.#deliver(this.#small())
      return
    }
    const isList = this.#bytes[this.#at] === OPEN_LIST
    this.#at += 1
    this.#frames.push(isList ? { close: OPEN_LIST + 2, items: [] } : { close: OPEN_OBJECT + 2, members: [], name: '' })
    this.#next = 'first'
  }

  #deliver(value: unknown): void {
    const frame = this.#frames.at(-1)
    if (!frame) this.value = value
    else if ('items' in frame) frame.items.push(value)
    else frame.members.push([frame.name, value])
    this.#next = 'after'
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
