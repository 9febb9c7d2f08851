import { definePath } from '../framework/path.ts'
import type { Fields } from '../framework/field.ts'
import { badRequest } from '../logical/errors.ts'
import { collectKeys } from '../logical/storage.ts'
import { listResponse } from '../logical/response.ts'
import { compileProjection, parseOperation } from '../scope/index.ts'
import { checkName, sentence } from './check.ts'
import { documentData, documentOperations, versionField } from './document.ts'
import type { Document, DocumentSpec } from './document.ts'
import type { Engine } from './engine.ts'

const fields = {
  upstream: { type: 'string', description: 'Name of the upstream.', example: 'stripe' },
  name: { type: 'string', description: 'Name of the tool: a resource, or resource/qualifier.', example: 'invoices' },
  operations: {
    type: 'objects',
    required: true,
    description:
      'HTTP operations the tool covers: "GET /v1/invoices/{id}" ({x} is one segment), or objects with method, path, capability and parameters (the only query parameters that pass).',
    example: ['GET /v1/invoices', 'GET /v1/invoices/{id}'],
  },
  fields: {
    type: 'list',
    description: 'The only fields of JSON answers that are passed on. Omitted: everything passes.',
    example: ['data[].id', 'has_more'],
  },
  mcp_tools: {
    type: 'list',
    description:
      'Names of the MCP tools this tool stands for, for people and for reports. Nothing enforces it yet: what a session may call follows from operations alone.',
    example: ['list_invoices'],
    default: [],
  },
  risk: {
    type: 'string',
    allowed: ['low', 'medium', 'high', 'critical'],
    description: 'Risk level, carried into audit records.',
    example: 'low',
  },
  ...versionField,
} as const satisfies Fields

export const toolSpec: DocumentSpec<typeof fields> = {
  fields,
  names: ['upstream', 'name'],
  key: ({ upstream, name }) => `tool/${checkName('upstream', upstream!, 'stripe')}/${checkToolName(name!)}`,
  path: ({ upstream, name }) => `tools/${upstream}/${name}`,
  async check(values, engine, { upstream }) {
    const operations = values.operations as unknown[]
    if (operations.length === 0)
      throw badRequest('operations must name at least one operation, for example operations="GET /v1/invoices".')
    for (const [index, operation] of operations.entries())
      sentence(`operations[${index}]`, () => parseOperation(operation))
    if (values.fields !== undefined) sentence('fields', () => compileProjection(values.fields as string[]))
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
  const parts = name.split('/')
  if (parts.length > 2)
    throw badRequest(
      `name ${JSON.stringify(name)} is not a tool: a resource, or resource/qualifier, for example customers/id-only.`,
    )
  for (const part of parts) checkName('name', part, 'customers/id-only')
  return name
}
