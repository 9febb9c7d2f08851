import { createHash } from 'node:crypto'
import { shownLimits, writeMembers, writeValue } from './line-writer.ts'
import type { LineLimits, LineWriter, Redact } from './line-writer.ts'
import { redactCredentials, redactText } from './redact.ts'

/**
 * One record, one line of JSON. Keys come in a fixed order whatever order they were set in; strings are cut, nesting is
 * bounded, nothing in a record can make the line invalid, endless or two lines. What is cut is counted, and its digest
 * stands in `left_out` at the end of the line.
 */

const digestedLimits: LineLimits = { string: Infinity, items: Infinity, depth: 64 }
/** All strings of a record together, and a few characters for each value; what comes after is left out. */
const LONGEST_RECORD = 64 * 1024
/** The same, of members that are written by themselves: a record of several such is far from any limit. */
const LONGEST_MEMBERS = 8 * 1024
/** The same as of a record, of what is left out and digested. */
const LONGEST_REST = 512 * 1024
/** Characters of all texts of a record that redaction looks through. */
const MOST_REDACTED = 512 * 1024
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
  'path',
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
const verbatim = new Set(
  keyOrder.filter((key) => key !== 'purpose' && key !== 'reason' && key !== 'endpoint' && key !== 'path'),
)

// JSON lets these through: DEL and C1 controls steer terminals, U+2028 and U+2029 end lines for some readers, bidi marks disguise text.
const unsafe = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/
const unsafeAll = new RegExp(unsafe, 'g')
const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

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
  const rules = rulesOf(redact, MOST_REDACTED)
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
  const whole = writeRecord({ time }, record, writer)
  const left = cuts.length > 0 && leftOut(cuts, new Rest(rules))
  return oneLine(left ? { ...whole, [LEFT_OUT]: left } : whole)
}

/**
 * Members of a record as `auditLine` writes them, without braces: what many records share is looked through once. Undefined where
 * they are so long that what one of them takes away from the others, or from the line, would have to be told.
 */
export function auditMembers(record: object): string | undefined {
  let isWhole = true
  const writer: LineWriter = {
    ...rulesOf(undefined, LONGEST_MEMBERS),
    left: LONGEST_MEMBERS,
    limits: shownLimits,
    leaveOut: () => {
      isWhole = false
    },
  }
  const text = oneLine(writeRecord({}, record, writer))
  return isWhole ? text.slice(1, -1) : undefined
}

const rulesOf = (redact: Redact | undefined, work: number) => ({
  work: { left: work },
  hideByName: redact === undefined,
  redact: redact ?? redactText,
  redactName: redact ?? redactCredentials,
})

/** `line`, and the members of the record behind what it has. */
function writeRecord(line: Record<string, unknown>, record: object, writer: LineWriter): Record<string, unknown> {
  const members = record as Record<string, unknown>
  for (const key of keyOrder) {
    const value = members[key]
    if (value !== undefined)
      line[key] = writeValue(value, writer, verbatim.has(key) ? writer.redactName : writer.redact, 0)
  }
  const others = Object.entries(members).filter(([key]) => !ordered.has(key))
  return others.length === 0 ? line : { ...line, ...writeMembers(ownFields(others), writer, writer.redact, 0) }
}

function oneLine(members: object): string {
  const text = JSON.stringify(members)
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
