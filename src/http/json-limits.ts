import { badRequest } from '../logical/errors.ts'
import { isKeptNumeral } from './json-number.ts'

/**
 * What a JSON body may hold, under the names the settings have: Vault's (1.21, 2.0), and OpenBao's for memory and strings. Checked on
 * the bytes, before anything is built of them.
 */
export interface JsonLimits {
  /** Objects and lists within each other. */
  readonly max_json_depth: number
  /** Bytes of one text, names of members included, after its escapes are undone. */
  readonly max_json_string_value_length: number
  readonly max_json_object_entry_count: number
  readonly max_json_array_element_count: number
  /** Of the whole body: brackets, names and values. */
  readonly max_json_token: number
  /** Bytes the values would take, as OpenBao estimates them. */
  readonly max_request_json_memory: number
  /** Texts in the whole body. OpenBao's default is 1000, which would refuse what Vault takes; none here. */
  readonly max_request_json_strings: number
}

export const defaultJsonLimits: JsonLimits = {
  max_json_depth: 300,
  max_json_string_value_length: 1024 * 1024,
  max_json_object_entry_count: 10_000,
  max_json_array_element_count: 10_000,
  max_json_token: 500_000,
  max_request_json_memory: 32 * 1024 * 1024 + 512 * 1024,
  max_request_json_strings: Infinity,
}

const [QUOTE, BACKSLASH, COMMA, OPEN_LIST, OPEN_OBJECT, LOWER_U] = [0x22, 0x5c, 0x2c, 0x5b, 0x7b, 0x75]

const tooMuch = (what: string, setting: keyof JsonLimits): Error =>
  badRequest(`${what} (${setting}); send less, or have the operator raise the setting of the listener`)

/** OpenBao's estimate, in bytes: a value and its type; what each kind adds. */
const memory = { value: 16, string: 16, number: 8, list: 24, object: 72 }
const sizeOfBig = 64 * 1024

/**
 * One pass over the bytes of a JSON text, in as many steps as one likes. It counts and does not judge the grammar: what it lets
 * through may still not be JSON, but never costs more than the limits allow.
 */
export class JsonScan {
  readonly #bytes: Buffer
  readonly #limits: JsonLimits
  /** Of the containers that are open: where they begin, and how many commas they have had. */
  readonly #starts: number[] = []
  readonly #commas: number[] = []
  #at = 0
  #tokens = 0
  #strings = 0
  #memory = 0
  /** Where each container of at least 64 KiB begins. */
  readonly big = new Set<number>()

  constructor(bytes: Buffer, limits: JsonLimits) {
    this.#bytes = bytes
    this.#limits = limits
  }

  /** Scans to the first value that ends at or after `until`; true when there is more. Throws `bad_request` naming the limit. */
  step(until: number): boolean {
    const bytes = this.#bytes
    const end = Math.min(until, bytes.length)
    while (this.#at < end) {
      const byte = bytes[this.#at]!
      if (byte === QUOTE) this.#string()
      else if (byte === OPEN_OBJECT || byte === OPEN_LIST) this.#open(byte)
      else if (byte === OPEN_OBJECT + 2 || byte === OPEN_LIST + 2) this.#close()
      else if (byte === COMMA) this.#comma()
      else if (isScalar(byte)) this.#scalar()
      else this.#at += 1
    }
    return this.#at < bytes.length
  }

  #open(byte: number): void {
    const { max_json_depth: deepest } = this.#limits
    if (this.#starts.length >= deepest)
      throw tooMuch(`objects and lists are nested more than ${String(deepest)} deep`, 'max_json_depth')
    this.#starts.push(this.#at)
    this.#commas.push(0)
    this.#token(byte === OPEN_LIST ? memory.list : memory.object)
    this.#at += 1
  }

  #close(): void {
    const start = this.#starts.pop()
    this.#commas.pop()
    this.#at += 1
    this.#token(-memory.value)
    if (start !== undefined && this.#at - start >= sizeOfBig) this.big.add(start)
  }

  /** Commas and one more are what a container holds. */
  #comma(): void {
    this.#at += 1
    const depth = this.#commas.length - 1
    if (depth < 0) return
    const entries = ++this.#commas[depth]! + 1
    const isList = this.#bytes[this.#starts[depth]!] === OPEN_LIST
    const { max_json_array_element_count: items, max_json_object_entry_count: members } = this.#limits
    if (isList && entries > items)
      throw tooMuch(`a list has more than ${String(items)} items`, 'max_json_array_element_count')
    if (!isList && entries > members)
      throw tooMuch(`an object has more than ${String(members)} members`, 'max_json_object_entry_count')
  }

  #string(): void {
    const start = this.#at + 1
    const end = endOfString(this.#bytes, this.#at) - 1
    const { max_json_string_value_length: longest, max_request_json_strings: most } = this.#limits
    if (end - start > longest && unescapedLength(this.#bytes, start, end) > longest)
      throw tooMuch(`a text is longer than ${String(longest)} bytes`, 'max_json_string_value_length')
    if (++this.#strings > most) throw tooMuch(`there are more than ${String(most)} texts`, 'max_request_json_strings')
    this.#token(memory.string + end - start)
    this.#at = end + 1
  }

  #scalar(): void {
    const start = this.#at
    const end = endOfScalar(this.#bytes, start)
    if (isDigit(this.#bytes[start]!) && !isKeptNumeral(this.#bytes, start, end))
      throw badRequest(
        'a number has more digits than this server keeps, or is too large for it; send it as a text, for example "9007199254740993"',
      )
    this.#token(memory.number)
    this.#at = end
  }

  #token(bytes: number): void {
    const { max_json_token: most, max_request_json_memory: largest } = this.#limits
    this.#memory += memory.value + bytes
    if (++this.#tokens > most)
      throw tooMuch(`there are more than ${String(most)} brackets, names and values`, 'max_json_token')
    if (this.#memory > largest)
      throw tooMuch(`the values would take more than ${String(largest)} bytes`, 'max_request_json_memory')
  }
}

/** Behind the closing quote of the text whose opening one is at `start`; behind the last byte when there is none. */
export function endOfString(bytes: Buffer, start: number): number {
  let at = start + 1
  // Most are short: a look at each byte costs less than a call.
  const near = Math.min(bytes.length, at + 32)
  while (at < near && bytes[at] !== QUOTE && bytes[at] !== BACKSLASH) at += 1
  for (;;) {
    const quote = bytes[at] === QUOTE ? at : bytes.indexOf(QUOTE, at)
    if (quote < 0) return bytes.length + 1
    let slashes = 0
    while (bytes[quote - 1 - slashes] === BACKSLASH && quote - 1 - slashes > start) slashes += 1
    if (slashes % 2 === 0) return quote + 1
    at = quote + 1
  }
}

/** Behind the last byte of a number, true, false or null, or of what stands in their place. */
export function endOfScalar(bytes: Buffer, start: number): number {
  let at = start + 1
  while (at < bytes.length && isScalar(bytes[at]!)) at += 1
  return at
}

/** Neither white space nor structure. */
const isScalar = (byte: number): boolean =>
  byte > 0x20 &&
  byte !== COMMA &&
  byte !== 0x3a &&
  byte !== QUOTE &&
  byte !== OPEN_LIST &&
  byte !== OPEN_LIST + 2 &&
  byte !== OPEN_OBJECT &&
  byte !== OPEN_OBJECT + 2

const isDigit = (byte: number): boolean => byte === 0x2d || (byte >= 0x30 && byte <= 0x39)

/** Bytes in UTF-8. A surrogate counts two: a pair of them is a character of four. */
function unescapedLength(bytes: Buffer, start: number, end: number): number {
  let length = end - start
  for (let at = bytes.indexOf(BACKSLASH, start); at >= 0 && at < end; at = bytes.indexOf(BACKSLASH, at)) {
    const isUnicode = bytes[at + 1] === LOWER_U
    length -= isUnicode ? 6 - bytesOf(Number.parseInt(bytes.toString('latin1', at + 2, at + 6), 16)) : 1
    at += isUnicode ? 6 : 2
  }
  return length
}

function bytesOf(unit: number): number {
  if (unit < 0x80) return 1
  return unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 2 : 3
}
