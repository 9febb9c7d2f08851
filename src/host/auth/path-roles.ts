import type { FieldData } from '../../framework/field-data.ts'
import type { Fields } from '../../framework/field.ts'
import { durationText } from '../../framework/duration.ts'
import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import type { Data } from '../../logical/data.ts'
import { badRequest } from '../../logical/errors.ts'
import { listResponse } from '../../logical/response.ts'
import { parseCidrs } from '../base/cidr.ts'
import type { TokenRole } from './role-store.ts'
import type { TokenServices } from './services.ts'

const names = (what: string, example: string) =>
  ({ type: 'list', description: what, example: [example], default: [] }) as const
const seconds = (what: string, example: string) =>
  ({ type: 'duration', description: what, example, default: 0 }) as const

const fields = {
  role_name: { type: 'string', description: 'Name of the role.', example: 'ci' },
  allowed_policies: names('What its tokens may have, whatever the caller has.', 'gateway'),
  allowed_policies_glob: names('As allowed_policies, * standing for any characters.', 'dev-*'),
  disallowed_policies: names('What its tokens may not have.', 'admin'),
  disallowed_policies_glob: names('As disallowed_policies, * standing for any characters.', 'prod-*'),
  orphan: { type: 'bool', description: 'Its tokens do not end with their creator.', example: true, default: false },
  renewable: { type: 'bool', description: 'Whether its tokens can be renewed.', example: true, default: true },
  path_suffix: {
    type: 'string',
    description: "Put behind the role's name in the path of its tokens.",
    example: 'blue',
    default: '',
  },
  token_period: seconds('Makes periodic tokens: each renewal extends it by this many seconds, without limit.', '1h'),
  period: { type: 'duration', description: 'Old name of token_period.', example: '1h' },
  token_explicit_max_ttl: seconds('Limit on the life of the token over all renewals, in seconds.', '24h'),
  explicit_max_ttl: { type: 'duration', description: 'Old name of token_explicit_max_ttl.', example: '24h' },
  token_num_uses: {
    type: 'int',
    description: 'How many requests a token is good for; 0 = no limit.',
    example: 0,
    default: 0,
  },
  token_no_default_policy: { type: 'bool', description: 'Leaves out default.', example: true, default: false },
  token_bound_cidrs: names('Address blocks its tokens can be used from.', '10.0.0.0/8'),
  bound_cidrs: { type: 'list', description: 'Old name of token_bound_cidrs.', example: ['10.0.0.0/8'] },
  token_type: {
    type: 'string',
    description: 'service, batch, or what a request gets that names none: default-service, default-batch.',
    example: 'batch',
    default: 'default-service',
  },
  allowed_entity_aliases: {
    type: 'list',
    description: 'Accepted empty; tokens are not given the identity of others here.',
    example: [],
  },
} as const satisfies Fields

type RoleFields = FieldData<typeof fields>
type RoleSettings = Omit<TokenRole, 'name'>

export function rolePaths({ roles, limits }: TokenServices): PathDef[] {
  return [
    definePath({
      pattern: 'roles/',
      fields: {},
      operations: { list: async () => listResponse(await roles.names()) },
      synopsis: 'List the token roles.',
      description: 'By name.',
    }),
    definePath({
      pattern: 'roles/:role_name',
      fields,
      exists: async ({ fields: given }) => (await roles.find(given.require('role_name'))) !== undefined,
      operations: {
        read: async ({ fields: given }) => {
          const role = await roles.find(given.require('role_name'))
          return role && { data: roleView(role) }
        },
        write: async ({ fields: given }) => {
          let saved: RoleSettings | undefined
          await roles.save(given.require('role_name'), (before) => (saved = settingsOf(given, before)))
          const longest = limits().max_ttl
          const ceiling = saved?.token_explicit_max_ttl ?? 0
          if (ceiling <= longest) return undefined
          const warning = `Given explicit max TTL of ${durationText(ceiling)} is greater than the mount's longest life of ${durationText(longest)}, which counts instead`
          return { warnings: [warning] }
        },
        delete: async ({ fields: given }) => {
          await roles.delete(given.require('role_name'))
          return undefined
        },
      },
      synopsis: 'Create, change, read or delete a token role.',
      description:
        'Who may use auth/token/create/<role> gets tokens as the role says. Deleting it leaves them as they are.',
    }),
  ]
}

function settingsOf(given: RoleFields, before: RoleSettings): RoleSettings {
  if ((given.given('allowed_entity_aliases') ?? []).length > 0)
    throw badRequest('allowed_entity_aliases is not supported by this server; leave it out.')
  const merged = <Name extends keyof RoleSettings & keyof typeof fields>(name: Name) =>
    (given.has(name) ? given.get(name) : before[name]) as RoleSettings[Name]
  const renamed = <Name extends 'token_period' | 'token_explicit_max_ttl'>(
    name: Name,
    old: 'period' | 'explicit_max_ttl',
  ) => (given.has(name) ? given.get(name)! : (given.given(old) ?? before[name]))
  const cidrs = given.given('token_bound_cidrs') ?? given.given('bound_cidrs')
  const settings: RoleSettings = {
    orphan: merged('orphan'),
    renewable: merged('renewable'),
    path_suffix: merged('path_suffix'),
    allowed_policies: merged('allowed_policies'),
    allowed_policies_glob: merged('allowed_policies_glob'),
    disallowed_policies: merged('disallowed_policies'),
    disallowed_policies_glob: merged('disallowed_policies_glob'),
    token_bound_cidrs: cidrs ? parseCidrs('token_bound_cidrs', cidrs) : merged('token_bound_cidrs'),
    token_explicit_max_ttl: renamed('token_explicit_max_ttl', 'explicit_max_ttl'),
    token_period: renamed('token_period', 'period'),
    token_num_uses: merged('token_num_uses'),
    token_no_default_policy: merged('token_no_default_policy'),
    token_type: typeOf(merged('token_type')),
  }
  check(settings)
  return settings
}

function typeOf(given: string): TokenRole['token_type'] {
  switch (given) {
    case '':
    case 'default':
    case 'default-service':
      return 'default-service'
    case 'service':
    case 'batch':
    case 'default-batch':
      return given
    default:
      throw badRequest(`invalid 'token_type' value ${JSON.stringify(given)}`)
  }
}

/** Sentences are Vault's. */
function check({ path_suffix, token_num_uses, token_type, orphan, renewable }: RoleSettings): void {
  if (path_suffix !== '' && !/^\w[\w.-]+\w$/.test(path_suffix))
    throw badRequest('given role path suffix contains invalid characters; must match \\w[\\w-.]+\\w')
  if (token_num_uses < 0) throw badRequest("'token_num_uses' cannot be negative")
  if (token_type !== 'batch') return
  if (!orphan) throw badRequest("'token_type' cannot be 'batch' when role is set to generate non-orphan tokens")
  if (renewable) throw badRequest("'token_type' cannot be 'batch' when role is set to generate renewable tokens")
}

function roleView(role: TokenRole): Data {
  const { token_bound_cidrs, token_num_uses, ...rest } = role
  return {
    ...rest,
    allowed_entity_aliases: null,
    explicit_max_ttl: role.token_explicit_max_ttl,
    period: role.token_period,
    ...(token_num_uses > 0 && { token_num_uses }),
    ...(token_bound_cidrs.length > 0 && { token_bound_cidrs, bound_cidrs: token_bound_cidrs }),
  }
}
