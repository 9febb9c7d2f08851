import type { FieldData } from '../../framework/field-data.ts'
import { issueTtl } from '../../framework/lease.ts'
import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest } from '../../logical/errors.ts'
import type { Request } from '../../logical/request.ts'
import type { Response } from '../../logical/response.ts'
import { callerOf } from './caller.ts'
import type { Caller } from './caller.ts'
import type { TokenServices } from './services.ts'
import type { TokenSpec } from './token-record.ts'
import { isRoot, policyNames, rootPolicy, wrappingPolicy } from './token-record.ts'
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
  explicit_max_ttl: { type: 'duration', description: 'Ceiling no renewal gets over, in seconds.', example: '24h' },
  period: {
    type: 'duration',
    description: 'Makes a periodic token: each renewal gives this many seconds, without end. Needs sudo.',
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
    description: 'Only service tokens exist here.',
    example: 'service',
    allowed: ['', 'default', 'service', 'batch'],
  },
  entity_alias: {
    type: 'string',
    description: 'Accepted empty, as Terraform sends it; this server has no identities.',
    example: '',
  },
} as const

type CreateFields = FieldData<typeof fields>

export function createPaths(services: TokenServices): PathDef[] {
  const path = (pattern: string, orphan: boolean): PathDef =>
    definePath({
      pattern,
      fields,
      operations: { write: ({ request, fields: given }) => create(services, request, given, orphan) },
      synopsis: orphan ? 'Create a token without a parent.' : 'Create a token.',
      description:
        "The new token is a child of the caller's and ends with it, unless it is an orphan. It has at most the caller's policies, unless the caller has sudo on this path.",
    })
  return [path('create', false), path('create-orphan', true)]
}

async function create(
  services: TokenServices,
  request: Request,
  given: CreateFields,
  orphan: boolean,
): Promise<Response> {
  const caller = callerOf(request)
  // Else a few uses would be as good as any number of them.
  if (caller.record.num_uses !== 0) throw badRequest('restricted use token cannot generate child tokens')
  const path = `auth/token/${orphan ? 'create-orphan' : 'create'}`
  const privileged = caller.acl.sudo(path)
  refuseUnsupported(given)
  const explicitMaxTtl = given.get('explicit_max_ttl') ?? 0
  const period = given.get('period') ?? 0
  const id = given.get('id') ?? ''
  const numUses = given.get('num_uses') ?? 0
  const noParent = orphan || (given.get('no_parent') ?? false)
  if (numUses < 0) throw badRequest('number of uses cannot be negative')
  if (!privileged) {
    if (id !== '') throw badRequest('root or sudo privileges required to specify token id')
    if (period > 0) throw badRequest('root or sudo privileges required to create periodic token')
    // create-orphan is a path of its own, so that policies can grant it.
    if (given.get('no_parent')) throw badRequest('root or sudo privileges required to create orphan token')
  }
  const policies = policiesOf(caller, wantedPolicies(request, given), given, privileged)
  const warnings: string[] = []
  const ttl = ttlOf(
    services,
    { asked: given.get('ttl') ?? given.get('lease') ?? 0, explicitMaxTtl, period, root: policies.includes(rootPolicy) },
    warnings,
  )
  const spec: TokenSpec = {
    ...(id !== '' && { id }),
    policies,
    path,
    meta: metaOf(given.get('meta')),
    display_name: displayName(given.get('display_name')),
    num_uses: numUses,
    parent: noParent ? '' : caller.record.id_hash,
    ttl,
    explicit_max_ttl: explicitMaxTtl,
    period: Math.min(period, services.limits().max_ttl),
    renewable: ttl > 0 && (given.get('renewable') ?? true),
  }
  if (policies.includes(rootPolicy) && ttl > 0 && caller.record.expire_time === null)
    warnings.push('This root token will expire.')
  const { token, record } = await services.tokens.create(spec)
  return { auth: authOf(record, token, ttl), ...(warnings.length > 0 && { warnings }) }
}

function refuseUnsupported(given: CreateFields): void {
  if (given.get('type') === 'batch')
    throw badRequest('type "batch" is not supported by this server; leave it out or use type=service.')
  if ((given.get('entity_alias') ?? '') !== '')
    throw badRequest('entity_alias is not supported by this server: it has no identities. Leave it out.')
}

/** Here, unlike in roles, Vault takes a text with commas for one name; splitting it would grant policies it does not. */
function wantedPolicies(request: Request, given: CreateFields): string[] {
  const { policies } = request.data
  return policyNames(typeof policies === 'string' ? [policies] : (given.get('policies') ?? []))
}

/**
 * Sorted and without repetitions, as Vault shows them. The default policy comes along unless declined, or the creator has
 * neither it nor sudo. Root goes alone: other policies could not narrow it.
 */
function policiesOf(caller: Caller, wanted: readonly string[], given: CreateFields, privileged: boolean): string[] {
  const own = caller.record.policies
  const policies = new Set(wanted.length > 0 ? wanted : own)
  if (policies.has(wrappingPolicy)) throw badRequest(`cannot assign policy ${JSON.stringify(wrappingPolicy)}`)
  if (policies.has(rootPolicy)) {
    if (!isRoot(caller.record)) throw badRequest('root tokens may not be created without parent token being root')
    return [rootPolicy]
  }
  const excess = [...policies].filter((name) => !own.includes(name)).sort()
  if (!privileged && excess.length > 0)
    throw badRequest(`child policies must be subset of parent; the parent lacks ${excess.join(', ')}.`)
  if (given.get('no_default_policy')) {
    if (wanted.length === 0) policies.delete('default')
  } else if (privileged || own.includes('default')) policies.add('default')
  return [...policies].sort()
}

interface TtlQuestion {
  asked: number
  explicitMaxTtl: number
  period: number
  root: boolean
}

/** 0 = never expires: only root tokens, unless a ttl was given. */
function ttlOf(
  services: TokenServices,
  { asked, explicitMaxTtl, period, root }: TtlQuestion,
  warnings: string[],
): number {
  if (root && asked === 0 && period === 0 && explicitMaxTtl === 0) return 0
  const limits = services.limits()
  const granted = issueTtl({ ttl: period > 0 ? period : asked, max_ttl: explicitMaxTtl }, limits)
  warnings.push(...granted.warnings)
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
