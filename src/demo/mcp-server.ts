/**
 * The article's MCP server: Streamable HTTP, five tools, no key of any upstream. Everything it may do it learns from the
 * gateway, with the phantom token of each request.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import type { GatewayClient, TokenVerifier } from '../client/index.ts'
import { registerTools } from './mcp-tools.ts'

export interface McpServerOptions {
  readonly gateway: GatewayClient
  /** `127.0.0.1:3000`; port 0 = a free one. */
  readonly address: string
}

export interface McpServerHandle {
  /** Of the MCP endpoint: `http://127.0.0.1:3000/mcp`. */
  readonly url: string
  close(): Promise<void>
}

const ENDPOINT = '/mcp'

/** Rejects when the address is taken. */
export async function startMcpServer({ gateway, address }: McpServerOptions): Promise<McpServerHandle> {
  const verifier = gateway.verifier()
  const server = createServer((request, response) => {
    serve(request, response, gateway, verifier).catch(() => {
      fail(response, 500, 'server_error', 'internal error')
    })
  })
  const [host = '127.0.0.1', port = '0'] = address.split(/:(?=\d+$)/)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(Number(port), host, resolve)
  })
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}${ENDPOINT}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  gateway: GatewayClient,
  verifier: TokenVerifier,
): Promise<void> {
  // A page in a browser must not reach a server on its user's machine, whatever name it got it under.
  const host = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/i.test(request.headers.host ?? '')
  if (!host || request.headers.origin !== undefined) {
    fail(response, 403, 'invalid_request', 'browsers are not served')
    return
  }
  if (request.url !== ENDPOINT) {
    fail(response, 404, 'invalid_request', `the endpoint is ${ENDPOINT}`)
    return
  }
  // Stateless: no stream to open and no session to delete.
  if (request.method !== 'POST') {
    fail(response, 405, 'invalid_request', 'use POST', { allow: 'POST' })
    return
  }
  const auth = await authenticate(request, response, verifier)
  if (auth) await respond(Object.assign(request, { auth }), response, gateway)
}

/** What `requireBearerAuth` of the SDK does for Express, except that an outage is 503. Answers by itself when it gives back nothing. */
async function authenticate(request: IncomingMessage, response: ServerResponse, verifier: TokenVerifier) {
  const token = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1]
  try {
    if (token === undefined) {
      unauthorized(response, 'missing token')
      return undefined
    }
    return await verifier.verifyAccessToken(token)
  } catch (thrown) {
    const { errorCode, message } = thrown as Error & { errorCode?: string }
    if (errorCode === 'invalid_token') unauthorized(response, message)
    else fail(response, 503, 'unavailable', message)
    return undefined
  }
}

function unauthorized(response: ServerResponse, description: string): void {
  fail(response, 401, 'invalid_token', description, {
    'www-authenticate': `Bearer error="invalid_token", error_description="${description}"`,
  })
}

function fail(
  response: ServerResponse,
  status: number,
  error: string,
  error_description: string,
  headers: Record<string, string> = {},
): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response
    .writeHead(status, { 'content-type': 'application/json', ...headers })
    .end(JSON.stringify({ error, error_description }))
}

async function respond(request: IncomingMessage, response: ServerResponse, gateway: GatewayClient): Promise<void> {
  const [{ McpServer }, { StreamableHTTPServerTransport }] = await Promise.all([
    import('@modelcontextprotocol/sdk/server/mcp.js'),
    import('@modelcontextprotocol/sdk/server/streamableHttp.js'),
  ])
  const mcp: McpServer = new McpServer({ name: 'billing-and-reviews', version: '1.0.0' })
  registerTools(mcp, gateway)
  const transport = new StreamableHTTPServerTransport()
  response.on('close', () => {
    void mcp.close()
  })
  await mcp.connect(transport)
  await transport.handleRequest(request, response)
}
