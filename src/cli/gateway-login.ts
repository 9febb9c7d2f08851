import { RequestError } from '../logical/errors.ts'
import type { Clock } from '../logical/clock.ts'
import { appRoleLogin, createVaultClient } from '../vault-client/index.ts'
import type { TokenGrant, VaultClient } from '../vault-client/index.ts'
import { Failure } from './failure.ts'
import type { AppRoleSettings } from './gateway-config.ts'
import { readPrivateFile } from './private-file.ts'

/** How the gateway comes by its Vault tokens. Every file is looked at once at the start, which fails for a wrong one with a sentence. */

export interface LoginPlace {
  readonly address: string | readonly string[]
  readonly namespace?: string
  readonly caFile?: string
  readonly clock: Clock
}

export type GatewayLogin = (signal: AbortSignal) => Promise<TokenGrant>

/** One of the two must be given, and is: the configuration is refused otherwise. */
export interface LoginSettings {
  readonly token_file?: string | undefined
  readonly approle?: AppRoleSettings | undefined
}

export async function vaultLogin(
  place: LoginPlace,
  { token_file: tokenFile, approle }: LoginSettings,
): Promise<GatewayLogin> {
  const client = createVaultClient(place)
  if (approle) return appRole(client, place.clock, approle)
  return tokenFileLogin(client, await privateFile(tokenFile!, 'The Vault token file'))
}

async function appRole(client: VaultClient, clock: Clock, settings: AppRoleSettings): Promise<GatewayLogin> {
  const {
    mount,
    role_id: literal,
    role_id_file: roleFile,
    secret_id_file: secretFile,
    secret_id_wrapped: wrapped,
  } = settings
  const roleId =
    roleFile === undefined ? () => Promise.resolve(literal!) : await privateFile(roleFile, 'The role_id_file')
  const secretId = await privateFile(secretFile, 'The secret_id_file')
  return appRoleLogin({ client, mount, roleId, secretId, wrapped, clock })
}

/**
 * A login that takes whatever token the file holds at the moment. It is asked again when Vault refuses the token or it cannot be
 * renewed any longer, so that an agent that writes the file, or a person, is all it takes to replace it.
 */
function tokenFileLogin(client: VaultClient, read: () => Promise<string>): GatewayLogin {
  return async (signal) => {
    const token = await read()
    const { data } = await client.withToken(token).request('GET', 'auth/token/lookup-self', { signal })
    if (typeof data?.ttl !== 'number')
      throw new RequestError('unavailable', 'Vault did not say how long the token lives')
    return { token, ttl: data.ttl, renewable: data.renewable === true, isFound: true }
  }
}

/** Reads the file now, and gives back what reads it again: a file that is wrong later is an outage that ends when the file is corrected. */
async function privateFile(path: string, what: string): Promise<() => Promise<string>> {
  await readPrivateFile(path, what)
  return () =>
    readPrivateFile(path, what).catch((cause: unknown) => {
      throw cause instanceof Failure ? new RequestError('unavailable', cause.message, { cause }) : cause
    })
}
