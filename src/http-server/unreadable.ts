import { MessageError } from '../http-message/index.ts'

/** Bytes of a request line and the headers behind it. */
export const LARGEST_HEAD = 16 * 1024

/** What is wrong with a request that no handler gets to see. */
export interface Unreadable {
  readonly status: number
  readonly message: string
}

/** Why no handler gets to see a request. The connection ends with the response that says so. */
export class UnreadableRequest extends Error implements Unreadable {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'UnreadableRequest'
    this.status = status
  }
}

export const noMethod = (): UnreadableRequest =>
  new UnreadableRequest(400, 'the request does not begin with a known method, for example GET')
export const late = (): UnreadableRequest => new UnreadableRequest(408, 'the request did not arrive in time')

/** What was thrown while a request was read, as its sender is told. */
export function unreadable(thrown: unknown): UnreadableRequest {
  if (thrown instanceof UnreadableRequest) return thrown
  if (!(thrown instanceof MessageError)) throw thrown
  switch (thrown.kind) {
    case 'too_large':
      return new UnreadableRequest(431, 'the request line and headers are longer than 16 KiB')
    case 'unknown_coding':
      return new UnreadableRequest(501, 'Transfer-Encoding: only chunked is supported')
    default:
      return new UnreadableRequest(400, `the request is not well-formed HTTP/1.1: ${thrown.message}`)
  }
}
