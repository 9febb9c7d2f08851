import type { FieldData } from '../../framework/field-data.ts'
import { issueTtl } from '../../framework/lease.ts'
import type { LeaseLimits } from '../../framework/lease.ts'
import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest } from '../../logical/errors.ts'
import type { Request } from '../../logical/request.ts'
import type { Response } from '../../logical/response.ts'
import { callerOf } from './caller.ts'
import { childPolicies } from './child-policies.ts'
import { lowerLimit } from './login.ts'
import type { TokenRole } from './role-store.ts'
import type { TokenServices } from './services.ts'
import { policyNames, rootPolicy } from './token-record.ts'
import type { TokenRecord, TokenSpec } from './token-record.ts'
import { authOf } from './token-view.ts'

const fields = {
  id: {
    type: 'string',
    description: 'The token itself, instead of a random one. Needs sudo.',
    example: 'dev-root',
    secret: true,
  },
  policies: {
    type: 'list',
    description: "ACL policies of the token; the creator's own when omitted. More than the creator has needs sudo.",
    example: ['gateway'],
  },
  meta: { type: 'object', description: 'Texts shown by look-ups and in the audit log.', example: { team: 'platform' } },
  ttl: { type: 'duration', description: "Seconds the token lives; the mount's default when omitted.", example: '1h' },
  lease: { type: 'duration', description: 'Old name of ttl.', example: '1h' },
  explicit_max_ttl: {
    type: 'duration',
    description: 'Limit on the life of the token over all renewals, in seconds.',
    example: '24h',
  },
  period: {
    type: 'duration',
    description: 'Makes a periodic token: each renewal extends it by this many seconds, without limit. Needs sudo.',
    example: '24h',
  },
  renewable: { type: 'bool', description: 'Whether the token can be renewed.', example: true, default: true },
  num_uses: {
    type: 'int',
    description: 'How many requests the token is good for; 0 = no limit.',
    example: 1,
    default: 0,
  },
  no_parent: {
    type: 'bool',
    description: 'An orphan: it does not end with its creator. Needs sudo here, or access to create-orphan.',
    example: false,
    default: false,
  },
  no_default_policy: { type: 'bool', description: 'Leaves out the default policy.', example: true, default: false },
  display_name: { type: 'string', description: 'Name shown by look-ups and in the audit log.', example: 'ci' },
  type: {
    type: 'string',
    description: 'service, or batch: a token that is not renewed, has no children and cannot be revoked.',
    example: 'service',
    allowed: ['', 'default', 'service', 'batch'],
  },
  entity_alias: {
    type: 'string',
    description: 'Accepted empty, as Terraform sends it.',
    example: '',
  },
} as const

type CreateFields = FieldData<typeof fields>

const ownRules =
  "The new token is a child of the caller's and ends with it, unless it is an orphan. It has at most the caller's policies, unless the caller has sudo on this path."

export function createPaths(services: TokenServices): PathDef[] {
  return [
    definePath({
      pattern: 'create',
      fields,
      operations: { write: ({ request, fields: given }) => create(services, request, given, { path: 'create' }) },
      synopsis: 'Create a token.',
      description: ownRules,
    }),
    definePath({
      pattern: 'create-orphan',
      fields,
      operations: {
        write: ({ request, fields: given }) =>
          create(services, request, given, { path: 'create-orphan', orphan: true }),
      },
      synopsis: 'Create a token without a parent.',
      description: ownRules,
    }),
    definePath({
      pattern: 'create/:role_name',
      fields: { ...fields, role_name: { type: 'string', description: 'The token role.', example: 'ci' } },
      operations: {
        write: async ({ request, fields: given }) => {
          const name = given.require('role_name')
          const role = await services.roles.find(name)
          if (!role) throw badRequest(`unknown role ${name.slice(0, 64)}`)
          return create(services, request, given, { path: `create/${name}`, role })
        },
      },
      synopsis: 'Create a token as a role says.',
      description: "The role's lists count in place of the caller's policies; limits of both hold.",
    }),
  ]
}

/** By which path a token is asked for. */
interface Way {
  readonly path: string
  readonly orphan?: boolean
  readonly role?: TokenRole
}

async function create(services: TokenServices, request: Request, given: CreateFields, way: Way): Promise<Response> {
  const { record: parent, acl } = callerOf(request)
  const privileged = acl.sudo(`auth/token/${way.path}`)
  checkParent(parent)
  if (!privileged) checkUnprivileged(given, way.role)
  const warnings: string[] = []
  const limits = services.limits()
  const type = typeOf(given.get('type') ?? '', way.role)
  const terms = termsOf(given, way.role, limits, warnings)
  if (type === 'batch') checkBatch(terms)
  const policies = policiesOf(request, given, way, privileged)
  const root = policies.includes(rootPolicy)
  if (root && type === 'batch') throw badRequest('batch tokens cannot be root tokens')
  const ttl = ttlOf({ requested: requestedTtl(given), ...terms, root, parent }, limits, warnings)
  const { token, record } = await services.tokens.create({
    ...terms,
    ...wayTerms(way),
    ...(type === 'batch' && { type }),
    policies,
    meta: metaOf(given.get('meta')),
    display_name: displayName(given.get('display_name')),
    entity_id: parent.entity_id,
    parent: isOrphan(given, way) ? '' : parent.id_hash,
    ttl,
    renewable: type === 'service' && ttl > 0 && isRenewable(given, way),
  })
  return { auth: authOf(record, token, ttl), ...(warnings.length > 0 && { warnings }) }
}

function policiesOf(request: Request, given: CreateFields, { role }: Way, privileged: boolean): string[] {
  return childPolicies({
    parent: callerOf(request).record,
    wanted: wantedPolicies(request, given),
    withoutDefault: given.get('no_default_policy') ?? false,
    privileged,
    ...(role && { role }),
  })
}

type Terms = Pick<TokenSpec, 'id' | 'num_uses' | 'explicit_max_ttl' | 'period'>

/** Of what the request and the role say, whichever is less. */
function termsOf(given: CreateFields, role: TokenRole | undefined, limits: LeaseLimits, warnings: string[]): Terms {
  const requested = given.get('explicit_max_ttl')
  const explicit_max_ttl = lesser('Explicit max TTL', requested, role?.token_explicit_max_ttl, warnings)
  const period = lesser('Period', given.get('period'), role?.token_period, warnings)
  const num_uses = lowerLimit(given.get('num_uses') ?? 0, role?.token_num_uses ?? 0)
  if (num_uses < 0) throw badRequest('number of uses cannot be negative')
  return { ...idOf(given), num_uses, explicit_max_ttl, period: Math.min(period, limits.max_ttl) }
}

const requestedTtl = (given: CreateFields): number => given.get('ttl') ?? given.get('lease') ?? 0

const isRenewable = (given: CreateFields, { role }: Way): boolean =>
  (role?.renewable ?? true) && (given.get('renewable') ?? true)

function checkParent({ type, num_uses }: TokenRecord): void {
  if (type === 'batch') throw badRequest('batch tokens cannot create more tokens')
  // Else a few uses would be as good as any number of them.
  if (num_uses !== 0) throw badRequest('restricted use token cannot generate child tokens')
}

function checkUnprivileged(given: CreateFields, role: TokenRole | undefined): void {
  if ((given.get('id') ?? '') !== '') throw badRequest('root or sudo privileges required to specify token id')
  if ((given.get('period') ?? 0) > 0) throw badRequest('root or sudo privileges required to create periodic token')
  // create-orphan is a path of its own, so that policies can grant it; a role says itself what its tokens are.
  if (given.get('no_parent') && !role) throw badRequest('root or sudo privileges required to create orphan token')
}

/** A role decides unless it leaves the choice to the request. */
function typeOf(given: string, role: TokenRole | undefined): 'service' | 'batch' {
  const wanted = given === 'batch' ? 'batch' : given === 'service' ? 'service' : undefined
  switch (role?.token_type) {
    case 'service':
    case 'batch':
      return role.token_type
    case 'default-batch':
      return wanted ?? 'batch'
    default:
      return wanted ?? 'service'
  }
}

const isOrphan = (given: CreateFields, { orphan, role }: Way): boolean =>
  role ? role.orphan : (orphan ?? given.get('no_parent') ?? false)

/** What the path and the role it names say of its tokens. */
function wayTerms({ path, role }: Way): Pick<TokenSpec, 'path' | 'role' | 'bound_cidrs'> {
  if (!role) return { path: `auth/token/${path}` }
  const suffix = role.path_suffix === '' ? '' : `/${role.path_suffix}`
  const bound_cidrs = role.token_bound_cidrs.length > 0 ? { bound_cidrs: role.token_bound_cidrs } : {}
  return { path: `auth/token/${path}${suffix}`, role: role.name, ...bound_cidrs }
}

function idOf(given: CreateFields): { id?: string } {
  if ((given.get('entity_alias') ?? '') !== '')
    throw badRequest('entity_alias is not supported by this server; leave it out.')
  const id = given.get('id') ?? ''
  return id === '' ? {} : { id }
}

function checkBatch({
  id,
  num_uses,
  period,
  explicit_max_ttl,
}: Pick<TokenSpec, 'id' | 'num_uses' | 'period' | 'explicit_max_ttl'>): void {
  const refused = Object.entries({ num_uses, period, explicit_max_ttl, id: id ?? 0 }).find(([, value]) => value !== 0)
  if (refused) throw badRequest(`batch tokens cannot have ${JSON.stringify(refused[0])} set`)
}

function lesser(name: string, requested = 0, ofRole = 0, warnings: string[]): number {
  const seconds = lowerLimit(requested, ofRole)
  if (requested > 0 && ofRole > 0)
    warnings.push(
      `${name} specified both during creation call and in role; using the lesser value of ${seconds} seconds`,
    )
  return seconds
}

/** Here, unlike in roles, Vault takes a text with commas for one name; splitting it would grant policies it does not. */
function wantedPolicies(request: Request, given: CreateFields): string[] {
  const { policies } = request.data
  return policyNames(typeof policies === 'string' ? [policies] : (given.get('policies') ?? []))
}

interface TtlRequest {
  requested: number
  explicit_max_ttl: number
  period: number
  root: boolean
  parent: TokenRecord
}

/** 0 = never expires: only root tokens, unless a ttl was given. */
function ttlOf(
  { requested, explicit_max_ttl: explicitMaxTtl, period, root, parent }: TtlRequest,
  limits: LeaseLimits,
  warnings: string[],
): number {
  if (root && requested === 0 && period === 0 && explicitMaxTtl === 0) return 0
  const granted = issueTtl({ ttl: period > 0 ? period : requested, max_ttl: explicitMaxTtl }, limits)
  warnings.push(...granted.warnings)
  if (root && granted.ttl > 0 && parent.expire_time === null) warnings.push('This root token will expire.')
  return granted.ttl
}

function metaOf(given: Record<string, unknown> | undefined): Record<string, string> | null {
  if (given === undefined) return null
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      if (typeof value !== 'string')
        throw badRequest(`meta.${name} must be a string, for example meta={"team":"platform"}.`)
      return [name, value]
    }),
  )
}

const displayName = (given: string | undefined): string =>
  given === undefined || given === '' ? 'token' : `token-${given.replaceAll(/[^A-Za-z0-9-]/g, '-')}`
