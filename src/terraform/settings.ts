/** The `provider "mcp"` block: its schema, what is wrong with one, and what it comes to together with the environment. */
import { fault } from './protocol/diagnostic.ts'
import type { Diagnostic } from './protocol/diagnostic.ts'
import type { Block } from './protocol/schema.ts'
import { isObject, isUnknown } from './protocol/value.ts'
import type { Value, ValueObject } from './protocol/value.ts'

export const providerSchema: Block = {
  description:
    'Provisions the MCP secrets engine of any Vault-compatible server: upstreams, tools, policies, agents and their scopes.',
  attributes: {
    address: {
      type: 'string',
      optional: true,
      description:
        'Address of the server, for example `https://vault.example.com:8200`. Default: the environment variable `VAULT_ADDR`.',
    },
    token: {
      type: 'string',
      optional: true,
      sensitive: true,
      description:
        'Token to begin with. Default: `VAULT_TOKEN`, then the file `~/.vault-token`. Not needed with `auth_login`.',
    },
    namespace: {
      type: 'string',
      optional: true,
      description: 'Namespace of every request. Default: `VAULT_NAMESPACE`.',
    },
    ca_cert_file: {
      type: 'string',
      optional: true,
      description: "PEM file of the authorities to trust instead of the machine's. Default: `VAULT_CACERT`.",
    },
    mount: {
      type: 'string',
      optional: true,
      description:
        'Where the engine is mounted. Default: `mcp`. Another mount is another provider configuration, with an alias.',
    },
    skip_child_token: {
      type: 'bool',
      optional: true,
      description:
        'Works with the given token itself. By default a child token is made of it, which is revoked when the provider ends. Default: `TERRAFORM_VAULT_SKIP_CHILD_TOKEN`, else false.',
    },
    max_lease_ttl_seconds: {
      type: 'number',
      optional: true,
      description: 'Longest life of the child token, and so of everything leased under it. Default: 1200.',
    },
    max_retries: {
      type: 'number',
      optional: true,
      description: 'How many times a request is sent again after a 412, 429 or 5xx, or no response. Default: 2.',
    },
    timeout_seconds: { type: 'number', optional: true, description: 'How long one request may take. Default: 60.' },
  },
  blocks: {
    auth_login: {
      description: 'A login to be done first, with any auth method that returns a token.',
      attributes: {
        path: {
          type: 'string',
          required: true,
          description: 'Where to log in, for example `auth/approle/login` or `auth/userpass/login/ci`.',
        },
        parameters: {
          type: ['map', 'string'],
          optional: true,
          sensitive: true,
          description: 'What is sent there, for example `role_id` and `secret_id`.',
        },
        namespace: {
          type: 'string',
          optional: true,
          description: 'Namespace of the login. Default: that of the provider.',
        },
      },
    },
  },
}

export interface ProviderLogin {
  readonly path: string
  readonly parameters: Readonly<Record<string, string>>
  readonly namespace: string | undefined
}

export interface ProviderSettings {
  /** Names of what is not known yet; the rest of this says nothing about them. */
  readonly unknown: readonly string[]
  readonly address: string | undefined
  /** Where no login is asked for; undefined also where there is none. */
  readonly token: string | undefined
  readonly login: ProviderLogin | undefined
  readonly namespace: string | undefined
  readonly caFile: string | undefined
  /** Undefined while unknown. */
  readonly mount: string | undefined
  readonly childToken: boolean
  readonly childTtlSeconds: number
  readonly maxRetries: number
  readonly timeoutMs: number
}

export interface ProviderEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>
  /** The text of `~/.vault-token`; undefined where there is none. */
  readonly tokenFile: () => string | undefined
}

const mountPattern = /^[A-Za-z0-9_.@-]+(?:\/[A-Za-z0-9_.@-]+)*$/

export function validateSettings(config: ValueObject): Diagnostic[] {
  const found: Diagnostic[] = []
  const { address, mount, auth_login: login } = config
  if (typeof address === 'string' && !isHttp(address))
    found.push(
      fault('address must be an http or https URL', 'Write for example https://vault.example.com:8200.', ['address']),
    )
  if (typeof mount === 'string' && !mountPattern.test(withoutSlashes(mount)))
    found.push(
      fault(`mount ${JSON.stringify(mount)} is not a mount path`, 'Write for example mcp, or team-a/mcp.', ['mount']),
    )
  for (const [name, least] of Object.entries({ max_lease_ttl_seconds: 1, max_retries: 0, timeout_seconds: 1 })) {
    if (!isAtLeast(config[name], least))
      found.push(
        fault(
          `${name} must be a whole number of at least ${String(least)}`,
          `Write for example ${name} = ${String(defaults[name as keyof typeof defaults])}.`,
          [name],
        ),
      )
  }
  if (isObject(login) && login.path === '')
    found.push(fault('auth_login.path is empty', 'Write for example auth/approle/login.', ['auth_login', 'path']))
  return found
}

/** What is not given or not known yet is not a mistake. */
const isAtLeast = (value: Value | undefined, least: number): boolean =>
  value === null || value === undefined || isUnknown(value) || (Number.isSafeInteger(value) && Number(value) >= least)

const defaults = { max_lease_ttl_seconds: 1200, max_retries: 2, timeout_seconds: 60 } as const
const withoutSlashes = (path: string): string => path.replace(/^\/+|\/+$/g, '')

function isHttp(address: string): boolean {
  return URL.canParse(address) && /^https?:$/.test(new URL(address).protocol)
}

export function readSettings(config: ValueObject, { env, tokenFile }: ProviderEnvironment): ProviderSettings {
  const { auth_login: login } = config
  const text = (value: Value | undefined, variable?: string): string | undefined =>
    typeof value === 'string' && value !== '' ? value : (variable !== undefined && env[variable]) || undefined
  const number = (name: keyof typeof defaults): number =>
    typeof config[name] === 'number' ? config[name] : defaults[name]
  const mount = config.mount
  const skip = config.skip_child_token
  return {
    unknown: Object.entries(config)
      .filter(([, value]) => hasUnknown(value))
      .map(([name]) => name),
    address: text(config.address, 'VAULT_ADDR'),
    token: isObject(login)
      ? undefined
      : (text(config.token, 'VAULT_TOKEN') ?? (isUnknown(config.token) ? undefined : tokenFile())),
    login: isObject(login)
      ? {
          path: withoutSlashes(text(login.path) ?? ''),
          parameters: parametersOf(login.parameters),
          namespace: text(login.namespace),
        }
      : undefined,
    namespace: text(config.namespace, 'VAULT_NAMESPACE'),
    caFile: text(config.ca_cert_file, 'VAULT_CACERT'),
    mount: isUnknown(mount) ? undefined : withoutSlashes(text(mount) ?? 'mcp'),
    childToken: !(typeof skip === 'boolean'
      ? skip
      : /^(?:1|t|true)$/i.test(env.TERRAFORM_VAULT_SKIP_CHILD_TOKEN ?? '')),
    childTtlSeconds: number('max_lease_ttl_seconds'),
    maxRetries: number('max_retries'),
    timeoutMs: number('timeout_seconds') * 1000,
  }
}

const hasUnknown = (value: Value): boolean =>
  isUnknown(value) || (isObject(value) && Object.values(value).some(hasUnknown))

function parametersOf(parameters: Value | undefined): Record<string, string> {
  if (!isObject(parameters)) return {}
  return Object.fromEntries(
    Object.entries(parameters).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}
