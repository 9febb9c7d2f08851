export interface Message {
  readonly start: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: readonly Buffer[]
  readonly trailers: readonly (readonly [name: string, value: string])[]
}
export declare function framingOfRequest(message: Message): number | 'chunked'
export declare function framingOfResponse(message: Message, method: string): number | 'chunked' | 'close'
export declare class MessageReader {
  constructor(events: {
    framing(message: Message): number | 'chunked' | 'close'
    begun(message: Message): void
    ended(message: Message): void
  })
  push(bytes: Buffer): void
  close(): void
}
