import { createBackend } from '../../framework/backend.ts'
import { durationSeconds } from '../../framework/duration.ts'
import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import type { BackendConfig, Factory } from '../../logical/backend.ts'
import { badRequest } from '../../logical/errors.ts'
import type { Data } from '../../logical/data.ts'
import { listResponse } from '../../logical/response.ts'
import { getJson, prefixStorage, putJson } from '../../logical/storage.ts'
import type { Storage } from '../../logical/storage.ts'

const help =
  'Version 1 of the key-value engine: one value per path, no versions. A "ttl" field in a secret is returned as its lease duration, a hint when to read again; nothing is revoked.'

const PREFIX = 'secrets/'

/** `kv` version 1. The responses of reads carry a lease duration and no lease: that is what `leasing: 'engine'` says. */
export const kvV1Factory: Factory = (config) => {
  const storage = prefixStorage(config.storage, PREFIX)
  return Promise.resolve(
    createBackend({
      leasing: 'engine',
      help,
      system: config.system,
      paths: [pathRoot(storage), pathSecret(config, storage)],
    }),
  )
}

function pathRoot(storage: Storage): PathDef {
  return definePath({
    pattern: '',
    fields: {},
    synopsis: 'The names of the secrets and folders at the root.',
    description: 'Folders end in a slash.',
    operations: { list: async () => listResponse(await storage.list('')) },
  })
}

function pathSecret({ system }: BackendConfig, storage: Storage): PathDef {
  return definePath({
    pattern: ':path...',
    fields: {
      path: {
        type: 'string',
        description: 'Where the secret lies; may hold slashes.',
        example: 'mcp/stripe',
        required: true,
      },
    },
    takes_arbitrary_input: true,
    synopsis: 'Write, read, list and delete secrets.',
    description: 'A write replaces the whole secret with the fields given.',
    exists: async ({ fields }) => (await storage.get(fields.require('path'))) !== undefined,
    operations: {
      async read({ fields }) {
        const data = await getJson<Data>(storage, fields.require('path'))
        if (!data) return undefined
        const hint = durationSeconds(data.ttl ?? data.lease)
        const ttl = hint !== undefined && hint >= 0 ? hint : await system.defaultLeaseTtl()
        return { data, secret: { lease_options: { ttl, max_ttl: 0, renewable: false }, internal_data: {} } }
      },
      async write({ fields, request }) {
        if (Object.keys(request.data).length === 0) throw badRequest('missing data fields')
        await putJson(storage, fields.require('path'), request.data)
        return undefined
      },
      async delete({ fields }) {
        await storage.delete(fields.require('path'))
        return undefined
      },
      list: async ({ fields }) => listResponse(await storage.list(`${fields.require('path')}/`)),
    },
  })
}
