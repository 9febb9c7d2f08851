import { invalidRequest } from './client-error.ts'
import type { RequestHead } from './handler.ts'

/** Capitals only: a server that takes `head` for HEAD would answer it another way than we read. */
const methodForm = /^[A-Z][A-Z0-9-]*$/
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/
const target = /^\/[\x21-\x7e]*$/
/** What frames a message or concerns the connection is the client's own to write. */
const ownFields = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
/** For which an absent body is told as `Content-Length: 0` (RFC 9110, 8.6), and a present one surprises no server. */
const withPayload = new Set([
  'POST',
  'PUT',
  'PATCH',
  'QUERY',
  'PROPFIND',
  'PROPPATCH',
  'REPORT',
  'SEARCH',
  'MKCOL',
  'LOCK',
])
/** RFC 9110, 9.2.2. */
const idempotent = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])

export const isIdempotent = (method: string): boolean => idempotent.has(method)

/**
 * Whether the connection can carry another request after this one. Not after HEAD, whose response some servers send with a body; nor
 * after a body that a server may not expect, and so take for the next request. It is said in the request: who does not read on cannot
 * be led astray.
 */
export const keepsConnection = ({ method, body }: RequestHead): boolean =>
  method === 'GET' ? body === null : method !== 'HEAD' && (body === null || withPayload.has(method))

/**
 * The request's head as it is sent, for Latin-1. Throws `invalid_request` for whatever is not exactly a method, a target, names and values:
 * nothing a caller passes can begin another line, another field or another request.
 */
export function requestText(head: RequestHead, host: string): string {
  const { method, path, headers, body } = head
  checkRequestLine(method, path)
  if (headers.length % 2 !== 0) throw invalidRequest('the headers are not names and values in turn')
  let text = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: ${keepsConnection(head) ? 'keep-alive' : 'close'}\r\n`
  for (let i = 0; i < headers.length; i += 2) text += fieldLine(headers[i], headers[i + 1])
  if (body === 'stream') return text + streamFraming(head.contentLength)
  if (body !== null) return `${text}content-length: ${body.length}\r\n\r\n`
  return withPayload.has(method) ? `${text}content-length: 0\r\n\r\n` : `${text}\r\n`
}

function streamFraming(contentLength: number | undefined): string {
  if (contentLength === undefined) return 'transfer-encoding: chunked\r\n\r\n'
  if (!Number.isSafeInteger(contentLength) || contentLength < 0)
    throw invalidRequest('the length of the body must be a whole number of bytes')
  return `content-length: ${contentLength}\r\n\r\n`
}

function checkRequestLine(method: string, path: string): void {
  if (method !== 'GET' && (!methodForm.test(method) || method === 'CONNECT'))
    throw invalidRequest('the method cannot be sent: it must be in capitals, and not CONNECT')
  if (!target.test(path) && !(path === '*' && method === 'OPTIONS'))
    throw invalidRequest('the path must begin with / and be of visible ASCII characters')
}

function fieldLine(name: string | undefined, value: string | undefined): string {
  if (typeof name !== 'string' || !token.test(name)) throw invalidRequest('a header name is not a token')
  if (ownFields.has(name.toLowerCase())) throw invalidRequest(`the header ${name} is the client's own to write`)
  if (typeof value !== 'string' || !fieldValue.test(value))
    throw invalidRequest(`the value of header ${name} holds a character that cannot be sent`)
  return `${name}: ${value}\r\n`
}
