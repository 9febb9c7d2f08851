import { bracketed, isLoopback } from './listen-address.ts'
import type { ListenAddress } from './listen-address.ts'
import { isNamed } from './request.ts'

/** Why a request is not even read. `code` is stable; the statuses are not all in the table of errors. */
export interface FrontDoorRefusal {
  readonly status: 403 | 421 | 501
  readonly code: 'misdirected' | 'bad_request' | 'cross_site'
  readonly message: string
}

const misdirected: FrontDoorRefusal = {
  status: 421,
  code: 'misdirected',
  message:
    'this server does not answer to the name in the Host header; use its address, or allow the name with allowed_hosts',
}
const otherCoding: FrontDoorRefusal = {
  status: 501,
  code: 'bad_request',
  message: 'Transfer-Encoding: only chunked is supported',
}
const crossSite: FrontDoorRefusal = {
  status: 403,
  code: 'cross_site',
  message: 'requests from web pages are not served',
}

/**
 * Before anything else: is this request meant for this listener, and does no web page stand behind it? A page can make a browser
 * talk to a local port, also under a name that has come to resolve here (DNS rebinding); it cannot forge `Host`, `Origin` or
 * `Sec-Fetch-Site`, and no CORS is granted to anyone. A body in a coding that is not undone here would be judged as something else
 * than it is.
 */
export function checkFrontDoor(
  { rawHeaders }: { readonly rawHeaders: readonly string[] },
  isOurHost: (host: string) => boolean,
): FrontDoorRefusal | undefined {
  let hosts = 0
  let isOurs = false
  let refused: FrontDoorRefusal | undefined
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!
    const value = rawHeaders[at + 1]!
    if (isNamed(name, 'host')) {
      hosts += 1
      isOurs = isOurHost(value.toLowerCase())
    } else if (isNamed(name, 'transfer-encoding')) {
      if (value.toLowerCase() !== 'chunked') refused = otherCoding
    } else if (tellsOfPage(name, value)) refused ??= crossSite
  }
  return hosts === 1 && isOurs ? refused : misdirected
}

const tellsOfPage = (name: string, value: string): boolean =>
  isNamed(name, 'origin') || (isNamed(name, 'sec-fetch-site') && value !== 'none' && value !== 'same-origin')

/** The Host values a listener answers to: the names of where it listens, and those configured (with or without a port). */
export function ownHosts({ host, port }: ListenAddress, allowed: readonly string[]): (host: string) => boolean {
  const names = isLoopback(host) ? ['127.0.0.1', 'localhost', '[::1]', bracketed(host)] : [bracketed(host)]
  const accepted = new Set(allowed.map((entry) => entry.toLowerCase()))
  for (const name of names) {
    accepted.add(`${name.toLowerCase()}:${String(port)}`)
    if (port === 80) accepted.add(name.toLowerCase())
  }
  return (given) => accepted.has(given)
}
