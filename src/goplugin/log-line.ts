/**
 * One log entry as hosts read it on stderr: a JSON object on a line of its own. Hosts assert that `@level`, `@message` and
 * `@timestamp` are strings without looking, and one that is not takes the whole host process down: nothing else in this process may
 * write to stderr, and whatever is to be logged, those three stay strings.
 */

export type Level = 'debug' | 'info' | 'warn' | 'error'

/** Hosts read lines into 64 KiB and take what does not fit for unstructured text. */
export const MAX_LINE_BYTES = 60 * 1024
const MAX_MESSAGE_BYTES = 24 * 1024
const MAX_FIELD_BYTES = 8 * 1024
const CUT = '…(cut)'

/** `message` and `fields` may be anything: hostile, circular, huge. Never throws; the line ends in its only line break. */
export function logLine(level: Level, nowMs: number, fields: object, message: unknown): string {
  const members = [
    `"@level":"${level}"`,
    `"@message":${jsonString(plainText(message), MAX_MESSAGE_BYTES)}`,
    `"@timestamp":"${timestamp(nowMs)}"`,
  ]
  let bytes = Buffer.byteLength(members.join())
  for (const member of membersOf(fields)) {
    bytes += Buffer.byteLength(member) + 1
    if (bytes > MAX_LINE_BYTES - 64) {
      members.push('"log_fields_cut":true')
      break
    }
    members.push(member)
  }
  return `{${members.join(',')}}\n`
}

/** Six digits of fraction, or hosts do not read it as a time and lose the level with it. */
function timestamp(nowMs: number): string {
  return new Date(nowMs).toISOString().replace('Z', '000Z')
}

function* membersOf(fields: object): Generator<string> {
  for (const key of keysOf(fields)) {
    // Keys that begin with @ are the host's own.
    const name = key.replace(/^@+/, '')
    if (name === '') continue
    const value = json(() => (fields as Readonly<Record<string, unknown>>)[key])
    if (value !== undefined) yield `${jsonString(name, 256)}:${value}`
  }
}

function keysOf(fields: object): readonly string[] {
  try {
    return Object.keys(fields)
  } catch {
    return []
  }
}

/** The JSON of a field; of what has none (circular, or throwing when asked) a sentence. Undefined for what JSON leaves out. */
function json(read: () => unknown): string | undefined {
  let text: string | undefined
  try {
    text = JSON.stringify(read(), (_key, value: unknown) => {
      if (typeof value === 'bigint') return String(value)
      // Its own JSON is {}.
      return value instanceof Error ? errorText(value) : value
    })
  } catch {
    return '"(cannot be logged)"'
  }
  if (text === undefined || Buffer.byteLength(text) <= MAX_FIELD_BYTES) return text
  return jsonString(text, MAX_FIELD_BYTES)
}

function errorText(error: Error): string {
  return plainText(error.stack ?? error.message)
}

/** What `String` makes of anything, or a sentence where that throws. */
function plainText(value: unknown): string {
  try {
    return String(value)
  } catch {
    return '(cannot be logged)'
  }
}

/** `text` as a JSON string of at most `maxBytes`, cut where it is longer. */
function jsonString(text: string, maxBytes: number): string {
  // Never longer in JSON than six bytes for a UTF-16 unit, so the first cut bounds the work and the second the bytes.
  let cut = text.slice(0, maxBytes)
  for (;;) {
    const encoded = JSON.stringify(cut.length === text.length ? cut : cut + CUT)
    const excess = Buffer.byteLength(encoded) / maxBytes
    if (excess <= 1) return encoded
    cut = cut.slice(0, Math.floor(cut.length / Math.max(excess, 1.1)))
  }
}
