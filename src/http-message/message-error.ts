/**
 * What came is not an HTTP/1.1 message, or one that two readers could understand differently. `too_large`: its head or trailers exceed
 * their limit. `unknown_coding`: a transfer coding other than chunked. `message` never holds anything of what came.
 */
export type MessageErrorKind = 'malformed' | 'too_large' | 'unknown_coding'

export class MessageError extends Error {
  readonly kind: MessageErrorKind

  constructor(kind: MessageErrorKind, message: string) {
    super(message)
    this.name = 'MessageError'
    this.kind = kind
  }
}

export const malformed = (message: string): MessageError => new MessageError('malformed', message)
