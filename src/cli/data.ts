import { lostNumber, parseJsonExactly } from '../logical/json.ts'
import type { Io } from './io.ts'
import { UsageError } from './failure.ts'

/**
 * What stands after the path of a write, in Vault's notation: `name=text`, `name=@file`, `name=-` (standard input),
 * `name=\@text` for a text that begins with `@`, `@file.json` or `-` for JSON objects, `@name=value` for a name that begins with `@`. A name given twice becomes a list.
 */
export async function readData(
  words: readonly string[],
  io: Io,
  example = '{"owner":"platform-team"}',
): Promise<Record<string, unknown>> {
  const data: Record<string, unknown> = {}
  const listed = new Set<string>()
  const stdin = onceOnly(io)
  for (const word of words) {
    const equals = word.indexOf('=')
    if (word === '-') merge(data, parseObject(await stdin(), 'standard input', example))
    else if (word.startsWith('@') && equals < 0)
      merge(data, parseObject(await contents(io, word.slice(1)), word.slice(1), example))
    else if (equals < 1)
      throw new UsageError(
        `Failed to parse K=V data: "${shown(word)}" is not name=value, for example owner=platform-team`,
      )
    else {
      const name = word.slice(0, equals)
      const value = await readValue(word.slice(equals + 1), io, stdin)
      if (!Object.hasOwn(data, name)) define(data, name, value)
      else if (listed.has(name)) (data[name] as unknown[]).push(value)
      else {
        define(data, name, [data[name], value])
        listed.add(name)
      }
    }
  }
  return data
}

async function readValue(value: string, io: Io, stdin: () => Promise<string>): Promise<string> {
  if (value === '-') return stdin()
  if (value.startsWith('@')) return contents(io, value.slice(1))
  return value.startsWith('\\@') ? value.slice(1) : value
}

function merge(data: Record<string, unknown>, more: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(more)) define(data, name, value)
}

/** A plain assignment to `__proto__` would not make a member. */
function define(data: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(data, name, { value, enumerable: true, writable: true, configurable: true })
}

/** A word without `=` may be a secret that lost its name, so little of it is repeated. */
const shown = (word: string): string => (word.length <= 4 ? word : `${word.slice(0, 4)}…`)

function onceOnly(io: Io): () => Promise<string> {
  let taken = false
  return () => {
    if (taken) throw new UsageError('Standard input is named twice (-), and can be read only once')
    taken = true
    return io.readStdin()
  }
}

/** The text of the file named after `@`, exactly as it is there. */
export async function contents(io: Io, path: string): Promise<string> {
  try {
    return await io.readFile(path)
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unreadable'
    throw new UsageError(`Cannot read the file "${path}" (${code})`)
  }
}

function parseObject(content: string, origin: string, example: string): Record<string, unknown> {
  let value: unknown
  try {
    value = parseJsonExactly(content)
  } catch {
    // The parser's own message quotes the text, which may be a secret.
    throw new UsageError(`${origin} does not hold JSON, for example ${example}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageError(`${origin} must hold one JSON object, for example {"owner":"platform-team"}`)
  const lost = lostNumber(content)
  if (lost !== undefined)
    throw new UsageError(
      `${origin} holds the number ${lost.slice(0, 40)}, which cannot be kept as it is; write it as a text, in quotes`,
    )
  return value as Record<string, unknown>
}

/** Vault trims slashes and spaces around a path before it uses and prints it. */
export function cleanPath(path: string): string {
  const clean = path.trim().replace(/^\/+|\/+$/g, '')
  if (clean === '') throw new UsageError('The path is empty, for example mcp/agents/claude-billing-agent')
  return clean
}
