/** The JSON objects that travel as text within messages. */
import { RequestError } from '../logical/errors.ts'
import type { Data } from '../logical/data.ts'

/** Requests without data come as `null`. Undefined for what is no object. */
function objectOf(json: string): Data | undefined {
  if (json === '' || json === 'null') return {}
  let value: unknown
  try {
    value = JSON.parse(json)
    // Servers pass the client's digits on untouched, and here they would be rounded: as text they arrive, and are refused where they do not fit.
    if (manyDigits.test(json)) value = JSON.parse(json.replaceAll(stringOrNumber, quoteUnsafe))
  } catch {
    return undefined
  }
  return typeof value === 'object' && !Array.isArray(value) ? ((value as Data | null) ?? {}) : undefined
}

/** Integers from 2^53 on have 16 digits or more. */
const manyDigits = /\d{16}/
const stringOrNumber = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
const integer = /^-?\d+$/

function quoteUnsafe(token: string): string {
  return integer.test(token) && !Number.isSafeInteger(Number(token)) ? `"${token}"` : token
}

/** Of the client's data. */
export function requestData(json: string): Data {
  const data = objectOf(json)
  if (!data)
    throw new RequestError(
      'bad_request',
      'the request\'s data is not a JSON object; send one, for example {"purpose":"audit"}.',
    )
  return data
}

/** Of what the engine itself gave the server to keep. That it cannot be read is no fault of the caller's. */
export function keptData(json: string): Data {
  const data = objectOf(json)
  if (!data)
    throw new RequestError('internal', undefined, {
      cause: new Error('the internal data of the lease is not a JSON object'),
    })
  return data
}
