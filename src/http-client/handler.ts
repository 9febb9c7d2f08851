/** What is to be sent. The client itself writes Host, Content-Length, Transfer-Encoding and Connection. */
export interface RequestHead {
  /** In capitals; not CONNECT. */
  readonly method: string
  /** Origin-form: path and query in visible ASCII; `*` for OPTIONS. */
  readonly path: string
  /** Names and values in turn. */
  readonly headers: readonly string[]
  /** `stream`: what the exchange is given by `write` until `end`. */
  readonly body: null | Uint8Array | 'stream'
  /** Bytes of a `stream`, held to it; without it the body is sent chunked. */
  readonly contentLength?: number | undefined
}

/**
 * The one who made the call. Of its methods only `whyNotSend` is called before `send` returns. What a method throws ends the call:
 * its connection is cut and `onError` gets what was thrown.
 */
export interface ResponseHandler {
  /**
   * A reason not to send the request, asked in the instant before its first byte is written, and again before it is sent once more
   * on another connection. It becomes the call's error.
   */
  whyNotSend(): Error | undefined
  /** The final response's status (200 to 999) and its fields: names in lower case and values, read as Latin-1, in turn and as often as they came. */
  onHead(status: number, headers: string[]): void
  /**
   * Bytes of the body; a view of what was read, nobody else's from now on. After `pause`, what is left of one read (64 KiB) and the end
   * may still come.
   */
  onData(chunk: Buffer): void
  /** The response is over; nothing follows. Trailers as `headers` above, not to be merged with them (RFC 9110, 6.5.1). */
  onEnd(trailers: readonly string[]): void
  /** The call failed; nothing follows. */
  onError(error: Error): void
  /** After a `write` that returned false: the body may go on. */
  onDrain(): void
}

/** One request and its response. Whatever is asked of it once the call is over does nothing. */
export interface ClientExchange {
  /** More of a `stream` body; the bytes must stay as they are. False: the next should wait for `onDrain`. */
  write(chunk: Uint8Array): boolean
  /** The `stream` body is complete. */
  end(): void
  /** Stops reading the response's body, within what `onData` says. */
  pause(): void
  resume(): void
  /** Cuts the connection, or leaves the queue; `onError(error)` is called before this returns, unless the call is over. */
  abort(error: Error): void
}
