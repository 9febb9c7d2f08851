/** `/check` behind a real nginx, by the snippet of the README. */
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, Server } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SERVICE_TOKEN, openSession, tokenOf } from '../harness.ts'
import { bearer, sendRequest, startHttpHarness } from './harness.ts'
import type { HttpHarness } from './harness.ts'

const hasNginx = spawnSync('nginx', ['-v']).error === undefined
/** The blocks of the README, as an operator would copy them. */
const snippet = (): string =>
  /```nginx\n([\s\S]*?)```/.exec(readFileSync(new URL('../../../README.md', import.meta.url), 'utf8'))![1]!

const listening = async (server: Server): Promise<string> => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `127.0.0.1:${String((server.address() as AddressInfo).port)}`
}
const freePort = async (): Promise<number> => {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe.skipIf(!hasNginx)('nginx auth_request (needs nginx on the PATH)', () => {
  let harness: HttpHarness
  let folder: string
  let nginx: ChildProcess
  let site: string
  let backend: Server
  const served: IncomingHttpHeaders[] = []

  beforeAll(async () => {
    harness = await startHttpHarness()
    backend = createServer((request, response) => {
      served.push(request.headers)
      response.end('served')
    })
    const behind = await listening(backend)
    const port = await freePort()
    site = `http://127.0.0.1:${String(port)}`
    folder = mkdtempSync(join(tmpdir(), 'check-nginx-'))
    const blocks = snippet()
      .replaceAll('127.0.0.1:8251', new URL(harness.url).host)
      .replaceAll('127.0.0.1:3000', behind)
      .replace('gst_…', SERVICE_TOKEN)
    writeFileSync(
      join(folder, 'nginx.conf'),
      `daemon off;\nmaster_process off;\npid ${folder}/pid;\nerror_log ${folder}/error.log info;\nevents {}\nhttp {\n` +
        `access_log off;\n${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n')}\n` +
        `server {\nlisten 127.0.0.1:${String(port)};\n${blocks}\n}\n}\n`,
    )
    nginx = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'ignore' })
    const isUp = () =>
      sendRequest(site, '/').then(
        () => true,
        () => false,
      )
    for (let tries = 0; tries < 5_000 && nginx.exitCode === null; tries++) if (await isUp()) break
  })
  beforeEach(() => {
    served.length = 0
    harness.sink.broken = false
  })
  afterAll(async () => {
    nginx.kill('SIGTERM')
    await once(nginx, 'exit')
    await new Promise((resolve) => backend.close(resolve))
    await harness.stop()
    rmSync(folder, { recursive: true })
  })

  const ask = (headers: Record<string, string>, method = 'GET', body?: string) =>
    sendRequest(site, '/invoices/1?scope=read:everything', { method, headers, ...(body === undefined ? {} : { body }) })

  it('lets a granted request through, and tells what stands behind it who it is', async () => {
    const session = openSession(harness)
    const response = await ask({ ...bearer(tokenOf(session)), 'X-Agent-Id': 'forged', Origin: 'https://app.example' })
    expect(response).toMatchObject({ status: 200, text: 'served' })
    expect(served).toMatchObject([{ 'x-agent-id': 'claude-billing-agent', 'x-agent-session-id': session.session_id }])
    expect(JSON.stringify(served)).not.toContain(SERVICE_TOKEN)
  })

  it('also with a body, which is not sent to the gateway', async () => {
    const headers = { ...bearer(tokenOf(openSession(harness))), 'Content-Length': '5' }
    expect((await ask(headers, 'POST', 'hello')).status).toBe(200)
  })

  it.each([
    ['no token', () => ({}), 401],
    ['a wrong token', () => bearer('svt_wrong'), 401],
    ['an expired token', () => bearer(tokenOf(openSession(harness, { ttl: 0 }))), 401],
    [
      'a token without the scope',
      () => bearer(tokenOf(openSession(harness, { scopes: ['read:stripe:customers:id-only'] }))),
      403,
    ],
    ["the gateway's credential guessed by the client", () => ({ 'X-Gateway-Token': SERVICE_TOKEN }), 401],
  ])('deny: %s', async (_what, headers, status) => {
    const response = await ask(headers())
    expect(response.status).toBe(status)
    expect(served).toEqual([])
  })

  it('hands the challenge of a 401 on', async () => {
    expect((await ask(bearer('svt_wrong'))).headers['www-authenticate']).toContain('error="invalid_token"')
  })

  it('makes a 500 of an outage, never a 401', async () => {
    const headers = bearer(tokenOf(openSession(harness)))
    harness.sink.broken = true
    expect((await ask(headers)).status).toBe(500)
    expect(served).toEqual([])
  })
})
