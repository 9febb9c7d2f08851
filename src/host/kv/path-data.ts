import type { FieldData } from '../../framework/field-data.ts'
import type { FieldSchema } from '../../framework/field.ts'
import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { RequestError } from '../../logical/errors.ts'
import type { Data } from '../../logical/data.ts'
import type { Response } from '../../logical/response.ts'
import { mergePatch } from './merge-patch.ts'
import { isDeleted, versionResponse } from './metadata.ts'
import type { KvConfig, SecretMetadata } from './metadata.ts'
import { readVersion } from './read-version.ts'
import type { SecretStore } from './store.ts'

const dataFields = {
  path: {
    type: 'string',
    description: 'Where the secret lies; may hold slashes.',
    example: 'mcp/stripe',
    required: true,
  },
  version: { type: 'int', description: 'Which version to read; 0 is the latest.', example: 2 },
  options: {
    type: 'object',
    description: 'cas: the version this write is based on. 0 = the secret must not exist yet.',
    example: { cas: 1 },
  },
  data: { type: 'object', description: 'The secret: any JSON object.', example: { api_key: '…' }, secret: true },
} as const satisfies Record<string, FieldSchema>

type DataFields = FieldData<typeof dataFields>

const invalid = (message: string): RequestError => new RequestError('invalid_request', message)

function givenData(fields: DataFields): Data {
  const data = fields.given('data')
  if (data === undefined) throw invalid('no data provided')
  return data
}

/** Only `options.cas` counts; a `cas` beside `data`, as some clients send it, is an unknown field. */
function checkCas(fields: DataFields, config: KvConfig, metadata: SecretMetadata | undefined): void {
  const options = fields.given('options') ?? {}
  if (Object.hasOwn(options, 'cas')) {
    if (casNumber(options.cas) !== (metadata?.current_version ?? 0))
      throw invalid('check-and-set parameter did not match the current version')
  } else if (config.cas_required || metadata?.cas_required)
    throw invalid('check-and-set parameter required for this call')
}

/** As Vault's decoder reads it: an explicit null or empty text is 0, that is "must not exist yet", and not "no check". */
function casNumber(value: unknown): number {
  if (value === null || value === '') return 0
  const number = typeof value === 'string' && /^[+-]?\d+$/.test(value.trim()) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isInteger(number)) throw invalid('error parsing check-and-set parameter')
  return number
}

function written({ metadata, warnings }: { metadata: SecretMetadata; warnings: string[] }): Response {
  const version = metadata.versions[metadata.current_version]!
  return { data: versionResponse(metadata, metadata.current_version, version), warnings }
}

export function pathData(store: SecretStore): PathDef {
  return definePath({
    pattern: 'data/:path...',
    fields: dataFields,
    synopsis: 'Write, patch, read and delete secrets.',
    description:
      'Every write makes a new version. A read gives the latest one unless version is given. Patch merges into the latest version (RFC 7396). Delete marks the latest version as deleted and can be undone.',
    exists: async ({ fields }) => (await store.metadata(fields.require('path'))) !== undefined,
    operations: {
      async read({ fields }) {
        const found = await readVersion(store, fields.require('path'), fields.given('version') ?? 0)
        return (
          found && { data: { data: found.data, metadata: found.metadata }, ...(found.data === null && { status: 404 }) }
        )
      },

      async write({ fields }) {
        const path = fields.require('path')
        const data = givenData(fields)
        return store.exclusively(path, async () => {
          const [config, metadata] = [await store.config(), await store.metadata(path)]
          checkCas(fields, config, metadata)
          return written(await store.addVersion(path, metadata, config, data))
        })
      },

      async patch({ fields }) {
        const path = fields.require('path')
        const data = givenData(fields)
        return store.exclusively(path, async () => {
          const metadata = await store.metadata(path)
          if (!metadata) return { status: 404 }
          const config = await store.config()
          checkCas(fields, config, metadata)
          const number = metadata.current_version
          const latest = metadata.versions[number]
          if (!latest) return { status: 404 }
          if (latest.destroyed || isDeleted(latest, store.clock.now()))
            return { status: 404, data: versionResponse(metadata, number, latest) }
          return written(
            await store.addVersion(path, metadata, config, mergePatch(await store.data(path, number), data)),
          )
        })
      },

      async delete({ fields }) {
        const path = fields.require('path')
        return store.exclusively(path, async () => {
          const metadata = await store.metadata(path)
          const latest = metadata?.versions[metadata.current_version]
          if (!metadata || !latest || latest.destroyed || isDeleted(latest, store.clock.now())) return undefined
          latest.deletion_time = store.clock.now()
          await store.saveMetadata(path, metadata)
          return undefined
        })
      },
    },
  })
}
