/** Redirects that an upstream's document lets be followed, without its key. */
import type { ResponseHandler } from '../../http-client/index.ts'
import type { OutgoingRequest } from '../call/outgoing.ts'
import { placementsOf } from '../call/placements.ts'
import { redirectTarget } from '../call/redirect.ts'
import { sentHeader } from '../call/request-headers.ts'
import type { CallableUpstream } from '../call/upstream.ts'
import type { UpstreamCall } from './upstream-call.ts'

export const noRedirects: readonly string[] = []

/**
 * What to ask instead, of whom, after `hops` redirects; undefined = the redirect is handed on. Throws `redirect_refused`. Nothing is
 * said but what is asked for and which part of it, and only public addresses are called.
 */
export function redirectedRequest(
  call: UpstreamCall,
  last: OutgoingRequest,
  headers: readonly string[],
  hops: number,
): { readonly request: OutgoingRequest; readonly upstream: CallableUpstream } | undefined {
  const { upstream, projection, key, body, callerBase = `/u/${upstream.name}` } = call
  const url = redirectTarget(sentHeader({ list: headers }, 'location'), {
    upstream,
    places: placementsOf(upstream),
    keyPath: key?.path,
    callerBase,
    requestUrl: last.publicUrl,
    method: last.method,
    hasBody: body !== undefined,
    projected: projection !== undefined,
    matcher: key?.matcher,
    hops,
  })
  if (url === undefined) return undefined
  const { origin, method } = { origin: url.origin, method: last.method }
  const request = { origin, method, path: url.pathname + url.search, ...plainHeaders(last), publicUrl: url.href }
  return { request, upstream: atOrigin(upstream, origin) }
}

/** One pool for each upstream's redirects: whatever hosts they lead to, no more connections stay open. */
const atOrigin = (upstream: CallableUpstream, origin: string): CallableUpstream => ({
  ...upstream,
  name: `${upstream.name} (redirect)`,
  url: origin,
  allow_private_addresses: false,
})

/** A part that is tied to a tag (If-Range) cannot be asked for without it: the whole is. */
function plainHeaders({ headers }: OutgoingRequest): { headers: string[]; ranged: boolean } {
  const kept: string[] = ['accept-encoding', 'identity']
  const conditional = sentHeader({ list: headers }, 'if-range') !== undefined
  let ranged = false
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!
    if (name !== 'accept' && (name !== 'range' || conditional)) continue
    ranged ||= name === 'range'
    kept.push(name, headers[at + 1]!)
  }
  return { headers: kept, ranged }
}

/** Who hears of a call after so many redirects. */
interface Hearer {
  whyNotSend(): Error | undefined
  onHead(status: number, headers: readonly string[], hop: number): void
  onData(chunk: Uint8Array, hop: number): void
  onEnd(trailers: readonly string[], hop: number): void
  onError(error: Error, hop: number): void
}

/** What is heard of one hop, told apart from what may still come of those before it. */
export function hopHandler(hearer: Hearer, hop: number): ResponseHandler {
  return {
    whyNotSend: () => hearer.whyNotSend(),
    onHead: (status, headers) => {
      hearer.onHead(status, headers, hop)
    },
    onData: (chunk) => {
      hearer.onData(chunk, hop)
    },
    onEnd: (trailers) => {
      hearer.onEnd(trailers, hop)
    },
    onError: (error) => {
      hearer.onError(error, hop)
    },
    onDrain: () => undefined,
  }
}
