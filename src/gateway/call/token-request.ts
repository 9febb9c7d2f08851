/** What is sent to a token endpoint for a minted credential. Pure but for the clock it is given. */
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

/** Of an assertion: issuers allow up to ten minutes (GitHub) or an hour (Google). */
const ASSERTION_SECONDS = 300
/** GitHub's advice: clocks differ. */
const BACKDATED_SECONDS = 60
const FORM = 'application/x-www-form-urlencoded'

/** Throws `key_unavailable` for a secret that is not fit for it. */
export async function tokenRequest(
  minting: Minting,
  fields: Readonly<Record<string, string>>,
  nowSeconds: number,
): Promise<TokenRequest> {
  const field = (name: string) => fields[name]?.trim() ?? ''
  const client = { id: field('client_id'), secret: field('client_secret') }
  if (minting.kind === 'oauth2_client_credentials')
    return clientRequest(minting, client, { grant_type: 'client_credentials' })
  if (minting.kind === 'oauth2_refresh')
    return clientRequest(minting, client, { grant_type: 'refresh_token', refresh_token: field('refresh_token') })
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

interface OAuthClient {
  readonly id: string
  readonly secret: string
}

/** RFC 6749, 4.4 and 6; the client is known by 2.3.1, which encodes both halves as a form does before they are joined. */
function clientRequest(
  { tokenUrl, parameters }: Minting,
  { id, secret }: OAuthClient,
  grant: Readonly<Record<string, string>>,
): TokenRequest {
  const body = new URLSearchParams(grant)
  for (const name of ['scope', 'audience', 'resource']) {
    const value = parameters.get(name)
    if (value !== undefined) body.set(name, value)
  }
  const headers: Record<string, string> = { 'content-type': FORM }
  const way = parameters.get('client_auth') ?? 'basic'
  if (way === 'basic')
    headers.authorization = `Basic ${Buffer.from(`${formEncoded(id)}:${formEncoded(secret)}`).toString('base64')}`
  else body.set('client_id', id)
  if (way === 'post') body.set('client_secret', secret)
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
