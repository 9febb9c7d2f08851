import { isAuditHash } from './hmac.ts'
import { importantFirst } from './order.ts'
import { credentialPlaceholder, isCredentialName } from './redact.ts'

/** Values as they may stand on a line: strings redacted and cut, nesting bounded, within what room a record has. */

export interface LineLimits {
  readonly string: number
  readonly items: number
  readonly depth: number
}

export const shownLimits: LineLimits = { string: 4096, items: 128, depth: 16 }
/** Characters of one text that redaction looks through. */
const LONGEST_REDACTED = 64 * 1024
const COST_OF_VALUE = 8
const ELLIPSIS = '…'

export type Redact = (text: string) => string

export interface LineWriter {
  left: number
  readonly limits: LineLimits
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
  const whole = isAuditHash(text) ? text : redact(bounded(text, writer))
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

export function writeValue(value: unknown, writer: LineWriter, redact: Redact, depth: number): unknown {
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

export function writeMembers(
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
