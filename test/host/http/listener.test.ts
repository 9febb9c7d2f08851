import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Listener } from '../../../src/host/index.ts'
import { throwAwayCertificate } from '../../fakes/certificate.ts'
import { startHostHarness } from '../harness.ts'
import type { HostHarness } from '../harness.ts'

let harness: HostHarness
let listener: Listener
let port: number
beforeEach(async () => {
  harness = await startHostHarness()
  listener = await harness.host.listen({ address: '127.0.0.1:0', allowedHosts: ['vault.test:8200'] })
  port = Number(new URL(listener.url).port)
})
afterEach(async () => {
  await harness.host.close()
})

const root = { 'X-Vault-Token': 'root' }
const get = (path: string, headers: Record<string, string> = root) => fetch(`${listener.url}${path}`, { headers })

/** Writes pieces one after the other to a raw socket, each once the text before it has been answered `answers` times in all. */
async function raw(
  pieces: readonly (string | { waitFor: number })[],
  until: (text: string) => boolean,
): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    let next = 0
    const socket = connect(port, '127.0.0.1')
    const proceed = (): void => {
      if (until(text)) {
        socket.destroy()
        resolve(text)
        return
      }
      for (let piece = pieces[next]; piece !== undefined; piece = pieces[++next]) {
        if (typeof piece !== 'string') {
          if (count(text) < piece.waitFor) return
        } else socket.write(piece)
      }
    }
    socket.setNoDelay(true)
    socket.on('connect', proceed)
    socket.on('data', (chunk) => {
      text += chunk.toString()
      proceed()
    })
    socket.on('close', () => {
      resolve(text)
    })
    socket.on('error', reject)
  })
}
const count = (text: string): number => text.split('HTTP/1.1 ').length - 1
const head = (method: string, path: string, more = ''): string =>
  `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX-Vault-Token: root\r\n${more}\r\n`

describe('verbs node:http does not know', () => {
  beforeEach(async () => {
    await harness.call('PUT', 'lend/items/ladder', {})
  })

  it('LIST is served, with and without a trailing slash', async () => {
    const response = await raw(
      [head('LIST', '/v1/lend/items'), { waitFor: 1 }, head('LIST', '/v1/lend/items/')],
      (text) => count(text) === 2 && text.split('["ladder"]').length === 3,
    )
    expect(response.match(/HTTP\/1\.1 200/g)).toHaveLength(2)
  })

  it('LIST is recognised when the first bytes arrive one by one', async () => {
    const [first, ...rest] = ['L', 'I', 'S', 'T', ' ']
    const response = await raw([first, ...rest, head('LIST', '/v1/lend/items').slice(5)], (text) =>
      text.includes('ladder'),
    )
    expect(response).toContain('"keys":["ladder"]')
  })

  it('requests of other verbs and LIST follow each other on one connection', async () => {
    const body = '{"colour":"LIST /v1/lend/items HTTP/1.1"}'
    const response = await raw(
      [
        head('POST', '/v1/lend/items/rope', `Content-Length: ${body.length}\r\n`),
        body,
        { waitFor: 1 },
        head('LIST', '/v1/lend/items'),
        { waitFor: 2 },
        head('GET', '/v1/lend/items/rope'),
      ],
      (text) => count(text) === 3 && text.includes('LIST /v1'),
    )
    expect(response).toContain('["ladder","rope"]')
    expect(response).toContain('"colour":"LIST /v1/lend/items HTTP/1.1"')
  })

  it('a body that begins like LIST in a segment of its own is left alone', async () => {
    const body = 'LIST /v1/lend/items'
    const response = await raw(
      [head('PUT', '/v1/lend/items/rope', `Content-Length: ${body.length}\r\n`), body],
      (text) => count(text) === 1 && text.includes('errors'),
    )
    expect(response).toContain('400')
    expect(response).toContain('failed to parse JSON input')
  })

  it('SCAN is answered 405', async () => {
    expect(await raw([head('SCAN', '/v1/lend/items')], (text) => text.includes('errors'))).toContain('405')
  })

  it('HELP is path-help', async () => {
    expect(await raw([head('HELP', '/v1/lend')], (text) => text.includes('PATHS'))).toContain('Lends things.')
  })

  it('an unknown verb is refused and the connection closed', async () => {
    expect(await raw([head('FROB', '/v1/lend/items')], () => false)).toContain('400 Bad Request')
  })
})

describe('the front door', () => {
  it('answers with exactly application/json and forbids caching', async () => {
    const response = await get('/v1/sys/mounts')
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect((await response.text()).endsWith('}\n')).toBe(true)
  })

  it('answers a write without data 204 with an empty body', async () => {
    const response = await fetch(`${listener.url}/v1/lend/items/rope`, { method: 'PUT', headers: root, body: '{}' })
    expect(response.status).toBe(204)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.text()).toBe('')
  })

  it.each([
    ['a rebound name', 'evil.example:8200'],
    ['a loopback name with another port', '127.0.0.1:1'],
    ['a loopback name without port', 'localhost'],
  ])('refuses %s in the Host header with 421', async (_case, host) => {
    const response = await raw([`GET /v1/sys/health HTTP/1.1\r\nHost: ${host}\r\n\r\n`], (text) =>
      text.includes('errors'),
    )
    expect(response).toContain('HTTP/1.1 421')
  })

  it('answers localhost, [::1] and names allowed by configuration', async () => {
    for (const host of [`localhost:${port}`, `[::1]:${port}`, 'vault.test:8200', 'VAULT.test:8200']) {
      expect(
        await raw([`GET /v1/sys/health HTTP/1.1\r\nHost: ${host}\r\n\r\n`], (text) => text.includes('initialized')),
      ).toContain('HTTP/1.1 200')
    }
  })

  it.each([
    ['Origin', { Origin: 'http://localhost:3000' }],
    ['Origin of the server itself', { Origin: 'http://127.0.0.1:8200' }],
    ['a cross-site fetch', { 'Sec-Fetch-Site': 'cross-site' }],
    ['a fetch from another port of this machine', { 'Sec-Fetch-Site': 'same-site' }],
  ])('refuses %s with 403, health included, and grants no CORS', async (_case, header) => {
    const headers = Object.entries({ ...header, 'X-Vault-Token': 'root' })
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')
    const response = await raw([`GET /v1/sys/health HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${headers}\r\n`], (text) =>
      text.includes('errors'),
    )
    expect(response).toContain('HTTP/1.1 403')
    expect(response.toLowerCase()).not.toContain('access-control')
  })

  it('refuses a body declared larger than 32 MiB without reading it', async () => {
    const response = await raw(
      [head('PUT', '/v1/lend/items/rope', `Content-Length: ${32 * 1024 * 1024 + 1}\r\n`)],
      (text) => text.includes('errors'),
    )
    expect(response).toContain('HTTP/1.1 413')
    expect(response.toLowerCase()).toContain('connection: close')
  })

  it('refuses a chunked body once it has grown past 32 MiB', async () => {
    const chunk = `${(1024 * 1024).toString(16)}\r\n${'x'.repeat(1024 * 1024)}\r\n`
    const response = await raw(
      [
        head('PUT', '/v1/lend/items/rope', 'Transfer-Encoding: chunked\r\n'),
        ...Array.from({ length: 34 }, () => chunk),
      ],
      (text) => text.includes('errors'),
    )
    expect(response).toContain('HTTP/1.1 413')
  })

  it('tells an engine when its client goes away', async () => {
    const abort = new AbortController()
    const waiting = fetch(`${listener.url}/v1/lend/wait`, { headers: root, signal: abort.signal }).catch(
      (error: unknown) => error,
    )
    while (harness.engine.requests.length === 0)
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
    const told = new Promise((resolve) => {
      harness.engine.requests[0]!.signal.addEventListener('abort', resolve, { once: true })
    })
    abort.abort()
    await told
    expect(await waiting).toMatchObject({ name: 'AbortError' })
  })

  it('answers HEAD on health with the status alone', async () => {
    const response = await fetch(`${listener.url}/v1/sys/health`, { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
  })

  it('has nothing outside /v1/', async () => {
    for (const path of ['/', '/ui', '/v2/sys/health', '/metrics']) expect((await get(path)).status).toBe(404)
  })
})

describe('addresses', () => {
  it.each(['8200', 'localhost', '127.0.0.1:', '127.0.0.1:port', '::1:8200'])('refuses %s', async (address) => {
    await expect(harness.host.listen({ address })).rejects.toThrow('must be host:port')
  })

  it('fails to listen where something listens already', async () => {
    await expect(harness.host.listen({ address: `127.0.0.1:${port}` })).rejects.toThrow('EADDRINUSE')
  })

  it('listens on ::1', async () => {
    const six = await harness.host.listen({ address: '[::1]:0' })
    expect((await fetch(`${six.url}/v1/sys/seal-status`)).status).toBe(200)
  })
})

describe('with a certificate', () => {
  it('speaks HTTPS only, LIST included', async () => {
    await harness.call('PUT', 'lend/items/ladder', {})
    const { certificate, key: privateKey } = throwAwayCertificate()
    const secure = await harness.host.listen({ address: '127.0.0.1:0', tls: { cert: certificate, key: privateKey } })
    expect(secure.url).toMatch(/^https:/)
    const { port: securePort } = new URL(secure.url)
    const response = await new Promise<string>((resolve, reject) => {
      let text = ''
      const socket = connectTls({ host: '127.0.0.1', port: Number(securePort), ca: certificate })
      socket.on('error', reject)
      socket.on('data', (chunk) => {
        text += chunk.toString()
      })
      socket.on('close', () => {
        resolve(text)
      })
      socket.write(
        `LIST /v1/lend/items HTTP/1.1\r\nHost: 127.0.0.1:${securePort}\r\nX-Vault-Token: root\r\nConnection: close\r\n\r\n`,
      )
    })
    expect(response).toContain('HTTP/1.1 200')
    expect(response).toContain('["ladder"]')
    await expect(fetch(`http://127.0.0.1:${securePort}/v1/sys/health`)).rejects.toThrow()
  })
})

describe('bodies of known callers', () => {
  it('are held up to a bound for all of them together, and the server serves on', async () => {
    const part = Buffer.alloc(30 * 1024 * 1024, ' ')
    const sockets = Array.from({ length: 6 }, () => connect(port, '127.0.0.1'))
    const refusal = Promise.race(
      sockets.map(
        (socket) =>
          new Promise<string>((resolve) => {
            socket.once('data', (chunk) => {
              resolve(chunk.toString())
            })
          }),
      ),
    )
    for (const socket of sockets) {
      socket.on('error', () => undefined)
      socket.write(
        `POST /v1/lend/items/a HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nX-Vault-Token: root\r\nContent-Length: ${part.length + 1}\r\n\r\n`,
      )
      socket.write(part)
    }
    expect(await refusal).toMatch(/^HTTP\/1\.1 503 [^]*too many request bodies/)
    const closed = Promise.all(
      sockets.map(
        (socket) =>
          new Promise((resolve) => {
            socket.once('close', resolve)
          }),
      ),
    )
    for (const socket of sockets) socket.destroy()
    await closed
    await expect
      .poll(
        async () =>
          (
            await fetch(`${listener.url}/v1/lend/items/b`, {
              method: 'POST',
              headers: root,
              body: JSON.stringify({ note: ' '.repeat(1024) }),
            })
          ).status,
      )
      .toBe(200)
  })
})
