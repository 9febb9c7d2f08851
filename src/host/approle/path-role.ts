import type { FieldData } from '../../framework/field-data.ts'
import type { Fields } from '../../framework/field.ts'
import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest } from '../../logical/errors.ts'
import type { Data } from '../../logical/data.ts'
import { listResponse } from '../../logical/response.ts'
import { tokenFields, tokenTermsOf, tokenTermsView } from '../auth/token-terms.ts'
import { parseCidrs } from '../base/cidr.ts'
import { newRole } from './role.ts'
import type { RoleRecord, RoleSettings } from './role.ts'
import type { AppRoleServices } from './services.ts'

export const roleName = {
  type: 'string',
  description: 'Name of the role, without regard to case.',
  example: 'mcp-gateway',
} as const

const fields = {
  role_name: roleName,
  role_id: {
    type: 'string',
    description: 'Identifier of the role at logins; a random one when omitted.',
    example: 'mcp-gateway-prod',
  },
  bind_secret_id: {
    type: 'bool',
    description: 'Whether a login needs a secret id. Always true here: it is the only constraint this server has.',
    example: true,
    default: true,
  },
  secret_id_num_uses: {
    type: 'int',
    description: 'How many logins a secret id is good for; 0 = no limit.',
    example: 10,
    default: 0,
  },
  secret_id_ttl: {
    type: 'duration',
    description: 'Seconds a secret id lives; 0 = it does not expire.',
    example: '24h',
    default: 0,
  },
  ...tokenFields,
  secret_id_bound_cidrs: {
    type: 'list',
    description: 'Address blocks its secret ids can be used from.',
    example: ['10.0.0.0/8'],
    default: [],
  },
  bound_cidr_list: { type: 'list', description: 'Old name of secret_id_bound_cidrs.', example: ['10.0.0.0/8'] },
  local_secret_ids: { type: 'bool', description: 'Accepted false; this server does not replicate.', example: false },
} as const satisfies Fields

type RoleFields = FieldData<typeof fields>

export function rolePaths({ roles, secretIds }: AppRoleServices): PathDef[] {
  return [
    definePath({
      pattern: 'role/',
      fields: {},
      operations: { list: async () => listResponse(await roles.names()) },
      synopsis: 'List the roles.',
      description: 'By name.',
    }),
    definePath({
      pattern: 'role/:role_name',
      fields,
      exists: async ({ fields: given }) => (await roles.find(given.require('role_name'))) !== undefined,
      operations: {
        async read({ fields: given }) {
          const role = await roles.find(given.require('role_name'))
          return role && { data: roleView(role) }
        },
        async write({ fields: given }) {
          const warnings: string[] = []
          await roles.save(
            given.require('role_name'),
            (before) => settingsOf(given, before ?? newRole, warnings),
            roleIdOf(given),
          )
          return warnings.length > 0 ? { warnings } : undefined
        },
        async delete({ fields: given }) {
          const role = await roles.delete(given.require('role_name'))
          if (role) await secretIds.forget(role)
          return undefined
        },
      },
      synopsis: 'Create, change, read or delete a role.',
      description:
        "A role says what token a login gets. A login takes the role's role id and one of its secret ids. Deleting it ends its secret ids; tokens live on until they expire and are not renewed.",
    }),
  ]
}

export function roleIdPaths({ roles }: AppRoleServices): PathDef[] {
  return [
    definePath({
      pattern: 'role/:role_name/role-id',
      fields: { role_name: roleName, role_id: fields.role_id },
      operations: {
        async read({ fields: given }) {
          const role = await roles.find(given.require('role_name'))
          return role && { data: { role_id: role.role_id } }
        },
        async write({ fields: given }) {
          const roleId = roleIdOf(given)
          if (roleId === undefined) throw badRequest('missing role_id')
          await roles.saveRoleId(given.require('role_name'), roleId)
          return undefined
        },
      },
      synopsis: 'Read or replace the role id.',
      description: 'The role id is an identifier, not a secret; yet who has it needs only a secret id.',
    }),
  ]
}

const roleIdOf = (given: Pick<RoleFields, 'given'>): string | undefined => given.given('role_id')?.trim() || undefined

/** What is stored, under what is given; null stands for the default. */
function settingsOf(given: RoleFields, before: RoleSettings, warnings: string[]): RoleSettings {
  refuseUnsupported(given)
  const merged = (name: 'secret_id_num_uses' | 'secret_id_ttl') => (given.has(name) ? given.get(name)! : before[name])
  const cidrs = given.has('secret_id_bound_cidrs') ? given.get('secret_id_bound_cidrs') : given.given('bound_cidr_list')
  const settings: RoleSettings = {
    secret_id_num_uses: merged('secret_id_num_uses'),
    secret_id_ttl: merged('secret_id_ttl'),
    secret_id_bound_cidrs: cidrs ? parseCidrs('secret_id_bound_cidrs', cidrs) : (before.secret_id_bound_cidrs ?? []),
    ...tokenTermsOf(given, before, warnings),
  }
  if (settings.secret_id_num_uses < 0) throw badRequest('secret_id_num_uses cannot be negative')
  return settings
}

/** Nothing is stored that would not be enforced. */
function refuseUnsupported(given: RoleFields): void {
  if (given.given('bind_secret_id') === false)
    throw badRequest(
      'at least one constraint should be enabled on the role: bind_secret_id is the only one this server has, so it cannot be false',
    )
  if (given.given('local_secret_ids') === true)
    throw badRequest('local_secret_ids is not supported by this server; leave it out.')
}

function roleView(role: RoleRecord): Data {
  const { secret_id_num_uses, secret_id_ttl, secret_id_bound_cidrs = [] } = role
  return {
    bind_secret_id: true,
    local_secret_ids: false,
    secret_id_bound_cidrs: secret_id_bound_cidrs.length > 0 ? [...secret_id_bound_cidrs] : null,
    secret_id_num_uses,
    secret_id_ttl,
    ...tokenTermsView(role),
  }
}
