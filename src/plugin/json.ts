/** The JSON objects that travel as text within messages. */
import { RequestError } from '../logical/errors.ts'
import { parseJsonExactly } from '../logical/json.ts'
import type { Data } from '../logical/data.ts'

/** Requests without data come as `null`. Undefined for what is not an object. */
function objectOf(json: string): Data | undefined {
  if (json === '' || json === 'null') return {}
  let value: unknown
  try {
    value = parseJsonExactly(json)
  } catch {
    return undefined
  }
  return typeof value === 'object' && !Array.isArray(value) ? ((value as Data | null) ?? {}) : undefined
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

/** Of what the engine itself gave the server to keep. That it cannot be read is not a fault of the caller's. */
export function keptData(json: string): Data {
  const data = objectOf(json)
  if (!data)
    throw new RequestError('internal', undefined, {
      cause: new Error('the internal data of the lease is not a JSON object'),
    })
  return data
}
