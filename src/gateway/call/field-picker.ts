import type { FieldFilter } from '../../scope/index.ts'
import { DocumentBuffer } from './document-buffer.ts'
import { NamedMembers } from './named-members.ts'
import type { JsonEvents } from './json-scanner.ts'

const everything: FieldFilter = { whole: true, scalar: true, members: new Map(), elements: undefined }

/**
 * Writes what a filter lets pass of the JSON text it is told of: as `compileProjection` does, member by member in the upstream's
 * order, with numbers as they were written. Of a name that is given twice the last value stands, as `JSON.parse` reads it.
 * Nothing of what is written may be used before `finish`: until then the text may turn out not to be JSON.
 */
export class FieldPicker implements JsonEvents {
  readonly #root: FieldFilter
  readonly #out: DocumentBuffer
  /** Of each level that is written, what passes of its members or elements. */
  readonly #filters: FieldFilter[] = []
  /** Levels below the last one written, none of which passes. */
  #skipped = 0
  /** What passes of the value that follows; undefined = nothing. */
  #next: FieldFilter | undefined
  /** The open name, string or scalar is written. */
  #writing = false

  /** `reserve` is asked before that many more bytes are held; it throws to refuse them. */
  constructor(root: FieldFilter, reserve: (bytes: number) => void) {
    this.#root = root
    this.#out = new DocumentBuffer(reserve)
  }

  /** The text was whole. `undefined` = nothing of it passes. */
  finish(): DocumentBuffer | undefined {
    return this.#out.length === 0 ? undefined : this.#out
  }

  openObject(): void {
    const filter = this.#passing()
    if (filter && (filter.whole || filter.members.size > 0)) {
      this.#filters.push(filter)
      this.#out.openObject()
    } else this.#skip()
  }

  openArray(): void {
    const filter = this.#passing()
    if (filter && (filter.whole || filter.elements)) {
      this.#filters.push(filter)
      this.#out.openArray()
    } else this.#skip()
  }

  closeObject(): void {
    if (this.#leave()) this.#out.closeObject()
  }

  closeArray(): void {
    if (this.#leave()) this.#out.closeArray()
  }

  beginName(): void {
    this.#writing = this.#skipped === 0
    if (this.#writing) this.#out.beginName()
  }

  endName(): void {
    if (!this.#writing) return
    this.#out.endName()
    const filter = this.#filters.at(-1)!
    this.#next = filter.whole ? everything : this.#out.named(membersOf(filter))
    // Of a name that does not pass no member stands; most are of this kind.
    if (this.#next) this.#out.replaceTwin()
    else this.#out.dropMember()
  }

  beginString(): void {
    this.#writing = this.#beginScalar()
    if (this.#writing) this.#out.quote()
  }

  endString(): void {
    if (this.#writing) this.#out.quote()
  }

  text(bytes: Uint8Array, start: number, end: number): void {
    if (this.#writing) this.#out.bytes(bytes, start, end)
  }

  character(codePoint: number): void {
    if (this.#writing) this.#out.character(codePoint)
  }

  beginScalar(): void {
    this.#writing = this.#beginScalar()
  }

  scalar(bytes: Uint8Array, start: number, end: number): void {
    if (this.#writing) this.#out.bytes(bytes, start, end)
  }

  #beginScalar(): boolean {
    const filter = this.#passing()
    if (filter?.scalar) {
      this.#out.beginValue()
      return true
    }
    if (filter) this.#refuse()
    return false
  }

  /** What may pass of the value that begins here. */
  #passing(): FieldFilter | undefined {
    if (this.#skipped > 0) return undefined
    const level = this.#filters.at(-1)
    if (level === undefined) return this.#root
    if (this.#out.inObject) return this.#next
    return level.whole ? everything : level.elements
  }

  #skip(): void {
    if (this.#skipped === 0) this.#refuse()
    this.#skipped++
  }

  /** The value is of another type than the fields say: its name, if it has one, goes too. */
  #refuse(): void {
    if (this.#next && this.#filters.length > 0 && this.#out.inObject) this.#out.dropMember()
    this.#next = undefined
  }

  #leave(): boolean {
    if (this.#skipped > 0) {
      this.#skipped--
      return false
    }
    this.#filters.pop()
    return true
  }
}

const compiled = new WeakMap<FieldFilter, NamedMembers<FieldFilter>>()

function membersOf(filter: FieldFilter): NamedMembers<FieldFilter> {
  const known = compiled.get(filter)
  if (known) return known
  const members = new NamedMembers(filter.members)
  compiled.set(filter, members)
  return members
}
