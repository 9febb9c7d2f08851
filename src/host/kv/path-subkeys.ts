import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { RequestError } from '../../logical/errors.ts'
import type { Data } from '../../logical/data.ts'
import { isObject } from './merge-patch.ts'
import { readVersion } from './read-version.ts'
import type { SecretStore } from './store.ts'

/** Vault's own bound; what lies deeper counts as a value. */
const DEEPEST = 100

/** The names without the values: every leaf, and every empty object, becomes null. `left` = levels that may still be shown. */
function namesOnly(value: Data, left: number): Data {
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const inside = isObject(inner) && left > 1 && Object.keys(inner).length > 0
      return [name, inside ? namesOnly(inner, left - 1) : null]
    }),
  )
}

export function pathSubkeys(store: SecretStore): PathDef {
  return definePath({
    pattern: 'subkeys/:path...',
    fields: {
      path: {
        type: 'string',
        description: 'Where the secret lies; may hold slashes.',
        example: 'mcp/stripe',
        required: true,
      },
      version: { type: 'int', description: 'Which version to read; 0 is the latest.', example: 2 },
      depth: { type: 'int', description: 'How many levels of nested objects to show; 0 is all of them.', example: 1 },
    },
    synopsis: 'The names inside a secret, without their values.',
    description: 'Returns the structure of a secret with every value replaced by null.',
    operations: {
      async read({ fields }) {
        const depth = fields.given('depth') ?? 0
        if (depth < 0) throw new RequestError('bad_request', 'depth must not be negative, for example depth=1.')
        const found = await readVersion(store, fields.require('path'), fields.given('version') ?? 0)
        if (!found) return undefined
        if (found.data === null) return { status: 404, data: { subkeys: null, metadata: found.metadata } }
        return {
          data: {
            subkeys: namesOnly(found.data, depth === 0 ? DEEPEST : Math.min(depth, DEEPEST)),
            metadata: found.metadata,
          },
        }
      },
    },
  })
}
