import type { FieldData } from '../../framework/field-data.ts'
import type { Fields } from '../../framework/field.ts'
import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { isoSeconds } from '../../logical/clock.ts'
import { RequestError, badRequest } from '../../logical/errors.ts'
import type { Data } from '../../logical/data.ts'
import type { Response } from '../../logical/response.ts'
import { listResponse } from '../../logical/response.ts'
import { areWithin, parseCidrs } from '../base/cidr.ts'
import { roleName } from './path-role.ts'
import type { RoleRecord } from './role.ts'
import type { SecretIdRecord, SecretIdTerms } from './secret-id-store.ts'
import type { AppRoleServices } from './services.ts'

const secretId = {
  type: 'string',
  description: 'The secret id.',
  example: '84896a0c-1347-aa90-a4f6-aca8b7558780',
  secret: true,
} as const
const accessor = {
  type: 'string',
  description: 'What stands for a secret id where it must not be named.',
  example: '2c5c1d5a-0e5a-4a1c-8a3b-6e7a1c3b9d10',
} as const

const termFields = {
  role_name: roleName,
  metadata: {
    type: 'string',
    description: 'A JSON object of strings; tokens made with the secret id carry it.',
    example: '{"host":"gateway-1"}',
  },
  num_uses: {
    type: 'int',
    description: "How many logins it is good for; at most the role's secret_id_num_uses, which counts when omitted.",
    example: 1,
  },
  ttl: {
    type: 'duration',
    description: "Seconds it lives; at most the role's secret_id_ttl, which counts when omitted.",
    example: '1h',
  },
  cidr_list: {
    type: 'list',
    description: "Address blocks it can be used from, within the role's secret_id_bound_cidrs.",
    example: ['10.0.0.0/8'],
  },
  token_bound_cidrs: {
    type: 'list',
    description: "Address blocks its tokens can be used from, within the role's token_bound_cidrs.",
    example: ['10.0.0.0/8'],
  },
} as const satisfies Fields

export function secretIdPaths(services: AppRoleServices): PathDef[] {
  const { roles, secretIds } = services
  return [
    definePath({
      pattern: 'role/:role_name/secret-id',
      fields: termFields,
      operations: {
        write: ({ fields: given }) => make(services, given, undefined),
        list: async ({ fields: given }) =>
          listResponse(await secretIds.accessors(await roles.require(given.require('role_name')))),
      },
      synopsis: 'Make a secret id, or list the accessors of those there are.',
      description: 'A secret id is returned once and kept only as a hash.',
    }),
    definePath({
      pattern: 'role/:role_name/custom-secret-id',
      fields: { ...termFields, secret_id: secretId },
      operations: {
        write({ fields: given }) {
          const chosen = given.given('secret_id') ?? ''
          if (chosen === '') throw badRequest('missing secret_id')
          return make(services, given, chosen)
        },
      },
      synopsis: "Register a secret id of one's own choosing.",
      description: 'It should have at least 128 random bits: nothing slows down guessing.',
    }),
    definePath({
      pattern: 'role/:role_name/secret-id/lookup',
      fields: { role_name: roleName, secret_id: secretId },
      operations: {
        async write({ fields: given }) {
          const record = await secretIds.find(await roles.require(given.require('role_name')), secretIdOf(given))
          return record && { data: secretIdView(record) }
        },
      },
      synopsis: 'Look a secret id up.',
      description: 'Its limits, times and metadata. An unknown one returns 204.',
    }),
    definePath({
      pattern: 'role/:role_name/secret-id/destroy',
      fields: { role_name: roleName, secret_id: secretId },
      operations: {
        async write({ fields: given }) {
          await secretIds.destroy(await roles.require(given.require('role_name')), secretIdOf(given))
          return undefined
        },
      },
      synopsis: 'Destroy a secret id.',
      description: 'It is good for no further login. Destroying one that is not known succeeds.',
    }),
  ]
}

export function secretIdAccessorPaths({ roles, secretIds }: AppRoleServices): PathDef[] {
  const fields = { role_name: roleName, secret_id_accessor: accessor } as const
  const accessorOf = (given: FieldData<typeof fields>): string => {
    const text = given.given('secret_id_accessor') ?? ''
    if (text === '') throw badRequest('missing secret_id_accessor')
    return text
  }
  return [
    definePath({
      pattern: 'role/:role_name/secret-id-accessor/lookup',
      fields,
      operations: {
        async write({ fields: given }): Promise<Response> {
          const wanted = accessorOf(given)
          const record = await secretIds.findByAccessor(await roles.require(given.require('role_name')), wanted)
          // In the data of a 404, as Vault has it: Terraform's provider reads there that a secret id is gone.
          return record ? { data: secretIdView(record) } : { status: 404, data: { error: unknownAccessor(wanted) } }
        },
      },
      synopsis: 'Look a secret id up by its accessor.',
      description: 'As lookup, for those who do not hold the secret id.',
    }),
    definePath({
      pattern: 'role/:role_name/secret-id-accessor/destroy',
      fields,
      operations: {
        async write({ fields: given }) {
          const wanted = accessorOf(given)
          if (!(await secretIds.destroyByAccessor(await roles.require(given.require('role_name')), wanted)))
            throw badRequest(unknownAccessor(wanted))
          return undefined
        },
      },
      synopsis: 'Destroy a secret id by its accessor.',
      description: 'As destroy, for those who do not hold the secret id.',
    }),
  ]
}

const unknownAccessor = (given: string): string =>
  `failed to find accessor entry for secret_id_accessor: ${JSON.stringify(given.slice(0, 64))}`

function secretIdOf(given: { given(name: 'secret_id'): string | undefined }): string {
  const text = given.given('secret_id')?.trim() ?? ''
  if (text === '') throw badRequest('missing secret_id')
  return text
}

async function make(
  { roles, secretIds, system }: AppRoleServices,
  given: FieldData<typeof termFields>,
  chosen: string | undefined,
): Promise<Response> {
  const role = await roles.find(given.require('role_name'))
  if (!role)
    throw new RequestError(
      'not_found',
      `role ${JSON.stringify(given.require('role_name').toLowerCase())} does not exist`,
    )
  const terms = termsOf(given, role, await system.maxLeaseTtl())
  const { secretId: made, record } = await secretIds.create(role, terms, chosen)
  return {
    data: {
      secret_id: made,
      secret_id_accessor: record.accessor,
      secret_id_num_uses: record.num_uses,
      secret_id_ttl: record.ttl,
    },
  }
}

/** A secret id may be given less than its role gives, never more; 0 is more than any limit. */
function termsOf(given: FieldData<typeof termFields>, role: RoleRecord, longest: number): SecretIdTerms {
  const bounds = {
    cidr_list: blocksOf(given, 'cidr_list', role.secret_id_bound_cidrs),
    token_bound_cidrs: blocksOf(given, 'token_bound_cidrs', role.token_bound_cidrs),
  }
  const uses = given.given('num_uses') ?? role.secret_id_num_uses
  const ttl = given.given('ttl') ?? role.secret_id_ttl
  if (uses < 0) throw badRequest('num_uses cannot be negative')
  if (role.secret_id_num_uses > 0 && (uses === 0 || uses > role.secret_id_num_uses))
    throw badRequest("num_uses cannot be higher than the role's secret_id_num_uses")
  if (role.secret_id_ttl > 0 && (ttl === 0 || ttl > role.secret_id_ttl))
    throw badRequest("ttl cannot be longer than the role's secret_id_ttl")
  return { num_uses: uses, ttl: Math.min(ttl, longest), metadata: metadataOf(given.given('metadata') ?? ''), ...bounds }
}

function blocksOf(
  given: FieldData<typeof termFields>,
  name: 'cidr_list' | 'token_bound_cidrs',
  ofRole: readonly string[] = [],
): string[] {
  const blocks = parseCidrs(name, given.given(name) ?? [])
  if (!areWithin(blocks, ofRole))
    throw badRequest(`${name} must lie within what the role allows: ${ofRole.join(', ')}.`)
  return blocks
}

function metadataOf(text: string): Record<string, string> {
  if (text.trim() === '') return {}
  const wrong = badRequest(
    'metadata must be a JSON object of strings, written as one string, for example metadata=\'{"host":"gateway-1"}\'.',
  )
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw wrong
  }
  if (
    typeof value !== 'object' ||
    value === null ||
    Array.isArray(value) ||
    !Object.values(value).every((member) => typeof member === 'string')
  )
    throw wrong
  return value as Record<string, string>
}

const never = '0001-01-01T00:00:00Z'

function secretIdView(record: SecretIdRecord): Data {
  return {
    cidr_list: [...(record.cidr_list ?? [])],
    creation_time: isoSeconds(record.creation_time),
    expiration_time: record.expiration_time === null ? never : isoSeconds(record.expiration_time),
    last_updated_time: isoSeconds(record.last_updated_time),
    metadata: record.metadata,
    secret_id_accessor: record.accessor,
    secret_id_num_uses: record.num_uses,
    secret_id_ttl: record.ttl,
    token_bound_cidrs: [...(record.token_bound_cidrs ?? [])],
  }
}
