import { entityRoot, type EntityPrefix } from './entities.ts'
import { PathSet } from './path-set.ts'

export const BACKSLASH = 0x5c
const PERCENT = 0x25
const AMPERSAND = 0x26
const EQUALS = 0x3d
const LF = 0x0a
const CR = 0x0d
const SEMICOLON = 0x3b

/** What escapes begin with: `\`, `%`, `&`, and `=` in quoted-printable (RFC 2045, 6.7). */
const introducers = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte === BACKSLASH || byte === PERCENT || byte === AMPERSAND || byte === EQUALS ? 1 : 0,
)

export const introduces = (byte: number): boolean => introducers[byte] === 1

/** Longest spelling of one character that is followed, leading zeros and escaped introducers included. */
const LONGEST_ESCAPE = 32
const MOST_NUMBER_DIGITS = 8

/**
 * What is to come next. After two backslashes a second reader begins to read (JSON in JSON); the digits of fixed number are those
 * of `\u0073`, `\x73` and `%73`. Numbers, because a step is taken for every byte.
 */
const AFTER_BACKSLASH = 0
const AFTER_BACKSLASHES = 1
const FIXED_HEX = 2
const AFTER_PERCENT = 3
const SOFT_LINE_FEED = 4
const LOW_SURROGATE_BACKSLASH = 5
const LOW_SURROGATE_LETTER = 6
const AFTER_AMPERSAND = 7
const AFTER_HASH = 8
const DECIMAL = 9
const HEXADECIMAL = 10
const BRACED_HEX = 11
const NAME = 12

const hexValue = (byte: number): number => {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

const isPunctuation = (byte: number): boolean =>
  byte > 0x20 && byte < 0x7f && !(byte >= 0x30 && byte <= 0x39) && !((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a)

/** One escape as it is being read, byte by byte: what a reader who decodes it would take it for. */
export class Escape {
  /** Offset of its first byte. */
  start = 0
  /** The readings it goes on from. */
  readonly before = new PathSet()
  /** What it stands for if it ends with the byte just read; -1 = it cannot end here. */
  decoded = -1
  /** Whether it went on after the byte just read. */
  goesOn = true
  /** `decoded` may be a byte of UTF-8. */
  asByte = false
  /** `decoded` may be a code point. */
  asCodePoint = false
  #awaits = AFTER_BACKSLASH
  #isNested = false
  #value = 0
  #digits = 0
  #wantedDigits = 0
  #highSurrogate = 0
  #name: EntityPrefix = entityRoot

  /** `isNested`: the introducer was itself escaped. */
  begin(introducer: number, start: number, before: PathSet, isNested: boolean): void {
    this.start = start
    this.#isNested = isNested
    this.before.copy(before)
    this.decoded = -1
    this.goesOn = true
    this.#highSurrogate = 0
    this.#introduce(introducer)
  }

  /** It waits for what a backslash escapes, so that a second backslash belongs to it. */
  get isBackslash(): boolean {
    return this.#awaits === AFTER_BACKSLASH && !this.#isNested
  }

  /** Whether it goes on after `byte`, which stands at `offset`. */
  advance(byte: number, offset: number): boolean {
    this.decoded = -1
    if (offset - this.start >= LONGEST_ESCAPE) return false
    // UTF-16 has a zero beside every ASCII character.
    if (byte === 0) return true
    if (this.#awaits === AFTER_BACKSLASH || this.#awaits === AFTER_BACKSLASHES) return this.#afterBackslash(byte)
    return this.#awaits >= AFTER_AMPERSAND ? this.#entity(byte) : this.#hex(byte)
  }

  /** Whether some way to go on makes it stand for the character that `byte` is, or begins in UTF-8. */
  mayBecome(byte: number): boolean {
    if (byte >= 0x80 || this.#highSurrogate !== 0) return true
    const missing = this.#wantedDigits - this.#digits
    switch (this.#awaits) {
      case FIXED_HEX:
        return byte >> (4 * missing) === this.#value
      case DECIMAL:
      case HEXADECIMAL:
      case BRACED_HEX:
        return this.#value <= byte
      case SOFT_LINE_FEED:
        return byte === LF
      default:
        return true
    }
  }

  #introduce(introducer: number): void {
    if (introducer === BACKSLASH) this.#awaits = AFTER_BACKSLASH
    else if (introducer === AMPERSAND) this.#awaits = AFTER_AMPERSAND
    else {
      this.#awaits = AFTER_PERCENT
      // `=` has no `=u0073`, and `%` breaks no line.
      this.#value = introducer
    }
  }

  #wait(awaits: number): true {
    this.#awaits = awaits
    return true
  }

  #waitForHex(digits: number): true {
    this.#value = 0
    this.#digits = 0
    this.#wantedDigits = digits
    return this.#wait(digits === 0 ? BRACED_HEX : FIXED_HEX)
  }

  #is(codePoint: number): void {
    this.decoded = codePoint
    this.asCodePoint = true
    this.asByte = false
  }

  #afterBackslash(byte: number): boolean {
    const isFirst = this.#awaits === AFTER_BACKSLASH
    switch (byte) {
      case BACKSLASH:
        if (!isFirst) return false
        this.#is(BACKSLASH)
        return this.#wait(AFTER_BACKSLASHES)
      case 0x75:
        return this.#waitForHex(4)
      case 0x78:
        return this.#waitForHex(2)
      case 0x6e:
        this.#is(LF)
        return false
      case 0x72:
        this.#is(CR)
        return false
      default:
        if (isFirst && isPunctuation(byte)) this.#is(byte)
        return false
    }
  }

  #hex(byte: number): boolean {
    switch (this.#awaits) {
      case AFTER_PERCENT:
        return this.#afterPercent(byte)
      case SOFT_LINE_FEED:
        if (byte === LF) this.#is(LF)
        return false
      case LOW_SURROGATE_BACKSLASH:
        return byte === BACKSLASH && this.#wait(LOW_SURROGATE_LETTER)
      case LOW_SURROGATE_LETTER:
        return byte === BACKSLASH || (byte === 0x75 && this.#waitForHex(4))
      default:
        return this.#fixedHex(byte)
    }
  }

  #fixedHex(byte: number): boolean {
    if (byte === 0x7b && this.#digits === 0) return this.#waitForHex(0)
    const digit = hexValue(byte)
    if (digit < 0) return false
    this.#value = this.#value * 16 + digit
    if (++this.#digits < this.#wantedDigits) return true
    if (this.#wantedDigits === 2) {
      this.#is(this.#value)
      this.asByte = true
      return false
    }
    return this.#unicode()
  }

  /** Characters beyond U+FFFF are two escapes (RFC 8259, section 7). */
  #unicode(): boolean {
    const value = this.#value
    if (this.#highSurrogate !== 0) {
      if (value >= 0xdc00 && value <= 0xdfff)
        this.#is((this.#highSurrogate - 0xd800) * 0x400 + value - 0xdc00 + 0x10000)
      return false
    }
    if (value >= 0xd800 && value <= 0xdbff) {
      this.#highSurrogate = value
      return this.#wait(LOW_SURROGATE_BACKSLASH)
    }
    this.#is(value)
    return false
  }

  #afterPercent(byte: number): boolean {
    const isPercent = this.#value === PERCENT
    if (isPercent && byte === 0x75) return this.#waitForHex(4)
    if (!isPercent && byte === LF) this.#is(LF)
    if (!isPercent && byte === CR) return this.#wait(SOFT_LINE_FEED)
    if (hexValue(byte) < 0) return false
    this.#waitForHex(2)
    return this.#fixedHex(byte)
  }

  #entity(byte: number): boolean {
    switch (this.#awaits) {
      case AFTER_AMPERSAND:
        if (byte === 0x23) return this.#wait(AFTER_HASH)
        this.#name = entityRoot
        return this.#named(byte)
      case AFTER_HASH:
        this.#value = 0
        this.#digits = 0
        return (byte | 0x20) === 0x78 ? this.#wait(HEXADECIMAL) : this.#number(byte, DECIMAL)
      case NAME:
        return this.#named(byte)
      case BRACED_HEX:
        if (byte === 0x7d && this.#digits > 0) {
          this.#is(this.#value)
          return false
        }
        return this.#digit(hexValue(byte), 16)
      default:
        return this.#number(byte, this.#awaits)
    }
  }

  /** HTML readers take a number without its semicolon, too. */
  #number(byte: number, awaits: number): boolean {
    this.#awaits = awaits
    const isEnd = byte === SEMICOLON && this.#digits > 0
    const radix = awaits === DECIMAL ? 10 : 16
    const goesOn = !isEnd && this.#digit(hexValue(byte), radix)
    if (isEnd || goesOn) this.#is(this.#value)
    return goesOn
  }

  #digit(digit: number, radix: number): boolean {
    if (digit < 0 || digit >= radix || this.#digits === MOST_NUMBER_DIGITS) return false
    this.#value = this.#value * radix + digit
    this.#digits++
    return true
  }

  #named(byte: number): boolean {
    if (byte === SEMICOLON && this.#name.codePoint >= 0) {
      this.#is(this.#name.codePoint)
      return false
    }
    const longer = this.#name.next.get(byte)
    if (longer === undefined) return false
    this.#name = longer
    if (longer.bare) this.#is(longer.codePoint)
    return this.#wait(NAME)
  }
}
