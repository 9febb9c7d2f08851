/** One exchange with a token endpoint: through the one way out, on a connection of its own, bounded in time and size. */
import { Client } from 'undici'
import { GatewayCallError, plainCause } from '../call/call-error.ts'
import type { TokenRequest } from '../call/token-request.ts'
import type { UpstreamDocument } from '../../document/index.ts'
import type { Egress } from './egress.ts'
import type { TokenExchange } from './minter.ts'

const LONGEST_RESPONSE = 65_536
const TIMEOUT_MS = 10_000

export const tokenExchange =
  (egress: Egress): TokenExchange =>
  async (upstream, request) => {
    const client = new Client(new URL(request.url).origin, {
      connect: egress.connectorFor({ ...upstream, url: request.url }),
      allowH2: false,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
      maxResponseSize: LONGEST_RESPONSE,
    })
    try {
      return await exchangeOn(client, request)
    } catch (error) {
      throw failureOf(upstream, error)
    } finally {
      await client.destroy()
    }
  }

async function exchangeOn(
  client: Client,
  { url, headers, body }: TokenRequest,
): Promise<{ status: number; text: string }> {
  const response = await client.request({
    method: 'POST',
    path: new URL(url).pathname,
    headers: { accept: 'application/json', 'user-agent': 'vault-plugin-secrets-mcp', ...headers },
    body,
  })
  return { status: response.statusCode, text: await response.body.text() }
}

function failureOf({ name }: UpstreamDocument, error: unknown): GatewayCallError {
  if (error instanceof GatewayCallError) return error
  return new GatewayCallError('upstream_unreachable', `upstream ${name}: its token endpoint could not be reached`, {
    cause: plainCause(error),
  })
}
