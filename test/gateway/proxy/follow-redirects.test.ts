/** Redirects that an upstream's document lets be followed. All hosts are served from loopback; what is looked up is judged as if it were not. */
import { connect } from 'node:net'
import type { LookupFunction } from 'node:net'
import type { RequestListener } from 'node:http'
import type { buildConnector } from 'undici'
import { describe, expect, it } from 'vitest'
import { compileProjection } from '../../../src/scope/index.ts'
import type { CallableUpstream } from '../../../src/gateway/call/upstream.ts'
import { call, egressFor, failure, httpUpstream, KEY, text, upstreamAt } from './upstream-server.ts'
import type { CallChanges } from './upstream-server.ts'

const FILES = 'files.example.com'
const PUBLIC = ['93.184.216.34']

interface World {
  /** What the upstream answers; a redirect to FILES unless it says otherwise. */
  readonly upstream?: RequestListener
  readonly files?: RequestListener
  readonly addresses?: Readonly<Record<string, readonly string[]>>
  readonly document?: Partial<CallableUpstream>
}

async function ask(changes: CallChanges, world: World = {}) {
  const {
    upstream: answer = (_request, response) => response.writeHead(302, { location: `https://${FILES}/a/b?c=d` }).end(),
    files: fileAnswer = (_request, response) => response.writeHead(200, { etag: '"f"' }).end('the file'),
    addresses = {},
    document = { follow_redirects: [FILES] },
  } = world
  const upstream = await httpUpstream(answer)
  const files = await httpUpstream(fileAnswer)
  const looked: string[] = []
  const egress = egressFor({
    resolve: (host) => {
      looked.push(host)
      return Promise.resolve(addresses[host] ?? PUBLIC)
    },
    // The real one would speak TLS; what is tested here is where it may connect to, and what is said there.
    connector: (options) => {
      const { lookup } = options as { lookup: LookupFunction }
      const open: buildConnector.connector = ({ hostname, port }, callback) => {
        if (hostname === '127.0.0.1') {
          const socket = connect(Number(port), hostname, () => callback(null, socket))
          return
        }
        lookup(hostname, { all: true }, (error) => {
          if (error) {
            callback(error, null)
            return
          }
          const socket = connect(Number(new URL(files.url).port), '127.0.0.1', () => callback(null, socket))
        })
      }
      return open
    },
  })
  const making = call(upstreamAt(upstream.url, document), {
    egress,
    ...changes,
  })
  return { making, seen: upstream.seen, filesSeen: files.seen, looked }
}

describe('a redirect to a listed host', () => {
  it('is followed without the key, with nothing but what is asked for', async () => {
    const { making, filesSeen } = await ask({
      target: 'GET /v1/archive',
      headers: [
        ['Accept', 'application/zip'],
        ['User-Agent', 'sdk'],
        ['Idempotency-Key', 'k'],
        ['If-None-Match', '"x"'],
      ],
    })
    const response = await making
    expect([response.status, await text(response)]).toEqual([200, 'the file'])
    expect(filesSeen).toMatchObject([{ method: 'GET', url: '/a/b?c=d' }])
    expect(Object.keys(filesSeen[0]!.headers).sort()).toEqual(['accept', 'accept-encoding', 'connection', 'host'])
    expect(JSON.stringify(filesSeen)).not.toContain(KEY)
    expect(await response.finished).toMatchObject({ result: 'complete', redirects: [FILES] })
  })

  it('is followed for HEAD', async () => {
    const { making, filesSeen } = await ask({ target: 'HEAD /v1/archive' })
    expect((await making).status).toBe(200)
    expect(filesSeen).toMatchObject([{ method: 'HEAD' }])
  })

  it('is followed with the part that is asked for', async () => {
    const files: RequestListener = (_request, response) =>
      response.writeHead(206, { 'content-range': 'bytes 4-7/8' }).end('file')
    const document = { follow_redirects: [FILES], allow_range: true }
    const { making, filesSeen } = await ask({ headers: [['Range', 'bytes=4-']] }, { files, document })
    expect((await making).status).toBe(206)
    expect(filesSeen[0]!.headers['range']).toBe('bytes=4-')
  })

  it('has its response searched for the key all the same', async () => {
    const { making } = await ask({}, { files: (_request, response) => response.end(`key ${KEY}`) })
    expect(await text(await making)).not.toContain(KEY)
  })

  it('is followed three times in a row, and no further', async () => {
    const loop: RequestListener = (_request, response) => response.writeHead(302, { location: '/again' }).end()
    const { making, filesSeen } = await ask({}, { files: loop })
    expect(await failure(making)).toMatchObject({ code: 'redirect_refused' })
    expect(filesSeen).toHaveLength(3)
  })

  it.each<[string, CallChanges, World]>([
    ['for POST', { target: 'POST /v1/x', body: Buffer.from('a') }, {}],
    ['for DELETE', { target: 'DELETE /v1/x' }, {}],
    [
      'for GET with a body',
      {
        target: 'GET /v1/x',
        operation: { method: 'GET', path: '/v1/x', capability: 'read', body: true },
        body: Buffer.from('a'),
      },
      {},
    ],
    ['where only fields pass', { projection: compileProjection(['id']) }, {}],
    [
      'over http',
      {},
      { upstream: (_request, response) => response.writeHead(302, { location: `http://${FILES}/` }).end() },
    ],
    [
      'at another port',
      {},
      { upstream: (_request, response) => response.writeHead(302, { location: `https://${FILES}:8443/` }).end() },
    ],
    [
      'as a user',
      {},
      { upstream: (_request, response) => response.writeHead(302, { location: `https://u:p@${FILES}/` }).end() },
    ],
    [
      'with the key in its URL',
      {},
      { upstream: (_request, response) => response.writeHead(302, { location: `https://${FILES}/${KEY}` }).end() },
    ],
    [
      'below a listed name',
      {},
      { upstream: (_request, response) => response.writeHead(302, { location: `https://a.${FILES}/` }).end() },
    ],
    [
      'to a host that merely ends alike',
      {},
      { upstream: (_request, response) => response.writeHead(302, { location: `https://evil${FILES}/` }).end() },
    ],
    ['when nothing is listed', {}, { document: {} }],
    [
      'to a second host that is not listed',
      {},
      { files: (_request, response) => response.writeHead(302, { location: 'https://evil.example/' }).end() },
    ],
  ])('is not followed %s', async (_name, changes, world) => {
    const { making } = await ask(changes, world)
    expect(await failure(making)).toMatchObject({ code: 'redirect_refused' })
  })

  it.each(['127.0.0.1', '10.1.2.3', '169.254.169.254', '::1', 'fd00::1'])(
    'never reaches a private address, whatever the upstream itself may: %s',
    async (address) => {
      const { making, filesSeen, looked } = await ask({}, { addresses: { [FILES]: [address] } })
      expect(await failure(making)).toMatchObject({ code: 'upstream_address_refused' })
      expect([filesSeen.length, looked]).toEqual([0, [FILES]])
    },
  )

  it('ends with the call', async () => {
    const ended = new AbortController()
    const { making } = await ask({ signal: ended.signal }, { files: () => ended.abort() })
    expect(await failure(making)).toMatchObject({ code: 'call_ended' })
  })
})
