import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { connect } from 'node:tls'
import { Client, credentials, status } from '@grpc/grpc-js'
import type { ClientUnaryCall } from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createCertificate } from '../../src/goplugin/certificate.ts'
import { serviceDefinition } from '../../src/goplugin/index.ts'
import { systemClock } from '../../src/logical/clock.ts'
import { healthV1 } from '../../src/proto/health-v1.ts'
import type { GoPluginHost } from '../fakes/go-plugin-host.ts'
import { echo, echoHosts, failure, storeService, tell } from './echo-host.ts'
import type { EchoHosts } from './echo-host.ts'
import type { Note } from './echo-contract.ts'

let hosts: EchoHosts
let host: GoPluginHost
beforeAll(async () => {
  hosts = await echoHosts()
  host = await hosts.launch()
})
afterAll(() => hosts.end())

const send = (text: string, brokerId: number, more: object = {}): Promise<Note> =>
  host.call<Note>(echo, 'Ask', { text, broker_id: brokerId, ...more })
const unauthenticated = () => createCertificate(systemClock.now())

async function asStranger(client: Client): Promise<number> {
  try {
    return (await failure(host.ping('plugin', { client, timeoutMs: 5_000 }))).code
  } finally {
    client.close()
  }
}

test('calls go through, 64-bit integers to the last digit', async () => {
  await host.ping()
  await host.ping('')
  expect(
    await host.call<Note>(echo, 'Say', { text: 'grüezi', number: '9007199254740993', data: Buffer.from([0, 255]) }),
  ).toMatchObject({ text: 'grüezi', number: '9007199254740993', data: Buffer.from([0, 255]) })
})

test('a client with a certificate of its own making is refused', async () => {
  expect(await asStranger(host.connect(unauthenticated()))).toBe(status.UNAVAILABLE)
})

test.each(['its own making', 'an authority that the inherited environment trusts'])(
  'a client with a certificate of %s is refused, also where that environment turns verification off',
  async (origin) => {
    const own = unauthenticated()
    const authority = join(mkdtempSync(join(tmpdir(), 'authority-')), 'ca.pem')
    writeFileSync(authority, own.certificatePem)
    const lax = await hosts.launch({
      env: {
        NODE_TLS_REJECT_UNAUTHORIZED: '0',
        ...(origin.includes('authority') && { NODE_EXTRA_CA_CERTS: authority }),
      },
    })
    expect(await asStranger(lax.connect(own))).toBe(status.UNAVAILABLE)
    rmSync(dirname(authority), { recursive: true })
  },
)

test('a client without a certificate is refused', async () => {
  expect(await asStranger(host.connect(undefined))).toBe(status.UNAVAILABLE)
})

test('a client that speaks plain text is refused', async () => {
  expect(await asStranger(new Client(`unix:${host.handshake.address}`, credentials.createInsecure()))).toBe(
    status.UNAVAILABLE,
  )
})

test("another plugin's host is refused", async () => {
  const other = await hosts.launch()
  expect(await asStranger(host.connect(other.certificate))).toBe(status.UNAVAILABLE)
  await other.ping()
  await host.ping()
})

test('TLS older than 1.2 is refused, even where the inherited environment allows it', async () => {
  const lax = await hosts.launch({ env: { NODE_OPTIONS: '--tls-min-v1.0 --tls-cipher-list=DEFAULT@SECLEVEL=0' } })
  const { keyPem: key, certificatePem: cert } = lax.certificate!
  const outcome = (maxVersion: 'TLSv1.1' | 'TLSv1.2') =>
    new Promise<string>((resolve) => {
      const socket = connect({
        path: lax.handshake.address,
        ca: lax.handshake.certificate,
        key,
        cert,
        servername: 'localhost',
        minVersion: 'TLSv1',
        maxVersion,
        ciphers: 'DEFAULT@SECLEVEL=0',
        ALPNProtocols: ['h2'],
      })
      socket.once('secureConnect', () => {
        resolve(socket.getProtocol() ?? '')
        socket.destroy()
      })
      socket.once('error', (error) => {
        resolve(error.message)
      })
    })
  expect(await outcome('TLSv1.2')).toBe('TLSv1.2')
  expect(await outcome('TLSv1.1')).toMatch(/protocol version/i)
})

test('messages of 6 MB and 32 MB pass, both ways and through the broker', async () => {
  const { id } = await host.serveBroker([storeService()])
  for (const size of [6 << 20, 32 << 20]) {
    const data = Buffer.alloc(size, 7)
    expect((await host.call<Note>(echo, 'Say', { data })).data.equals(data)).toBe(true)
    expect((await send('big', id, { data })).data.equals(data)).toBe(true)
  }
})

test('health: an unknown service is not found, a method nobody has is unimplemented', async () => {
  expect((await failure(host.ping('other'))).code).toBe(status.NOT_FOUND)
  const wrong = { Say: { ...echo.Say!, path: '/echo.Echo/Nothing' } }
  expect((await failure(host.call(wrong, 'Say', {}))).code).toBe(status.UNIMPLEMENTED)
})

test.each([
  ['plugin', 1],
  ['', 1],
  ['other', 3],
])('health: a watch of %j tells %i and stays open', async (service, expected) => {
  const { path, requestSerialize, responseDeserialize } = serviceDefinition(healthV1, 'grpc.health.v1.Health').Watch!
  const stream = host.client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service })
  const events: unknown[] = []
  stream.on('error', () => undefined)
  stream.once('end', () => events.push('end'))
  await new Promise<void>((resolve) => {
    stream.once('data', (reply) => {
      events.push(reply)
      resolve()
    })
  })
  await host.ping()
  expect(events).toEqual([{ status: expected }])
  stream.cancel()
})

test('broker: the announcement may come before the call that needs it, or after', async () => {
  const before = storeService()
  expect(await send('early', (await host.serveBroker([before])).id)).toMatchObject({ text: 'stored early' })
  const late = await host.serveBroker([storeService()], { announce: false })
  const pending = send('late', late.id)
  // Answered after the other call has reached the plugin.
  await host.ping()
  late.announce()
  expect(await pending).toMatchObject({ text: 'stored late' })
  expect(before.requests).toEqual(['early'])
})

test('broker: an id that was never announced fails after five seconds, with a sentence, and harms nobody', async () => {
  const { id } = await host.serveBroker([storeService()])
  const [unknown, known] = await Promise.all([failure(send('x', host.nextBrokerId())), send('y', id)])
  expect(unknown.details).toMatch(/^the host did not announce the listener \d+ within 5 seconds$/)
  expect(known).toMatchObject({ text: 'stored y' })
})

test('broker: many listeners at once, each its own', async () => {
  const services = Array.from({ length: 20 }, () => storeService())
  const served = await Promise.all(services.map((service) => host.serveBroker([service])))
  await Promise.all(served.map(({ id }, index) => send(`to ${String(index)}`, id)))
  expect(services.map(({ requests }) => requests)).toEqual(services.map((_, index) => [`to ${String(index)}`]))
  for (const server of served) server.close()
})

test("broker: a listener with a certificate other than the host's is never asked", async () => {
  const impostor = storeService()
  const { id } = await host.serveBroker([impostor], { certificate: unauthenticated() })
  expect((await failure(send('secret', id))).details).toMatch(/certificate/)
  expect(impostor.requests).toEqual([])
})

test('broker: nor where the inherited environment turns verification off', async () => {
  const lax = await hosts.launch({ env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } })
  const impostor = storeService()
  const { id } = await lax.serveBroker([impostor], { certificate: unauthenticated() })
  expect((await failure(lax.call(echo, 'Ask', { text: 'secret', broker_id: id }))).details).toMatch(/certificate/)
  expect(impostor.requests).toEqual([])
})

test('broker: a network that cannot be dialled is named', async () => {
  const id = host.nextBrokerId()
  host.announce({ service_id: id, network: 'pigeon', address: 'roof' })
  expect((await failure(send('x', id))).details).toContain('"pigeon"')
})

test('broker: a listener that is gone fails its calls alone', async () => {
  const gone = await host.serveBroker([storeService()])
  await send('x', gone.id)
  gone.close()
  expect((await failure(send('y', gone.id))).code).toBe(status.FAILED_PRECONDITION)
  await host.ping()
})

test('broker: a knock is answered with a refusal', async () => {
  const id = host.nextBrokerId()
  host.announce({ service_id: id, knock: { knock: true } })
  await host.ping()
  await expect
    .poll(() => host.brokered)
    .toMatchObject([
      { service_id: id, knock: { knock: true, ack: true, error: 'this plugin does not multiplex connections' } },
    ])
})

test('broker: plain text where the host speaks plain text', async () => {
  const plain = await hosts.launch({ tls: false })
  const { id } = await plain.serveBroker([storeService()])
  expect(await plain.call(echo, 'Ask', { text: 'open', broker_id: id })).toMatchObject({ text: 'stored open' })
})

test.each(['throw', 'reject'])(
  'a handler that does %s fails its own call, without telling why, and the process lives',
  async (deed) => {
    const error = await failure(tell(host, deed))
    expect([error.code, error.details]).toEqual([status.INTERNAL, 'internal error'])
    expect(
      await host.logged(
        ({ fields }) => String(fields.error).includes('by the handler') && String(fields.error).includes(deed),
      ),
    ).toMatchObject({ level: 'error', fields: { method: '/echo.Echo/Do' } })
    await host.ping()
  },
)

test('a stream whose handler rejects ends with INTERNAL after what it had sent', async () => {
  const { path, requestSerialize, responseDeserialize } = echo.Fail!
  const stream = host.client.makeServerStreamRequest<object, Note>(path, requestSerialize, responseDeserialize, {})
  const texts: string[] = []
  stream.on('data', ({ text }: Note) => {
    texts.push(text)
  })
  const error = await new Promise<unknown>((resolve) => {
    stream.once('error', resolve)
  })
  expect(error).toMatchObject({ code: status.INTERNAL, details: 'internal error' })
  expect(texts).toEqual(['one'])
  await host.ping()
})

test('a storm of cancelled calls is survived, and every handler hears of it', async () => {
  const { id } = await host.serveBroker([storeService()])
  const { path, requestSerialize, responseDeserialize } = echo.Hang!
  // Past a thousand at a time the server sends GOAWAY. Go hosts keep their broker stream then and connect again; Node's client, which
  // this host is made of, drops everything at once.
  for (let round = 0; round < 8; round++) {
    const calls: ClientUnaryCall[] = []
    const ended = Array.from(
      { length: 100 },
      () =>
        new Promise((resolve) => {
          calls.push(host.client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, resolve))
        }),
    )
    // Answered after the calls have reached the plugin.
    await host.ping()
    for (const call of calls) call.cancel()
    await Promise.all(ended)
  }
  expect(await send('after the storm', id)).toMatchObject({ text: 'stored after the storm' })
  expect(await host.call<Note>(echo, 'Count', {})).toMatchObject({ number: '800' })
})
