/** Which header names a document may name. */
import { isOverrideHeader } from '../scope/index.ts'

/** RFC 9110, 5.6.2: a token. */
export const isHeaderName = (name: string): boolean => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)

/** Headers that frame, route or cut a message: a key or a fixed value in them would change what the request is. */
const framing = new Set([
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
])

export const isFramingName = (name: string): boolean => framing.has(name.toLowerCase())

/** Never set from a request, the place of a key or a document. */
export const isFramingHeader = (name: string): boolean =>
  isFramingName(name) || name.toLowerCase().startsWith('x-forwarded-') || isOverrideHeader(name)
