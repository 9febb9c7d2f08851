/** What is sent to a token endpoint for a minted credential, and what comes back. Pure but for the clock it is given. */
import { createPrivateKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import type { Minting } from '../../scope/index.ts'
import { GatewayCallError } from './call-error.ts'

export interface TokenRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface TokenResponse {
  readonly token: string
  /** Seconds from when it was asked for. */
  readonly lifeSeconds: number
}

/** Of an assertion: issuers allow up to ten minutes (GitHub) or an hour (Google). */
const ASSERTION_SECONDS = 300
/** GitHub's advice: clocks differ. */
const BACKDATED_SECONDS = 60
/** RFC 6749, 5.1 only recommends to say how long a token lives. */
const UNTOLD_LIFE_SECONDS = 300
const LONGEST_TOKEN = 4_096
const FORM = 'application/x-www-form-urlencoded'

/** Throws `key_unavailable` for a secret that is not fit for it. */
export async function tokenRequest(
  minting: Minting,
  fields: Readonly<Record<string, string>>,
  nowSeconds: number,
): Promise<TokenRequest> {
  const field = (name: string) => fields[name]?.trim() ?? ''
  if (minting.kind === 'oauth2_client_credentials')
    return clientCredentials(minting, field('client_id'), field('client_secret'))
  const key = privateKey(field('private_key'))
  if (minting.kind === 'github_app') {
    const [app = ''] = minting.what.split('/')
    const assertion = await assertionOf(key, { iss: app }, nowSeconds)
    const headers = { authorization: `Bearer ${assertion}`, accept: 'application/vnd.github+json' }
    return { url: minting.tokenUrl, headers, body: '' }
  }
  const subject = minting.parameters.get('subject')
  const claims = {
    iss: field('client_email'),
    scope: minting.what,
    aud: minting.tokenUrl,
    ...(subject !== undefined && { sub: subject }),
  }
  const body = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion: await assertionOf(key, claims, nowSeconds),
  })
  return { url: minting.tokenUrl, headers: { 'content-type': FORM }, body: body.toString() }
}

/** RFC 6749, 4.4; the client is known by 2.3.1, which encodes both halves as a form does before they are joined. */
function clientCredentials({ tokenUrl, parameters }: Minting, id: string, secret: string): TokenRequest {
  const body = new URLSearchParams({ grant_type: 'client_credentials' })
  for (const name of ['scope', 'audience', 'resource']) {
    const value = parameters.get(name)
    if (value !== undefined) body.set(name, value)
  }
  const headers: Record<string, string> = { 'content-type': FORM }
  if (parameters.get('client_auth') === 'post') {
    body.set('client_id', id)
    body.set('client_secret', secret)
  } else headers.authorization = `Basic ${Buffer.from(`${formEncoded(id)}:${formEncoded(secret)}`).toString('base64')}`
  return { url: tokenUrl, headers, body: body.toString() }
}

const formEncoded = (text: string): string => new URLSearchParams({ a: text }).toString().slice(2)

function privateKey(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'rsa') return key
  } catch {
    // OpenSSL's errors say nothing an operator could use.
  }
  throw new GatewayCallError(
    'key_unavailable',
    'its private_key is no RSA key in PEM; store the file as it was downloaded',
  )
}

const assertionOf = (key: KeyObject, claims: Record<string, string>, nowSeconds: number): Promise<string> =>
  new SignJWT(claims)
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .setIssuedAt(nowSeconds - BACKDATED_SECONDS)
    .setExpirationTime(nowSeconds + ASSERTION_SECONDS)
    .sign(key)

/** Throws `key_unavailable` for what is no token, naming the endpoint's error code and nothing else of its response. */
export function readTokenResponse(status: number, text: string, nowSeconds: number): TokenResponse {
  const response = parsed(text)
  if (status < 200 || status > 299) throw refused(`answered ${String(status)}${codeOf(response)}`)
  const token = response.access_token ?? response.token
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token) || token.length > LONGEST_TOKEN)
    throw refused('sent no access token')
  const type = response.token_type
  if (type !== undefined && (typeof type !== 'string' || !/^(?:bearer|token)$/i.test(type)))
    throw refused('sent a token that is not a bearer token')
  return { token, lifeSeconds: lifeOf(response, nowSeconds) }
}

const refused = (what: string): GatewayCallError =>
  new GatewayCallError('key_unavailable', `its token endpoint ${what}`)

function lifeOf({ expires_in: life, expires_at: end }: Record<string, unknown>, nowSeconds: number): number {
  const seconds =
    typeof end === 'string' ? Math.floor(Date.parse(end) / 1000) - nowSeconds : Number(life ?? UNTOLD_LIFE_SECONDS)
  if (!Number.isFinite(seconds)) throw refused('did not say how long its token lives')
  return seconds
}

/** RFC 6749, 5.2. Any other text, as a description, may repeat what was sent. */
const errorCodes: readonly unknown[] = [
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
]

const codeOf = ({ error }: Record<string, unknown>): string => (errorCodes.includes(error) ? ` ${String(error)}` : '')

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
