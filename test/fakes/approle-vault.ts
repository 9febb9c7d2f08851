/** A Vault that knows AppRole logins, wrapping and its own tokens, over real HTTP; everything else is served to tokens it knows. */
import { json, startLocalVault } from '../vault-client/local-vault.ts'
import type { Respond, LocalVault } from '../vault-client/local-vault.ts'

export const ROLE_ID = 'role-1'

export interface AppRoleVault {
  readonly address: string
  /** `POST auth/approle/login` of everything asked, in order. */
  readonly requests: string[]
  roleExists: boolean
  /** While set, every login is refused so. */
  loginRefusal: [status: number, error: string] | undefined
  /** Wrong secret ids of the role, of which five lock it out. */
  counted: number
  /** Secret ids that are good for a login, each any number of times. */
  readonly secretIds: Set<string>
  /** Wrapping tokens: where they were made, and the secret id they hold. */
  readonly wrapped: Map<string, { readonly creation_path: string; readonly secret_id: string }>
  /** Tokens of this Vault that live. */
  readonly tokens: Set<string>
  /** What a login gives, in seconds. */
  ttl: number
  renewable: boolean
  /** While set, every request is answered so. */
  down: Respond | undefined
  /** Paths every token is denied, whatever it may do otherwise. */
  readonly denied: Set<string>
  count(line: string): number
  close(): Promise<void>
}

export const sealed = json(503, { errors: ['Vault is sealed'] })
const refused = (status: number, error: string): Respond => json(status, { errors: [error] })
const data = (fields: object): Respond => json(200, { request_id: 'r', data: fields, auth: null })

export async function startAppRoleVault(): Promise<AppRoleVault> {
  let logins = 0
  const server: LocalVault = await startLocalVault((received, response) => {
    const path = received.url.slice('/v1/'.length).split('?')[0]!
    vault.requests.push(`${received.method} ${path}`)
    const body = (received.body === '' ? {} : JSON.parse(received.body)) as Record<string, string>
    const result = vault.down ?? answerTo(path, body, received.headers['x-vault-token'] as string | undefined)
    result(received, response)
  })
  const auth = (token: string): Respond =>
    json(200, {
      request_id: 'r',
      data: null,
      auth: { client_token: token, lease_duration: vault.ttl, renewable: vault.renewable },
    })

  function answerTo(path: string, body: Record<string, string>, token: string | undefined): Respond {
    if (path === 'auth/approle/login') {
      if (vault.loginRefusal) return refused(...vault.loginRefusal)
      if (body.role_id !== ROLE_ID || !vault.roleExists) return refused(400, 'invalid role or secret ID')
      if (body.secret_id === undefined) return refused(400, 'missing secret_id')
      if (!vault.secretIds.has(body.secret_id)) {
        vault.counted++
        return refused(400, `invalid role or secret ID ${body.secret_id}`)
      }
      const made = `hvs.login-${String(++logins)}`
      vault.tokens.add(made)
      return auth(made)
    }
    if (path === 'sys/wrapping/lookup') {
      const found = vault.wrapped.get(body.token ?? '')
      return found
        ? data({ creation_path: found.creation_path })
        : refused(400, 'wrapping token is not valid or does not exist')
    }
    if (path === 'sys/wrapping/unwrap') {
      const found = vault.wrapped.get(token ?? '')
      vault.wrapped.delete(token ?? '')
      return found
        ? data({ secret_id: found.secret_id })
        : refused(400, 'wrapping token is not valid or does not exist')
    }
    if (!vault.tokens.has(token ?? '') || vault.denied.has(path)) return refused(403, 'permission denied')
    return path === 'auth/token/renew-self' ? auth(token!) : data({ by: token, ttl: vault.ttl })
  }

  const vault: AppRoleVault = {
    address: server.address,
    requests: [],
    roleExists: true,
    loginRefusal: undefined,
    counted: 0,
    secretIds: new Set(['secret-1']),
    wrapped: new Map(),
    tokens: new Set(),
    ttl: 900,
    renewable: true,
    down: undefined,
    denied: new Set(),
    count: (line) => vault.requests.filter((requested) => requested === line).length,
    close: () => server.close(),
  }
  return vault
}
