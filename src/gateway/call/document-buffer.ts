import { MemberNames } from './member-names.ts'
import type { NamedMembers } from './named-members.ts'

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a

/** Bytes below a space never stand in a serialised text, so these can mark what was taken out: one byte, or a length and its bytes. */
const GONE = 0x01
const GONE_RUN = 0x00
const RUN_HEADER = 5

interface Level {
  readonly inObject: boolean
  /** Where the level's first comma is due: a live member or element has been written. */
  begun: boolean
}

/**
 * A JSON text as it is written, with room to take a member back when a later one has its name. Strings are escaped as
 * `JSON.stringify` does; what is written is as long as what was read at most.
 */
export class DocumentBuffer {
  readonly #reserve: (bytes: number) => void
  #bytes = Buffer.alloc(0)
  #length = 0
  #holes = false
  readonly #levels: Level[] = []
  readonly #names: MemberNames
  #nameAt = 0
  #nameEnd = 0

  constructor(reserve: (bytes: number) => void) {
    this.#reserve = reserve
    this.#names = new MemberNames(reserve)
  }

  get length(): number {
    return this.#length
  }

  /** What is written next is a member of an object. */
  get inObject(): boolean {
    return this.#levels.at(-1)?.inObject === true
  }

  openObject(): void {
    this.beginValue()
    this.#byte(0x7b)
    this.#levels.push({ inObject: true, begun: false })
    this.#names.open()
  }

  openArray(): void {
    this.beginValue()
    this.#byte(0x5b)
    this.#levels.push({ inObject: false, begun: false })
  }

  closeObject(): void {
    this.#levels.pop()
    this.#names.close()
    this.#byte(0x7d)
  }

  closeArray(): void {
    this.#levels.pop()
    this.#byte(0x5d)
  }

  /** A name is written for the time being: `replaceTwin` and then a value keep it, `dropMember` takes it back. */
  beginName(): void {
    this.#nameAt = this.#length
    if (this.#levels.at(-1)!.begun) this.#byte(COMMA)
    this.#byte(QUOTE)
  }

  /** The name is whole. */
  endName(): void {
    this.#byte(QUOTE)
    this.#nameEnd = this.#length
  }

  /** What stands under the name among `members`. */
  named<T>(members: NamedMembers<T>): T | undefined {
    return members.get(this.#bytes, this.#nameStart, this.#nameEnd)
  }

  /** A member that has the name already is taken out. */
  replaceTwin(): void {
    const twin = this.#names.find(this.#bytes, this.#nameStart, this.#nameEnd)
    if (twin !== -1) this.#takeOut(twin)
  }

  dropMember(): void {
    this.#length = this.#nameAt
  }

  /** A value is written next: of the member that was named, or an element. */
  beginValue(): void {
    const level = this.#levels.at(-1)
    if (level?.inObject) {
      this.#names.add(this.#nameAt, this.#nameStart, this.#nameEnd)
      this.#byte(COLON)
    } else if (level?.begun) this.#byte(COMMA)
    if (level) level.begun = true
  }

  quote(): void {
    this.#byte(QUOTE)
  }

  bytes(source: Uint8Array, start: number, end: number): void {
    const size = end - start
    this.#room(size)
    // A call costs more than a few bytes do.
    if (size > 32) this.#bytes.set(source.subarray(start, end), this.#length)
    else for (let i = 0; i < size; i++) this.#bytes[this.#length + i] = source[start + i]!
    this.#length += size
  }

  character(codePoint: number): void {
    const written = asciiWritten[codePoint] ?? serialised(codePoint)
    this.bytes(written, 0, written.length)
  }

  /** The text without what was taken out, a step at a time: a long one is to be interrupted. Nothing may be written after. */
  *whole(stepBytes: number): Generator<undefined, Uint8Array> {
    this.#names.release()
    if (!this.#holes) return this.#bytes.subarray(0, this.#length)
    const bytes = this.#bytes
    const view = new DataView(bytes.buffer)
    let kept = 0
    for (let at = 0, pause = stepBytes; at < this.#length;) {
      const byte = bytes[at]!
      if (byte === GONE_RUN) at += view.getUint32(at + 1)
      else {
        if (byte !== GONE) bytes[kept++] = byte
        at++
      }
      if (at >= pause) {
        pause = at + stepBytes
        yield undefined
      }
    }
    return bytes.subarray(0, kept)
  }

  get #nameStart(): number {
    return this.#bytes[this.#nameAt] === QUOTE ? this.#nameAt : this.#nameAt + 1
  }

  /** Takes out a member whose name was just written again; the comma of what then comes first goes with it. */
  #takeOut(twin: number): void {
    const names = this.#names
    const start = names.at(twin)
    const end = names.after(twin)
    const wasFirst = names.isFirst(twin)
    names.remove(twin)
    if (end === undefined) {
      this.#moveName(start, wasFirst)
      return
    }
    this.#hole(start, end)
    if (!wasFirst) return
    const next = names.first()
    if (next !== undefined) this.#hole(next, next + 1)
    else this.#moveName(this.#nameAt, true)
  }

  /** Writes the name in hand at `start` instead, and without its comma where it comes first. */
  #moveName(start: number, first: boolean): void {
    if (first) this.#levels.at(-1)!.begun = false
    const from = first ? this.#nameStart : this.#nameAt
    this.#bytes.copyWithin(start, from, this.#length)
    this.#nameAt = start
    this.#nameEnd -= from - start
    this.#length -= from - start
  }

  #hole(start: number, end: number): void {
    this.#holes = true
    if (end - start < RUN_HEADER) this.#bytes.fill(GONE, start, end)
    else {
      this.#bytes[start] = GONE_RUN
      new DataView(this.#bytes.buffer).setUint32(start + 1, end - start)
    }
  }

  #byte(byte: number): void {
    if (this.#length === this.#bytes.length) this.#room(1)
    this.#bytes[this.#length++] = byte
  }

  #room(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#bytes.length) return
    const size = Math.max(needed, this.#bytes.length * 2, 1024)
    const old = this.#bytes
    // Both are there while one is copied into the other.
    this.#reserve(size)
    // Memory of its own: pieces of it are written over each other, and its offsets are those of its view.
    this.#bytes = Buffer.allocUnsafeSlow(size)
    this.#bytes.set(old.subarray(0, this.#length))
    this.#reserve(-old.length)
  }
}

/** As `JSON.stringify` writes the character: half a surrogate pair stays an escape. */
const serialised = (codePoint: number): Uint8Array =>
  Buffer.from(JSON.stringify(String.fromCodePoint(codePoint)).slice(1, -1))

const asciiWritten = Array.from({ length: 128 }, (_, codePoint) => serialised(codePoint))
