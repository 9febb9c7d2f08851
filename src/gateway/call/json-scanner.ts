import { numberKinds, numberNext, wholeNumber } from './json-number.ts'

/**
 * One JSON text (RFC 8259) read from bytes as they come, however they are cut: told in events, never built. Memory is one byte
 * for each open level. It checks the grammar alone; that the bytes are UTF-8 is for anyone who feeds it to check.
 */

export interface JsonEvents {
  openObject(): void
  openArray(): void
  closeObject(): void
  closeArray(): void
  /** A member's name follows in `text` and `character`. */
  beginName(): void
  endName(): void
  beginString(): void
  endString(): void
  /** Bytes `start` to `end` of the open name or string that stand for themselves. */
  text(bytes: Uint8Array, start: number, end: number): void
  /** A character of it that was written as an escape: a code point, or half a surrogate pair that has no other half. */
  character(codePoint: number): void
  /** A number, true, false or null follows in `scalar`. */
  beginScalar(): void
  scalar(bytes: Uint8Array, start: number, end: number): void
}

/** The text is not JSON, or nested deeper than `MAX_JSON_DEPTH`. Says nothing of its content. */
export class JsonSyntaxError extends Error {}

/** As deep as Go's `encoding/json` reads. */
export const MAX_JSON_DEPTH = 10_000

const OBJECT = 1
const ARRAY = 2

/** What may come next between tokens. */
const VALUE = 0
const VALUE_OR_END = 1
const NAME = 2
const NAME_OR_END = 3
const COLON = 4
const COMMA_OR_END = 5
const NOTHING = 6
/** Inside tokens. */
const STRING = 7
const ESCAPE = 8
const HEX = 9
const NUMBER = 10
const LITERAL = 11

const literals = new Map(['true', 'false', 'null'].map((word) => [word.charCodeAt(0), Buffer.from(word)]))

/** Bytes of a string that stand for themselves: all but control characters, the quote and the backslash. */
const plain = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x20 && byte !== 0x22 && byte !== 0x5c ? 1 : 0))
const space = Uint8Array.from({ length: 256 }, (_, byte) => ([0x20, 0x0a, 0x0d, 0x09].includes(byte) ? 1 : 0))
const escapes = new Map(
  Array.from('"\\/bfnrt', (sign, index) => [sign.charCodeAt(0), '"\\/\b\f\n\r\t'.charCodeAt(index)]),
)

export class JsonScanner {
  readonly #events: JsonEvents
  #expect = VALUE
  #levels = new Uint8Array(64)
  #depth = 0
  #inName = false
  #number = 0
  #literal: Uint8Array = new Uint8Array(0)
  #literalAt = 0
  #hexLeft = 0
  #unit = 0
  /** The first half of a surrogate pair, while the second may follow. */
  #high = 0

  constructor(events: JsonEvents) {
    this.#events = events
  }

  /** Throws `JsonSyntaxError`, and whatever the events throw. */
  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#expect === STRING) at = this.#string(bytes, at)
      else if (this.#expect < STRING) at = this.#between(bytes, at)
      else if (this.#expect === NUMBER) at = this.#digits(bytes, at)
      else if (this.#expect === LITERAL) at = this.#word(bytes, at)
      else this.#escaped(bytes[at++]!)
    }
  }

  /** The text is at its end. Throws `JsonSyntaxError` when it is not whole. */
  end(): void {
    if (this.#expect === NUMBER) this.#endNumber()
    if (this.#expect !== NOTHING) refuse()
  }

  #between(bytes: Uint8Array, start: number): number {
    let at = start
    while (at < bytes.length && space[bytes[at]!] === 1) at++
    if (at === bytes.length) return at
    const byte = bytes[at]!
    switch (this.#expect) {
      case COLON:
        if (byte !== 0x3a) refuse()
        this.#expect = VALUE
        return at + 1
      case COMMA_OR_END:
        this.#afterValue(byte)
        return at + 1
      case NAME:
      case NAME_OR_END:
        this.#name(byte)
        return at + 1
      case VALUE:
      case VALUE_OR_END:
        return this.#value(byte) ? at + 1 : at
      default:
        return refuse()
    }
  }

  #name(byte: number): void {
    if (byte === 0x7d && this.#expect === NAME_OR_END) {
      this.#close(OBJECT)
      return
    }
    if (byte !== 0x22) refuse()
    this.#inName = true
    this.#expect = STRING
    this.#events.beginName()
  }

  #afterValue(byte: number): void {
    const level = this.#levels[this.#depth - 1]
    if (byte === 0x2c) this.#expect = level === OBJECT ? NAME : VALUE
    else if (byte === 0x7d) this.#close(OBJECT)
    else if (byte === 0x5d) this.#close(ARRAY)
    else refuse()
  }

  /** False leaves the byte for the token it begins. */
  #value(byte: number): boolean {
    if (byte === 0x22) {
      this.#inName = false
      this.#expect = STRING
      this.#events.beginString()
    } else if (byte === 0x7b) {
      this.#open(OBJECT)
      this.#expect = NAME_OR_END
      this.#events.openObject()
    } else if (byte === 0x5b) {
      this.#open(ARRAY)
      this.#expect = VALUE_OR_END
      this.#events.openArray()
    } else if (byte === 0x5d && this.#expect === VALUE_OR_END) this.#close(ARRAY)
    else {
      this.#beginScalar(byte)
      return false
    }
    return true
  }

  #beginScalar(byte: number): void {
    const literal = literals.get(byte)
    if (literal) {
      this.#literal = literal
      this.#literalAt = 0
      this.#expect = LITERAL
    } else {
      if (numberKinds[byte] === 0) refuse()
      this.#number = 1
      this.#expect = NUMBER
    }
    this.#events.beginScalar()
  }

  #open(kind: number): void {
    if (this.#depth === MAX_JSON_DEPTH) refuse()
    if (this.#depth === this.#levels.length) {
      const wider = new Uint8Array(this.#levels.length * 2)
      wider.set(this.#levels)
      this.#levels = wider
    }
    this.#levels[this.#depth++] = kind
  }

  #close(kind: number): void {
    if (this.#depth === 0 || this.#levels[this.#depth - 1] !== kind) refuse()
    this.#depth--
    this.#valueEnded()
    if (kind === OBJECT) this.#events.closeObject()
    else this.#events.closeArray()
  }

  #valueEnded(): void {
    this.#expect = this.#depth === 0 ? NOTHING : COMMA_OR_END
  }

  #string(bytes: Uint8Array, start: number): number {
    let at = start
    while (at < bytes.length && plain[bytes[at]!] === 1) at++
    if (at > start) {
      if (this.#high !== 0) this.#loneHalf()
      this.#events.text(bytes, start, at)
    }
    if (at === bytes.length) return at
    const byte = bytes[at]!
    if (byte === 0x5c) this.#expect = ESCAPE
    else if (byte === 0x22) this.#endString()
    else refuse()
    return at + 1
  }

  #endString(): void {
    if (this.#high !== 0) this.#loneHalf()
    if (this.#inName) {
      this.#expect = COLON
      this.#events.endName()
    } else {
      this.#valueEnded()
      this.#events.endString()
    }
  }

  #escaped(byte: number): void {
    if (this.#expect === HEX) {
      this.#hex(byte)
      return
    }
    if (byte === 0x75) {
      this.#expect = HEX
      this.#hexLeft = 4
      this.#unit = 0
      return
    }
    const character = escapes.get(byte)
    if (character === undefined) refuse()
    if (this.#high !== 0) this.#loneHalf()
    this.#expect = STRING
    this.#events.character(character)
  }

  #hex(byte: number): void {
    const digit = byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57
    if (digit < 0 || digit > 15 || (byte > 0x39 && digit < 10)) refuse()
    this.#unit = this.#unit * 16 + digit
    if (--this.#hexLeft > 0) return
    this.#expect = STRING
    this.#unitRead(this.#unit)
  }

  #unitRead(unit: number): void {
    const high = this.#high
    if (high !== 0 && unit >= 0xdc00 && unit <= 0xdfff) {
      this.#high = 0
      this.#events.character((high - 0xd800) * 0x400 + unit - 0xdc00 + 0x10000)
      return
    }
    if (high !== 0) this.#loneHalf()
    if (unit >= 0xd800 && unit <= 0xdbff) this.#high = unit
    else this.#events.character(unit)
  }

  #loneHalf(): void {
    const unit = this.#high
    this.#high = 0
    this.#events.character(unit)
  }

  #digits(bytes: Uint8Array, start: number): number {
    let at = start
    let state = this.#number
    for (; at < bytes.length; at++) {
      const kind = numberKinds[bytes[at]!]!
      if (kind === 0) break
      state = numberNext[state * 8 + kind]!
      if (state === 0) refuse()
    }
    this.#number = state
    if (at > start) this.#events.scalar(bytes, start, at)
    if (at < bytes.length) this.#endNumber()
    return at
  }

  #endNumber(): void {
    if (wholeNumber[this.#number] !== 1) refuse()
    this.#valueEnded()
  }

  #word(bytes: Uint8Array, start: number): number {
    let at = start
    while (at < bytes.length && this.#literalAt < this.#literal.length)
      if (bytes[at++] !== this.#literal[this.#literalAt++]) refuse()
    this.#events.scalar(bytes, start, at)
    if (this.#literalAt === this.#literal.length) this.#valueEnded()
    return at
  }
}

function refuse(): never {
  throw new JsonSyntaxError('the text is not JSON, or is nested too deeply')
}
