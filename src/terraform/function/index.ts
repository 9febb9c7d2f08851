/** Provider functions: pure, and the same judgement as the engine's and the gateway's. */
import { ScopeError, parseScope, scopeCovered, scopeText } from '../../scope/index.ts'
import { ArgumentFault } from '../protocol/provider.ts'
import type { ProviderFunction } from '../protocol/provider.ts'
import { isList } from '../protocol/value.ts'
import type { Value } from '../protocol/value.ts'
import { toolPathOf } from '../tool-name.ts'

const scope: ProviderFunction = {
  signature: {
    summary: 'The scope for a capability on a tool',
    description:
      'Writes the scope that grants a capability on a tool: `scope("read", mcp_tool.invoices.id)` is `read:stripe:invoices`. The tool is given by its id, as `stripe/invoices`, or as policies have it, `tools/stripe/invoices`.',
    parameters: [
      {
        name: 'capability',
        type: 'string',
        description: '`create`, `read`, `update`, `delete`, `list`, `deny`, or `write` for create and update.',
      },
      {
        name: 'tool',
        type: 'string',
        description: "The tool: an `mcp_tool`'s id, or `<upstream>/<resource>[/<qualifier>]`.",
      },
    ],
    returns: 'string',
  },
  call([capability, tool]) {
    const path = toolPathOf(textOf(tool))
    if (path === undefined)
      throw new ArgumentFault(
        1,
        `${JSON.stringify(textOf(tool).slice(0, 120))} is not a tool. Write for example mcp_tool.invoices.id, or "stripe/invoices".`,
      )
    const text = scopeText(textOf(capability), path)
    if (/[:\s]/.test(textOf(capability)))
      throw new ArgumentFault(
        0,
        `${JSON.stringify(textOf(capability).slice(0, 60))} is not a capability. Write for example "read".`,
      )
    return parseArgument(0, () => parseScope(text, { allowWildcards: true }).canonical)
  },
}

const parse: ProviderFunction = {
  signature: {
    summary: 'The parts of a scope',
    description:
      'Takes a scope apart: `parse_scope("read:stripe:customers:id-only")` is `{ capability = "read", capabilities = ["read"], upstream = "stripe", resource = "customers", qualifier = "id-only", tool = "stripe/customers/id-only", canonical = "read:stripe:customers:id-only" }`. Where there is no qualifier it is null.',
    parameters: [{ name: 'scope', type: 'string', description: 'A scope, in either spelling.' }],
    returns: [
      'object',
      {
        capability: 'string',
        capabilities: ['list', 'string'],
        upstream: 'string',
        resource: 'string',
        qualifier: 'string',
        tool: 'string',
        canonical: 'string',
      },
    ],
  },
  call([text]) {
    return parseArgument(0, () => {
      const { canonical, capabilities, path } = parseScope(textOf(text), { allowWildcards: true })
      const [upstream = null, resource = null, qualifier = null] = path.split('/').slice(1)
      return {
        capability: canonical.slice(0, canonical.indexOf(':')),
        capabilities,
        upstream,
        resource,
        qualifier,
        tool: path.slice('tools/'.length),
        canonical,
      }
    })
  },
}

const covers: ProviderFunction = {
  signature: {
    summary: 'Whether scopes cover another',
    description:
      'Whether everything a scope allows is allowed by a list of scopes: `scope_covers(["write:stripe:invoices"], "create:stripe:invoices")` is true. An exact scope does not cover its qualifiers, and a deny in the list wins.',
    parameters: [
      { name: 'granted', type: ['list', 'string'], description: 'The scopes held.' },
      { name: 'wanted', type: 'string', description: 'The scope to be covered.' },
    ],
    returns: 'bool',
  },
  call([granted, wanted]) {
    const list = isList(granted) ? granted.map(textOf) : []
    parseArgument(0, () => scopeCovered(list, 'deny:any:thing'))
    return parseArgument(1, () => scopeCovered(list, textOf(wanted)))
  },
}

export const functions: Readonly<Record<string, ProviderFunction>> = { scope, parse_scope: parse, scope_covers: covers }

const textOf = (value: Value | undefined): string => (typeof value === 'string' ? value : '')

/** What a parser refuses is said of the argument it came from. */
function parseArgument<T>(argument: number, parseIt: () => T): T {
  try {
    return parseIt()
  } catch (error) {
    if (error instanceof ScopeError) throw new ArgumentFault(argument, error.message)
    throw error
  }
}
