/** A mounted engine as an operator and an agent use it, through the API of whatever server it is mounted on. */
import { must } from './target/server.ts'
import type { ApiResponse, CallOptions, Server } from './target/server.ts'

export const SCOPES = ['read:stripe:customers:id-only', 'read:stripe:invoices']

/** A leased token as `creds` answered it. */
export interface Issued {
  readonly lease_id: string
  readonly lease_duration: number
  readonly renewable: boolean
  readonly session_id: string
  readonly token: string
  readonly token_id: string
}

export class Engine {
  readonly server: Server
  readonly mount: string

  private constructor(server: Server, mount: string) {
    this.server = server
    this.mount = mount
  }

  /** On a fresh mount. */
  static async at(server: Server): Promise<Engine> {
    return new Engine(server, await server.mount())
  }

  /** One call below the mount. */
  call(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<ApiResponse> {
    return this.server.api(method, path === '' ? this.mount : `${this.mount}/${path}`, {
      ...(body !== undefined && { body }),
      ...options,
    })
  }

  write(path: string, body: unknown = {}, options?: CallOptions): Promise<ApiResponse> {
    return this.call('POST', path, body, options)
  }
  read(path: string, options?: CallOptions): Promise<ApiResponse> {
    return this.call('GET', path, undefined, options)
  }
  list(path: string, options?: CallOptions): Promise<ApiResponse> {
    return this.call('LIST', path, undefined, options)
  }
  delete(path: string, options?: CallOptions): Promise<ApiResponse> {
    return this.call('DELETE', path, undefined, options)
  }
  sys(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<ApiResponse> {
    return this.server.api(method, `sys/${path}`, { ...(body !== undefined && { body }), ...options })
  }

  /** One agent, ready to be issued tokens. */
  async declare(agent: string, scopes: readonly string[] = SCOPES, max_ttl_seconds = 900): Promise<void> {
    await must(this.write(`agents/${agent}`, { owner: 'platform-team', environment: 'production' }), 'registering')
    await must(this.write(`agents/${agent}/scopes`, { scopes, max_ttl_seconds }), 'declaring')
  }

  /** Opens a session, or with `agent/session` refreshes one. */
  async issue(agent: string, body: object = {}, token?: string): Promise<Issued> {
    const response = await must(this.write(`creds/${agent}`, body, token === undefined ? {} : { token }), 'issuing')
    return issued(response)
  }

  /** What introspection says of the token: `active`, or why not. */
  async state({ token }: { token: string }): Promise<string> {
    const { body } = await must(this.write('introspect', { token }), 'introspecting')
    const { active, reason } = (body as { data: { active: boolean; reason?: string } }).data
    return active ? 'active' : (reason ?? 'inactive')
  }

  /** Ids of the leases below a path of the mount. */
  async leases(below: string): Promise<readonly string[]> {
    const { status, body } = await this.sys('LIST', `leases/lookup/${this.mount}/${below}`)
    return status === 404 ? [] : (body as { data: { keys: string[] } }).data.keys
  }

  /** A token of its own, under one policy with this text; `{mount}` in it is the mount. */
  async tokenWith(policy: string, more: object = {}, parent?: string): Promise<string> {
    const name = `acceptance-${this.mount}-${++policies}`
    await must(
      this.sys('PUT', `policies/acl/${name}`, { policy: policy.replaceAll('{mount}', this.mount) }),
      'writing a policy',
    )
    const response = await must(
      this.server.api('POST', 'auth/token/create', {
        body: { policies: [name], ...more },
        ...(parent !== undefined && { token: parent }),
      }),
      'making a token',
    )
    return (response.body as { auth: { client_token: string } }).auth.client_token
  }
}

let policies = 0

export function issued({ body }: ApiResponse): Issued {
  const { lease_id, lease_duration, renewable, data } = body as Issued & { data: Issued }
  return {
    lease_id,
    lease_duration,
    renewable,
    session_id: data.session_id,
    token: data.token,
    token_id: data.token_id,
  }
}

/** Data keys in order, for comparing what targets answer. */
export const keysOf = ({ body }: ApiResponse): string[] =>
  Object.keys((body as { data?: object } | undefined)?.data ?? {}).sort()
