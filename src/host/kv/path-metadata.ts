import type { FieldData } from '../../framework/field-data.ts'
import type { FieldSchema } from '../../framework/field.ts'
import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest } from '../../logical/errors.ts'
import type { Data } from '../../logical/data.ts'
import type { Response } from '../../logical/response.ts'
import { listResponse } from '../../logical/response.ts'
import { customMetadata } from './custom-metadata.ts'
import { mergePatch } from './merge-patch.ts'
import { goDuration, newMetadata, timestamp } from './metadata.ts'
import type { KvConfig, SecretMetadata } from './metadata.ts'
import { CAS_IGNORED, maxVersions, settingFields, signedSeconds } from './settings.ts'
import type { SecretStore } from './store.ts'

const metadataFields = {
  path: {
    type: 'string',
    description: 'Where the secret lies; may hold slashes.',
    example: 'mcp/stripe',
    required: true,
  },
  ...settingFields,
  custom_metadata: {
    type: 'object',
    description: 'At most 64 texts (128 bytes of name, 512 of value) that describe the secret whatever its version.',
    example: { mcp_origins: 'https://api.stripe.com' },
  },
} as const satisfies Record<string, FieldSchema>

type MetadataFields = FieldData<typeof metadataFields>

/** Reads the settings a request carries, all of them before anything is changed. null resets one. */
function changes(fields: MetadataFields): ((metadata: SecretMetadata) => void) | undefined {
  const steps: ((metadata: SecretMetadata) => void)[] = []
  if (fields.has('max_versions')) {
    const value = maxVersions(fields.given('max_versions') ?? 0)
    steps.push((metadata) => {
      metadata.max_versions = value
    })
  }
  if (fields.has('cas_required')) {
    const value = fields.given('cas_required') ?? false
    steps.push((metadata) => {
      metadata.cas_required = value
    })
  }
  if (fields.has('delete_version_after')) {
    const value = signedSeconds(fields.given('delete_version_after') ?? 0)
    if (value < 0)
      throw badRequest(
        "delete_version_after must not be negative, for example delete_version_after=720h; only the mount's config can switch it off.",
      )
    steps.push((metadata) => {
      metadata.delete_version_after = value
    })
  }
  return steps.length === 0
    ? undefined
    : (metadata) => {
        for (const step of steps) step(metadata)
      }
}

/** Says that a secret cannot free itself of what its mount demands. */
function casWarning(fields: MetadataFields, config: KvConfig): Response | undefined {
  return config.cas_required && fields.given('cas_required') === false ? { warnings: [CAS_IGNORED] } : undefined
}

function metadataResponse(metadata: SecretMetadata): Data {
  const versions = Object.entries(metadata.versions).map(([number, version]) => [
    number,
    {
      created_time: timestamp(version.created_time),
      deletion_time: timestamp(version.deletion_time),
      destroyed: version.destroyed,
    },
  ])
  return {
    cas_required: metadata.cas_required,
    created_time: timestamp(metadata.created_time),
    current_version: metadata.current_version,
    custom_metadata: metadata.custom_metadata,
    delete_version_after: goDuration(metadata.delete_version_after),
    max_versions: metadata.max_versions,
    oldest_version: metadata.oldest_version,
    updated_time: timestamp(metadata.updated_time),
    versions: Object.fromEntries(versions) as Data,
  }
}

export function pathMetadata(store: SecretStore): PathDef {
  return definePath({
    pattern: 'metadata/:path...',
    fields: metadataFields,
    synopsis: 'What is known about a secret beside its data, and its settings.',
    description:
      'Read gives every version and its state; write sets settings and custom metadata, and creates the record if need be; patch merges custom metadata (RFC 7396); delete removes the secret with all its versions for good.',
    exists: async ({ fields }) => (await store.metadata(fields.require('path'))) !== undefined,
    operations: {
      async read({ fields }) {
        const metadata = await store.metadata(fields.require('path'))
        return metadata && { data: metadataResponse(metadata) }
      },

      async write({ fields }) {
        const path = fields.require('path')
        const apply = changes(fields)
        const custom = fields.has('custom_metadata') ? customMetadata(fields.given('custom_metadata') ?? {}) : undefined
        if (!apply && custom === undefined) return undefined
        return store.exclusively(path, async () => {
          const metadata = (await store.metadata(path)) ?? newMetadata(store.clock.now())
          apply?.(metadata)
          if (custom !== undefined) metadata.custom_metadata = custom
          await store.saveMetadata(path, metadata)
          return casWarning(fields, await store.config())
        })
      },

      async patch({ fields }) {
        const path = fields.require('path')
        const apply = changes(fields)
        return store.exclusively(path, async () => {
          const metadata = await store.metadata(path)
          if (!metadata) return { status: 404 }
          apply?.(metadata)
          const custom = fields.given('custom_metadata')
          if (custom !== undefined)
            metadata.custom_metadata = customMetadata(mergePatch(metadata.custom_metadata ?? {}, custom))
          else if (fields.isNull('custom_metadata')) metadata.custom_metadata = null
          await store.saveMetadata(path, metadata)
          return casWarning(fields, await store.config())
        })
      },

      async delete({ fields }) {
        const path = fields.require('path')
        return store.exclusively(path, async () => {
          const metadata = await store.metadata(path)
          if (metadata) await store.remove(path, metadata)
          return undefined
        })
      },

      list: async ({ fields }) => listResponse(await store.list(`${fields.require('path')}/`)),
    },
  })
}

/** The mount's root folder. */
export function pathMetadataRoot(store: SecretStore): PathDef {
  return definePath({
    pattern: 'metadata/',
    fields: {},
    synopsis: 'The names of the secrets and folders at the root.',
    description: 'Folders end in a slash. Names only, never data.',
    operations: { list: async () => listResponse(await store.list('')) },
  })
}
