import { toolProblems } from '../../document/index.ts'
import { operationMethods, parseOperation } from '../../scope/index.ts'
import { engineSchema } from '../engine-schema.ts'
import type { Diagnostic } from '../protocol/diagnostic.ts'
import { isUnknown, unknown } from '../protocol/value.ts'
import type { Value } from '../protocol/value.ts'
import type { ResourceSpec } from './document-spec.ts'
import type { Items } from '../engine-field.ts'

const operations: Items = {
  attributes: {
    method: {
      type: 'string',
      required: true,
      description: `HTTP method: ${[...operationMethods.keys()].map((method) => `\`${method}\``).join(', ')}.`,
    },
    path: {
      type: 'string',
      required: true,
      description:
        "Path below the upstream's URL; `{x}` is one segment or, with text beside it, a part of one, as in `/models/{model}:generate`; `{x...}` is one segment or more; a slash at the end counts.",
    },
    capability: {
      type: 'string',
      optional: true,
      computed: true,
      description:
        'What a scope must grant: `create`, `read`, `update`, `delete` or `list`. Default: what the method stands for; `GET` is `read`; `COPY` and `MOVE` have none.',
    },
    parameters: {
      type: ['list', 'string'],
      optional: true,
      description: 'The only query parameters that pass. Omitted: all do; `[]`: none.',
    },
    denied_parameters: {
      type: ['list', 'string'],
      optional: true,
      description:
        'Parameters that may stand neither in the query nor at the top level of the body, in any spelling, for example `expand`.',
    },
    body: {
      type: 'bool',
      optional: true,
      description: 'With `true`, a `GET` or `OPTIONS` request may have a body. Other methods but `HEAD` always may.',
    },
  },
  /** The engine keeps what it was sent: others may have written `"GET /v1/invoices"`. */
  read(item) {
    const { capability, method, path, parameters, denied_parameters: denied, body } = parseOperation(item)
    const written = typeof item === 'object' ? (item as { readonly method: string }).method : method
    return {
      method: written,
      path,
      capability,
      parameters: parameters ? [...parameters] : null,
      denied_parameters: denied ? [...denied] : null,
      body: body ?? null,
    }
  },
  complete: (item) => ({ ...item, capability: item.capability ?? impliedCapability(item.method) }),
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

const member = / operation (capability|method|path|parameters|denied_parameters|body)\b/

/** There is one spelling of an operation here. It points at the operation: Terraform finds no line for what is deeper. */
function reword(found: Diagnostic): Diagnostic {
  if (found.path?.[0] !== 'operations') return found
  return {
    ...found,
    summary: found.summary.replace(member, '.$1'),
    detail:
      found.path.length === 1
        ? 'Write for example operations = [{ method = "GET", path = "/v1/invoices" }].'
        : 'Write for example { method = "GET", path = "/v1/invoices/{id}", capability = "read" }.',
  }
}

export const toolSpec: ResourceSpec = {
  document: engineSchema.tools,
  items: { operations },
  problems: toolProblems,
  reword,
}
