import { isAscii } from 'node:buffer'
import { badRequest, RequestError } from '../../logical/errors.ts'
import { isOverrideHeader, isOverrideParameter, semicolonPairs } from '../../scope/index.ts'
import { namesMethod } from './json-override.ts'

const why = 'it names an operation other than the one that is checked; send that method and path directly'

/** A request that names its operation twice is refused: what is judged must be what runs. Throws `bad_request`. */
export function refuseOverrides(request: {
  readonly headers: readonly (readonly [string, string])[]
  readonly query: readonly (readonly [string, string])[]
}): void {
  const header = request.headers.find(([name]) => isOverrideHeader(name))
  if (header) throw badRequest(`header ${header[0].toLowerCase().slice(0, 64)}: ${why}`)
  const names = [...request.query, ...semicolonPairs(request.query)].map(([name]) => name)
  if (names.some(isOverrideParameter)) throw badRequest(`query parameter _method, or one that means the same: ${why}`)
}

/** Whether servers read parameters, and so perhaps a method, from a body of this type. */
export const mayOverride = (contentType: string | undefined): boolean => isForm(contentType) || isJson(contentType)

/** The same of a body, which must have been read whole. Throws `bad_request`. */
export async function refuseBodyOverride(contentType: string | undefined, bytes: Uint8Array): Promise<void> {
  if (isForm(contentType)) {
    if (!isPlain(bytes, ['%'])) refuseFormOverride(contentType, bytes)
  } else if (isJson(contentType) && !isPlain(bytes, jsonEscapes) && (await namesMethod(bytes)))
    throw badRequest(`body field _method: ${why}`)
}

/** Of characters; `\\x` is one to some readers. NUL: UTF-16 of ASCII is ASCII with NULs. */
const jsonEscapes = ['\\u', '\\x', '\0']

/**
 * Whether nothing in a body can be such a name, in whatever spelling: it is ASCII without these escapes, and the word does not stand in
 * it. Most bodies are like that, and this costs a fraction of reading them.
 */
function isPlain(bytes: Uint8Array, escapes: readonly string[]): boolean {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return (
    isAscii(body) &&
    !escapes.some((text) => body.includes(text)) &&
    !/[_. [+](?:http)?method|\$http/i.test(body.toString('latin1'))
  )
}

/** As many as parameter rules look at. */
const MOST_PAIRS = 10_000

/** Names are decoded leniently, as the most forgiving server would. */
function refuseFormOverride(contentType: string | undefined, bytes: Uint8Array): void {
  const text = Buffer.from(bytes).toString('latin1')
  const separators = isMultipart(contentType) ? /\bname/gi : /[&;]/g
  for (let found = 1; separators.test(text); found++)
    if (found >= MOST_PAIRS)
      throw new RequestError(
        'too_large',
        `the body holds more than ${String(MOST_PAIRS)} fields, which all have to be looked at; send less in one request`,
      )
  const names = isMultipart(contentType)
    ? [...text.matchAll(/\bname\*?[ \t]{0,8}=[ \t]{0,8}(?:utf-8'')?["']?([^"'\r\n;]{1,64})/gi)].map(
        (found) => found[1]!,
      )
    : text.split(/[&;]/).map((pair) => pair.split('=', 1)[0]!.slice(0, 256))
  if (names.map(lenientlyDecoded).some(isOverrideParameter)) throw badRequest(`form field _method: ${why}`)
}

/** Whether servers read form fields from a body of this type. */
const isForm = (contentType: string | undefined): boolean =>
  /^\s*application\/x-www-form-urlencoded\b/i.test(contentType ?? '') || isMultipart(contentType)

const isJson = (contentType: string | undefined): boolean =>
  /^\s*(?:application|text)\/(?:[\w.+-]+\+)?json\b/i.test(contentType ?? '')

const isMultipart = (contentType: string | undefined): boolean => /^\s*multipart\//i.test(contentType ?? '')

const lenientlyDecoded = (name: string): string =>
  name
    .replaceAll('+', ' ')
    .replace(/%([0-9A-Fa-f]{2})/g, (_whole, hex: string) => String.fromCharCode(parseInt(hex, 16)))
