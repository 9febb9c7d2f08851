/** Responses that cannot go on as they began: what the client sees, and what is recorded. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../../../src/logical/log.ts'
import { listenHttp } from '../../../src/gateway/http/server.ts'
import type { HttpListener } from '../../../src/gateway/http/server.ts'
import { throwAwayCertificate } from '../../fakes/certificate.ts'
import { openSession, tokenOf } from '../harness.ts'
import { bearer, eventually, openStream, sendRequest, startHttpHarness } from './harness.ts'
import type { HttpHarness } from './harness.ts'

const PATH = '/u/stripe/v1/invoices'
let harness: HttpHarness
beforeEach(async () => {
  harness = await startHttpHarness()
})
afterEach(() => harness.stop())

const token = () => tokenOf(openSession(harness))
const get = () => sendRequest(harness.url, PATH, { headers: bearer(token()) })
/** The upstream sends these bytes, and then perhaps closes. */
const answering = (text: string, closes = false) => {
  harness.respond((_request, response) => {
    response.socket!.write(text, () => {
      if (closes) response.socket!.end()
    })
  })
}
const outcomes = () => harness.sink.outcomes.map(({ status, result }) => `${String(status)} ${String(result)}`)
/** How a response that was begun ends. */
const endOf = (response: IncomingMessage) =>
  new Promise<string>((resolve) => {
    response.on('error', ({ code }: NodeJS.ErrnoException) => {
      resolve(code ?? 'error')
    })
    response.on('end', () => {
      resolve('whole')
    })
    response.resume()
  })

describe('trailers that a response cannot have are left out', () => {
  it.each([
    ['of known length', 'HTTP/1.1 200 OK\r\ntrailer: expires\r\ncontent-length: 3\r\n\r\nabc', 200],
    ['without a body', 'HTTP/1.1 304 Not Modified\r\ntrailer: expires\r\n\r\n', 304],
  ])('%s', async (_what, text, status) => {
    answering(text)
    const response = await get()
    expect(response.status).toBe(status)
    expect(response.headers.trailer).toBeUndefined()
    await eventually(() => harness.sink.outcomes.length === 1)
    expect(harness.core.openCalls.size).toBe(0)
  })

  it('of known length, whose body is not there yet', async () => {
    answering('HTTP/1.1 200 OK\r\ntrailer: expires\r\ncontent-length: 30\r\n\r\nabc')
    const response = await openStream(harness.url, PATH, bearer(token()))
    expect(response.headers.trailer).toBeUndefined()
    response.destroy()
  })

  it('to a client that knows no chunks', async () => {
    answering('HTTP/1.1 200 OK\r\ntrailer: expires\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n')
    const { port, host } = new URL(harness.url)
    const socket = connect(Number(port), '127.0.0.1')
    let got = ''
    socket.on('data', (chunk: Buffer) => {
      got += chunk.toString()
    })
    socket.write(`GET ${PATH} HTTP/1.0\r\nhost: ${host}\r\nauthorization: Bearer ${token()}\r\n\r\n`)
    await eventually(() => got.endsWith('abc'))
    expect(got).not.toMatch(/^trailer:/im)
    socket.destroy()
  })
})

describe('an upstream that breaks off', () => {
  it('after its head: the client sees a broken response, and the record blames the upstream', async () => {
    answering('HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\nabc', true)
    const response = await openStream(harness.url, PATH, bearer(token()))
    expect(await endOf(response)).toBe('ECONNRESET')
    await eventually(() => harness.sink.outcomes.length === 1)
    expect(outcomes()).toEqual(['200 upstream_invalid_response'])
  })

  it('before anything of a compressed body was read: the client is told', async () => {
    answering('HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n')
    expect((await get()).status).toBe(502)
    expect(outcomes()).toEqual(['502 upstream_invalid_response'])
  })
})

it('a client that goes while its body is judged is not an internal fault', async () => {
  harness.engine.agent('claude-billing-agent', { scopes: ['create:stripe:refunds'] })
  await harness.flush()
  const own = tokenOf(openSession(harness, { scopes: ['create:stripe:refunds'] }))
  const { port, host } = new URL(harness.url)
  const socket = connect(Number(port), '127.0.0.1')
  const type = 'application/x-www-form-urlencoded'
  socket.write(
    `POST /u/stripe/v1/refunds HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${own}\r\ncontent-type: ${type}\r\ncontent-length: 100\r\n\r\n_metho=1`,
  )
  await eventually(() => harness.core.openCalls.size === 1)
  socket.destroy()
  await eventually(() => harness.core.openCalls.size === 0 && harness.sink.records.length > 0)
  expect(harness.sink.records.map(({ reason }) => reason)).toEqual(['caller_gone'])
})

it('a request that waits behind another on its connection is judged only when that one is over', async () => {
  let finish: (() => void) | undefined
  harness.respond((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.write('FIRST')
    finish = () => response.end()
  })
  const [first, second] = [openSession(harness), openSession(harness)]
  const { port, host } = new URL(harness.url)
  const socket = connect(Number(port), '127.0.0.1')
  let got = ''
  socket.on('data', (chunk: Buffer) => {
    got += chunk.toString()
  })
  const asking = (own: string) => `GET ${PATH} HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${own}\r\n\r\n`
  socket.write(asking(tokenOf(first)) + asking(tokenOf(second)))
  await eventually(() => got.includes('FIRST'))
  harness.engine.end(second)
  await harness.flush()
  finish?.()
  await eventually(() => got.includes('reuse_after_revocation'))
  expect(got.split('HTTP/1.1 ').map((response) => response.slice(0, 3))).toEqual(['', '200', '401'])
  expect(harness.received).toHaveLength(1)
  socket.destroy()
})

describe('under TLS', () => {
  let listener: HttpListener
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mcp-tls-'))
    const { certificate, key } = throwAwayCertificate()
    const tls = { certFile: join(folder, 'certificate.pem'), keyFile: join(folder, 'key.pem') }
    await Promise.all([writeFile(tls.certFile, certificate), writeFile(tls.keyFile, key)])
    const parts = {
      ...harness.core,
      clock: harness.clock,
      random: (bytes: number) => new Uint8Array(bytes),
      logger: silentLogger,
      healthy: () => true,
    }
    listener = await listenHttp(parts, { address: '127.0.0.1:0', allowedHosts: [], upstream: 'stripe', tls })
  })
  afterEach(async () => {
    await listener.close()
    await rm(folder, { recursive: true })
  })

  const open = (own: string) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const options = { rejectUnauthorized: false, headers: bearer(own), agent: false as const }
      httpsRequest(`${listener.url}/v1/invoices`, options, resolve).on('error', reject).end()
    })

  it('an upstream that breaks off breaks the response', async () => {
    answering('HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\nabc', true)
    expect(await endOf(await open(token()))).not.toBe('whole')
    await eventually(() => harness.core.openCalls.size === 0)
  })

  it('every call of a session that ends is cut, each connection with it', async () => {
    harness.respond((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' })
      response.write('begun')
    })
    const session = openSession(harness)
    const ends = (await Promise.all([open(tokenOf(session)), open(tokenOf(session))])).map(endOf)
    harness.engine.end(session)
    await harness.flush()
    expect(await Promise.all(ends)).not.toContain('whole')
    await eventually(() => harness.core.openCalls.size === 0)
  })
})
