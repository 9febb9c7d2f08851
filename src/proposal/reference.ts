/** References of an OpenAPI document, into the document alone: what lies elsewhere is never fetched. */
import { isObject } from '../document/index.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** Why one operation cannot be imported. `message` is a reason that may follow its name. */
export class NotImportable extends Error {}

/** One reference may lead to the next; a circle does not end. */
const MOST_STEPS = 16

/** The object that stands here, or that a local `$ref` (RFC 6901) leads to. */
export function resolved(document: JsonObject, value: unknown): JsonObject {
  let current = value
  for (let step = 0; step < MOST_STEPS; step++) {
    if (!isObject(current)) throw new NotImportable('a part of it is not an object')
    const { $ref: reference } = current
    if (typeof reference !== 'string') return current
    current = pointed(document, reference)
  }
  throw new NotImportable(`its references lead in a circle`)
}

function pointed(document: JsonObject, reference: string): unknown {
  const shown = JSON.stringify(reference.slice(0, 120))
  if (!reference.startsWith('#/'))
    throw new NotImportable(`it refers to ${shown}, outside the document, and nothing is fetched; bundle the document`)
  let current: unknown = document
  for (const written of reference.slice(2).split('/')) {
    const name = decoded(written).replaceAll('~1', '/').replaceAll('~0', '~')
    const holder = current as JsonObject
    if (typeof current !== 'object' || current === null || !Object.hasOwn(holder, name))
      throw new NotImportable(`it refers to ${shown}, which the document does not have`)
    current = holder[name]
  }
  return current
}

/** A pointer in a fragment is percent-encoded (RFC 6901, 6). */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
