import type { FieldData } from '../../framework/field-data.ts'
import type { Fields } from '../../framework/field.ts'
import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest } from '../../logical/errors.ts'
import type { JwtConfig } from './config.ts'
import { signatureAlgorithms } from './key-source.ts'
import type { JwtServices } from './services.ts'

const noBrowser = 'Accepted empty; this server has no browser logins.'
const ownTrust = 'Accepted empty; the certificates of this machine are trusted, and those of NODE_EXTRA_CA_CERTS.'

const fields = {
  jwt_validation_pubkeys: {
    type: 'list',
    description: 'Public keys in PEM that tokens are signed with; or jwks_url, or oidc_discovery_url.',
    example: ['-----BEGIN PUBLIC KEY-----…'],
    default: [],
  },
  jwks_url: {
    type: 'string',
    description: 'Where the keys lie as a JSON Web Key Set.',
    example: 'https://idp.example/keys',
    default: '',
  },
  oidc_discovery_url: {
    type: 'string',
    description: 'The issuer, whose discovery document says where its keys lie.',
    example: 'https://idp.example',
    default: '',
  },
  bound_issuer: {
    type: 'string',
    description: 'The iss claim a token must have; empty for any.',
    example: 'https://idp.example',
    default: '',
  },
  jwt_supported_algs: {
    type: 'list',
    description: `Algorithms a token may be signed with; empty for all: ${signatureAlgorithms.join(', ')}.`,
    example: ['RS256'],
    default: [],
  },
  default_role: { type: 'string', description: 'Role of logins that name none.', example: 'ci', default: '' },
  namespace_in_state: {
    type: 'bool',
    description: 'Kept and shown; this server has no browser logins.',
    example: true,
    default: false,
  },
  oidc_client_id: { type: 'string', description: noBrowser, example: '' },
  oidc_client_secret: { type: 'string', description: noBrowser, example: '', secret: true },
  oidc_response_mode: { type: 'string', description: noBrowser, example: '' },
  oidc_response_types: { type: 'list', description: noBrowser, example: [] },
  provider_config: { type: 'object', description: noBrowser, example: {} },
  jwks_pairs: { type: 'objects', description: 'Accepted empty; one jwks_url is what this server takes.', example: [] },
  jwks_ca_pem: { type: 'string', description: ownTrust, example: '' },
  oidc_discovery_ca_pem: { type: 'string', description: ownTrust, example: '' },
} as const satisfies Fields

export function configPaths({ config }: JwtServices): PathDef[] {
  return [
    definePath({
      pattern: 'config',
      fields,
      operations: {
        async read() {
          const stored = await config.read()
          return (
            stored && {
              data: {
                ...stored,
                oidc_client_id: '',
                oidc_response_mode: '',
                oidc_response_types: [],
                provider_config: {},
                jwks_pairs: [],
                jwks_ca_pem: '',
                oidc_discovery_ca_pem: '',
              },
            }
          )
        },
        async write({ fields: given }) {
          await config.write(configOf(given))
          return undefined
        },
      },
      synopsis: 'Where the keys of tokens come from.',
      description: 'A write replaces the whole configuration, and is refused when the keys cannot be read.',
    }),
  ]
}

function configOf(given: FieldData<typeof fields>): JwtConfig {
  for (const name of [
    'oidc_client_id',
    'oidc_client_secret',
    'oidc_response_mode',
    'jwks_ca_pem',
    'oidc_discovery_ca_pem',
  ] as const)
    refuse(name, given.given(name))
  for (const name of ['oidc_response_types', 'jwks_pairs'] as const) refuse(name, given.given(name)?.join())
  refuse('provider_config', Object.keys(given.given('provider_config') ?? {}).join())
  const config: JwtConfig = {
    jwt_validation_pubkeys: given.get('jwt_validation_pubkeys')!,
    jwks_url: given.get('jwks_url')!,
    oidc_discovery_url: given.get('oidc_discovery_url')!,
    bound_issuer: given.get('bound_issuer')!,
    jwt_supported_algs: given.get('jwt_supported_algs')!,
    default_role: given.get('default_role')!,
    namespace_in_state: given.get('namespace_in_state')!,
  }
  const sources = [
    config.jwt_validation_pubkeys.length > 0,
    config.jwks_url !== '',
    config.oidc_discovery_url !== '',
  ].filter(Boolean)
  if (sources.length !== 1)
    throw badRequest("exactly one of 'jwt_validation_pubkeys', 'jwks_url' or 'oidc_discovery_url' must be set")
  const unknown = config.jwt_supported_algs.find((name) => !signatureAlgorithms.some((known) => known === name))
  if (unknown !== undefined)
    throw badRequest(
      `invalid jwt_supported_algs: unsupported signing algorithm ${JSON.stringify(unknown)}; there are ${signatureAlgorithms.join(', ')}.`,
    )
  return config
}

/** Nothing is stored that would not be enforced. */
function refuse(name: keyof typeof fields, given: string | undefined): void {
  if (given !== undefined && given !== '') throw badRequest(`${name} is not supported by this server; leave it out.`)
}
