import type { FieldData } from '../../framework/field-data.ts'
import type { Fields } from '../../framework/field.ts'
import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest } from '../../logical/errors.ts'
import type { Data } from '../../logical/data.ts'
import { listResponse } from '../../logical/response.ts'
import { newTokenTerms, tokenFields, tokenTermsOf, tokenTermsView } from '../auth/token-terms.ts'
import type { ClaimRules } from './claims.ts'
import type { JwtRole } from './role-store.ts'
import type { JwtServices } from './services.ts'

const noBrowser = 'Accepted empty; this server has no browser logins.'
const leeway = (of: string, seconds: number) => `Seconds of ${of}; 0 = ${seconds}, -1 = none.`

const fields = {
  name: { type: 'string', description: 'Name of the role.', example: 'ci' },
  role_type: { type: 'string', description: 'jwt; this server has no browser logins.', example: 'jwt' },
  user_claim: { type: 'string', description: 'The claim that says who logs in.', example: 'sub', default: '' },
  user_claim_json_pointer: {
    type: 'bool',
    description: 'Whether user_claim is a JSON pointer where it starts with a slash.',
    example: false,
    default: false,
  },
  bound_audiences: {
    type: 'list',
    description: 'The aud claim must hold one of these.',
    example: ['mcp'],
    default: [],
  },
  bound_subject: {
    type: 'string',
    description: 'The sub claim must be this.',
    example: 'repo:acme/app:ref:refs/heads/main',
    default: '',
  },
  bound_claims: {
    type: 'object',
    description: 'Claims, by name or JSON pointer, and the value or values of which each must have one.',
    example: { team: ['billing', 'finance'] },
    default: {},
  },
  bound_claims_type: {
    type: 'string',
    description: 'string, or glob where * in bound_claims stands for any text.',
    example: 'glob',
    default: 'string',
  },
  claim_mappings: {
    type: 'object',
    description: "Claims copied into the token's metadata, and the names they get there.",
    example: { team: 'team' },
    default: {},
  },
  clock_skew_leeway: { type: 'int', description: leeway('clock skew, for every time', 60), example: 0, default: 0 },
  expiration_leeway: { type: 'int', description: leeway('life of a token without exp', 150), example: 0, default: 0 },
  not_before_leeway: {
    type: 'int',
    description: leeway('life before exp of a token without nbf and iat', 150),
    example: 0,
    default: 0,
  },
  ...tokenFields,
  groups_claim: { type: 'string', description: 'Accepted empty; this server has no identity groups.', example: '' },
  oidc_scopes: { type: 'list', description: noBrowser, example: [] },
  allowed_redirect_uris: { type: 'list', description: noBrowser, example: [] },
  max_age: { type: 'int', description: 'Accepted 0; this server has no browser logins.', example: 0 },
  verbose_oidc_logging: {
    type: 'bool',
    description: 'Accepted false; this server has no browser logins.',
    example: false,
  },
} as const satisfies Fields

type RoleFields = FieldData<typeof fields>

const newRules: ClaimRules = {
  bound_audiences: [],
  bound_subject: '',
  bound_claims: {},
  bound_claims_type: 'string',
  claim_mappings: {},
  user_claim: '',
  user_claim_json_pointer: false,
  clock_skew_leeway: 0,
  expiration_leeway: 0,
  not_before_leeway: 0,
}

export function rolePaths({ roles }: JwtServices): PathDef[] {
  return [
    definePath({
      pattern: 'role/',
      fields: {},
      operations: { list: async () => listResponse(await roles.names()) },
      synopsis: 'List the roles.',
      description: 'By name.',
    }),
    definePath({
      pattern: 'role/:name',
      fields,
      exists: async ({ fields: given }) => (await roles.find(given.require('name'))) !== undefined,
      operations: {
        async read({ fields: given }) {
          const role = await roles.find(given.require('name'))
          return role && { data: roleView(role) }
        },
        async write({ fields: given }) {
          const warnings: string[] = []
          await roles.save(given.require('name'), (before) => roleOf(given, before, warnings))
          return warnings.length > 0 ? { warnings } : undefined
        },
        async delete({ fields: given }) {
          await roles.delete(given.require('name'))
          return undefined
        },
      },
      synopsis: 'Create, change, read or delete a role.',
      description:
        'A role says which tokens of the identity provider it takes, and what token a login gets for one. Deleting it ends no token; they are not renewed.',
    }),
  ]
}

/** What is stored, under what is given; null stands for the default. */
function roleOf(given: RoleFields, before: JwtRole | undefined, warnings: string[]): JwtRole {
  refuseUnsupported(given, before !== undefined)
  const base = before ?? { ...newRules, ...newTokenTerms }
  const merged = <Name extends keyof ClaimRules>(name: Name) =>
    (given.has(name) ? given.get(name) : base[name]) as ClaimRules[Name]
  const rules: ClaimRules = {
    bound_audiences: merged('bound_audiences'),
    bound_subject: merged('bound_subject'),
    bound_claims: merged('bound_claims'),
    bound_claims_type: merged('bound_claims_type'),
    claim_mappings: merged('claim_mappings'),
    user_claim: merged('user_claim'),
    user_claim_json_pointer: merged('user_claim_json_pointer'),
    clock_skew_leeway: merged('clock_skew_leeway'),
    expiration_leeway: merged('expiration_leeway'),
    not_before_leeway: merged('not_before_leeway'),
  }
  checkRules(rules)
  return { ...rules, ...tokenTermsOf(given, base, warnings) }
}

function checkRules(rules: ClaimRules): void {
  const { user_claim, bound_audiences, bound_subject, bound_claims, bound_claims_type } = rules
  if (user_claim === '') throw badRequest('a user claim must be defined on the role, for example user_claim=sub')
  if (!['string', 'glob'].includes(bound_claims_type))
    throw badRequest(`invalid 'bound_claims_type': ${bound_claims_type}; it is string or glob.`)
  // Without one, every token the provider ever signs would do.
  if (bound_audiences.length === 0 && bound_subject === '' && Object.keys(bound_claims).length === 0) {
    throw badRequest(
      'must have at least one bound constraint when creating/updating a role: bound_audiences, bound_subject or bound_claims, for example bound_audiences=mcp',
    )
  }
  checkBoundClaims(rules)
  checkMappings(rules)
}

function checkBoundClaims({ bound_claims, bound_claims_type }: ClaimRules): void {
  const plain = (value: unknown) => ['string', 'number', 'boolean'].includes(typeof value)
  for (const [name, value] of Object.entries(bound_claims)) {
    const values = Array.isArray(value) ? (value as unknown[]) : [value]
    if (values.length === 0 || !values.every(plain))
      throw badRequest(
        `bound_claims.${name} must be a value or a list of values, for example bound_claims={"${name}":["a","b"]}.`,
      )
    if (bound_claims_type === 'glob' && !values.every((one) => typeof one === 'string'))
      throw badRequest(`claim is not a string or list: ${name}; bound_claims_type=glob compares texts.`)
  }
}

function checkMappings({ claim_mappings }: ClaimRules): void {
  const names = Object.values(claim_mappings)
  if (!names.every((name) => typeof name === 'string' && name !== ''))
    throw badRequest('claim_mappings must name the metadata of each claim, for example claim_mappings={"team":"team"}.')
  // A renewal finds the role by it.
  if (names.includes('role')) throw badRequest('metadata key "role" is reserved and may not be a mapping destination')
  if (new Set(names).size !== names.length)
    throw badRequest('multiple keys are mapped to the same metadata name in claim_mappings')
}

/** Nothing is stored that would not be enforced. */
function refuseUnsupported(given: RoleFields, exists: boolean): void {
  const type = given.given('role_type') ?? (exists ? 'jwt' : '')
  if (type === '' || type === 'oidc')
    throw badRequest("'role_type' must be given as jwt: unspecified it is oidc, and this server has no browser logins.")
  if (type !== 'jwt') throw badRequest(`invalid 'role_type': ${type}`)
  for (const name of browserLoginFields)
    if (!isUnset(given.given(name))) throw badRequest(`${name} is not supported by this server; leave it out.`)
}

/** Fields of logins in a browser: accepted where they say nothing, as clients send them. */
const browserLoginFields = [
  'groups_claim',
  'oidc_scopes',
  'allowed_redirect_uris',
  'max_age',
  'verbose_oidc_logging',
] as const

const isUnset = (value: string | number | boolean | readonly string[] | undefined): boolean =>
  typeof value === 'object' ? value.join() === '' : !value

function roleView(role: JwtRole): Data {
  const {
    bound_audiences,
    bound_subject,
    bound_claims,
    bound_claims_type,
    claim_mappings,
    user_claim,
    user_claim_json_pointer,
    clock_skew_leeway,
    expiration_leeway,
    not_before_leeway,
  } = role
  return {
    role_type: 'jwt',
    bound_audiences,
    bound_subject,
    bound_claims,
    bound_claims_type,
    user_claim,
    user_claim_json_pointer,
    clock_skew_leeway,
    expiration_leeway,
    not_before_leeway,
    claim_mappings: Object.keys(claim_mappings).length > 0 ? claim_mappings : null,
    ...tokenTermsView(role),
    allowed_redirect_uris: null,
    groups_claim: '',
    max_age: 0,
    oidc_scopes: null,
    verbose_oidc_logging: false,
  }
}
