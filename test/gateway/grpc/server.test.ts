import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, credentials, status } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { openSession, startHarness, tokenOf } from '../harness.ts'
import { throwAwayCertificate } from '../../fakes/certificate.ts'
import { asService, methodOf, startGrpcHarness } from './harness.ts'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

function raw(address: string): ClientHttp2Session {
  const session = connectHttp2(`http://${address}`)
  session.on('error', () => undefined)
  cleanups.push(() => {
    session.destroy()
  })
  return session
}

/** Sends bytes as the body of a call; answers with what came in headers and trailers. */
function send(
  session: ClientHttp2Session,
  path: string,
  body: Buffer,
  headers: Record<string, string> = {},
): Promise<IncomingHttpHeaders> {
  return new Promise((resolve, reject) => {
    const request = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    })
    let seen: IncomingHttpHeaders = {}
    request
      .on('response', (head) => {
        seen = { ...seen, ...head }
      })
      .on('trailers', (trailers) => {
        seen = { ...seen, ...trailers }
      })
    request
      .on('error', reject)
      .on('close', () => {
        resolve(seen)
      })
      .resume()
      .end(body)
  })
}

const framed = (message: Buffer, compressed = 0): Buffer =>
  Buffer.concat([Buffer.from([compressed, 0, 0, 0, message.length]), message])

describe('what no client of ours would send', () => {
  it.each([
    ['a method that is not there', '/mcp.gateway.v1.Tokens/Forget', framed(Buffer.alloc(0)), {}, '12'],
    ['no message', '/mcp.gateway.v1.Tokens/Validate', Buffer.alloc(0), asService, '12'],
    [
      'two messages',
      '/mcp.gateway.v1.Tokens/Validate',
      Buffer.concat([framed(Buffer.alloc(0)), framed(Buffer.alloc(0))]),
      asService,
      '12',
    ],
    ['bytes that are no message', '/mcp.gateway.v1.Tokens/Validate', framed(Buffer.from([0x0f, 0xff])), asService, '3'],
    [
      'compression nobody agreed on',
      '/mcp.gateway.v1.Tokens/Validate',
      framed(Buffer.from('x'), 1),
      { ...asService, 'grpc-encoding': 'snappy' },
      '12',
    ],
    [
      'a deadline that is none',
      '/mcp.gateway.v1.Tokens/Validate',
      framed(Buffer.alloc(0)),
      { ...asService, 'grpc-timeout': 'soon' },
      '13',
    ],
  ])('%s is answered with a status, and the server goes on', async (_what, path, body, headers, code) => {
    const grpc = await startGrpcHarness()
    expect(await send(raw(grpc.server.address), path, body, headers)).toMatchObject({ 'grpc-status': code })
    expect(await grpc.call('Tokens.Validate', { token: tokenOf(openSession(grpc.harness)) })).toMatchObject({
      active: true,
    })
  })

  it('half a character in a message does not break the response that quotes it', async () => {
    const grpc = await startGrpcHarness()
    // `required_scope` holding U+D800 as three bytes, which no encoder of text would write.
    const token = Buffer.from(tokenOf(openSession(grpc.harness)))
    const message = Buffer.concat([
      Buffer.from([0x0a, token.length]),
      token,
      Buffer.from([0x12, 0x03, 0xed, 0xa0, 0x80]),
    ])
    expect(
      await send(raw(grpc.server.address), '/mcp.gateway.v1.Tokens/Validate', framed(message), asService),
    ).toMatchObject({ 'grpc-status': '3', 'mcp-error-type': 'invalid_request' })
  })

  it('what a handler did not foresee is INTERNAL and tells nothing', async () => {
    const harness = await startHarness()
    const logged: string[] = []
    const logger = {
      debug: () => undefined,
      info: () => undefined,
      warn: () => undefined,
      error: (_fields: object, message: string) => {
        logged.push(message)
      },
    }
    const broken = {
      ...harness.core.decisions,
      validate: () => Promise.reject(new TypeError('sk_live_secret')),
    } as unknown as typeof harness.core.decisions
    const grpc = await startGrpcHarness({ decisions: broken, logger }, harness)
    expect(await grpc.call('Tokens.Validate', { token: 'x' })).toMatchObject({
      code: status.INTERNAL,
      details: 'internal error',
      error: 'internal',
    })
    expect(logged).toEqual(['a request failed unexpectedly'])
  })
})

describe('closing', () => {
  it('lets what is being answered finish, ends the streams that would last, and takes nothing new', async () => {
    const harness = await startHarness()
    const grpc = await startGrpcHarness({}, harness)
    const watch = grpc.open('Sessions.Watch', { token: tokenOf(openSession(harness)) })
    const health = grpc.open('grpc.health.v1.Health.Watch', { service: '' })
    await watch.seen(1)
    await health.seen(1)
    const held = harness.vault.holdResponses('mcp/introspect')
    const pending = grpc.call('Tokens.Validate', { token: tokenOf(openSession(harness)) })
    while (held.waiting < 1) await harness.flush()
    const closed = grpc.server.close()
    expect(await watch.ended).toMatchObject({ code: status.UNAVAILABLE, error: 'shutting_down' })
    expect(await health.ended).toMatchObject({ code: status.UNAVAILABLE })
    held.release()
    expect(await pending).toMatchObject({ active: true })
    await closed
    grpc.client.close()
    const late = new Client(grpc.server.address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })
    cleanups.push(() => {
      late.close()
    })
    const { path, requestSerialize, responseDeserialize } = methodOf('grpc.health.v1.Health.Check')
    const failure = await new Promise((resolve) => {
      late.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, (error) => {
        resolve(error)
      })
    })
    expect(failure).toMatchObject({ code: status.UNAVAILABLE })
  })

  it('breaks off what does not finish', async () => {
    const harness = await startHarness()
    const grpc = await startGrpcHarness({}, harness)
    const held = harness.vault.holdResponses('mcp/introspect')
    const pending = grpc.call('Tokens.Validate', { token: tokenOf(openSession(harness)) })
    while (held.waiting < 1) await harness.flush()
    const closed = grpc.server.close()
    await harness.clock.advance(5_000)
    await closed
    expect(await pending).toMatchObject({ code: expect.any(Number) as number })
    held.release()
  })
})

describe('listening', () => {
  it('with TLS, where files are given', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'grpc-tls-'))
    cleanups.push(() => {
      rmSync(directory, { recursive: true })
    })
    const { certificate, key } = throwAwayCertificate()
    const tls = { certFile: join(directory, 'cert.pem'), keyFile: join(directory, 'key.pem') }
    writeFileSync(tls.certFile, certificate)
    writeFileSync(tls.keyFile, key)
    const grpc = await startGrpcHarness({ tls })
    const client = new Client(grpc.server.address, credentials.createSsl(Buffer.from(certificate)), {
      'grpc.use_local_subchannel_pool': 1,
    })
    cleanups.push(() => {
      client.close()
    })
    const { path, requestSerialize, responseDeserialize } = methodOf('grpc.health.v1.Health.Check')
    const response = await new Promise((resolve) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, (error, value) => {
        resolve(error ?? value)
      })
    })
    expect(response).toEqual({ status: 'SERVING' })
  })

  it('an address that is taken, or is malformed, is reported', async () => {
    const grpc = await startGrpcHarness()
    await expect(startGrpcHarness({ address: grpc.server.address })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      message: `listen EADDRINUSE: address already in use ${grpc.server.address}`,
    })
    await expect(startGrpcHarness({ address: 'http://127.0.0.1:1' })).rejects.toThrow('must be host:port')
  })

  it('missing TLS files are reported', async () => {
    await expect(
      startGrpcHarness({ tls: { certFile: '/nonexistent/cert.pem', keyFile: '/nonexistent/key.pem' } }),
    ).rejects.toThrow('ENOENT')
  })
})
