import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { missing } from '../../framework/field-data.ts'
import { badRequest } from '../../logical/errors.ts'
import type { SysServices } from './services.ts'

const name = {
  type: 'string',
  description: 'Name of the policy; case does not matter.',
  example: 'mcp-gateway',
} as const
const policy = {
  type: 'string',
  description: 'The policy, as HCL or JSON.',
  example: 'path "mcp/creds/*" { capabilities = ["update"] }',
} as const
const rules = {
  type: 'string',
  description: 'Old name of policy.',
  example: 'path "secret/*" { capabilities = ["read"] }',
} as const

export function policyPaths({ policies }: SysServices): PathDef[] {
  const write = async (policyName: string, text: string) => {
    const warnings = await policies.write(policyName, text)
    return warnings.length > 0 ? { warnings } : undefined
  }
  const remove = async (policyName: string) => {
    await policies.delete(policyName)
    return undefined
  }
  return [
    definePath({
      pattern: 'policies/acl/',
      fields: {},
      operations: {
        list: () => ({ data: { keys: policies.names() } }),
        read: () => ({ data: { keys: policies.names() } }),
      },
      synopsis: 'List the ACL policies.',
      description: 'Names, sorted; root is the policy that allows everything.',
    }),
    definePath({
      pattern: 'policies/acl/:name...',
      fields: { name, policy },
      operations: {
        read: ({ fields }) => {
          const text = policies.text(fields.require('name'))
          return text === undefined
            ? undefined
            : { data: { name: fields.require('name').trim().toLowerCase(), policy: text } }
        },
        write: ({ fields }) => write(fields.require('name'), fields.require('policy')),
        delete: ({ fields }) => remove(fields.require('name')),
      },
      synopsis: 'Read, write or delete an ACL policy.',
      description: 'A change holds at once, for tokens that exist too.',
    }),
    definePath({
      pattern: 'policy',
      fields: {},
      operations: {
        read: () => ({ data: { keys: policies.names(), policies: policies.names() } }),
        list: () => ({ data: { keys: policies.names(), policies: policies.names() } }),
      },
      synopsis: 'List the ACL policies (old form).',
      description: 'As policies/acl.',
    }),
    definePath({
      pattern: 'policy/:name...',
      fields: { name, policy, rules },
      operations: {
        read: ({ fields }) => {
          const text = policies.text(fields.require('name'))
          return text === undefined
            ? undefined
            : { data: { name: fields.require('name').trim().toLowerCase(), rules: text } }
        },
        write: ({ fields }) => {
          const text = fields.get('policy') || fields.get('rules')
          if (text === undefined || text === '') throw badRequest(missing('policy', policy))
          return write(fields.require('name'), text)
        },
        delete: ({ fields }) => remove(fields.require('name')),
      },
      synopsis: 'Read, write or delete an ACL policy (old form).',
      description: 'As policies/acl; the text is called rules when read.',
    }),
  ]
}
