import { upstreamFields, upstreamProblems, upstreamWarnings } from '../document/index.ts'
import { definePath } from '../framework/path.ts'
import type { Fields } from '../framework/field.ts'
import { listResponse } from '../logical/response.ts'
import { defaultKvPath } from '../scope/index.ts'
import { checkName, refuse } from './check.ts'
import { documentOperations, versionField } from './document.ts'
import type { DocumentSpec } from './document.ts'
import type { Engine } from './engine.ts'

const fields = { ...upstreamFields, ...versionField } as const satisfies Fields

export const upstreamSpec: DocumentSpec<typeof fields> = {
  fields,
  names: ['name'],
  key: ({ name }) => `up/${checkName('name', name!, 'stripe')}`,
  path: ({ name }) => `upstreams/${name}`,
  check(values, _engine, { name }) {
    const document = {
      kv_path: defaultKvPath(name!),
      allow_private_addresses: false,
      ...values,
    }
    refuse(upstreamProblems(document))
    return upstreamWarnings(document)
  },
}

export function pathUpstreams(engine: Engine) {
  const document = documentOperations(engine, upstreamSpec)
  return definePath({
    pattern: 'upstreams/:name',
    active_node_only: true,
    fields,
    synopsis: 'An API the gateway may call, and where its key is stored.',
    description:
      "The key itself stays in KV v2 and is read by the gateway alone. It is used only as that secret's custom_metadata allows: for origins in mcp_origins and for upstreams in mcp_upstreams (by default the one whose secret it is), so that anyone who writes upstreams can neither take nor send a key.",
    exists: document.exists,
    operations: {
      ...document.operations,
      async read(call) {
        const response = await document.operations.read!(call)
        return response?.data
          ? { data: { ...response.data, kv_path: response.data.kv_path ?? defaultKvPath(String(response.data.name)) } }
          : undefined
      },
    },
  })
}

export function pathUpstreamsList(engine: Engine) {
  return definePath({
    pattern: 'upstreams/',
    active_node_only: true,
    fields: {},
    synopsis: 'Names of all upstreams.',
    description: 'Lists the upstreams of this mount.',
    operations: { list: async () => listResponse(await engine.records.storage.list('up/')) },
  })
}
