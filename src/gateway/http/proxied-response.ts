import { breakOff } from '../../http/index.ts'
import type { ServerRequest, ServerResponse } from '../../http-server/index.ts'
import type { HeaderPairs } from '../call/credentials.ts'
import type { RunningCall } from '../proxy/running-call.ts'
import type { UpstreamHead, CallSink } from '../proxy/upstream-call.ts'
import type { Ticker } from '../ticker.ts'
import type { Exchange } from './response.ts'

/**
 * An upstream's response on its way to an HTTP client. In the moment the call is cut the connection is reset, until the last byte has
 * left: what Node still holds of it is dropped, and the client sees a broken response, never a short one that looks whole.
 */
export class ProxiedResponse implements CallSink {
  readonly #request: ServerRequest
  readonly #response: ServerResponse
  readonly #exchange: Exchange
  readonly #ticker: Ticker
  readonly #refuse: (error: Error) => void
  #call: RunningCall | undefined
  /** The head and the first bytes, until the end of the turn in which they came: a response that came whole goes out in one write. */
  #heldHead: UpstreamHead | undefined
  #heldChunk: Uint8Array | undefined
  #hasBegun = false
  #isEnded = false
  #takesTrailers = false
  #waitsForDrain = false
  #stopTicking: (() => void) | undefined

  /** `refuse` tells the client why there is no response. */
  constructor(exchange: Exchange, ticker: Ticker, refuse: (error: Error) => void) {
    this.#exchange = exchange
    this.#request = exchange.request
    this.#response = exchange.response
    this.#ticker = ticker
    this.#refuse = refuse
  }

  /** The call whose response this is. Its end is told to it: when everything has left this process, or the connection broke. */
  belongsTo(call: RunningCall): void {
    this.#call = call
    const over = () => {
      this.#stopTicking?.()
      if (!this.#response.writableFinished) call.abandon()
      call.delivered()
    }
    // It may have gone while its token was looked up.
    if (this.#response.closed) over()
    else this.#response.once('close', over)
  }

  head(head: UpstreamHead): void {
    this.#hasBegun = true
    this.#heldHead = head
    // A slow reader may leave bytes waiting here for longer than this gateway stays in contact with Vault.
    this.#stopTicking = this.#ticker.every(() => this.#call?.stillFresh())
    process.nextTick(flushed, this)
  }

  data(chunk: Uint8Array): boolean {
    if (this.#response.destroyed) return false
    if (this.#heldHead && this.#heldChunk === undefined) {
      this.#heldChunk = chunk
      return true
    }
    this.flush()
    return this.#response.write(chunk) || this.#waitForDrain()
  }

  end(trailers: HeaderPairs): void {
    this.#isEnded = true
    if (this.#response.destroyed) return
    if (this.#heldHead) this.#writeHead(this.#heldHead)
    if (trailers.length > 0 && this.#takesTrailers)
      this.#response.addTrailers(trailers.map(([name, value]): [string, string] => [name, value]))
    const chunk = this.#heldChunk
    this.#heldChunk = undefined
    if (chunk) this.#response.end(chunk)
    else this.#response.end()
  }

  failed(error: Error): void {
    this.#heldHead = undefined
    this.#heldChunk = undefined
    // Once a status has gone out all that is left is to break off.
    // By the request's socket: a response that waits behind another has none yet.
    if (this.#hasBegun) breakOff(this.#request.socket)
    else this.#refuse(error)
  }

  /** What is held goes out. */
  flush(): void {
    if (!this.#heldHead || this.#response.destroyed) return
    this.#writeHead(this.#heldHead)
    const chunk = this.#heldChunk
    this.#heldChunk = undefined
    if (!chunk) this.#response.flushHeaders()
    else if (!this.#response.write(chunk)) this.#waitForDrain()
  }

  #writeHead({ status, headers }: UpstreamHead): void {
    this.#heldHead = undefined
    this.#takesTrailers = mayHaveTrailers(this.#request, status, headers)
    this.#response.writeHead(status, flatHeaders(headers, this.#exchange.requestId, this.#takesTrailers))
  }

  #waitForDrain(): false {
    if (this.#waitsForDrain) return false
    this.#waitsForDrain = true
    this.#response.once('drain', () => {
      this.#waitsForDrain = false
      if (!this.#isEnded) this.#call?.resume()
    })
    return false
  }
}

/** Fields can only follow a body in chunks (RFC 9110, 6.5.1), which HTTP/1.0 does not know. */
const mayHaveTrailers = ({ method, httpVersion }: ServerRequest, status: number, headers: HeaderPairs): boolean =>
  method !== 'HEAD' &&
  status !== 204 &&
  status !== 304 &&
  httpVersion !== '1.0' &&
  !headers.some(([name]) => name === 'content-length')

const flushed = (response: ProxiedResponse): void => {
  response.flush()
}

/** `x-request-id` is the id in our audit log. An upstream that tells its own id under that name is passed on under another. */
function flatHeaders(headers: HeaderPairs, requestId: string, takesTrailers: boolean): string[] {
  const flat: string[] = []
  for (const [name, value] of headers)
    if (name !== 'trailer' || takesTrailers) flat.push(name === 'x-request-id' ? 'x-upstream-request-id' : name, value)
  flat.push('x-request-id', requestId)
  return flat
}
