import { expect } from 'vitest'
import type { Row } from './table.ts'

const entity = (name: string, more: Partial<Row>): Row => ({
  name,
  method: 'POST',
  path: 'identity/entity',
  status: 200,
  ...more,
})
const alias = (name: string, body: object, more: Partial<Row> = {}): Row => ({
  name,
  method: 'POST',
  path: 'identity/entity-alias',
  body,
  status: 200,
  ...more,
})
const own = (name: string, status: number, more: Partial<Row> = {}): Row => ({
  name,
  method: 'GET',
  path: 'auth/token/lookup-self',
  token: '$member',
  status,
  ...more,
})
const login: Row = {
  name: '(login)',
  method: 'POST',
  path: 'auth/approle/login',
  body: { role_id: '$roleId', secret_id: '$secretId' },
  token: '',
  status: 200,
}

const entityKeys = [
  'aliases',
  'creation_time',
  'direct_group_ids',
  'disabled',
  'group_ids',
  'id',
  'inherited_group_ids',
  'last_update_time',
  'merged_entity_ids',
  'metadata',
  'name',
  'namespace_id',
  'policies',
]

export const identity: readonly Row[] = [
  entity('a new entity', {
    body: { name: 'billing-agent', metadata: { team: 'blue' } },
    has: { data: { aliases: null, name: 'billing-agent', id: expect.any(String) } },
    remember: { entity: 'data.id' },
  }),
  entity('the same again', { body: { name: 'billing-agent' }, status: 204 }),
  {
    name: 'by name',
    method: 'GET',
    path: 'identity/entity/name/billing-agent',
    status: 200,
    dataKeys: entityKeys,
    has: { data: { id: '$entity', metadata: { team: 'blue' }, aliases: [], disabled: false, policies: [] } },
  },
  { name: 'by id', method: 'GET', path: 'identity/entity/id/$entity', status: 200, dataKeys: entityKeys },
  { name: 'by an unknown id', method: 'GET', path: 'identity/entity/id/none', status: 404 },
  {
    name: 'ids',
    method: 'LIST',
    path: 'identity/entity/id',
    status: 200,
    has: { data: { keys: ['$entity'] } },
  },
  {
    name: 'names',
    method: 'LIST',
    path: 'identity/entity/name',
    status: 200,
    has: { data: { keys: ['billing-agent'] } },
  },
  entity('an unknown id', { body: { id: 'none', name: 'z' }, status: 400, says: ['entity not found from id'] }),
  { name: '(approle)', method: 'POST', path: 'sys/auth/approle', body: { type: 'approle' }, status: 204 },
  {
    name: '(its accessor)',
    method: 'GET',
    path: 'sys/auth/approle',
    status: 200,
    remember: { approle: 'data.accessor' },
  },
  {
    name: '(a role)',
    method: 'POST',
    path: 'auth/approle/role/billing-agent',
    body: { token_policies: ['own-path'] },
    status: 204,
  },
  {
    name: '(its role id)',
    method: 'GET',
    path: 'auth/approle/role/billing-agent/role-id',
    status: 200,
    remember: { roleId: 'data.role_id' },
  },
  {
    name: '(a secret id)',
    method: 'POST',
    path: 'auth/approle/role/billing-agent/secret-id',
    body: {},
    status: 200,
    remember: { secretId: 'data.secret_id' },
  },
  alias(
    'an alias',
    { name: '$roleId', canonical_id: '$entity', mount_accessor: '$approle' },
    {
      has: { data: { canonical_id: '$entity' } },
      remember: { alias: 'data.id' },
    },
  ),
  alias('the same again', { name: '$roleId', canonical_id: '$entity', mount_accessor: '$approle' }, { status: 204 }),
  alias(
    'a second one at the same method',
    { name: 'x', canonical_id: '$entity', mount_accessor: '$approle' },
    {
      status: 400,
      says: ['Alias already exists for requested entity and mount accessor'],
    },
  ),
  alias(
    'of no entity',
    { name: 'x', canonical_id: 'none', mount_accessor: '$approle' },
    {
      status: 400,
      says: ['invalid canonical ID'],
    },
  ),
  alias(
    'of no method',
    { name: 'x', canonical_id: '$entity', mount_accessor: 'none' },
    {
      status: 400,
      says: ['invalid mount accessor "none"'],
    },
  ),
  alias(
    'without a name',
    { canonical_id: '$entity', mount_accessor: '$approle' },
    {
      status: 400,
      says: ["'id' or 'mount_accessor' and 'name' must be provided"],
    },
  ),
  {
    name: 'the alias',
    method: 'GET',
    path: 'identity/entity-alias/id/$alias',
    status: 200,
    has: {
      data: {
        canonical_id: '$entity',
        mount_accessor: '$approle',
        mount_path: 'auth/approle/',
        mount_type: 'approle',
        name: '$roleId',
      },
    },
  },
  {
    name: 'found by its alias',
    method: 'POST',
    path: 'identity/lookup/entity',
    body: { alias_name: '$roleId', alias_mount_accessor: '$approle' },
    status: 200,
    has: { data: { id: '$entity' } },
  },
  {
    name: 'not found',
    method: 'POST',
    path: 'identity/lookup/entity',
    body: { name: 'none' },
    status: 204,
  },
  {
    name: 'found by nothing',
    method: 'POST',
    path: 'identity/lookup/entity',
    body: {},
    status: 400,
    says: ['query parameter not supplied'],
  },
  {
    name: '(a policy by the name of the entity)',
    method: 'PUT',
    path: 'sys/policies/acl/own-path',
    body: {
      policy:
        'path "plain/{{identity.entity.name}}/{{identity.entity.metadata.team}}" { capabilities = ["create", "update", "read"] }\npath "plain/{{identity.entity.aliases.none.name}}" { capabilities = ["read"] }',
    },
    status: 204,
  },
  {
    ...login,
    name: 'a login has its entity',
    has: { auth: { entity_id: '$entity', orphan: true } },
    remember: { member: 'auth.client_token' },
  },
  own('and its token', 200, { has: { data: { entity_id: '$entity' } } }),
  {
    name: 'a path of its name and metadata',
    method: 'PUT',
    path: 'plain/billing-agent/blue',
    body: { a: 1 },
    token: '$member',
    status: 204,
  },
  { name: 'not of another', method: 'GET', path: 'plain/other/blue', token: '$member', status: 403 },
  {
    name: 'nor of other metadata',
    method: 'GET',
    path: 'plain/billing-agent/red',
    token: '$member',
    status: 403,
  },
  {
    name: 'it reads itself',
    method: 'GET',
    path: 'identity/entity/name/billing-agent',
    token: '$member',
    status: 200,
  },
  { name: 'and no one else', method: 'GET', path: 'identity/entity/name/other', token: '$member', status: 403 },
  {
    name: '(a policy of the entity)',
    method: 'POST',
    path: 'identity/entity/id/$entity',
    body: { policies: ['read-tree'] },
    status: 204,
  },
  own('what the entity has counts too', 200, {
    has: { data: { policies: ['default', 'own-path'], identity_policies: ['read-tree'] } },
  }),
  { name: 'at once', method: 'GET', path: 'sys/auth', token: '$member', status: 200 },
  {
    ...login,
    name: 'and is told at a login',
    has: {
      auth: {
        policies: ['default', 'own-path', 'read-tree'],
        token_policies: ['default', 'own-path'],
        identity_policies: ['read-tree'],
      },
    },
  },
  {
    name: '(the entity is disabled)',
    method: 'POST',
    path: 'identity/entity/id/$entity',
    body: { disabled: true },
    status: 204,
  },
  own('its tokens are refused', 403),
  { ...login, name: 'and its logins', status: 403 },
  {
    name: '(and enabled)',
    method: 'POST',
    path: 'identity/entity/id/$entity',
    body: { disabled: false },
    status: 204,
  },
  own('its tokens are good again', 200),
  { name: '(deleted)', method: 'DELETE', path: 'identity/entity/id/$entity', status: 204 },
  own('its tokens are refused for good', 403),
  { name: 'deleted again', method: 'DELETE', path: 'identity/entity/id/$entity', status: 204 },
  {
    ...login,
    name: 'a login of nobody known makes an entity',
    has: { auth: { entity_id: expect.stringMatching(/^[0-9a-f-]{36}$/) } },
  },
]
