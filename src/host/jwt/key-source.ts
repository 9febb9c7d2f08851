import { createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { compactVerify, createRemoteJWKSet, decodeProtectedHeader, errors } from 'jose'
import type { CryptoKey } from 'jose'
import { RequestError, badRequest } from '../../logical/errors.ts'
import type { Claims } from './claims.ts'

/** Signatures by a private key: none and HMAC are no proof of who signed. */
export const signatureAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'EdDSA',
] as const

const FETCH_LIMIT_MS = 10_000

/** Exactly one of the three sources of keys is set. */
export interface KeySourceConfig {
  readonly jwt_validation_pubkeys: readonly string[]
  readonly jwks_url: string
  readonly oidc_discovery_url: string
  /** Empty: every algorithm there is. */
  readonly jwt_supported_algs: readonly string[]
}

/** Where the keys come from that tokens are signed with. */
export interface KeySource {
  /** The claims of a token that one of the keys has signed. Throws a 400 for one that is not; `unavailable` when keys cannot be had. */
  verify(token: string): Promise<Claims>
}

/** Reads the keys, from the network where they lie there; throws a 400 that says why they cannot be used. */
export async function openKeySource(config: KeySourceConfig): Promise<KeySource> {
  const algorithms = config.jwt_supported_algs.length > 0 ? config.jwt_supported_algs : signatureAlgorithms
  if (config.jwt_validation_pubkeys.length > 0)
    return localKeys(config.jwt_validation_pubkeys.map(publicKey), algorithms)
  const url =
    config.jwks_url === '' ? await discover(config.oidc_discovery_url) : fetchable('jwks_url', config.jwks_url)
  const keys = createRemoteJWKSet(url, { timeoutDuration: FETCH_LIMIT_MS })
  try {
    await keys.reload()
  } catch {
    throw badRequest(`error checking jwks URL ${url.href}: it returned no key set.`)
  }
  return remoteKeys(keys, algorithms)
}

function localKeys(keys: readonly KeyObject[], algorithms: readonly string[]): KeySource {
  return {
    async verify(token) {
      headerOf(token, algorithms)
      return claimsSignedBy(keys, token, algorithms)
    },
  }
}

function remoteKeys(find: RemoteJWKSet, algorithms: readonly string[]): KeySource {
  return {
    async verify(token) {
      const header = headerOf(token, algorithms)
      return claimsSignedBy(await keysFor(find, header), token, algorithms)
    },
  }
}

type RemoteJWKSet = ReturnType<typeof createRemoteJWKSet>

/** Those of the key set that a token's header fits; the set is fetched again, now and then, for a key it does not have. */
async function keysFor(find: RemoteJWKSet, header: ProtectedHeader): Promise<readonly CryptoKey[]> {
  try {
    return [await find(header)]
  } catch (failure) {
    if (failure instanceof errors.JWKSMultipleMatchingKeys) {
      const keys: CryptoKey[] = []
      for await (const key of failure) keys.push(key)
      return keys
    }
    if (failure instanceof errors.JWKSNoMatchingKey || failure instanceof errors.JOSENotSupported) return []
    throw unreachable()
  }
}

async function claimsSignedBy(
  keys: readonly (CryptoKey | KeyObject)[],
  token: string,
  algorithms: readonly string[],
): Promise<Claims> {
  for (const key of keys) {
    // A key of another kind than the algorithm's is as good as another key.
    const verified = await compactVerify(token, key, { algorithms: [...algorithms] }).catch(() => undefined)
    if (verified) return claimsOf(verified.payload)
  }
  throw badRequest(
    'error validating token: error verifying token signature: no known key successfully validated the token signature',
  )
}

/** An outage is not the token's fault. */
export const unreachable = (): RequestError =>
  new RequestError('unavailable', 'the keys that tokens are signed with cannot be fetched')

type ProtectedHeader = ReturnType<typeof decodeProtectedHeader> & { alg: string }

function headerOf(token: string, algorithms: readonly string[]): ProtectedHeader {
  let header: ReturnType<typeof decodeProtectedHeader>
  try {
    header = decodeProtectedHeader(token)
  } catch {
    throw badRequest('error validating token: error verifying token signature: it is not a JWT in compact form')
  }
  const { alg } = header
  if (alg === undefined || !algorithms.includes(alg))
    throw badRequest(
      'error validating token: invalid algorithm (alg) header parameter: token signed with unexpected algorithm',
    )
  return { ...header, alg }
}

function claimsOf(payload: Uint8Array): Claims {
  try {
    const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
    if (typeof claims === 'object' && claims !== null && !Array.isArray(claims)) return claims as Claims
  } catch {
    /* said below */
  }
  throw badRequest('error validating token: its payload is not a JSON object of claims')
}

function publicKey(pem: string): KeyObject {
  try {
    // A private key would be taken too, and read back by anyone who may read the configuration.
    if (!pem.includes('PRIVATE')) return createPublicKey(pem)
  } catch {
    /* said below */
  }
  throw badRequest('error parsing public key: data does not contain any valid public keys')
}

function fetchable(field: string, text: string): URL {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw badRequest(`${field} must be an http or https URL, for example ${field}=https://idp.example/keys.`)
  return new URL(text)
}

/** The key set of an issuer, by OpenID Connect Discovery 1.0 section 4. */
async function discover(issuer: string): Promise<URL> {
  const url = `${fetchable('oidc_discovery_url', issuer).href.replace(/\/+$/, '')}/.well-known/openid-configuration`
  const document = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(FETCH_LIMIT_MS) })
    .then(async (response) => (response.ok ? await response.json() : undefined))
    .catch(() => undefined)
  if (typeof document !== 'object' || document === null || !('issuer' in document) || !('jwks_uri' in document))
    throw badRequest(`error checking oidc discovery URL: ${url} returned no provider configuration.`)
  if (document.issuer !== issuer)
    throw badRequest(`error checking oidc discovery URL: ${url} is the configuration of another issuer.`)
  return fetchable('jwks_uri', String(document.jwks_uri))
}
