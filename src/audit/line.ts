import { redactCredentials, redactText, isCredentialName, credentialPlaceholder } from './redact.ts'

/**
 * One record, one line of JSON. Keys come in a fixed order whatever order they were set in; strings are cut, nesting is
 * bounded, nothing in a record can make the line invalid, endless or two lines.
 */

const LONGEST_STRING = 4096
const MOST_ITEMS = 128
const DEEPEST = 6
/** All strings of a record together, and a few characters for each value; what comes after is cut to nothing. */
const LONGEST_RECORD = 64 * 1024
const COST_OF_VALUE = 8
const ELLIPSIS = '…'

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

interface Pen {
  left: number
  /** Replace what stands under a credential's name, whatever it looks like. */
  readonly hideByName: boolean
  readonly redact: Redact
  readonly redactName: Redact
}

function cut(text: string, limit: number): string {
  if (text.length <= limit) return text
  if (limit <= 0) return ELLIPSIS
  // Not through the middle of a character outside the basic plane.
  const high = text.charCodeAt(limit - 1)
  return text.slice(0, high >= 0xd800 && high <= 0xdbff ? limit - 1 : limit) + ELLIPSIS
}

function writeString(text: string, pen: Pen, redact: Redact): string {
  // Redacted before it is cut, so that no half of a token escapes recognition.
  const clean = cut(redact(bounded(text)), Math.min(LONGEST_STRING, pen.left))
  pen.left -= clean.length
  return clean
}

/** Bounds the work of redaction. The cut falls between words, for the same reason. */
function bounded(text: string): string {
  if (text.length <= LONGEST_STRING * 4) return text
  return text.slice(0, text.lastIndexOf(' ', LONGEST_STRING * 4) + 1) + ELLIPSIS
}

function writeScalar(value: unknown, pen: Pen, redact: Redact): unknown {
  if (typeof value === 'string') return writeString(value, pen, redact)
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (typeof value === 'bigint') return value.toString()
  return typeof value === 'boolean' || value === null ? value : undefined
}

function writeValue(value: unknown, pen: Pen, redact: Redact, depth: number): unknown {
  pen.left -= COST_OF_VALUE
  if (typeof value !== 'object' || value === null) return writeScalar(value, pen, redact)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (depth >= DEEPEST || pen.left <= 0) return ELLIPSIS
  if (Array.isArray(value))
    return value
      .slice(0, Math.min(MOST_ITEMS, pen.left))
      .map((item) => writeValue(item, pen, redact, depth + 1) ?? null)
  // Buffers, keys, sockets: objects that are more than their members have no business in a log.
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return undefined
  return writeMembers(value as Record<string, unknown>, pen, redact, depth + 1)
}

function writeMembers(
  members: Record<string, unknown>,
  pen: Pen,
  redact: Redact,
  depth: number,
): Record<string, unknown> {
  const written: [string, unknown][] = []
  for (const key of Object.keys(members).sort().slice(0, MOST_ITEMS)) {
    const name = writeString(key, pen, pen.redactName)
    written.push([
      name,
      pen.hideByName && typeof members[key] === 'string' && isCredentialName(key)
        ? credentialPlaceholder
        : writeValue(members[key], pen, redact, depth),
    ])
  }
  // fromEntries defines members, so that one called __proto__ is written like any other.
  return Object.fromEntries(written)
}

/**
 * The line, without newline. `time` is put first when the record has none. `redact` replaces what may not be written in
 * free text; by default `redactText`, `redactCredentials` for names and ids, and whole values under a credential's name.
 */
export function auditLine(record: object, time: string, redact?: Redact): string {
  const members = record as Record<string, unknown>
  const pen: Pen = {
    left: LONGEST_RECORD,
    hideByName: redact === undefined,
    redact: redact ?? redactText,
    redactName: redact ?? redactCredentials,
  }
  const line: Record<string, unknown> = { time }
  for (const key of keyOrder) {
    const value = members[key]
    if (value !== undefined) line[key] = writeValue(value, pen, verbatim.has(key) ? pen.redactName : pen.redact, 0)
  }
  const others = Object.keys(members).filter((key) => !ordered.has(key))
  const whole =
    others.length === 0
      ? line
      : { ...line, ...writeMembers(Object.fromEntries(others.map((key) => [key, members[key]])), pen, pen.redact, 0) }
  const text = JSON.stringify(whole)
  return unsafe.test(text) ? text.replace(unsafeAll, escaped) : text
}
