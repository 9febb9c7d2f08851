import type { FieldData } from '../../framework/field-data.ts'
import type { Fields } from '../../framework/field.ts'
import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest } from '../../logical/errors.ts'
import type { Data } from '../../logical/request.ts'
import { listResponse } from '../../logical/response.ts'
import { newRole } from './role.ts'
import type { RoleRecord, RoleSettings } from './role.ts'
import type { AppRoleServices } from './services.ts'

export const roleName = { type: 'string', description: 'Name of the role, without regard to case.', example: 'mcp-gateway' } as const

const fields = {
  role_name: roleName,
  role_id: { type: 'string', description: 'Identifier of the role at logins; a random one when omitted.', example: 'mcp-gateway-prod' },
  bind_secret_id: { type: 'bool', description: 'Whether a login needs a secret id. Always true here: it is the only constraint this server has.', example: true, default: true },
  secret_id_num_uses: { type: 'int', description: 'How many logins a secret id is good for; 0 = no limit.', example: 10, default: 0 },
  secret_id_ttl: { type: 'duration', description: 'Seconds a secret id lives; 0 = it does not expire.', example: '24h', default: 0 },
  token_policies: { type: 'list', description: 'ACL policies of the tokens.', example: ['mcp-gateway'], default: [] },
  policies: { type: 'list', description: 'Old name of token_policies.', example: ['mcp-gateway'] },
  token_ttl: { type: 'duration', description: 'Seconds a token lives; 0 = the mount\'s default.', example: '20m', default: 0 },
  token_max_ttl: { type: 'duration', description: 'Seconds from the login beyond which a token is not renewed; 0 = the mount\'s maximum.', example: '24h', default: 0 },
  token_explicit_max_ttl: { type: 'duration', description: 'As token_max_ttl, and later changes of the role do not move it.', example: '24h', default: 0 },
  token_period: { type: 'duration', description: 'Makes periodic tokens: each renewal gives this many seconds, without end.', example: '1h', default: 0 },
  period: { type: 'duration', description: 'Old name of token_period.', example: '1h' },
  token_num_uses: { type: 'int', description: 'How many requests a token is good for; 0 = no limit.', example: 0, default: 0 },
  token_no_default_policy: { type: 'bool', description: 'Leaves out the default policy.', example: false, default: false },
  token_type: { type: 'string', description: 'default or service; this server has no batch tokens.', example: 'service', default: 'default' },
  secret_id_bound_cidrs: { type: 'list', description: 'Accepted empty; this server binds nothing to addresses.', example: [] },
  bound_cidr_list: { type: 'list', description: 'Old name of secret_id_bound_cidrs.', example: [] },
  token_bound_cidrs: { type: 'list', description: 'Accepted empty; this server binds nothing to addresses.', example: [] },
  token_strictly_bind_ip: { type: 'bool', description: 'Accepted false; this server binds nothing to addresses.', example: false },
  local_secret_ids: { type: 'bool', description: 'Accepted false; this server does not replicate.', example: false },
} as const satisfies Fields

type RoleFields = FieldData<typeof fields>

export function rolePaths({ roles, secretIds }: AppRoleServices): PathDef[] {
  return [
    definePath({
      pattern: 'role/', fields: {},
      operations: { list: async () => listResponse(await roles.names()) },
      synopsis: 'List the roles.', description: 'By name.',
    }),
    definePath({
      pattern: 'role/:role_name', fields,
      exists: async ({ fields: given }) => await roles.find(given.require('role_name')) !== undefined,
      operations: {
        async read({ fields: given }) {
          const role = await roles.find(given.require('role_name'))
          return role && { data: roleView(role) }
        },
        async write({ fields: given }) {
          const warnings: string[] = []
          await roles.save(given.require('role_name'), (before) => settingsOf(given, before ?? newRole, warnings), roleIdOf(given))
          return warnings.length > 0 ? { warnings } : undefined
        },
        async delete({ fields: given }) {
          const role = await roles.delete(given.require('role_name'))
          if (role) await secretIds.forget(role)
          return undefined
        },
      },
      synopsis: 'Create, change, read or delete a role.',
      description: 'A role says what token a login gets. A login takes the role\'s role id and one of its secret ids. Deleting it ends its secret ids; tokens live on until they expire and are not renewed.',
    }),
  ]
}

export function roleIdPaths({ roles }: AppRoleServices): PathDef[] {
  return [definePath({
    pattern: 'role/:role_name/role-id', fields: { role_name: roleName, role_id: fields.role_id },
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
    synopsis: 'Read or replace the role id.', description: 'The role id is an identifier, not a secret; yet who has it needs only a secret id.',
  })]
}

const roleIdOf = (given: Pick<RoleFields, 'given'>): string | undefined => given.given('role_id')?.trim() || undefined

/** What is stored, under what is given; null stands for the default. */
function settingsOf(given: RoleFields, before: RoleSettings, warnings: string[]): RoleSettings {
  refuseUnsupported(given)
  const merged = <Name extends keyof RoleSettings>(name: Name) => (given.has(name) ? given.get(name) : before[name]) as RoleSettings[Name]
  const settings: RoleSettings = {
    secret_id_num_uses: merged('secret_id_num_uses'),
    secret_id_ttl: merged('secret_id_ttl'),
    token_policies: given.has('token_policies') ? given.get('token_policies')! : given.given('policies') ?? before.token_policies,
    token_ttl: merged('token_ttl'),
    token_max_ttl: merged('token_max_ttl'),
    token_explicit_max_ttl: merged('token_explicit_max_ttl'),
    token_period: given.has('token_period') ? given.get('token_period')! : given.given('period') ?? before.token_period,
    token_num_uses: merged('token_num_uses'),
    token_no_default_policy: merged('token_no_default_policy'),
    token_type: given.has('token_type') ? tokenType(given.get('token_type')!, warnings) : before.token_type,
  }
  if (settings.secret_id_num_uses < 0) throw badRequest('secret_id_num_uses cannot be negative')
  if (settings.token_num_uses < 0) throw badRequest("'token_num_uses' cannot be negative")
  if (settings.token_max_ttl > 0 && settings.token_ttl > settings.token_max_ttl) throw badRequest("'token_ttl' cannot be greater than 'token_max_ttl'")
  return settings
}

function tokenType(given: string, warnings: string[]): RoleSettings['token_type'] {
  if (given === '' || given === 'default') return 'default'
  if (given === 'batch' || given === 'default-batch') throw badRequest(`token_type "${given}" is not supported by this server, which has no batch tokens; leave it out or use token_type=service.`)
  if (given === 'default-service') warnings.push('default-service has no useful meaning; adjusting to service')
  else if (given !== 'service') throw badRequest(`invalid 'token_type' value ${JSON.stringify(given)}`)
  return 'service'
}

/** Nothing is stored that would not be enforced. */
function refuseUnsupported(given: RoleFields): void {
  if (given.given('bind_secret_id') === false) throw badRequest('at least one constraint should be enabled on the role: bind_secret_id is the only one this server has, so it cannot be false')
  for (const name of ['secret_id_bound_cidrs', 'bound_cidr_list', 'token_bound_cidrs'] as const) {
    if ((given.given(name) ?? []).length > 0) throw badRequest(`${name} is not supported by this server, which binds nothing to addresses; leave it out.`)
  }
  for (const name of ['token_strictly_bind_ip', 'local_secret_ids'] as const) {
    if (given.given(name) === true) throw badRequest(`${name} is not supported by this server; leave it out.`)
  }
}

function roleView({ name: _name, uid: _uid, role_id: _roleId, hmac_key: _key, ...settings }: RoleRecord): Data {
  return { ...settings, bind_secret_id: true, local_secret_ids: false, secret_id_bound_cidrs: null, token_bound_cidrs: [], token_strictly_bind_ip: false }
}
