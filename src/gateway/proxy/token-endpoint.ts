/** One exchange with a token endpoint: through the one way out, on a connection of its own, bounded in time and size. */
import { Client } from 'undici'
import type { buildConnector } from 'undici'
import type { Clock } from '../../logical/clock.ts'
import { GatewayCallError, plainCause } from '../call/call-error.ts'
import type { TokenRequest } from '../call/token-request.ts'
import { TokenEndpointError } from '../call/token-response.ts'
import type { UpstreamDocument } from '../../document/index.ts'
import type { Egress } from './egress.ts'

/**
 * Makes one exchange. Rejects when there is no response: with a `TokenEndpointError` once the request may have been sent, and with
 * another error before.
 */
export type TokenExchange = (
  upstream: UpstreamDocument,
  request: TokenRequest,
) => Promise<{ readonly status: number; readonly text: string }>

const LONGEST_RESPONSE = 65_536
/** For all of it, from connecting to the last byte. */
export const EXCHANGE_TIMEOUT_MS = 15_000

export const tokenExchange =
  (egress: Egress, clock: Clock): TokenExchange =>
  async (upstream, request) => {
    const connecting = new Connecting(egress.connectorFor({ ...upstream, url: request.url }))
    const client = new Client(new URL(request.url).origin, {
      connect: connecting.connector,
      allowH2: false,
      // The one limit is for the whole.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxResponseSize: LONGEST_RESPONSE,
    })
    const late = new AbortController()
    const cancel = clock.after(EXCHANGE_TIMEOUT_MS, () => {
      late.abort()
    })
    try {
      return await exchangeOn(client, request, late.signal)
    } catch (error) {
      throw failureOf(upstream, error, connecting.isConnected)
    } finally {
      cancel()
      await client.destroy()
    }
  }

/** Nothing is sent before there is a connection. */
class Connecting {
  readonly connector: buildConnector.connector
  isConnected = false

  constructor(connect: buildConnector.connector) {
    this.connector = (options, callback) => {
      connect(options, (...[error, socket]: buildConnector.CallbackArgs) => {
        this.isConnected ||= socket !== null
        if (socket) callback(null, socket)
        else callback(error, null)
      })
    }
  }
}

async function exchangeOn(
  client: Client,
  { url, headers, body }: TokenRequest,
  signal: AbortSignal,
): Promise<{ status: number; text: string }> {
  const response = await client.request({
    method: 'POST',
    path: new URL(url).pathname,
    headers: { accept: 'application/json', 'user-agent': 'vault-plugin-secrets-mcp', ...headers },
    body,
    signal,
  })
  return { status: response.statusCode, text: await response.body.text() }
}

function failureOf({ name }: UpstreamDocument, error: unknown, isConnected: boolean): GatewayCallError {
  const cause = plainCause(error)
  if (isConnected)
    return new TokenEndpointError('token_endpoint_unavailable', 'unknown', 'did not answer in time, or broke off', {
      cause,
    })
  if (error instanceof GatewayCallError) return error
  const what = `upstream ${name}: its token endpoint could not be reached`
  return new GatewayCallError('upstream_unreachable', what, { cause })
}
