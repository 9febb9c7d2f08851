/** Where a run's token comes from: a login, and the child token that everything is done with. */
import type { VaultResponse, VaultClient } from '../vault-client/index.ts'
import { CallFailure } from './call-failure.ts'
import { Refusal, fault } from './protocol/diagnostic.ts'
import type { ProviderLogin } from './settings.ts'

/** Sends a POST with the provider's retries; with `once`, again only where the server did nothing. Rejects with `CallFailure`. */
export type Post = (client: VaultClient, path: string, body: object, once: boolean) => Promise<VaultResponse>

export async function logIn(post: Post, client: VaultClient, { path, parameters }: ProviderLogin): Promise<string> {
  const response = await post(client, path, parameters, true).catch((error: unknown) => {
    if (!(error instanceof CallFailure) || error.error.kind === 'unavailable') throw error
    throw new Refusal(
      fault(
        `The login at ${path} was refused`,
        `The server says: ${error.message}. Check auth_login of the provider block.`,
      ),
    )
  })
  const token = response.auth?.client_token
  if (token === undefined || token === '')
    throw new Refusal(
      fault(
        `The login at ${path} returned no token`,
        'The path may not be a login, or a second factor may be required.',
      ),
    )
  return token
}

/** A token that ends with this run at the latest. */
export async function createChildToken(post: Post, parent: VaultClient, ttlSeconds: number): Promise<string> {
  const ttl = `${String(ttlSeconds)}s`
  const body = { ttl, explicit_max_ttl: ttl, display_name: 'terraform', renewable: false }
  const response = await post(parent, 'auth/token/create', body, false).catch((error: unknown) =>
    explainNoChild(parent, error),
  )
  const token = response.auth?.client_token
  if (token === undefined || token === '')
    throw new Refusal(
      fault(
        'The server did not create a child token',
        'auth/token/create returned no token. Set skip_child_token = true in the provider block to work with the given one.',
      ),
    )
  return token
}

/** A token that is not valid and one that may not have children are refused alike; looking the token up tells them apart. */
async function explainNoChild(parent: VaultClient, error: unknown): Promise<never> {
  if (!(error instanceof CallFailure) || error.error.kind === 'unavailable' || error.error.kind === 'sealed')
    throw error
  const valid = await parent.request('GET', 'auth/token/lookup-self').then(
    () => true,
    () => false,
  )
  if (!valid)
    throw new Refusal(
      fault(
        'The token is not valid, or has no permissions',
        'The server knows no such token, it has expired, or it has neither "read" on auth/token/lookup-self nor "update" on auth/token/create. Set VAULT_TOKEN to another one, or log in again.',
      ),
    )
  throw new Refusal(
    fault(
      'This token is not allowed to create child tokens',
      `The server says: ${error.message}. Give it the capability "update" on auth/token/create, or set skip_child_token = true in the provider block.`,
    ),
  )
}
