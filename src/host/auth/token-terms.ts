import type { FieldData } from '../../framework/field-data.ts'
import type { Fields } from '../../framework/field.ts'
import { parseCidrs } from '../base/cidr.ts'
import { badRequest } from '../../logical/errors.ts'
import type { Data } from '../../logical/data.ts'
import type { Auth } from '../../logical/secret.ts'

/** What a role of any auth method says of its tokens. Names are the API's; durations in seconds, 0 = no limit of the role's own. */
export interface TokenTerms {
  readonly token_policies: readonly string[]
  readonly token_ttl: number
  readonly token_max_ttl: number
  readonly token_explicit_max_ttl: number
  readonly token_period: number
  readonly token_num_uses: number
  readonly token_no_default_policy: boolean
  readonly token_type: 'default' | 'service' | 'batch' | 'default-batch'
  /** Address blocks the tokens can be used from; missing in what older versions stored. */
  readonly token_bound_cidrs?: readonly string[]
  /** Binds each token to the address of its login. */
  readonly token_strictly_bind_ip?: boolean
}

export const newTokenTerms: TokenTerms = {
  token_policies: [],
  token_ttl: 0,
  token_max_ttl: 0,
  token_explicit_max_ttl: 0,
  token_period: 0,
  token_num_uses: 0,
  token_no_default_policy: false,
  token_type: 'default',
}

/** The fields of a role that say it. */
export const tokenFields = {
  token_policies: { type: 'list', description: 'ACL policies of the tokens.', example: ['mcp-gateway'], default: [] },
  policies: { type: 'list', description: 'Old name of token_policies.', example: ['mcp-gateway'] },
  token_ttl: {
    type: 'duration',
    description: "Seconds a token lives; 0 = the mount's default.",
    example: '20m',
    default: 0,
  },
  token_max_ttl: {
    type: 'duration',
    description: "Seconds from the login beyond which a token is not renewed; 0 = the mount's maximum.",
    example: '24h',
    default: 0,
  },
  token_explicit_max_ttl: {
    type: 'duration',
    description: 'As token_max_ttl, and later changes of the role do not move it.',
    example: '24h',
    default: 0,
  },
  token_period: {
    type: 'duration',
    description: 'Makes periodic tokens: each renewal extends it by this many seconds, without limit.',
    example: '1h',
    default: 0,
  },
  period: { type: 'duration', description: 'Old name of token_period.', example: '1h' },
  token_num_uses: {
    type: 'int',
    description: 'How many requests a token is good for; 0 = no limit.',
    example: 0,
    default: 0,
  },
  token_no_default_policy: {
    type: 'bool',
    description: 'Leaves out the default policy.',
    example: false,
    default: false,
  },
  token_type: {
    type: 'string',
    description: 'default, service, or batch: not renewed, no children, not revoked.',
    example: 'service',
    default: 'default',
  },
  token_bound_cidrs: {
    type: 'list',
    description: 'Address blocks the tokens can be used from.',
    example: ['10.0.0.0/8'],
    default: [],
  },
  token_strictly_bind_ip: {
    type: 'bool',
    description: 'Binds each token to the address of its login.',
    example: false,
    default: false,
  },
} as const satisfies Fields

/** What is stored, under what is given; null stands for the default. Throws on what would be stored and not enforced. */
export function tokenTermsOf(given: FieldData<typeof tokenFields>, before: TokenTerms, warnings: string[]): TokenTerms {
  const merged = <Name extends keyof TokenTerms>(name: Name) =>
    (given.has(name) ? given.get(name) : before[name]) as TokenTerms[Name]
  const renamed = <Name extends 'token_policies' | 'token_period'>(name: Name, oldName: 'policies' | 'period') =>
    (given.has(name) ? given.get(name) : (given.given(oldName) ?? before[name])) as TokenTerms[Name]
  const terms: TokenTerms = {
    token_policies: renamed('token_policies', 'policies'),
    token_ttl: merged('token_ttl'),
    token_max_ttl: merged('token_max_ttl'),
    token_explicit_max_ttl: merged('token_explicit_max_ttl'),
    token_period: renamed('token_period', 'period'),
    token_num_uses: merged('token_num_uses'),
    token_no_default_policy: merged('token_no_default_policy'),
    token_type: given.has('token_type') ? tokenType(given.get('token_type')!, warnings) : before.token_type,
    token_bound_cidrs: given.has('token_bound_cidrs')
      ? parseCidrs('token_bound_cidrs', given.get('token_bound_cidrs')!)
      : (before.token_bound_cidrs ?? []),
    token_strictly_bind_ip: merged('token_strictly_bind_ip') ?? false,
  }
  refuseContradictions(terms)
  return terms
}

/** Terms that cannot all hold. */
function refuseContradictions(terms: TokenTerms): void {
  if (terms.token_num_uses < 0) throw badRequest("'token_num_uses' cannot be negative")
  if (isBatch(terms) && (terms.token_period > 0 || terms.token_num_uses > 0))
    throw badRequest("'token_type' cannot be 'batch' when 'token_period' or 'token_num_uses' is set")
  if (terms.token_max_ttl > 0 && terms.token_ttl > terms.token_max_ttl)
    throw badRequest("'token_ttl' cannot be greater than 'token_max_ttl'")
}

function tokenType(given: string, warnings: string[]): TokenTerms['token_type'] {
  if (given === '' || given === 'default') return 'default'
  if (given === 'batch' || given === 'default-batch') return given
  if (given === 'default-service') warnings.push('default-service has no useful meaning; adjusting to service')
  else if (given !== 'service') throw badRequest(`invalid 'token_type' value ${JSON.stringify(given)}`)
  return 'service'
}

/** As a role answers them. */
export function tokenTermsView(terms: TokenTerms): Data {
  const {
    token_policies,
    token_ttl,
    token_max_ttl,
    token_explicit_max_ttl,
    token_period,
    token_num_uses,
    token_no_default_policy,
    token_type,
  } = terms
  return {
    token_policies: [...token_policies],
    token_ttl,
    token_max_ttl,
    token_explicit_max_ttl,
    token_period,
    token_num_uses,
    token_no_default_policy,
    token_type,
    token_bound_cidrs: [...(terms.token_bound_cidrs ?? [])],
    token_strictly_bind_ip: terms.token_strictly_bind_ip ?? false,
  }
}

/** The token a login is to have. `metadata` comes back at its renewal; `displayName` follows the mount's name. */
export function authOnTerms(
  terms: TokenTerms,
  metadata: Readonly<Record<string, string>>,
  { displayName = '', remoteAddress = '', aliasName = '' } = {},
): Auth {
  return {
    display_name: displayName,
    policies: terms.token_policies,
    metadata,
    lease_options: { ttl: terms.token_ttl, max_ttl: terms.token_max_ttl, renewable: !isBatch(terms) },
    entity_id: '',
    token_type: isBatch(terms) ? 'batch' : 'service',
    ...boundTo(terms, remoteAddress),
    ...(aliasName !== '' && { alias_name: aliasName }),
    orphan: true,
    num_uses: terms.token_num_uses,
    explicit_max_ttl: terms.token_explicit_max_ttl,
    period: terms.token_period,
    no_default_policy: terms.token_no_default_policy,
  }
}

const isBatch = ({ token_type }: Pick<TokenTerms, 'token_type'>): boolean => token_type.endsWith('batch')

function boundTo(
  { token_bound_cidrs = [], token_strictly_bind_ip }: TokenTerms,
  remoteAddress: string,
): { bound_cidrs?: readonly string[] } {
  if (token_strictly_bind_ip && remoteAddress !== '') return { bound_cidrs: [remoteAddress.replace(/^::ffff:/, '')] }
  return token_bound_cidrs.length > 0 ? { bound_cidrs: token_bound_cidrs } : {}
}
