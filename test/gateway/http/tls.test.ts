import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { startGateway } from '../../../src/gateway/gateway.ts'
import type { Gateway } from '../../../src/gateway/gateway.ts'
import { listenHttp } from '../../../src/gateway/http/server.ts'
import { silentLogger } from '../../../src/logical/log.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { throwAwayCertificate } from '../../fakes/certificate.ts'
import { openSession, tokenOf } from '../harness.ts'
import { bearer, startHttpHarness } from './harness.ts'

let directory: string
let gateway: Gateway
let agent: Agent

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gateway-tls-'))
  const { certificate, key } = throwAwayCertificate()
  const tls = { certFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') }
  await writeFile(tls.certFile, certificate)
  await writeFile(tls.keyFile, key)
  agent = new Agent({ connect: { ca: certificate } })
  gateway = await startGateway({
    // Nobody is there: what is asked for here needs no Vault.
    vault: { address: 'http://127.0.0.1:1', token: 'hvs.t', mount: 'mcp' },
    httpAddress: '127.0.0.1:0',
    httpTls: tls,
    upstreamListeners: [{ upstream: 'stripe', address: '127.0.0.1:0', tls }],
    auditPath: join(directory, 'audit.jsonl'),
    clock: new FakeClock(),
    random: (bytes) => new Uint8Array(bytes),
    logger: silentLogger,
  })
})
afterEach(async () => {
  await gateway.close()
  await agent.destroy()
  await rm(directory, { recursive: true })
})

it('speaks TLS where it has a certificate, on its own port and on those of upstreams', async () => {
  expect(gateway.httpUrl).toMatch(/^https:/)
  expect((await request(`${gateway.httpUrl}/healthz`, { dispatcher: agent })).statusCode).toBe(503)
  expect((await request(`${gateway.upstreamUrls.stripe!}/v1/invoices`, { dispatcher: agent })).statusCode).toBe(401)
})

it('sends a client that follows a Location on in TLS', async () => {
  const harness = await startHttpHarness()
  const parts = {
    ...harness.core,
    clock: harness.clock,
    random: (bytes: number) => new Uint8Array(bytes),
    logger: silentLogger,
    healthy: () => true,
  }
  const tls = { certFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') }
  const listener = await listenHttp(parts, { address: '127.0.0.1:0', allowedHosts: [], upstream: 'stripe', tls })
  harness.respond((_request, response) => {
    response.writeHead(302, { location: '/v1/invoices/in_1' }).end()
  })
  const answer = await request(`${listener.url}/v1/invoices`, {
    dispatcher: agent,
    headers: bearer(tokenOf(openSession(harness))),
  })
  expect(answer.headers.location).toBe(`${listener.url}/v1/invoices/in_1`)
  await listener.close()
  await harness.stop()
})

it('does not answer there in plain text', async () => {
  await expect(fetch(`${gateway.httpUrl.replace('https:', 'http:')}/healthz`)).rejects.toThrow()
})

it('takes no new connection while it drains, and then closes', async () => {
  await gateway.drain(1_000)
  await expect(request(`${gateway.httpUrl}/healthz`, { dispatcher: agent })).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  })
})
