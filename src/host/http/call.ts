/** One HTTP request to the API, read whole. Header names are lower-case. */
export interface HostCall {
  readonly method: string
  /** As sent, percent-encoded, with `/v1/`, without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body?: Uint8Array
  readonly remoteAddr: string
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal
}

export interface HostAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}
