import { describe, expect, it } from 'vitest'
import { checkFrontDoor, ownHosts, parseListenAddress } from '../../src/http/index.ts'

describe('a listening address', () => {
  it.each([
    ['127.0.0.1:8251', '127.0.0.1', 8251],
    ['[::1]:0', '::1', 0],
    ['gateway.internal:80', 'gateway.internal', 80],
  ])('%s is read', (text, host, port) => {
    expect(parseListenAddress(text)).toEqual({ host, port })
  })

  it.each(['8251', 'localhost', '::1:8251', '127.0.0.1:99999', 'http://127.0.0.1:8251', ':8251', 'a b:1', ''])(
    '%j is refused with an example',
    (text) => {
      expect(() => parseListenAddress(text)).toThrow(
        `address ${JSON.stringify(text)} must be host:port, for example 127.0.0.1:8200`,
      )
    },
  )
})

describe('the Host values of a listener', () => {
  it('are, on loopback, every name of loopback with the port', () => {
    const ours = ownHosts({ host: '127.0.0.1', port: 8251 }, [])
    expect(['127.0.0.1:8251', 'localhost:8251', '[::1]:8251'].map(ours)).toEqual([true, true, true])
    expect(['127.0.0.1', 'localhost:1', '127.0.0.1.evil.example:8251', 'evil.example:8251'].map(ours)).toEqual([
      false,
      false,
      false,
      false,
    ])
  })

  it('may leave out port 80', () => {
    expect(ownHosts({ host: '127.0.0.1', port: 80 }, [])('localhost')).toBe(true)
  })

  it('are not names of loopback for an address other machines reach', () => {
    const ours = ownHosts({ host: '10.0.0.7', port: 8251 }, ['Gateway.Internal'])
    expect(['10.0.0.7:8251', 'gateway.internal', 'localhost:8251', '127.0.0.1:8251'].map(ours)).toEqual([
      true,
      true,
      false,
      false,
    ])
  })
})

describe('the front door', () => {
  const status = (headers: Record<string, string>, hosts = ['here:1']): number | undefined =>
    checkFrontDoor(
      { rawHeaders: [...hosts.flatMap((host) => ['Host', host]), ...Object.entries(headers).flat()] },
      (host) => host === 'here:1',
    )?.status

  it.each<[string, Record<string, string>]>([
    ['a request without a body', {}],
    ['a chunked body', { 'transfer-encoding': 'Chunked' }],
    ['a browser that opened the address itself', { 'sec-fetch-site': 'none' }],
    ['a page of the listener itself', { 'sec-fetch-site': 'same-origin' }],
  ])('lets in %s', (_what, headers) => {
    expect(status(headers)).toBeUndefined()
  })

  it.each<[number, string, Record<string, string>, string[]]>([
    [421, 'no Host', {}, []],
    [421, 'two Hosts', {}, ['here:1', 'here:1']],
    [421, 'a Host of somebody else', {}, ['evil.example:1']],
    [501, 'a coding that is not undone here', { 'transfer-encoding': 'gzip, chunked' }, ['here:1']],
    [403, 'a page of another origin', { origin: 'https://evil.example' }, ['here:1']],
    [403, 'a page of no origin', { origin: 'null' }, ['here:1']],
    [403, 'a page of another site', { 'sec-fetch-site': 'cross-site' }, ['here:1']],
    [403, 'a page of another port', { 'sec-fetch-site': 'same-site' }, ['here:1']],
  ])('refuses with %i %s', (expected, _what, headers, hosts) => {
    expect(status(headers, hosts)).toBe(expected)
  })
})
