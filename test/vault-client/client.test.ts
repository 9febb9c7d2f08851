import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../src/logical/clock.ts'
import { createVaultClient } from '../../src/vault-client/index.ts'
import { FakeClock, settle } from '../fakes/clock.ts'
import { throwAwayCertificate } from '../fakes/certificate.ts'
import { cleanups, clientOf, envelope, failureOf, key, printed, thrownBy, token, vaultThat } from './fixture.ts'
import { json, startLocalVault } from './local-vault.ts'

it("takes the only item out of Vault's list of errors, and keeps the list beside it", async () => {
  const listed = '1 error occurred:\n\t* permission denied\n\n'
  const error = await failureOf(clientOf(await vaultThat(json(403, { errors: [listed] }))).read('mcp/config'))
  expect(error).toMatchObject({ kind: 'permission_denied', message: 'permission denied', errors: [listed] })
})

describe('what is sent', () => {
  it('sends token, namespace, request mark and user agent, and reads the envelope', async () => {
    const vault = await vaultThat(json(200, envelope))
    const response = await clientOf(vault, { namespace: 'team/a/', userAgent: 'mcp-gateway/1.0' }).read(
      'secret/data/mcp/stripe',
      { query: { version: 2 } },
    )
    expect(response).toEqual({ ...envelope, status: 200, raw: envelope })
    expect(vault.received[0]).toMatchObject({ method: 'GET', url: '/v1/secret/data/mcp/stripe?version=2', body: '' })
    expect(vault.received[0]!.headers).toMatchObject({
      'x-vault-token': token,
      'x-vault-namespace': 'team/a',
      'x-vault-request': 'true',
      'user-agent': 'mcp-gateway/1.0',
    })
  })

  it('lists by GET with list=true, with or without a trailing slash', async () => {
    const vault = await vaultThat(json(200, envelope))
    const client = clientOf(vault)
    await client.list('mcp/tools/stripe')
    await client.list('mcp/tools/stripe/', { query: { limit: 10 } })
    expect(vault.received.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /v1/mcp/tools/stripe?list=true',
      'GET /v1/mcp/tools/stripe?limit=10&list=true',
    ])
  })

  it('writes JSON with POST, PUT and PATCH under the content types Vault wants', async () => {
    const vault = await vaultThat((_received, response) => {
      response.writeHead(204).end()
    })
    const client = clientOf(vault)
    expect(await client.write('secret/data/x', { data: { api_key: key } })).toEqual({ status: 204, raw: undefined })
    await client.request('PUT', 'mcp/creds/a', { body: { purpose: 'ü' } })
    await client.request('PATCH', 'secret/data/x', { body: { data: {} } })
    await client.delete('secret/data/x')
    expect(vault.received.map(({ method, headers, body }) => [method, headers['content-type'], body])).toEqual([
      ['POST', 'application/json', `{"data":{"api_key":"${key}"}}`],
      ['PUT', 'application/json', '{"purpose":"ü"}'],
      ['PATCH', 'application/merge-patch+json', '{"data":{}}'],
      ['DELETE', undefined, ''],
    ])
  })

  it('asks for a wrapped response by header and refuses what is not a duration', async () => {
    const vault = await vaultThat(json(200, { ...envelope, data: null, wrap_info: { token: 'w', ttl: 60 } }))
    const client = clientOf(vault)
    const response = await client.request('GET', 'mcp/creds/a', { wrapTtl: '60s' })
    expect(response.wrap_info).toEqual({ token: 'w', ttl: 60 })
    expect(vault.received[0]!.headers['x-vault-wrap-ttl']).toBe('60s')
    expect((await failureOf(client.request('GET', 'mcp/creds/a', { wrapTtl: '60s\r\nX-Evil: 1' }))).kind).toBe(
      'bad_request',
    )
    expect(vault.received).toHaveLength(1)
  })

  it('encodes each segment, so that no character of a name becomes part of the path', async () => {
    const vault = await vaultThat(json(200, envelope))
    await clientOf(vault).read('secret/data/a b?c#d&#x2F;..&#x2F;e+100%/ü')
    expect(vault.received[0]!.url).toBe('/v1/secret/data/a%20b%3Fc%23d%26%23x2F%3B..%26%23x2F%3Be%2B100%25/%C3%BC')
  })

  it.each([
    ['a dot-dot segment', 'secret/data/a/../../sys/x'],
    ['a dot segment', 'secret/./x'],
    ['an empty segment', 'secret//x'],
    ['a leading slash', '/secret/x'],
    ['a trailing slash', 'secret/x/'],
    ['nothing', ''],
    ['a backslash', 'secret\\..\\x'],
    ['an encoded dot-dot', 'secret/%2e%2e/x'],
    ['an encoded slash', 'secret/a%2Fb'],
    ['a twice-encoded slash', 'secret/a%252Fb'],
    ['a line break', 'secret/a\r\nX-Evil: 1'],
    ['a NUL', 'secret/a\u0000'],
    ['a C1 control', 'secret/a\u0085'],
    ['half a surrogate pair', 'secret/\ud800'],
    ['an endless path', 'a'.repeat(5000)],
  ])('refuses a path with %s without asking Vault', async (_what, path) => {
    const vault = await vaultThat(json(200, envelope))
    const error = await failureOf(clientOf(vault).request('GET', path))
    expect(error).toMatchObject({ kind: 'bad_request', status: 0 })
    expect(error.message).toMatch(/^path: /)
    expect(vault.received).toHaveLength(0)
  })

  it('refuses a list path that is only a slash', async () => {
    const vault = await vaultThat(json(200, envelope))
    expect((await failureOf(clientOf(vault).list('/'))).kind).toBe('bad_request')
  })

  it('refuses a body with GET and one that JSON cannot hold', async () => {
    const vault = await vaultThat(json(200, envelope))
    const client = clientOf(vault)
    expect((await failureOf(client.request('GET', 'a', { body: {} }))).kind).toBe('bad_request')
    const circle: Record<string, unknown> = {}
    circle.itself = circle
    expect((await failureOf(client.write('a', circle))).message).toMatch(/^body: /)
    expect(vault.received).toHaveLength(0)
  })
})

describe('tokens', () => {
  it('uses one token per client and never mixes them under concurrent requests', async () => {
    const vault = await vaultThat(json(200, envelope))
    const client = clientOf(vault)
    const tokens = Array.from({ length: 20 }, (_, i) => `hvs.caller-${String(i)}`)
    await Promise.all(tokens.map((one) => client.withToken(one).read(`mcp/creds/${one.slice(4)}`)))
    expect(
      vault.received
        .map(({ url, headers }) => `${url.slice('/v1/mcp/creds/'.length)} ${String(headers['x-vault-token'])}`)
        .sort(),
    ).toEqual(tokens.map((one) => `${one.slice(4)} ${one}`).sort())
  })

  it.each(['', ' ', 'a b', 'a\r\nX-Evil: 1', 'tökén', 'x'.repeat(20_000)])('refuses the token %j', async (bad) => {
    const vault = await vaultThat(json(200, envelope))
    expect(
      thrownBy(() => createVaultClient({ address: vault.address, token: bad, clock: systemClock })).message,
    ).toMatch(/^token: /)
    expect(thrownBy(() => clientOf(vault).withToken(bad))).toMatchObject({ kind: 'bad_request', status: 0 })
  })

  it('asks a token function before each request, and an empty response is an outage of our own', async () => {
    const vault = await vaultThat(json(200, envelope))
    let current = 'hvs.first'
    const client = clientOf(vault, { token: () => current })
    await client.read('a')
    current = 'hvs.second'
    await client.read('a')
    current = ''
    expect((await failureOf(client.read('a'))).kind).toBe('unavailable')
    expect(vault.received.map(({ headers }) => headers['x-vault-token'])).toEqual(['hvs.first', 'hvs.second'])
  })

  it('takes nothing from the environment', async () => {
    const vault = await vaultThat(json(200, envelope))
    const trap = await vaultThat(json(200, envelope))
    for (const name of ['VAULT_TOKEN', 'VAULT_NAMESPACE', 'VAULT_PREFIX', 'VAULT_SKIP_VERIFY'])
      vi.stubEnv(name, 'from-environment')
    for (const name of ['VAULT_ADDR', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy'])
      vi.stubEnv(name, trap.address)
    vi.stubEnv('NO_PROXY', '')
    // What DEBUG=node-vault in the environment does; it is read once, when the module is loaded.
    const debug = createRequire(createRequire(import.meta.url).resolve('node-vault'))('debug') as {
      enable(names: string): void
      disable(): string
    }
    debug.enable('node-vault')
    cleanups.push(() => debug.disable())
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    cleanups.push(() => {
      written.mockRestore()
    })
    const client = createVaultClient({ address: vault.address, clock: systemClock })
    cleanups.push(() => client.close())
    await client.write('auth/approle/login', { secret_id: 'abc' })
    expect(trap.received).toHaveLength(0)
    expect(vault.received[0]!.url).toBe('/v1/auth/approle/login')
    expect(Object.keys(vault.received[0]!.headers).filter((name) => name.startsWith('x-vault'))).toEqual([
      'x-vault-request',
    ])
    expect(written).not.toHaveBeenCalled()
  })

  it('shows no token when the client is printed, and cannot be altered', async () => {
    const vault = await vaultThat(json(200, envelope))
    const client = clientOf(vault)
    await client.read('a')
    expect(inspect(client, { depth: 20, showHidden: true })).not.toContain(token)
    expect(Object.isFrozen(client)).toBe(true)
  })

  it('keeps serving after a client made by withToken is closed, and stops after its own close', async () => {
    const vault = await vaultThat(json(200, envelope))
    const client = clientOf(vault)
    await client.withToken('hvs.other').close()
    expect((await client.read('a'))?.status).toBe(200)
    await client.close()
    expect((await failureOf(client.read('a'))).kind).toBe('unavailable')
  })

  it('ends a response that has no end of its own when it closes', async () => {
    const vault = await vaultThat((_received, response) => {
      response.writeHead(200).write('a line\n')
    })
    const client = clientOf(vault)
    let heard: (text: string) => void = () => undefined
    const first = new Promise<string>((resolve) => {
      heard = resolve
    })
    const failure = failureOf(client.request('GET', 'sys/monitor', { onText: heard }))
    expect(await first).toBe('a line\n')
    await client.close()
    expect((await failure).kind).toBe('unavailable')
  })

  it('lets a running exchange finish before it closes, and may be closed twice', async () => {
    let finish = (): void => undefined
    const vault = await vaultThat((_received, response) => {
      finish = () => {
        response.end(JSON.stringify(envelope))
      }
    })
    const client = clientOf(vault)
    const pending = client.read('a')
    while (vault.received.length === 0) await settle()
    const closed = Promise.all([client.close(), client.close()])
    finish()
    expect((await pending)?.status).toBe(200)
    await closed
  })

  it('reuses connections', async () => {
    const vault = await vaultThat(json(200, envelope))
    const client = clientOf(vault)
    for (let i = 0; i < 10; i++) await client.withToken(`hvs.caller-${String(i)}`).read('a')
    // A second one when a request starts in the tick in which the response before it ended.
    expect(vault.connections()).toBeLessThanOrEqual(2)
  })
})

describe('answers', () => {
  it('takes 202 and every other 2xx for success', async () => {
    const vault = await vaultThat(json(202, { ...envelope, warnings: ['queued'] }))
    expect(await clientOf(vault).write('sys/leases/revoke', { lease_id: 'mcp/creds/a/1' })).toMatchObject({
      status: 202,
      warnings: ['queued'],
    })
  })

  it('reads and lists nothing as undefined, but a missing route, and what Vault warns about, as a failure', async () => {
    const vault = await vaultThat(json(404, { errors: [] }))
    const client = clientOf(vault)
    expect(await client.read('secret/data/none')).toBeUndefined()
    expect(await client.list('secret/metadata/none')).toBeUndefined()
    expect(await failureOf(client.request('GET', 'secret/data/none'))).toMatchObject({
      kind: 'not_found',
      status: 404,
      errors: [],
    })
    vault.answer = json(404, { ...envelope, data: null, warnings: ['this is a KV v2 mount'] })
    expect(await failureOf(client.read('secret/none'))).toMatchObject({
      kind: 'not_found',
      errors: ['this is a KV v2 mount'],
      message: 'this is a KV v2 mount',
    })
    expect(await failureOf(client.list('secret/none'))).toMatchObject({
      kind: 'not_found',
      errors: ['this is a KV v2 mount'],
    })
    vault.answer = json(404, { errors: ['no handler for route "nope/x". route entry not found.'] })
    expect(await failureOf(client.read('nope/x'))).toMatchObject({ kind: 'unsupported_path', status: 404 })
    vault.answer = json(404, { errors: ['session not found'] })
    expect(await failureOf(client.read('mcp/sessions/x'))).toMatchObject({ kind: 'not_found' })
  })

  it('gives the metadata of a deleted KV version, which Vault sends with 404', async () => {
    const data = { data: null, metadata: { version: 3, deletion_time: '2026-03-15T16:00:00Z' } }
    const vault = await vaultThat(json(404, { ...envelope, data }))
    expect(await clientOf(vault).read('secret/data/gone')).toMatchObject({ status: 404, data })
  })

  it('gives the health report in every state, and only that of sys/health', async () => {
    const vault = await vaultThat(json(503, { initialized: true, sealed: true }))
    const client = clientOf(vault)
    expect(await client.read('sys/health')).toMatchObject({ status: 503, raw: { sealed: true } })
    expect(await failureOf(client.read('sys/seal-status'))).toMatchObject({ kind: 'unavailable', status: 503 })
  })

  it('drops members of the wrong type instead of passing them on', async () => {
    const vault = await vaultThat(
      json(200, {
        request_id: 7,
        lease_duration: '900',
        renewable: 'yes',
        data: [1],
        auth: { client_token: 1 },
        warnings: [1],
      }),
    )
    const response = await clientOf(vault).request('GET', 'a')
    expect(Object.keys(response).sort()).toEqual(['raw', 'status'])
  })
})

describe('failures', () => {
  it.each([
    [400, ['scopes[0]: "read:*" covers every upstream.', 'purpose: is missing'], 'bad_request'],
    [401, ['unauthenticated'], 'unauthenticated'],
    [403, ['permission denied'], 'permission_denied'],
    [405, [], 'unsupported_operation'],
    [412, ['required index state not present'], 'precondition_failed'],
    [413, ['request body too large'], 'too_large'],
    [415, ['unsupported media type'], 'unsupported_media_type'],
    [429, ['quota exceeded'], 'rate_limited'],
    [500, ['internal error'], 'unavailable'],
    [502, ['upstream'], 'unavailable'],
    [503, ['Vault is sealed'], 'sealed'],
    [503, ['error performing token check: Vault is sealed'], 'sealed'],
    [503, ['no active node'], 'unavailable'],
    [473, ['standby'], 'unavailable'],
    [418, ['teapot'], 'unavailable'],
  ])('maps %i %j', async (status, errors, kind) => {
    const vault = await vaultThat(json(status, { errors }))
    const error = await failureOf(clientOf(vault).write('mcp/creds/a', {}))
    expect(error).toMatchObject({ kind, status, errors })
    expect(error.message).toBe(errors.length > 0 ? errors.join('; ') : `Vault answered ${String(status)}`)
  })

  it('follows no redirect, so the token stays with the host it was meant for', async () => {
    const other = await vaultThat(json(200, envelope))
    for (const status of [301, 302, 307, 308]) {
      const vault = await vaultThat((_received, response) => {
        response.writeHead(status, { location: `${other.address}/v1/a` }).end()
      })
      const error = await failureOf(clientOf(vault).read('a'))
      expect(error).toMatchObject({ kind: 'unavailable', status })
      expect(printed(error)).not.toContain(other.address)
    }
    expect(other.received).toHaveLength(0)
  })

  it.each([
    ['a proxy page with 403', 403, '<html>Access denied</html>'],
    ['a proxy page with 404', 404, '404 page not found'],
    ['a proxy JSON with 403', 403, '{"message":"Forbidden"}'],
    ['a proxy JSON with 404', 404, '{"data":1}'],
    ['an empty 403', 403, ''],
    ['text with 200', 200, `it works, ${key}`],
    ['a list with 200', 200, '[]'],
    ['null with 200', 200, 'null'],
    ['torn JSON with 200', 200, '{"data":{"api_key":"' + key],
  ])('takes %s for an outage, because Vault did not say it', async (_what, status, body) => {
    const vault = await vaultThat((_received, response) => {
      response.writeHead(status).end(body)
    })
    const error = await failureOf(clientOf(vault).read('secret/data/mcp/stripe'))
    expect(error).toMatchObject({ kind: 'unavailable', status, errors: [] })
    expect(printed(error)).not.toContain(key)
  })

  it('says unavailable for a dead port, and leaks neither token nor body', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    const error = await failureOf(
      clientOf({ address: `http://127.0.0.1:${String(port)}` }).write('secret/data/x', { data: { api_key: key } }),
    )
    expect(error).toMatchObject({ kind: 'unavailable', status: 0 })
    expect(error.message).toContain('ECONNREFUSED')
    expect(printed(error)).not.toContain(token)
    expect(printed(error)).not.toContain(key)
  })

  it.each([
    ['breaks the connection', `HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"data":"${key}`],
    ['does not speak HTTP', `\u0016\u0003 ${key} not http\r\n\r\n`],
  ])('says unavailable when the server %s, and leaks nothing of the response', async (_what, bytes) => {
    const server = createServer((socket) => {
      socket.once('data', () => {
        socket.end(bytes)
      })
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    cleanups.push(() => new Promise((resolve) => server.close(resolve)))
    const error = await failureOf(
      clientOf({ address: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}` }).read('secret/data/x'),
    )
    expect(error).toMatchObject({ kind: 'unavailable', status: 0 })
    expect(printed(error)).not.toContain(key)
    expect(printed(error)).not.toContain(token)
  })

  it('gives up on a hanging server at its time-out, or earlier at that of the call', async () => {
    const vault = await vaultThat(() => undefined)
    const clock = new FakeClock()
    const client = clientOf(vault, { clock })
    const byDefault = failureOf(client.read('a'))
    const byCall = failureOf(client.read('a', { timeoutMs: 50 }))
    await clock.advance(50)
    expect((await byCall).message).toContain('within 50 ms')
    expect(clock.waiting).toBe(1)
    await clock.advance(9_950)
    expect(await byDefault).toMatchObject({ kind: 'unavailable', status: 0 })
    expect(clock.waiting).toBe(0)
  })

  it('gives up on a server that accepts the connection and never answers the TLS greeting', async () => {
    const accepted: Socket[] = []
    const server = createServer((socket) => accepted.push(socket)).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    cleanups.push(() => {
      for (const socket of accepted) socket.destroy()
      server.close()
    })
    const clock = new FakeClock()
    const pending = failureOf(
      clientOf({ address: `https://127.0.0.1:${String((server.address() as AddressInfo).port)}` }, { clock }).read(
        'a',
        { timeoutMs: 50 },
      ),
    )
    while (accepted.length === 0) await settle()
    await clock.advance(50)
    // Far below the ten seconds after which the connection attempt itself is given up.
    const first = await Promise.race([
      pending,
      new Promise((resolve) => {
        setTimeout(resolve, 5000, 'still waiting').unref()
      }),
    ])
    expect(first).toMatchObject({ kind: 'unavailable', status: 0 })
  })

  it('gives up on a response that begins and never ends', async () => {
    const vault = await vaultThat((_received, response) => {
      response.writeHead(200).write('{"data":')
    })
    const clock = new FakeClock()
    const pending = failureOf(clientOf(vault, { clock }).read('a'))
    while (vault.received.length === 0) await settle()
    await clock.advance(10_000)
    expect((await pending).kind).toBe('unavailable')
  })

  it('stops when the caller does, before and during the exchange, and the server sees it', async () => {
    const gone: string[] = []
    const vault = await vaultThat((received, response) => {
      response.on('close', () => gone.push(received.url))
    })
    const client = clientOf(vault)
    expect((await failureOf(client.read('early', { signal: AbortSignal.abort() }))).message).toContain('cancelled')
    const controller = new AbortController()
    const pending = failureOf(client.read('late', { signal: controller.signal }))
    while (vault.received.length === 0) await settle()
    controller.abort()
    expect(await pending).toMatchObject({ kind: 'unavailable', status: 0 })
    while (gone.length === 0) await settle()
    expect(gone).toEqual(['/v1/late'])
  })

  it("cuts out of Vault's sentences whatever the request carried as a secret", async () => {
    const phantom = `svt_prod_${'7f3k9m2pQ'.repeat(5)}wxyz`
    const sentences = [
      `bad token ${token}`,
      `cannot store ${key}`,
      `parent ${phantom} is over`,
      'wrong secret_id 5up3r',
      'agent "claude" has no scope read:stripe:x',
      'other hvs.SomebodyElsesToken123',
    ]
    const vault = await vaultThat(json(400, { errors: sentences }))
    const body = {
      data: { nested: [key] },
      parent_token: phantom,
      secret_id: '5up3r',
      agent: 'claude',
      scopes: ['read:stripe:x'],
      token_prefix: 'token',
    }
    const error = await failureOf(clientOf(vault).write('secret/data/x', body))
    expect(error.errors).toEqual([
      'bad token [redacted]',
      'cannot store [redacted]',
      'parent [redacted] is over',
      'wrong secret_id [redacted]',
      'agent "claude" has no scope read:stripe:x',
      'other [redacted]',
    ])
    for (const secret of [token, key, phantom, '5up3r']) expect(printed(error)).not.toContain(secret)
  })
})

describe('TLS', () => {
  async function tlsVault() {
    const pair = throwAwayCertificate()
    const vault = await startLocalVault(json(200, envelope), pair)
    cleanups.push(() => vault.close())
    const folder = mkdtempSync(join(tmpdir(), 'vault-client-'))
    cleanups.push(() => {
      rmSync(folder, { recursive: true })
    })
    const caFile = join(folder, 'ca.pem')
    writeFileSync(caFile, pair.certificate)
    return { vault, caFile }
  }

  it('trusts the authority of the given file', async () => {
    const { vault, caFile } = await tlsVault()
    expect((await clientOf(vault, { caFile }).read('a'))?.status).toBe(200)
  })

  it('refuses an unknown certificate, whatever the environment says, before a byte of the token is sent', async () => {
    const { vault } = await tlsVault()
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    vi.stubEnv('VAULT_SKIP_VERIFY', '1')
    const error = await failureOf(clientOf(vault).read('a'))
    expect(error.kind).toBe('unavailable')
    expect(error.message).toContain('SELF_SIGNED')
    expect(vault.received).toHaveLength(0)
  })

  it('refuses a file that is missing or holds no certificate', async () => {
    const { caFile } = await tlsVault()
    writeFileSync(caFile, 'not a certificate')
    for (const file of [caFile, `${caFile}.none`])
      expect(thrownBy(() => clientOf({ address: 'https://127.0.0.1' }, { caFile: file })).message).toMatch(/^caFile: /)
  })
})

describe('options', () => {
  it.each([
    '',
    'vault:8200',
    'unix:///run/vault.sock',
    'ftp://vault',
    'https://user:pass@vault',
    'https://vault/?a=1',
    'https://vault/#a',
  ])('refuses the address %j', (address) => {
    const error = thrownBy(() => clientOf({ address }))
    expect(error.message).toMatch(/^address: /)
    expect(error.message).not.toContain('pass@')
  })

  it('keeps a path of the address, as behind a proxy', async () => {
    const vault = await vaultThat(json(200, envelope))
    await clientOf({ address: `${vault.address}/vault/` }).read('a')
    expect(vault.received[0]!.url).toBe('/vault/v1/a')
  })

  it.each([0, -1, NaN, Infinity])('refuses the time-out %d', async (timeoutMs) => {
    const vault = await vaultThat(json(200, envelope))
    expect(thrownBy(() => clientOf(vault, { timeoutMs })).kind).toBe('bad_request')
    expect((await failureOf(clientOf(vault).read('a', { timeoutMs }))).kind).toBe('bad_request')
  })

  it.each(['../admin', 'a//b', 'a\r\nb'])('refuses the namespace %j', (namespace) => {
    expect(thrownBy(() => clientOf({ address: 'https://127.0.0.1' }, { namespace })).kind).toBe('bad_request')
  })
})
