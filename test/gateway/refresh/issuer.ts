/** A real OAuth issuer that replaces refresh tokens at each use, and revokes all it issued when an old one comes again. */
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'

export const CLIENT = { client_id: 'client-1', client_secret: 'a-client-secret-of-the-tests' }
/** Seconds its access tokens live. */
export const TOKEN_LIFE = 300

export interface Issuer {
  readonly url: string
  /** Requests to its token endpoint. */
  readonly exchanges: number
  /** What came of those it judged itself: `issued`, or the error. */
  readonly results: readonly string[]
  /** A refresh token as an operator would get it. */
  authorize(): Promise<string>
  accepts(accessToken: string): Promise<boolean>
  /** What happens instead of the next exchange; undefined = nothing else. */
  instead: RequestListener | undefined
  /** Exchanges are judged, but their responses get lost. */
  losesResponses: boolean
  /** Is told what it issued. */
  onIssued: ((issued: IssuedTokens) => void) | undefined
  /** While set, exchanges wait for it. */
  gate: Promise<void> | undefined
  close(): Promise<void>
}

export interface IssuedTokens {
  readonly access_token: string
  readonly refresh_token: string
}

const configuration = (rotates: boolean) => ({
  clients: [
    {
      ...CLIENT,
      grant_types: ['refresh_token', 'authorization_code'],
      redirect_uris: ['https://app.example/callback'],
    },
  ],
  jwks: { keys: [generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })] },
  cookies: { keys: ['not used'] },
  findAccount: (_context: object, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
  rotateRefreshToken: rotates,
  features: { devInteractions: { enabled: false } },
  ttl: { AccessToken: TOKEN_LIFE, RefreshToken: 86_400, Grant: 86_400, IdToken: 60 },
})

export async function startIssuer({ rotates = true } = {}): Promise<Issuer> {
  let handle: RequestListener = () => undefined
  let exchanges = 0
  const server = createServer((request, response) => {
    exchanges++
    void judge(request, response)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  const provider = new Provider(url, configuration(rotates))
  const results: string[] = []
  provider.on('grant.success', ({ body }) => {
    results.push('issued')
    issuer.onIssued?.(body)
  })
  provider.on('grant.error', (_context, error) => results.push(error.message))
  handle = provider.callback()

  async function judge(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await issuer.gate
    if (issuer.losesResponses) response.end = () => response.destroy()
    ;(issuer.instead ?? handle)(request, response)
  }

  const issuer: Issuer = {
    url,
    get exchanges() {
      return exchanges
    },
    results,
    instead: undefined,
    losesResponses: false,
    onIssued: undefined,
    gate: undefined,
    async authorize() {
      const client = (await provider.Client.find(CLIENT.client_id))!
      const grant = new provider.Grant({ accountId: 'jane', clientId: client.clientId })
      grant.addOIDCScope('openid offline_access')
      const fields = { accountId: 'jane', client, scope: 'openid offline_access', gty: 'authorization_code' }
      return new provider.RefreshToken({ ...fields, grantId: await grant.save() }).save()
    },
    accepts: async (accessToken) => (await provider.AccessToken.find(accessToken)) !== undefined,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
  return issuer
}
