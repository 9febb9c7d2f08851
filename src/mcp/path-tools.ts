import { toolFields, toolNameProblems, toolProblems } from '../document/index.ts'
import { definePath } from '../framework/path.ts'
import type { Fields } from '../framework/field.ts'
import { collectKeys } from '../logical/storage.ts'
import { listResponse } from '../logical/response.ts'
import { checkName, refuse } from './check.ts'
import { documentData, documentOperations, versionField } from './document.ts'
import type { Document, DocumentSpec } from './document.ts'
import type { Engine } from './engine.ts'

const fields = { ...toolFields, ...versionField } as const satisfies Fields

export const toolSpec: DocumentSpec<typeof fields> = {
  fields,
  names: ['upstream', 'name'],
  key: ({ upstream, name }) => `tool/${checkName('upstream', upstream!, 'stripe')}/${checkToolName(name!)}`,
  path: ({ upstream, name }) => `tools/${upstream}/${name}`,
  async check(values, engine, { upstream }) {
    refuse(toolProblems(values))
    return (await engine.records.get(`up/${upstream}`))
      ? []
      : [
          `upstream "${upstream}" does not exist yet; calls to this tool fail until mcp/upstreams/${upstream} is written.`,
        ]
  },
}

export function pathTools(engine: Engine) {
  const document = documentOperations(engine, toolSpec)
  return definePath({
    pattern: 'tools/:upstream/:name...',
    active_node_only: true,
    fields,
    example_fields: ['operations', 'fields'],
    synopsis: 'A named capability of an upstream.',
    description:
      'A tool says which HTTP operations it covers and which response fields it may return. Scopes and tool policies name tools, never URLs. tools/stripe/customers/id-only is granted by read:stripe:customers:id-only.',
    exists: document.exists,
    operations: document.operations,
  })
}

export function pathToolsList(engine: Engine) {
  return definePath({
    pattern: 'tools/:upstream/',
    active_node_only: true,
    fields: { upstream: fields.upstream },
    synopsis: 'All tools of an upstream.',
    description:
      "Lists the names of an upstream's tools, qualified ones included; key_info holds the whole documents, so one read loads them.",
    operations: {
      async list({ fields: given }) {
        const upstream = checkName('upstream', given.require('upstream'), 'stripe')
        const keys = (await collectKeys(engine.records.storage, `tool/${upstream}/`)).sort()
        const key_info: Record<string, Record<string, unknown>> = {}
        for (const key of keys) {
          const document = await engine.records.get<Document>(key)
          const name = key.slice(`tool/${upstream}/`.length)
          if (document) key_info[name] = documentData(toolSpec, { upstream, name }, document)
        }
        return listResponse(Object.keys(key_info), key_info)
      },
    },
  })
}

export function pathToolsUpstreams(engine: Engine) {
  return definePath({
    pattern: 'tools/',
    active_node_only: true,
    fields: {},
    synopsis: 'Upstreams that have tools.',
    description: 'Lists the upstreams for which tools are declared, each with a trailing slash.',
    operations: { list: async () => listResponse(await engine.records.storage.list('tool/')) },
  })
}

function checkToolName(name: string): string {
  refuse(toolNameProblems(name))
  return name
}
