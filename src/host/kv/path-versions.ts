import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { RequestError, badRequest } from '../../logical/errors.ts'
import { isDeleted, scheduledDeletion } from './metadata.ts'
import type { KvConfig, SecretMetadata, VersionState } from './metadata.ts'
import type { SecretStore } from './store.ts'

/** A list, a text with commas, or one number: all three are on the wire. */
function versionNumbers(value: unknown): number[] {
  const items: unknown[] = Array.isArray(value) ? value : typeof value === 'string' ? listOf(value) : [value]
  return items.map((item) => {
    const number = typeof item === 'string' && /^\s*\d+\s*$/.test(item) ? Number(item) : item
    if (typeof number !== 'number' || !Number.isSafeInteger(number))
      throw badRequest('versions must be a list of version numbers, for example versions=[1,2] or versions=1,2.')
    return number
  })
}

const listOf = (text: string): string[] =>
  text
    .trim()
    .replace(/^\[(.*)\]$/, '$1')
    .split(',')
    .filter((item) => item.trim() !== '')

interface Verb {
  readonly name: 'delete' | 'undelete' | 'destroy'
  readonly synopsis: string
  readonly description: string
  readonly noVersions: string
  /** Changes one version that is there and not destroyed. */
  readonly change: (version: VersionState, metadata: SecretMetadata, config: KvConfig, nowMs: number) => void
}

const verbs: readonly Verb[] = [
  {
    name: 'delete',
    synopsis: 'Marks versions as deleted.',
    description: 'The data is kept and undelete brings it back.',
    noVersions: 'No version number provided',
    change(version, _metadata, _config, nowMs) {
      if (!isDeleted(version, nowMs)) version.deletion_time = nowMs
    },
  },
  {
    name: 'undelete',
    synopsis: 'Brings deleted versions back.',
    description: 'A version under delete_version_after begins a new life. Destroyed versions stay destroyed.',
    noVersions: 'No version number provided',
    change(version, metadata, config, nowMs) {
      version.deletion_time = scheduledDeletion(metadata, config, nowMs)
    },
  },
  {
    name: 'destroy',
    synopsis: 'Removes the data of versions for good.',
    description: 'The metadata goes on naming the versions, as destroyed.',
    noVersions: 'no version number provided',
    change(version) {
      version.destroyed = true
    },
  },
]

/** `delete/`, `undelete/` and `destroy/`: versions that are not there are passed over, as is a secret that is not there. */
export function pathVersions(store: SecretStore): PathDef[] {
  return verbs.map((verb) =>
    definePath({
      pattern: `${verb.name}/:path...`,
      fields: {
        path: {
          type: 'string',
          description: 'Where the secret lies; may hold slashes.',
          example: 'mcp/stripe',
          required: true,
        },
        versions: { type: 'any', description: 'The versions meant.', example: [1, 2] },
      },
      synopsis: verb.synopsis,
      description: verb.description,
      operations: {
        async write({ fields }) {
          const path = fields.require('path')
          const numbers = versionNumbers(fields.given('versions') ?? [])
          if (numbers.length === 0) throw new RequestError('invalid_request', verb.noVersions)
          return store.exclusively(path, async () => {
            const metadata = await store.metadata(path)
            if (!metadata) return undefined
            const config = await store.config()
            for (const number of numbers) {
              const version = metadata.versions[number]
              if (version && !version.destroyed) verb.change(version, metadata, config, store.clock.now())
            }
            await store.saveMetadata(path, metadata)
            if (verb.name === 'destroy') await store.erase(path, numbers)
            return undefined
          })
        },
      },
    }),
  )
}
