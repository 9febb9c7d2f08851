/**
 * node-vault, kept from doing what it would do on its own: it reads VAULT_TOKEN, VAULT_ADDR, VAULT_PREFIX,
 * VAULT_NAMESPACE, VAULT_SKIP_VERIFY and DEBUG, takes the environment's token for an empty one, sends the token along
 * with redirects and through proxies, keeps one of several errors, takes 202 for a failure, and puts token and body
 * into the errors it throws.
 */

import nodeVault from 'node-vault'
import type { Transport, HttpExchange, RawResponse } from './transport.ts'

export interface HardenedClientConfig {
  /** Scheme, host, port and optional path, without trailing slash. */
  readonly endpoint: string
  /** Empty for requests that need none. */
  readonly token: string
  readonly namespace: string
  readonly transport: Transport
}

/** One exchange: `path` is percent-encoded, starts with `/` and may carry a query. */
export type HardenedRequest = Omit<HttpExchange, 'uri' | 'headers'> & {
  readonly path: string
  readonly headers: Record<string, string>
}

/** A function that sends through a frozen node-vault client of exactly this token. */
export function hardenedClient({
  endpoint,
  token,
  namespace,
  transport,
}: HardenedClientConfig): (request: HardenedRequest) => Promise<RawResponse> {
  const client = nodeVault({
    endpoint,
    apiVersion: 'v1',
    noCustomHTTPVerbs: true,
    debug: () => undefined,
    // Its hundred generated commands interpolate paths unchecked, and building them costs more than a request.
    commands: {},
    'request-promise': { defaults: () => (exchange: HttpExchange) => transport.send(exchange) },
  })
  // Assigned, not configured: for a configured empty string node-vault falls back to the environment.
  Object.assign(client, {
    token,
    namespace,
    pathPrefix: '',
    // Unaltered: ./response.ts needs the status and every error, and node-vault would make one error of them.
    handleVaultResponse: (response: RawResponse) => Promise.resolve(response),
  })
  Object.freeze(client)
  return (request) => client.request({ ...request }) as Promise<RawResponse>
}
