/** What an operator may write about a tool: its fields and every rule for them. */
import { compileProjection, isName, parseOperation } from '../scope/index.ts'
import { nameProblems } from './name.ts'
import { parseProblems } from './parse.ts'
import type { DocumentProblem } from './problem.ts'
import { shapeProblems } from './shape.ts'
import type { KnownValues } from './shape.ts'

export const toolFields = {
  upstream: { type: 'string', description: 'Name of the upstream.', example: 'stripe' },
  name: { type: 'string', description: 'Name of the tool: a resource, or resource/qualifier.', example: 'invoices' },
  operations: {
    type: 'objects',
    required: true,
    description:
      'HTTP operations the tool covers: "GET /v1/invoices/{id}", or objects with method, path, capability, parameters (the only query parameters that pass), denied_parameters (names that may stand neither in query nor body) and body (true: a GET or OPTIONS request may have one). {x} is one segment or, with text beside it, a part of one ("/models/{model}:generate"); {x...} is one segment or more; a slash at the end counts.',
    example: ['GET /v1/invoices', 'GET /v1/invoices/{id}'],
  },
  fields: {
    type: 'list',
    description:
      'The only fields of JSON responses that are passed on; one that ends with [scalar] is no object and no list ("data[].id[scalar]"), where callers may ask for something else under its name. Omitted: everything passes.',
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
} as const

/** The values of a tool, as far as they are known. */
export type ToolValues = KnownValues<typeof toolFields>

/** Everything wrong with what is there. What is absent is not judged: a plan may not know it yet. */
export function toolProblems(values: ToolValues): readonly DocumentProblem[] {
  return [
    ...nameProblems('upstream', values.upstream, 'stripe'),
    ...toolNameProblems(values.name),
    ...operationsProblems(values.operations),
    ...fieldsProblems(values.fields),
    ...shapeProblems(toolFields, values),
  ]
}

/** The name of a tool below its upstream. */
export function toolNameProblems(name: unknown): readonly DocumentProblem[] {
  if (typeof name !== 'string') return []
  const example = 'customers/id-only'
  const segments = name.split('/')
  if (segments.length > 2)
    return [
      {
        field: 'name',
        value: name,
        problem: 'is not the name of a tool',
        rule: 'write a resource, or resource/qualifier',
        example,
      },
    ]
  return nameProblems(
    'name',
    segments.find((segment) => !isName(segment)),
    example,
  )
}

function operationsProblems(operations: unknown): readonly DocumentProblem[] {
  if (!Array.isArray(operations)) return []
  if (operations.length === 0)
    return [{ field: 'operations', problem: 'must name at least one operation', example: '"GET /v1/invoices"' }]
  return operations.flatMap((operation, index) =>
    operation === undefined ? [] : parseProblems({ field: 'operations', index }, () => parseOperation(operation)),
  )
}

const fieldsProblems = (fields: unknown): readonly DocumentProblem[] =>
  Array.isArray(fields)
    ? fields.flatMap((field, index) =>
        typeof field === 'string' ? parseProblems({ field: 'fields', index }, () => compileProjection([field])) : [],
      )
    : []
