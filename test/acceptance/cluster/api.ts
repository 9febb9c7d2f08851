/** Vault's HTTP API as a plain client: the status and the body of every response, whatever they are. */
import { Agent, request } from 'undici'

export interface ApiResponse {
  readonly status: number
  /** What was parsed; `{}` for an empty body. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the tests know what they asked for
  readonly body: any
}

export interface CallOptions {
  readonly token?: string
  readonly body?: unknown
  readonly timeoutMs?: number
  /** False asks a standby not to forward: where it would have, it answers 307 instead. */
  readonly forward?: boolean
}

export interface VaultApi {
  /** Rejects only where there was no response. `path` without `/v1/`. LIST is spoken as such. */
  (method: string, path: string, options?: CallOptions): Promise<ApiResponse>
  close(): Promise<void>
}

export function vaultApi(address: string, connections = 64): VaultApi {
  const dispatcher = new Agent({ connections, pipelining: 1 })
  const call = async (
    method: string,
    path: string,
    { token, body, timeoutMs = 20_000, forward = true }: CallOptions = {},
  ): Promise<ApiResponse> => {
    const listed = method === 'LIST'
    const response = await request(`${address}/v1/${path}${listed ? '?list=true' : ''}`, {
      dispatcher,
      method: (listed ? 'GET' : method) as 'GET',
      headers: {
        ...(token !== undefined && { 'x-vault-token': token }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(!forward && { 'x-vault-no-request-forwarding': '1' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = await response.body.text()
    return { status: response.statusCode, body: text === '' ? {} : parsed(text) }
  }
  return Object.assign(call, { close: () => dispatcher.destroy() })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return { errors: [text] }
  }
}
