import { badRequest } from '../logical/errors.ts'

export interface ListenAddress {
  /** Without brackets: `::1`. */
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
}

const hostAndPort = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/

/** `127.0.0.1:8251`, `[::1]:8251`, `gateway.internal:8251`. Throws `bad_request` naming what was given. */
export function parseListenAddress(text: string): ListenAddress {
  const [, inBrackets, plain, port] = hostAndPort.exec(text) ?? []
  const host = inBrackets ?? plain
  if (host === undefined || Number(port) > 65_535)
    throw badRequest(`address ${JSON.stringify(text)} must be host:port, for example 127.0.0.1:8200`)
  return { host, port: Number(port) }
}

/** An IPv6 address as it stands in URLs and Host headers. */
export const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host)

/** Whether only this machine can reach a listener there. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)
