import { Agent } from 'undici'
import type { Clock } from '../logical/clock.ts'
import { noResponse, VaultError } from './errors.ts'
import { Nodes, turnsAway } from './nodes.ts'

/** One HTTP exchange as node-vault hands it over: `uri` is set by node-vault, the rest passes through it. */
export interface HttpExchange {
  readonly method: string
  readonly uri: string
  readonly headers: Readonly<Record<string, string>>
  /** JSON text. */
  readonly content?: string
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  /** Takes the body of a success as it comes, for as long as it comes; the response then has none. */
  readonly onText?: (text: string) => void
}

export interface RawResponse {
  readonly statusCode: number
  readonly body: string
}

export interface Transport {
  send(exchange: HttpExchange): Promise<RawResponse>
  /** Takes nothing more, lets running exchanges finish (each has its deadline), then ends every connection. Responses that are read as they come have none: they are broken off. */
  close(): Promise<void>
}

export interface TransportOptions {
  /** Scheme, host and port of each node; the first is what exchanges are addressed to. */
  readonly origins: readonly [string, ...string[]]
  /** PEM certificates that replace the machine's roots. */
  readonly ca?: string
  readonly clock: Clock
}

// Vault takes requests of up to 32 MiB; a listing of a large mount is the longest response.
const LONGEST_RESPONSE_BYTES = 64 * 1024 * 1024
const MOST_CONNECTIONS = 128

/** The code of a network failure; its message and properties may quote what was sent or received and are dropped. */
function codeOf(thrown: unknown): string {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? code : 'connection failed'
}

/** `uri` begins behind the origin here. */
async function exchangeOnce(
  agent: Agent,
  origin: string,
  { uri, method, headers, content, signal, onText }: HttpExchange,
  onHead: () => void,
): Promise<RawResponse> {
  const response = await agent.request({
    origin,
    path: uri,
    method,
    headers: { ...headers },
    body: content ?? null,
    signal,
  })
  const { statusCode, body } = response
  if (!onText || statusCode !== 200) return { statusCode, body: await body.text() }
  onHead()
  const decoder = new TextDecoder()
  for await (const chunk of body) onText(decoder.decode(chunk as Buffer, { stream: true }))
  return { statusCode, body: '' }
}

function createAgent(ca: string | undefined, longestResponse: number): Agent {
  return new Agent({
    connections: MOST_CONNECTIONS,
    pipelining: 1,
    maxResponseSize: longestResponse,
    // One deadline for the whole exchange is kept by the transport, on the clock that was handed in.
    headersTimeout: 0,
    bodyTimeout: 0,
    // Stated, because NODE_TLS_REJECT_UNAUTHORIZED only counts where nothing is.
    connect: { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) },
  })
}

/** Rejects with the reason of the signal, a `VaultError`, once it is aborted. */
const rejectionBy = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener(
      'abort',
      () => {
        reject(signal.reason as VaultError)
      },
      { once: true },
    )
  })

/**
 * The pooled HTTP client below node-vault. Never follows redirects, never reads proxy or TLS switches from the
 * environment, checks certificates always. Failures are `VaultError` of kind `unavailable`. Where there are several nodes, the one
 * that has failed an exchange is left for the next one; no exchange is sent twice, as the first may have been acted on.
 */
export function createTransport({ origins, ca, clock }: TransportOptions): Transport {
  const agent = createAgent(ca, LONGEST_RESPONSE_BYTES)
  // What is read as it comes is never held whole. Opens no connection until it is used.
  const streaming = createAgent(ca, -1)
  const nodes = new Nodes(origins)

  async function send(exchange: HttpExchange): Promise<RawResponse> {
    const { signal, timeoutMs } = exchange
    const origin = nodes.current
    const stop = new AbortController()
    // Raced, because undici looks at the signal only once it has a connection.
    const stopped = rejectionBy(stop.signal)
    const cancel = () => {
      stop.abort(noResponse('the request to Vault was cancelled'))
    }
    const cancelTimer = clock.after(timeoutMs, () => {
      nodes.leave(origin)
      stop.abort(noResponse(`Vault at ${origin} did not respond within ${String(timeoutMs)} ms`))
    })
    signal?.addEventListener('abort', cancel, { once: true })
    if (signal?.aborted) cancel()
    try {
      const sent = { ...exchange, uri: exchange.uri.slice(nodes.first.length), signal: stop.signal }
      const response = await Promise.race([
        stopped,
        exchangeOnce(exchange.onText ? streaming : agent, origin, sent, cancelTimer),
      ])
      if (turnsAway(response.statusCode)) nodes.leave(origin)
      return response
    } catch (thrown) {
      if (thrown instanceof VaultError) throw thrown
      nodes.leave(origin)
      throw noResponse(`Vault at ${origin} cannot be reached (${codeOf(thrown)})`)
    } finally {
      cancelTimer()
      signal?.removeEventListener('abort', cancel)
    }
  }

  const running = new Set<Promise<unknown>>()
  let closed: Promise<void> | undefined

  // Not undici's own close: that waits for a connection attempt nobody wants any more.
  async function finish(): Promise<void> {
    await streaming.destroy()
    await Promise.allSettled(running)
    await agent.destroy()
  }

  return {
    send(exchange) {
      if (closed) return Promise.reject(noResponse('this Vault client is closed'))
      const sent = send(exchange).finally(() => running.delete(sent))
      running.add(sent)
      return sent
    },
    close: () => (closed ??= finish()),
  }
}
