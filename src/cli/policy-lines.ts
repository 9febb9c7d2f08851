/** What a policy has to say for a command to go through. */
import { VaultError } from '../vault-client/index.ts'
import type { CallOptions, VaultClient } from '../vault-client/index.ts'
import type { Connection } from './connection.ts'
import { Failure } from './failure.ts'
import type { VaultCall } from './vault-command.ts'

export type Requester = Pick<VaultCall, 'request'>

export interface Need {
  readonly path: string
  readonly capabilities: readonly string[]
}

/** A sentence and the lines to add. */
export const policyLines = (needs: readonly Need[]): string =>
  `A policy of your token needs:\n\n${needs
    .map(
      ({ path, capabilities }) =>
        `path "${path}" { capabilities = [${capabilities.map((word) => `"${word}"`).join(', ')}] }`,
    )
    .join('\n')}`

/** Those that the token lacks; none where the server does not say. */
export async function lacking({ request }: Requester, needs: readonly Need[]): Promise<readonly Need[]> {
  if (needs.length === 0) return []
  const paths = needs.map(({ path }) => path)
  const found = await request('Error asking for capabilities', (vault, { signal }) =>
    vault
      .request('POST', 'sys/capabilities-self', { body: { paths }, ...(signal ? { signal } : {}) })
      .catch(() => undefined),
  )
  if (found?.data === undefined || found.data === null) return []
  return needs.flatMap(({ path, capabilities }) => {
    const has = found.data?.[path]
    if (!Array.isArray(has) || has.includes('root')) return []
    const missing = capabilities.filter((capability) => !has.includes(capability))
    return missing.length === 0 ? [] : [{ path, capabilities: missing }]
  })
}

/** Puts a request; one that is refused for lack of rights says which. `doing` as for `request`. */
export function requestAllowed<T>(
  { request }: Requester,
  doing: string,
  need: Need,
  send: (vault: VaultClient, options: { readonly signal?: AbortSignal }) => Promise<T>,
  path?: string,
): Promise<T> {
  const sent = async (vault: VaultClient, { signal }: CallOptions, { hasToken }: Connection): Promise<T> => {
    try {
      return await send(vault, signal ? { signal } : {})
    } catch (error) {
      // No policy helps a call without a token; `request` says how to get one.
      if (error instanceof VaultError && error.kind === 'permission_denied' && hasToken)
        throw new Failure(2, `${doing}: permission denied. ${policyLines([need])}`)
      throw error
    }
  }
  return request(doing, sent, path)
}
