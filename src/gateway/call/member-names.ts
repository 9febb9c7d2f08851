import { randomBytes } from 'node:crypto'

/** Numbers kept of a member: where it begins (its comma included), where its name begins and ends, the name's hash. */
const FIELDS = 4
const AT = 0
const NAME = 1
const NAME_END = 2
const HASH = 3
const GONE = -1
/** Open at once in most documents. */
const FIRST_MEMBERS = 16
/** An object of this many members is searched one by one; a larger one gets an index. */
const SMALL = 16

interface OpenObject {
  /** Its first member, counted over all open objects. */
  readonly base: number
  /** Its first member that is still there; every one before it is gone. */
  first: number
  /** Open addressing: the numbers of members plus one; 0 is free. */
  index: Int32Array | undefined
}

/** Keyed, so that an upstream cannot choose names that collide. */
const [seed, factor] = [randomBytes(4).readInt32LE(), randomBytes(4).readInt32LE() | 1]

/** Where the members of the objects that are open lie in the text, to be found by name. Sixteen bytes a member, at most twelve more with the index. */
export class MemberNames {
  readonly #reserve: (bytes: number) => void
  readonly #objects: OpenObject[] = []
  #members = new Int32Array(FIRST_MEMBERS * FIELDS)
  #count = 0
  #hash = 0
  /** The last member, when it was removed for the name that is looked for: its place is taken again, index included. */
  #vacant: number | undefined

  constructor(reserve: (bytes: number) => void) {
    this.#reserve = reserve
    reserve(this.#members.byteLength)
  }

  /** Nothing is looked for any more. */
  release(): void {
    for (const { index } of this.#objects.splice(0)) this.#drop(index)
    this.#reserve(-this.#members.byteLength)
    this.#members = new Int32Array(0)
    this.#count = 0
  }

  open(): void {
    this.#objects.push({ base: this.#count, first: this.#count, index: undefined })
  }

  close(): void {
    const { base, index } = this.#objects.pop()!
    this.#count = base
    this.#drop(index)
  }

  /** The live member of the innermost object whose name is `bytes` from `start` to `end`; -1 = none. */
  find(bytes: Uint8Array, start: number, end: number): number {
    this.#vacant = undefined
    this.#hash = hashOf(bytes, start, end)
    const { base, index } = this.#objects.at(-1)!
    const isIt = (member: number) =>
      this.#get(member, HASH) === this.#hash &&
      this.#get(member, NAME) !== GONE &&
      sameBytes(bytes, this.#get(member, NAME), this.#get(member, NAME_END), start, end)
    if (!index) {
      for (let member = base; member < this.#count; member++) if (isIt(member)) return member
      return -1
    }
    for (let slot = this.#slot(index); index[slot] !== 0; slot = (slot + 1) & (index.length - 1))
      if (isIt(index[slot]! - 1)) return index[slot]! - 1
    return -1
  }

  /** The name that was last looked for becomes a member's. */
  add(at: number, name: number, nameEnd: number): void {
    const object = this.#objects.at(-1)!
    const member = this.#vacant ?? this.#count
    this.#count = member + 1
    if (this.#count * FIELDS > this.#members.length) this.#widen()
    const place = member * FIELDS
    this.#members[place + AT] = at
    this.#members[place + NAME] = name
    this.#members[place + NAME_END] = nameEnd
    this.#members[place + HASH] = this.#hash
    object.first = Math.min(object.first, member)
    if (this.#vacant !== undefined) return
    const size = this.#count - object.base
    if (object.index && size * 2 <= object.index.length) this.#insert(object.index, member)
    else if (size > SMALL) {
      const old = object.index
      object.index = this.#indexed(object.base)
      this.#drop(old)
    }
  }

  at(member: number): number {
    return this.#get(member, AT)
  }

  /** Where the member after it begins, gone or not; undefined = it is the last. */
  after(member: number): number | undefined {
    return member + 1 < this.#count ? this.#get(member + 1, AT) : undefined
  }

  isFirst(member: number): boolean {
    return this.#objects.at(-1)!.first === member
  }

  remove(member: number): void {
    this.#members[member * FIELDS + NAME] = GONE
    if (member === this.#count - 1) this.#vacant = member
    const object = this.#objects.at(-1)!
    while (object.first < this.#count && this.#get(object.first, NAME) === GONE) object.first++
  }

  /** Where the first member of the innermost object begins; undefined = none is there. */
  first(): number | undefined {
    const { first } = this.#objects.at(-1)!
    return first < this.#count ? this.#get(first, AT) : undefined
  }

  #get(member: number, field: number): number {
    return this.#members[member * FIELDS + field]!
  }

  #slot(index: Int32Array, hash = this.#hash): number {
    return hash & (index.length - 1)
  }

  #insert(index: Int32Array, member: number): void {
    let slot = this.#slot(index, this.#get(member, HASH))
    // A place whose member is gone is taken again: one name given a million times must not make a chain of a million.
    while (index[slot] !== 0 && this.#get(index[slot]! - 1, NAME) !== GONE) slot = (slot + 1) & (index.length - 1)
    index[slot] = member + 1
  }

  #indexed(base: number): Int32Array {
    const size = 2 ** Math.ceil(Math.log2((this.#count - base) * 3))
    this.#reserve(size * Int32Array.BYTES_PER_ELEMENT)
    const index = new Int32Array(size)
    for (let member = base; member < this.#count; member++)
      if (this.#get(member, NAME) !== GONE) this.#insert(index, member)
    return index
  }

  #widen(): void {
    const old = this.#members
    this.#reserve(2 * old.byteLength)
    this.#members = new Int32Array(2 * old.length)
    this.#members.set(old)
    this.#reserve(-old.byteLength)
  }

  #drop(index: Int32Array | undefined): void {
    if (index) this.#reserve(-index.byteLength)
  }
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = seed
  for (let at = start; at < end; at++) {
    hash = Math.imul(hash ^ bytes[at]!, factor)
    hash ^= hash >>> 15
  }
  return hash
}

function sameBytes(bytes: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): boolean {
  if (aEnd - a !== bEnd - b) return false
  while (a < aEnd) if (bytes[a++] !== bytes[b++]) return false
  return true
}
