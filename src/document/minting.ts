/** Places whose key is exchanged for a short-lived one: the part of `auth` that says how. */
import { mintedKinds } from '../scope/index.ts'
import type { MintedKind, Minting } from '../scope/index.ts'

export const mintingExamples: Readonly<Record<MintedKind, string>> = {
  oauth2_client_credentials: 'oauth2_client_credentials:https://login.example.com/oauth/token;scope=read write',
  oauth2_refresh: 'oauth2_refresh:https://login.example.com/oauth/token;scope=read',
  github_app: 'github_app:12345/67890',
  google_service_account: 'google_service_account:https://www.googleapis.com/auth/calendar.readonly',
}

/** What is wrong with it; undefined where nothing is. `allowPrivate`: whether the document allows http:, as far as it is known. */
export function mintingFault({ kind, what, parameters, tokenUrl }: Minting, allowPrivate: unknown): string | undefined {
  const known = mintedKinds[kind].parameters
  for (const [name, value] of parameters) {
    if (!known.includes(name)) return `takes no parameter ${name.slice(0, 24)}, only ${known.join(', ')}`
    if (value === '') return `has no value for ${name}`
  }
  if (kind === 'github_app' && !/^[A-Za-z0-9._-]{1,64}\/\d{1,20}$/.test(what))
    return 'must name the app and its installation, with a slash between'
  if (kind === 'google_service_account' && !/^[A-Za-z0-9:/._-]+(?: [A-Za-z0-9:/._-]+)*$/.test(what))
    return 'must name one or more scopes, with spaces between'
  return clientAuthFault(kind, parameters.get('client_auth')) ?? urlFault(tokenUrl, allowPrivate)
}

function clientAuthFault(kind: MintedKind, clientAuth = 'basic'): string | undefined {
  // A client without a secret has nothing to be granted credentials for (RFC 6749, 4.4).
  const ways = kind === 'oauth2_refresh' ? ['basic', 'post', 'none'] : ['basic', 'post']
  return ways.includes(clientAuth) ? undefined : `must have ${ways.join(' or ')} as client_auth`
}

function urlFault(text: string, allowPrivate: unknown): string | undefined {
  if (!URL.canParse(text)) return 'must name the URL of a token endpoint'
  const { protocol, username, password } = new URL(text)
  if (/[?#]/.test(text) || username !== '' || password !== '')
    return 'must name a token endpoint without query, fragment, user or password'
  if (protocol === 'https:') return undefined
  if (protocol !== 'http:') return 'must name a token endpoint that starts with https://'
  // Unknown while a plan is made: judged once it is known.
  return allowPrivate === false ? 'sends the secret unencrypted to its token endpoint; use https:' : undefined
}
