import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { listenOnLoopback } from './stand-in-server.ts'
import type { StandInServer } from './stand-in-server.ts'
import type { StandInEngine, VaultRequest } from './stand-in-engine.ts'

/** Vault's HTTP API before the engine, for who presents the token. */
export function startStandInVault(engine: StandInEngine, token: string): Promise<StandInServer> {
  const server = createServer((request, response) => {
    if (request.headers['x-vault-token'] === token) void respond(engine, request, response)
    else request.socket.destroy()
  })
  return listenOnLoopback(server)
}

async function respond(engine: StandInEngine, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const data = await engine.respond(await read(request))
    response.writeHead(data ? 200 : 404, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    response.end(JSON.stringify(data ? { lease_id: '', renewable: false, lease_duration: 0, data } : { errors: [] }))
  } catch {
    // The gateway that asked has gone, or asked for something that is not JSON: to it, Vault has gone.
    request.socket.destroy()
  }
}

async function read(request: IncomingMessage): Promise<VaultRequest> {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://vault.invalid')
  let text = ''
  for await (const chunk of request as AsyncIterable<Buffer>) text += chunk.toString()
  return {
    method: request.method ?? '',
    path: pathname.slice('/v1/'.length),
    query: searchParams,
    body: (text === '' ? {} : JSON.parse(text)) as VaultRequest['body'],
  }
}
