import { isCredentialName, redactCredentials } from '../../audit/index.ts'
import { stringifyJsonExactly } from '../../logical/json.ts'

/** As Vault orders them: a monitor of one level gets that level's lines and those of all behind it. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'off'] as const
export type LogLevel = (typeof logLevels)[number]

export const logFormats = ['standard', 'json'] as const
export type LogFormat = (typeof logFormats)[number]

export interface LogEntry {
  /** Unix milliseconds. */
  readonly time: number
  readonly level: LogLevel
  readonly message: string
  readonly fields: object
}

const longestText = 2048
const mostFields = 32
/** Vault's log names the part of the server that speaks; this server is one part. */
const module = 'core'

/** One line, as hclog writes it for Vault. Texts are cut, credentials replaced, errors reduced to what they say. */
export function logLine({ time, level, message, fields }: LogEntry, format: LogFormat): string {
  const text = shown(message)
  const values = Object.entries(fields)
    .slice(0, mostFields)
    .map(([name, value]) => [name, isCredentialName(name) ? '[redacted:credential]' : plain(value)] as const)
  const timestamp = new Date(time).toISOString()
  if (format === 'json') {
    return `${JSON.stringify({
      '@level': level,
      '@message': text,
      '@module': module,
      '@timestamp': timestamp.replace('Z', '000Z'),
      ...Object.fromEntries(values),
    })}\n`
  }
  const pairs = values.map(([name, value]) => ` ${name}=${quoted(String(value))}`).join('')
  return `${timestamp} ${`[${level.toUpperCase()}]`.padEnd(7)} ${module}: ${oneLine(text)}${pairs === '' ? '' : `:${pairs}`}\n`
}

function plain(value: unknown): string | number | boolean | null {
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value
  if (value instanceof Error) return shown(value.message)
  return shown(typeof value === 'string' ? value : jsonOf(value))
}

/** Never throws: what writes a line must not fail because somebody watches the log. */
function jsonOf(value: unknown): string {
  try {
    return stringifyJsonExactly(value) ?? ''
  } catch {
    return '(not shown)'
  }
}

function shown(text: string): string {
  const clean = redactCredentials(text)
  return clean.length > longestText ? `${clean.slice(0, longestText)}…` : clean
}

/** What is not a plain word is quoted, so that no value looks like another field or another line. */
const quoted = (text: string): string => (/^[^\s"=\u0000-\u001f\u007f]+$/.test(text) ? text : JSON.stringify(text))

const oneLine = (text: string): string => text.replace(/[\u0000-\u001f\u007f]+/g, ' ')
