import { badRequest } from '../logical/errors.ts'

const decoder = new TextDecoder('utf-8', { fatal: true })

/** Throws `bad_request` for bytes that are not UTF-8: they would be stored as something the caller never wrote. */
export function bodyText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw badRequest('the body is not valid UTF-8')
  }
}

/** A body's JSON value; undefined for a blank one. Throws `bad_request` without a word of the body, which may hold a token. */
export function parseJson(bytes: Uint8Array): unknown {
  const text = bodyText(bytes)
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw badRequest('the body is not valid JSON')
  }
}
