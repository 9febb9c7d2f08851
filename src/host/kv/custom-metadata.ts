import { badRequest } from '../../logical/errors.ts'
import type { Data } from '../../logical/data.ts'

const MOST_KEYS = 64
const LONGEST_KEY = 128
const LONGEST_VALUE = 512
const FAILED = 'custom_metadata validation failed'

// Go's unicode.IsPrint.
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u

/** Custom metadata as it is stored: texts under texts, within Vault's limits (lengths in UTF-8 bytes). None = null. */
export function customMetadata(raw: Data): Record<string, string> | null {
  const entries = Object.entries(raw).map(([key, value]): [string, string] => [key, asText(key, value)])
  if (entries.length > MOST_KEYS)
    throw failed([`payload must contain at most ${MOST_KEYS} keys, provided ${entries.length}`])
  const problems = entries.flatMap(([key, value]) => problemsOf(key, value))
  if (problems.length > 0) throw failed(problems)
  return entries.length === 0 ? null : Object.fromEntries(entries)
}

/** Numbers and booleans are taken as Vault's decoder takes them. */
function asText(key: string, value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (value === null) return ''
  throw badRequest(
    `${FAILED}: the value of key ${JSON.stringify(key)} must be a string, for example custom_metadata={"owner":"team-a"}.`,
  )
}

function problemsOf(key: string, value: string): string[] {
  const quoted = JSON.stringify(key)
  const keyLength = Buffer.byteLength(key)
  const valueLength = Buffer.byteLength(value)
  const problems: string[] = []
  if (keyLength === 0 || keyLength > LONGEST_KEY)
    problems.push(`length of key ${quoted} is ${keyLength} but must be 0 < len(key) <= ${LONGEST_KEY}`)
  if (valueLength === 0 || valueLength > LONGEST_VALUE)
    problems.push(`length of value for key ${quoted} is ${valueLength} but must be 0 < len(value) <= ${LONGEST_VALUE}`)
  if (!printable.test(key)) problems.push(`key ${quoted} contains unprintable characters`)
  if (!printable.test(value)) problems.push(`value for key ${quoted} contains unprintable characters`)
  return problems
}

function failed(problems: string[]): Error {
  const count = problems.length === 1 ? '1 error' : `${problems.length} errors`
  return badRequest(`${count} occurred:\n${problems.map((problem) => `\t* ${FAILED}: ${problem}\n`).join('')}\n`)
}
