import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface RecordedRequest {
  readonly method: string
  /** With the query, as it came over the wire. */
  readonly url: string
  readonly headers: IncomingMessage['headers']
  /** Parsed; undefined when there was none. */
  readonly body: unknown
}

export interface Scripted {
  readonly status: number
  readonly body?: unknown
}

export interface ScriptedVault {
  readonly address: string
  readonly requests: readonly RecordedRequest[]
  /** `GET /v1/x` of everything asked, in order. */
  lines(): string[]
  close(): Promise<void>
}

export const nothing: Scripted = { status: 204 }
export const missing: Scripted = { status: 404, body: { errors: [] } }
export const refusal = (status: number, ...errors: string[]): Scripted => ({ status, body: { errors } })

/** Vault's envelope around `data`. */
export const secret = (data: unknown, more: object = {}): Scripted => ({
  status: 200,
  body: {
    request_id: 'r-1',
    lease_id: '',
    renewable: false,
    lease_duration: 0,
    data,
    wrap_info: null,
    warnings: null,
    auth: null,
    mount_type: 'mcp',
    ...more,
  },
})

/** Answers the scripted answers in order; a request beyond the script is a 599. */
export async function scriptVault(...script: Scripted[]): Promise<ScriptedVault> {
  const requests: RecordedRequest[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
    })
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8')
      requests.push({
        method: request.method!,
        url: request.url!,
        headers: request.headers,
        body: text === '' ? undefined : JSON.parse(text),
      })
      const next = script.shift() ?? refusal(599, `nothing is scripted for ${request.method!} ${request.url!}`)
      response.writeHead(next.status, { 'content-type': 'application/json' })
      response.end(next.body === undefined ? '' : JSON.stringify(next.body))
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    address: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    requests,
    lines: () => requests.map(({ method, url }) => `${method} ${url}`),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => {
          resolve()
        })
      }),
  }
}
