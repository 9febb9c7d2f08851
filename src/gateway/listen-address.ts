import { GatewayError } from './error.ts'

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** `127.0.0.1:8251`, `[::1]:8251`, `gateway.internal:8251`. Throws `invalid_request` naming what was given. */
export function parseAddress(text: string): ListenAddress {
  const [, bracketed, plain, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || Number(port) > 65_535)
    throw new GatewayError(
      'invalid_request',
      'bad_request',
      `address ${JSON.stringify(text)} is not host:port, for example 127.0.0.1:8251`,
    )
  return { host, port: Number(port) }
}
