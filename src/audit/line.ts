import { createHash } from 'node:crypto'
import { importantFirst } from './order.ts'
import { redactCredentials, redactText, isCredentialName, credentialPlaceholder } from './redact.ts'

/**
 * One record, one line of JSON. Keys come in a fixed order whatever order they were set in; strings are cut, nesting is
 * bounded, nothing in a record can make the line invalid, endless or two lines. What is cut is counted, and its digest
 * stands in `left_out` at the end of the line.
 */

interface Limits {
  readonly string: number
  readonly items: number
  readonly depth: number
}

const shownLimits: Limits = { string: 4096, items: 128, depth: 16 }
const digestedLimits: Limits = { string: Infinity, items: Infinity, depth: 64 }
/** All strings of a record together, and a few characters for each value; what comes after is left out. */
const LONGEST_RECORD = 64 * 1024
/** The same, of what is left out and digested. */
const LONGEST_REST = 512 * 1024
/** Characters of one text, and of all texts of a record, that redaction looks through. */
const LONGEST_REDACTED = 64 * 1024
const MOST_REDACTED = 512 * 1024
const COST_OF_VALUE = 8
const ELLIPSIS = '…'
/** A record's own field of this name is written under another. */
const LEFT_OUT = 'left_out'

/** The order of keys on a line; unknown ones follow, sorted. */
const keyOrder: readonly string[] = [
  'time',
  'type',
  'request_id',
  'caller_request_id',
  'decision',
  'validation_result',
  'reason',
  'result',
  'session_id',
  'agent_id',
  'token_id',
  'owner',
  'environment',
  'purpose',
  'required_scope',
  'tool',
  'tools',
  'upstream',
  'platform',
  'method',
  'endpoint',
  'risk',
  'key_consent',
  'status',
  'latency_ms',
  'upstream_ms',
  'bytes',
]
const ordered = new Set(keyOrder)

/**
 * Names and ids that an auditor joins by. They are validated where they come in and are kept letter by letter (an owner
 * may well be an e-mail address), save for credentials, which stand nowhere.
 */
const verbatim = new Set(keyOrder.filter((key) => key !== 'purpose' && key !== 'reason' && key !== 'endpoint'))

// JSON lets these through: DEL and C1 controls steer terminals, U+2028 and U+2029 end lines for some readers, bidi marks disguise text.
const unsafe = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/
const unsafeAll = new RegExp(unsafe, 'g')
const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

export type Redact = (text: string) => string

interface LineWriter {
  left: number
  readonly limits: Limits
  /** Characters that redaction may still look through; one budget for what is shown and what is digested. */
  readonly work: { left: number }
  /** Replace what stands under a credential's name, whatever it looks like. */
  readonly hideByName: boolean
  readonly redact: Redact
  readonly redactName: Redact
  /** Counts what the writer leaves out, and digests what `write` makes of it. */
  readonly leaveOut: (items: number, write?: (rest: LineWriter) => unknown) => void
}

function cut(text: string, limit: number): string {
  if (text.length <= limit) return text
  if (limit <= 0) return ELLIPSIS
  // Not through the middle of a character outside the basic plane.
  const high = text.charCodeAt(limit - 1)
  return text.slice(0, high >= 0xd800 && high <= 0xdbff ? limit - 1 : limit) + ELLIPSIS
}

function writeString(text: string, writer: LineWriter, redact: Redact): string {
  // Redacted before it is cut, so that no half of a token escapes recognition.
  const whole = redact(bounded(text, writer))
  const clean = cut(whole, Math.min(writer.limits.string, writer.left))
  // The rest is redacted text: its digest tells no more than the text itself would.
  if (clean !== whole) writer.leaveOut(1, () => whole.slice(clean.length - ELLIPSIS.length))
  writer.left -= clean.length
  return clean
}

/** Bounds the work of redaction. The cut falls between words, for the same reason. */
function bounded(text: string, writer: LineWriter): string {
  const limit = Math.min(LONGEST_REDACTED, writer.work.left)
  writer.work.left -= Math.min(text.length, limit)
  if (text.length <= limit) return text
  writer.leaveOut(1)
  return limit === 0 ? ELLIPSIS : text.slice(0, text.lastIndexOf(' ', limit) + 1) + ELLIPSIS
}

function writeScalar(value: unknown, writer: LineWriter, redact: Redact): unknown {
  if (typeof value === 'string') return writeString(value, writer, redact)
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value === 'bigint') return value.toString()
  return typeof value === 'boolean' || value === null ? value : undefined
}

function writeValue(value: unknown, writer: LineWriter, redact: Redact, depth: number): unknown {
  writer.left -= COST_OF_VALUE
  if (typeof value !== 'object' || value === null) return writeScalar(value, writer, redact)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  // Buffers, keys, sockets: objects that are more than their members have no business in a log.
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return undefined
  if (depth >= writer.limits.depth || writer.left <= 0) {
    writer.leaveOut(1, (rest) => writeValue(value, rest, redact, 0))
    return ELLIPSIS
  }
  return Array.isArray(value)
    ? writeItems(value, writer, redact, depth + 1)
    : writeMembers(value as Record<string, unknown>, writer, redact, depth + 1)
}

function writeItems(items: readonly unknown[], writer: LineWriter, redact: Redact, depth: number): unknown[] {
  const written: unknown[] = []
  for (const item of items) {
    if (written.length >= writer.limits.items || writer.left <= 0) {
      const left = items.slice(written.length)
      writer.leaveOut(left.length, (rest) => writeItems(left, rest, redact, 0))
      break
    }
    written.push(writeValue(item, writer, redact, depth) ?? null)
  }
  return written
}

function writeMembers(
  members: Record<string, unknown>,
  writer: LineWriter,
  redact: Redact,
  depth: number,
): Record<string, unknown> {
  const written = new Map<string, unknown>()
  const leaveOut = (keys: readonly string[]): void => {
    const left = Object.fromEntries(keys.map((key) => [key, members[key]]))
    writer.leaveOut(keys.length, (rest) => writeMembers(left, rest, redact, 0))
  }
  const keys = importantFirst(Object.keys(members).sort())
  for (const [index, key] of keys.entries()) {
    if (written.size >= writer.limits.items || writer.left <= 0) {
      leaveOut(keys.slice(index))
      break
    }
    const name = writeString(key, writer, writer.redactName)
    // Cut or redacted, two names may look the same: the second must not take the place of the first.
    if (written.has(name)) leaveOut([key])
    else written.set(name, writeMember(key, members[key], writer, redact, depth))
  }
  // fromEntries defines members, so that one called __proto__ is written like any other.
  return Object.fromEntries(written)
}

function writeMember(key: string, value: unknown, writer: LineWriter, redact: Redact, depth: number): unknown {
  if (writer.hideByName && typeof value === 'string' && isCredentialName(key)) return credentialPlaceholder
  // A caller's data never takes the room of what follows it.
  const kept = key === 'data' && writer.limits === shownLimits && writer.left > 0 ? Math.floor(writer.left / 2) : 0
  writer.left -= kept
  const written = writeValue(value, writer, redact, depth)
  writer.left += kept
  return written
}

/** Counts and digests what a line has no room for. */
class Rest {
  readonly #digest = createHash('sha256')
  readonly #writer: LineWriter
  #items = 0
  #bytes = 0
  #undigested = 0

  constructor(writer: Omit<LineWriter, 'left' | 'limits' | 'leaveOut'>) {
    const leaveOut = (items: number): void => {
      this.#undigested += items
    }
    this.#writer = { ...writer, left: LONGEST_REST, limits: digestedLimits, leaveOut }
  }

  add(items: number, write?: (rest: LineWriter) => unknown): void {
    this.#items += items
    if (!write || this.#writer.left <= 0) {
      this.#undigested += items
      return
    }
    const text = `${JSON.stringify(write(this.#writer))}\n`
    this.#bytes += Buffer.byteLength(text)
    this.#digest.update(text, 'utf8')
  }

  /**
   * `items` are texts, items of lists and members of objects that are missing, `bytes` and `sha256` those of their redacted JSON, a line
   * for each cut. `undigested` of them, or within them, were too long to be digested.
   */
  summary(): object {
    return {
      items: this.#items,
      bytes: this.#bytes,
      sha256: this.#digest.digest('hex'),
      ...(this.#undigested > 0 && { undigested: this.#undigested }),
    }
  }
}

/**
 * The line, without newline. `time` is put first when the record has none. `redact` replaces what may not be written in
 * free text; by default `redactText`, `redactCredentials` for names and ids, and whole values under a credential's name.
 */
export function auditLine(record: object, time: string, redact?: Redact): string {
  const members = record as Record<string, unknown>
  const rules = {
    work: { left: MOST_REDACTED },
    hideByName: redact === undefined,
    redact: redact ?? redactText,
    redactName: redact ?? redactCredentials,
  }
  // Digested when the line is written: what stands in the line has the first claim on the work.
  const cuts: Parameters<LineWriter['leaveOut']>[] = []
  const writer: LineWriter = {
    ...rules,
    left: LONGEST_RECORD,
    limits: shownLimits,
    leaveOut: (...cut) => {
      cuts.push(cut)
    },
  }
  const line: Record<string, unknown> = { time }
  for (const key of keyOrder) {
    const value = members[key]
    if (value !== undefined)
      line[key] = writeValue(value, writer, verbatim.has(key) ? writer.redactName : writer.redact, 0)
  }
  const others = Object.entries(members).filter(([key]) => !ordered.has(key))
  const whole = others.length === 0 ? line : { ...line, ...writeMembers(ownFields(others), writer, writer.redact, 0) }
  const left = cuts.length > 0 && leftOut(cuts, new Rest(rules))
  const text = JSON.stringify(left ? { ...whole, [LEFT_OUT]: left } : whole)
  return unsafe.test(text) ? text.replace(unsafeAll, escaped) : text
}

function leftOut(cuts: readonly Parameters<LineWriter['leaveOut']>[], rest: Rest): object {
  for (const cut of cuts) rest.add(...cut)
  return rest.summary()
}

/** A field that calls itself what the line says about its own cuts gets one more underscore, as do those it would collide with. */
function ownFields(fields: readonly [string, unknown][]): Record<string, unknown> {
  return Object.fromEntries(fields.map(([key, value]) => [/^_*left_out$/.test(key) ? `_${key}` : key, value]))
}
