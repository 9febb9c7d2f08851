import { badRequest } from '../../logical/errors.ts'
import { jsonBody } from '../../scope/index.ts'
import type { CallBody } from '../../scope/index.ts'

const opaque: CallBody = { kind: 'opaque' }

/**
 * What a policy's parameter rules see of a request body. JSON and forms are read; anything else, and anything two servers could
 * read differently, is opaque, which a rule refuses. Throws `bad_request` for a name given twice.
 */
export function bodyParameters(contentType: string | undefined, bytes: Uint8Array): CallBody {
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
  if (type === 'application/json' || /^application\/[a-z0-9.-]+\+json$/.test(type)) return fromJson(text)
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

function fromJson(text: string): CallBody {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return opaque
  }
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

/** The index after the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at + 1
  }
  return text.length
}

function isName(text: string, end: number): boolean {
  for (let at = end; at < text.length; at++) {
    const character = text[at]
    if (character === ':') return true
    if (character !== ' ' && character !== '\n' && character !== '\r' && character !== '\t') return false
  }
  return false
}
