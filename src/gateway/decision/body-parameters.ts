import { badRequest, RequestError } from '../../logical/errors.ts'
import { defaultJsonLimits } from '../../http/index.ts'
import { endOfString } from '../call/json-members.ts'
import { JsonScanner, JsonSyntaxError } from '../call/json-scanner.ts'
import type { JsonEvents } from '../call/json-scanner.ts'
import { loopBudget } from '../loop-budget.ts'
import { jsonBody } from '../../scope/index.ts'
import type { CallBody } from '../../scope/index.ts'

const opaque: CallBody = { kind: 'opaque' }

/**
 * What a policy's parameter rules see of a request body. JSON and forms are read; anything else, and anything two servers could
 * read differently, is opaque, which a rule refuses. Throws `bad_request` for a name given twice.
 */
export async function bodyParameters(contentType: string | undefined, bytes: Uint8Array): Promise<CallBody> {
  if (bytes.length === 0) return { kind: 'none' }
  const [type = '', ...attributes] = (contentType ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  const utf8 = attributes.every(
    (attribute) => !attribute.startsWith('charset=') || /^charset="?utf-8"?$/.test(attribute),
  )
  const text = utf8 ? decode(bytes) : undefined
  if (text === undefined) return opaque
  if (type === 'application/json' || /^application\/[a-z0-9.-]+\+json$/.test(type)) return await fromJson(text, bytes)
  if (type === 'application/x-www-form-urlencoded') return fromForm(text)
  return opaque
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** Values of a body that a rule must see: bounded before it is built. How deep they may be nested is as on every listener. */
const MOST_VALUES = 100_000
const MOST_LEVELS = defaultJsonLimits.max_json_depth
const MOST_PAIRS = 10_000

const tooMuch = (what: string): RequestError =>
  new RequestError('too_large', `a parameter rule applies, and the body ${what}; send less in one request`)

/** Counts; throws when a bound is passed. */
class BodyBounds implements JsonEvents {
  #values = 0
  #levels = 0

  openObject(): void {
    this.#open()
  }
  openArray(): void {
    this.#open()
  }
  closeObject(): void {
    this.#levels--
  }
  closeArray(): void {
    this.#levels--
  }
  beginName(): void {
    this.#count()
  }
  beginString(): void {
    this.#count()
  }
  beginScalar(): void {
    this.#count()
  }
  readonly endName = nothing
  readonly endString = nothing
  readonly text = nothing
  readonly character = nothing
  readonly scalar = nothing

  #open(): void {
    this.#count()
    if (++this.#levels > MOST_LEVELS) throw tooMuch(`is nested more than ${String(MOST_LEVELS)} levels deep`)
  }

  #count(): void {
    if (++this.#values > MOST_VALUES) throw tooMuch(`holds more than ${String(MOST_VALUES)} names and values`)
  }
}

function nothing(): void {
  // Only the outline counts.
}

async function fromJson(text: string, bytes: Uint8Array): Promise<CallBody> {
  const scanner = new JsonScanner(new BodyBounds())
  try {
    for (let start = 0; start < bytes.length; start += loopBudget.step) {
      await loopBudget.take(loopBudget.step)
      scanner.write(bytes.subarray(start, start + loopBudget.step))
    }
    scanner.end()
  } catch (error) {
    if (error instanceof JsonSyntaxError) return opaque
    throw error
  }
  const value: unknown = JSON.parse(text)
  const twice = repeatedName(text)
  if (twice !== undefined)
    throw badRequest(
      `the body gives ${JSON.stringify(twice.slice(0, 120))} twice in one object; servers differ in which one counts, so give it once`,
    )
  return jsonBody(value)
}

function fromForm(text: string): CallBody {
  // What a malformed escape stands for is the server's guess; `;` parts pairs for some servers, and NUL ends a name for some.
  if (/%(?![0-9A-Fa-f]{2})|;|%00|\0/.test(text)) return opaque
  let pairs = 1
  // An encoded `;` parts pairs too, in the reading of some servers.
  for (const separator = /&|%3b/gi; separator.test(text);)
    if (++pairs > MOST_PAIRS) throw tooMuch(`holds more than ${String(MOST_PAIRS)} pairs`)
  return { kind: 'form', pairs: [...new URLSearchParams(text)] }
}

/** The first member name that occurs twice in one object of a well-formed JSON text, at any depth. */
export function repeatedName(text: string): string | undefined {
  // One set of names per open object; undefined for an open array.
  const open: (Set<string> | undefined)[] = []
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '{') open.push(new Set())
    else if (character === '[') open.push(undefined)
    else if (character === '}' || character === ']') open.pop()
    if (character !== '"') continue
    const end = endOfString(text, at)
    if (isName(text, end)) {
      const name = JSON.parse(text.slice(at, end)) as string
      const names = open.at(-1)
      if (names?.has(name)) return name
      names?.add(name)
    }
    at = end - 1
  }
  return undefined
}

function isName(text: string, end: number): boolean {
  for (let at = end; at < text.length; at++) {
    const character = text[at]
    if (character === ':') return true
    if (character !== ' ' && character !== '\n' && character !== '\r' && character !== '\t') return false
  }
  return false
}
