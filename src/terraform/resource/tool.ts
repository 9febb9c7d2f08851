import { compileProjection, isToolName, parseOperation } from '../../scope/index.ts'
import { checkName, parsed } from '../checks.ts'
import { engineSchema } from '../engine-schema.ts'
import { fault } from '../protocol/diagnostic.ts'
import type { Diagnostic, Path } from '../protocol/diagnostic.ts'
import { isList, isUnknown, isWhollyKnown, unknown } from '../protocol/value.ts'
import type { Value } from '../protocol/value.ts'
import type { ResourceSpec } from './document-spec.ts'
import type { Items } from '../engine-field.ts'

const operations: Items = {
  attributes: {
    method: {
      type: 'string',
      required: true,
      description: 'HTTP method: `GET`, `HEAD`, `POST`, `PUT`, `PATCH` or `DELETE`.',
    },
    path: {
      type: 'string',
      required: true,
      description: "Path below the upstream's URL; `{x}` is one segment, as in `/v1/invoices/{id}`.",
    },
    capability: {
      type: 'string',
      optional: true,
      computed: true,
      description:
        'What a scope must grant: `create`, `read`, `update`, `delete` or `list`. Default: what the method stands for; `GET` is `read`.',
    },
    parameters: {
      type: ['list', 'string'],
      optional: true,
      description: 'The only query parameters that pass. Omitted: all do; `[]`: none.',
    },
  },
  /** The engine keeps what it was sent: others may have written `"GET /v1/invoices"`. */
  read(item) {
    const { capability, method, path, parameters } = parseOperation(item)
    const written = typeof item === 'object' ? (item as { readonly method: string }).method : method
    return { method: written, path, capability, parameters: parameters ? [...parameters] : null }
  },
  complete: (item) => ({ ...item, capability: item.capability ?? impliedCapability(item.method) }),
  check(path, item) {
    const { capability, method, path: template, parameters } = item
    if (!isWhollyKnown(item)) return []
    return operationFaults(path, { method, path: template, capability, parameters })
  },
}

function impliedCapability(method: Value | undefined): Value {
  if (isUnknown(method)) return unknown
  try {
    return parseOperation({ method, path: '/' }).capability
  } catch {
    // Said by the check.
    return unknown
  }
}

const member = / operation (capability|method|path|parameters)\b/

/** Names the member the sentence is about, and the one spelling there is here. It points at the operation: Terraform finds no line for what is deeper. */
function operationFaults(path: Path, operation: Record<string, Value | undefined>): Diagnostic[] {
  return parsed(path, () => parseOperation(operation)).map((found) => ({
    ...found,
    summary: found.summary.replace(member, '.$1'),
    detail: 'Write for example { method = "GET", path = "/v1/invoices/{id}", capability = "read" }.',
  }))
}

export const toolSpec: ResourceSpec = {
  document: engineSchema.tools,
  items: { operations },
  check: ({ upstream, name, operations: given, fields }) => [
    ...checkName(['upstream'], upstream, 'stripe'),
    ...(typeof name === 'string' && !isToolName(name)
      ? [
          fault(
            `name ${JSON.stringify(name.slice(0, 60))} is not the name of a tool`,
            'It is a resource, or resource/qualifier. Write for example customers/id-only.',
            ['name'],
          ),
        ]
      : []),
    ...(isList(given) && given.length === 0
      ? [
          fault('operations is empty', 'Name at least one, for example { method = "GET", path = "/v1/invoices" }.', [
            'operations',
          ]),
        ]
      : []),
    ...(isList(fields)
      ? fields.flatMap((field, index) =>
          typeof field === 'string' ? parsed(['fields', index], () => compileProjection([field])) : [],
        )
      : []),
  ],
}
