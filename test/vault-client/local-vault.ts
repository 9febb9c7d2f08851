import { createServer } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export type Respond = (received: Received, response: ServerResponse) => void

/** A real server on loopback that records what arrives and answers as told. */
export interface LocalVault {
  readonly address: string
  readonly received: Received[]
  /** How many TCP connections were made to it. */
  readonly connections: () => number
  answer: Respond
  close(): Promise<void>
}

export function json(status: number, body: unknown): Respond {
  return (_received, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
}

export async function startLocalVault(
  answer: Respond,
  tls?: { certificate: string; key: string },
): Promise<LocalVault> {
  const received: Received[] = []
  let connections = 0
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const one = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      }
      received.push(one)
      vault.answer(one, response)
    })
  }
  const server = tls ? createTlsServer({ cert: tls.certificate, key: tls.key }, onRequest) : createServer(onRequest)
  server.on(tls ? 'secureConnection' : 'connection', () => {
    connections++
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const vault: LocalVault = {
    address: `${tls ? 'https' : 'http'}://127.0.0.1:${String(port)}`,
    received,
    connections: () => connections,
    answer,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
  return vault
}
