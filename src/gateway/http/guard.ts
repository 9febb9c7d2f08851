import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../error.ts'
import type { ListenAddress } from '../listen-address.ts'

/**
 * Before anything else: is this request meant for this listener, and does no web page stand behind it? A page can make a browser
 * talk to a local port, also under a name that has come to resolve here (DNS rebinding); it cannot forge `Host`, `Origin` or
 * `Sec-Fetch-Site`. A body in a coding that is not undone here would be judged as something else than it is.
 */
export function guardRequest(
  request: IncomingMessage,
  isOurHost: (host: string) => boolean,
): { error: GatewayError; status: number } | undefined {
  const { host, origin } = request.headers
  const hosts = request.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length
  if (host === undefined || hosts !== 1 || !isOurHost(host.toLowerCase())) {
    return {
      status: 421,
      error: new GatewayError(
        'invalid_request',
        'misdirected',
        'this gateway does not answer to that Host; ask it under its configured name',
      ),
    }
  }
  const coding = request.headers['transfer-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'chunked') {
    return {
      status: 501,
      error: new GatewayError('invalid_request', 'bad_request', 'Transfer-Encoding: only chunked is understood'),
    }
  }
  const site = request.headers['sec-fetch-site']
  if (origin !== undefined || (site !== undefined && site !== 'none' && site !== 'same-origin')) {
    return {
      status: 403,
      error: new GatewayError('invalid_request', 'cross_site', 'requests from web pages are not served'),
    }
  }
  return undefined
}

const bracket = (host: string): string => (host.includes(':') ? `[${host}]` : host)

/** The Host values a listener answers to: the names of where it listens, and those configured (with or without a port). */
export function ownHosts({ host, port }: ListenAddress, allowed: readonly string[]): (host: string) => boolean {
  const loopback = host === 'localhost' || host === '::1' || host.startsWith('127.')
  const names = new Set(loopback ? ['127.0.0.1', 'localhost', '[::1]', bracket(host)] : [bracket(host)])
  const accepted = new Set<string>()
  for (const name of names) {
    accepted.add(`${name}:${String(port)}`)
    if (port === 80) accepted.add(name)
  }
  for (const entry of allowed) accepted.add(entry.toLowerCase())
  return (given) => accepted.has(given)
}
