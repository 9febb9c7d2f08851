import type { Socket } from 'node:net'

/** A request, as far as it is dealt with here. */
export interface HttpRequest {
  readonly method?: string | undefined
  /** Names, in lower case, and values in turn, as they came. */
  readonly rawHeaders: readonly string[]
  readonly socket: Socket
  /** All of it has come. */
  readonly complete: boolean
  readonly destroyed: boolean
  on(event: 'data', listener: (chunk: Buffer) => void): unknown
  once(event: 'end' | 'close' | 'error', listener: () => void): unknown
  off(event: 'data', listener: (chunk: Buffer) => void): unknown
  off(event: 'end' | 'close', listener: () => void): unknown
  pause(): unknown
  resume(): unknown
}

/** A response, likewise. */
export interface HttpResponse {
  readonly destroyed: boolean
  /** `headers`: names and values in turn. */
  writeHead(status: number, headers: string[]): unknown
  flushHeaders(): void
  write(chunk: Uint8Array | string): boolean
  end(chunk?: string): unknown
  destroy(): void
  on(event: 'drain', listener: () => void): unknown
  once(event: 'close', listener: () => void): unknown
}
