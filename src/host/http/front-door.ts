import type { IncomingMessage } from 'node:http'
import { RequestError } from '../../logical/errors.ts'
import { errorAnswer, jsonAnswer } from './answer.ts'
import type { HostAnswer } from './call.ts'

const loopback = new Set(['127.0.0.1', '::1', 'localhost'])

/** Host header values a listener answers to. A rebound DNS name points at a loopback port but cannot change this header. */
export function hostNames(host: string, port: number, allowed: readonly string[]): ReadonlySet<string> {
  const own = loopback.has(host) ? ['127.0.0.1', 'localhost', '[::1]'] : [host.includes(':') ? `[${host}]` : host]
  const names = own.flatMap((name) => (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`]))
  return new Set([...names, ...allowed.map((name) => name.toLowerCase())])
}

/**
 * Why a request is not even read: a Host that is not ours, a body coding nobody undoes, or a browser acting for another page.
 * No CORS is granted to anyone.
 */
export function refusal(
  { headers, headersDistinct }: IncomingMessage,
  allowed: ReadonlySet<string>,
): HostAnswer | undefined {
  const hosts = headersDistinct.host ?? []
  if (hosts.length !== 1 || !allowed.has(hosts[0]!.toLowerCase())) {
    return jsonAnswer(421, {
      errors: [
        'this server does not answer to the name in the Host header; use its address, or allow the name with allowed_hosts',
      ],
    })
  }
  const coding = headers['transfer-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'chunked')
    return jsonAnswer(501, { errors: ['Transfer-Encoding: only chunked is understood'] })
  const site = headers['sec-fetch-site']
  if (headers.origin !== undefined || (site !== undefined && site !== 'same-origin' && site !== 'none')) {
    return errorAnswer(new RequestError('permission_denied', 'requests from web pages are not answered'))
  }
  return undefined
}
