/** What every target offers to the suite, and the HTTP API it is spoken to through. */
import { parseJsonExactly, stringifyJsonExactly } from '../../../src/logical/json.ts'

export type Target = 'embedded' | 'openbao' | 'vault' | 'containers'
export type Product = 'embedded' | 'openbao' | 'vault'

export interface ApiResponse {
  readonly status: number
  // Answers are looked into by path; their shape is what tests assert. Undefined: there was no body.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any
}

export interface CallOptions {
  /** The root token unless given; '' sends none. */
  readonly token?: string
  /** A text is sent as it is, anything else as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Seconds or a duration, as `X-Vault-Wrap-TTL`. */
  readonly wrapTtl?: string
}

/** One call below `/v1/`; `path` may hold a query. */
export type Api = (method: string, path: string, options?: CallOptions) => Promise<ApiResponse>

export interface Server {
  readonly target: Target
  /** Whose behaviour is to be expected: that of `containers` depends on the image. */
  readonly product: Product
  readonly address: string
  readonly rootToken: string
  readonly api: Api
  /** Mounts a fresh mcp engine, so that tests share one server, and answers its path without slashes. */
  mount(): Promise<string>
  /** The engine as a process of its own; the embedded host has none. */
  readonly plugin?: PluginControl
  /** Seals and unseals; the embedded host has neither. */
  readonly seal?: { close(): Promise<void>; open(): Promise<void> }
  /** A file the server wrote, such as an audit log. */
  readFile(path: string): Promise<string>
  stop(): Promise<void>
}

export interface PluginControl {
  /** What `mount` mounts, with the `v`. */
  readonly version: string
  /** Of all live plugin processes of this server. */
  pids(): Promise<readonly number[]>
  /** Kills them without warning. */
  kill(): Promise<void>
  reload(mount: string): Promise<void>
  /** Builds the plugin under another version, without the `v`, and registers it beside the first. */
  register(version: string): Promise<void>
  /** Makes a mount run a registered version, with the `v`. */
  use(mount: string, version: string): Promise<void>
  running(mount: string): Promise<string>
}

export function apiOf(address: string, rootToken: string): Api {
  return async (method, path, { token = rootToken, body, headers = {}, wrapTtl } = {}) => {
    const response = await fetch(`${address}/v1/${path}`, {
      method,
      headers: {
        ...(token !== '' && { 'X-Vault-Token': token }),
        ...(wrapTtl !== undefined && { 'X-Vault-Wrap-TTL': wrapTtl }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : stringifyJsonExactly(body) }),
      redirect: 'error',
    })
    const text = await response.text()
    return { status: response.status, body: text === '' ? undefined : parseJsonExactly(text) }
  }
}

/** For what a test needs and is not about: anything but success is an error that says so. */
export async function must(call: Promise<ApiResponse>, what: string): Promise<ApiResponse> {
  const response = await call
  if (response.status >= 300) throw new Error(`${what}: ${response.status} ${JSON.stringify(response.body)}`)
  return response
}

/** Mount paths that were not used before on this server. */
export function mounter(api: Api, config: Readonly<Record<string, unknown>> = {}): () => Promise<string> {
  let count = 0
  return async () => {
    const path = `mcp${++count}`
    await must(api('POST', `sys/mounts/${path}`, { body: { type: 'mcp', ...config } }), `mounting ${path}`)
    return path
  }
}
