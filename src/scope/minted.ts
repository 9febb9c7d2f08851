/**
 * Credentials that are minted: exchanged at a token endpoint for what the secret holds, and short-lived. Everything about the exchange
 * stands in the placement, so that the owner of the secret consents to all of it: `<kind>:<what>[;<name>=<value>]…`.
 */

export type MintedKind = 'oauth2_client_credentials' | 'oauth2_refresh' | 'github_app' | 'google_service_account'

export interface Minting {
  readonly kind: MintedKind
  /** What stands before the first `;`. */
  readonly what: string
  readonly parameters: ReadonlyMap<string, string>
  /** Where it is exchanged; not a URL where the placement is not right. */
  readonly tokenUrl: string
  /** Of the secret: what the exchange needs. */
  readonly fields: readonly string[]
}

/** The parameters each kind takes, and the fields of the secret it needs. */
export const mintedKinds: Readonly<
  Record<MintedKind, { readonly parameters: readonly string[]; readonly fields: readonly string[] }>
> = {
  oauth2_client_credentials: {
    parameters: ['scope', 'audience', 'resource', 'client_auth'],
    fields: ['client_id', 'client_secret'],
  },
  oauth2_refresh: {
    parameters: ['scope', 'audience', 'resource', 'client_auth'],
    fields: ['client_id', 'client_secret', 'refresh_token'],
  },
  github_app: { parameters: ['api'], fields: ['private_key'] },
  google_service_account: { parameters: ['subject', 'token_url'], fields: ['client_email', 'private_key'] },
}

const isMintedKind = (kind: string): kind is MintedKind => Object.hasOwn(mintedKinds, kind)

/** Undefined where `text` is another kind of placement. */
export function mintingIn(text: string): Minting | undefined {
  const colon = text.indexOf(':')
  const kind = text.slice(0, Math.max(colon, 0))
  if (!isMintedKind(kind)) return undefined
  const [what = '', ...pairs] = text.slice(colon + 1).split(';')
  const parameters = new Map<string, string>()
  for (const pair of pairs) {
    const equals = pair.indexOf('=')
    parameters.set(equals < 0 ? pair : pair.slice(0, equals), equals < 0 ? '' : pair.slice(equals + 1))
  }
  const tokenUrl = tokenUrlOf(kind, what, parameters)
  return { kind, what, parameters, tokenUrl, fields: fieldsOf(kind, parameters) }
}

/** RFC 6749, 2.1: a public client has no secret. */
const fieldsOf = (kind: MintedKind, parameters: ReadonlyMap<string, string>): readonly string[] =>
  parameters.get('client_auth') === 'none'
    ? mintedKinds[kind].fields.filter((field) => field !== 'client_secret')
    : mintedKinds[kind].fields

function tokenUrlOf(kind: MintedKind, what: string, parameters: ReadonlyMap<string, string>): string {
  if (kind === 'oauth2_client_credentials' || kind === 'oauth2_refresh') return what
  if (kind === 'google_service_account') return parameters.get('token_url') ?? 'https://oauth2.googleapis.com/token'
  const api = (parameters.get('api') ?? 'https://api.github.com').replace(/\/+$/, '')
  return `${api}/app/installations/${what.split('/')[1] ?? ''}/access_tokens`
}
