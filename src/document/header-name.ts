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

/** Names under which proxies tell where a request came from: a caller that sets one speaks for the proxy. */
const forwarding = new Set([
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'client-ip',
  'fastly-client-ip',
  'true-client-ip',
  'x-appengine-user-ip',
  'x-azure-clientip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-envoy-external-address',
  'x-host',
  'x-original-forwarded-for',
  'x-original-host',
  'x-real-ip',
  'x-remote-addr',
  'x-remote-ip',
  'x-remote-user',
])

export const isForwardingName = (name: string): boolean =>
  forwarding.has(name.toLowerCase()) || name.toLowerCase().startsWith('x-forwarded-')

export const isFramingName = (name: string): boolean => framing.has(name.toLowerCase())

/** Never set from a request, the place of a key or a document. */
export const isFramingHeader = (name: string): boolean =>
  isFramingName(name) || name.toLowerCase().startsWith('x-forwarded-') || isOverrideHeader(name)
