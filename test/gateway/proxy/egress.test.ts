import { connect as tcpConnect } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { classifyAddress, isMetadataName } from '../../../src/gateway/call/address.ts'
import { FakeClock, settle } from '../../fakes/clock.ts'
import { call, egressFor, failure, httpUpstream, text, tlsUpstream, upstreamAt } from './upstream-server.ts'
import { throwAwayCertificate } from '../../fakes/certificate.ts'

describe('an address is classified', () => {
  it.each([
    '8.8.8.8',
    '1.1.1.1',
    '172.15.255.255',
    '172.32.0.1',
    '100.63.255.255',
    '100.128.0.1',
    '192.0.1.1',
    '198.17.0.1',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '2a00:1450:4001::200e',
    '::ffff:8.8.8.8',
    '64:ff9b::808:808',
    '2001:200::1',
  ])('%s is public', (address) => {
    expect(classifyAddress(address)).toBe('public')
  })

  it.each([
    '0.0.0.0',
    '0.1.2.3',
    '10.0.0.1',
    '100.64.0.1',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.1.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '192.0.0.1',
    '192.0.2.1',
    '192.88.99.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.1.1.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
    'fd12::1',
    'ff02::1',
    '2001:db8::1',
    '3fff::1',
    '4000::1',
    '100::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::127.0.0.1',
    '::ffff:0:10.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b::10.0.0.1',
    '64:ff9b:1::a00:1',
    '2002:7f00:1::',
    '2002:808:808::1',
    '2001:0:1:2::1',
    '2001:20::1',
    'fec0::1',
  ])('%s is private', (address) => {
    expect(classifyAddress(address)).toBe('private')
  })

  it.each([
    '169.254.169.254',
    '169.254.170.2',
    '169.254.170.23',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    'fd00:ec2::254',
    'fd00:0ec2:0:0::0254',
    'fd20:ce::254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '::169.254.169.254',
    '0:0:0:0:0:ffff:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b::169.254.169.254',
    '64:ff9b:1::a9fe:a9fe',
    '2002:a9fe:a9fe::',
    '2002:a9fe:a9fe::1',
    '2001:0:0:0:0:0:5601:5601',
    'fe80::5efe:a9fe:a9fe',
    '::ffff:0:a9fe:a9fe',
    '::ffff:168.63.129.16',
    'not an address',
    '0x7f.1',
    '2130706433',
    '',
  ])('%s is never called', (address) => {
    expect(classifyAddress(address)).toBe('metadata')
  })

  it('names of metadata services are known in any case and with a root dot', () => {
    expect(['metadata.google.internal', 'Metadata.Google.Internal.', 'metadata'].map(isMetadataName)).toEqual([
      true,
      true,
      true,
    ])
    expect(['metadata.example.com', 'google.internal'].map(isMetadataName)).toEqual([false, false])
  })
})

describe('the way out is closed', () => {
  it.each([
    'http://169.254.169.254',
    'http://[::ffff:169.254.169.254]',
    'http://[::ffff:a9fe:a9fe]',
    'http://[fd00:ec2::254]',
    'http://2852039166',
    'http://0xa9fea9fe',
    'http://0251.0376.0251.0376',
    'http://169.254.43518',
    'http://100.100.100.200',
    'https://168.63.129.16',
    'http://metadata.google.internal',
    'http://METADATA.google.internal.',
    'http://[64:ff9b::a9fe:a9fe]',
    'http://[2002:a9fe:a9fe::]',
  ])('to %s, even where private addresses are allowed', async (url) => {
    const connector = vi.fn(() => () => {
      throw new Error('connected')
    })
    expect(
      await failure(
        call(upstreamAt(url), { egress: egressFor({ connector, resolve: () => Promise.resolve(['8.8.8.8']) }) }),
      ),
    ).toMatchObject({ code: 'upstream_address_refused' })
  })

  it.each([
    'https://127.0.0.1',
    'https://2130706433',
    'https://0x7f.1',
    'https://017700000001',
    'https://127.1',
    'https://[::1]',
    'https://0',
    'https://10.0.0.1',
    'https://100.64.1.1',
    'https://[fe80::1]',
    'https://[::ffff:10.0.0.1]',
    'https://224.0.0.1',
  ])('to %s, unless private addresses are allowed', async (url) => {
    const connector = vi.fn(() => () => {
      throw new Error('connected')
    })
    expect(
      await failure(call(upstreamAt(url, { allow_private_addresses: false }), { egress: egressFor({ connector }) })),
    ).toMatchObject({ code: 'upstream_address_refused' })
  })

  it('over http:, unless private addresses are allowed', async () => {
    expect(await failure(call(upstreamAt('http://api.example.com', { allow_private_addresses: false })))).toMatchObject(
      { code: 'upstream_misconfigured', message: expect.stringContaining('http:') as string },
    )
  })

  it.each([
    ['a private address', ['10.0.0.1'], false],
    ['a public and a private address', ['8.8.8.8', '127.0.0.1'], false],
    ['a private one hidden in IPv6', ['8.8.8.8', '::ffff:192.168.0.1'], false],
    ['a metadata address beside an allowed one', ['127.0.0.1', '169.254.169.254'], true],
    ['something that is no address', ['127.0.0.1', 'localhost'], true],
  ])('to a name that resolves to %s', async (_name, addresses, allowPrivate) => {
    const egress = egressFor({ resolve: () => Promise.resolve(addresses) })
    const error = await failure(
      call(upstreamAt('https://api.example.com', { allow_private_addresses: allowPrivate }), { egress }),
    )
    expect(error).toMatchObject({ code: 'upstream_address_refused' })
    expect(addresses.filter((address) => error.message.includes(address))).toEqual([])
  })

  it('to a name without address, or whose look-up fails', async () => {
    expect(
      await failure(
        call(upstreamAt('https://api.example.com'), { egress: egressFor({ resolve: () => Promise.resolve([]) }) }),
      ),
    ).toMatchObject({ code: 'upstream_unreachable' })
    expect(
      await failure(
        call(upstreamAt('https://api.example.com'), {
          egress: egressFor({ resolve: () => Promise.reject(new Error('EAI_AGAIN')) }),
        }),
      ),
    ).toMatchObject({ code: 'upstream_unreachable' })
  })

  it('after it was closed', async () => {
    const { url } = await httpUpstream((_request, response) => {
      response.end()
    })
    const egress = egressFor()
    await egress.close()
    expect(await failure(call(upstreamAt(url), { egress }))).toMatchObject({ code: 'call_ended' })
  })
})

describe('a connection', () => {
  it('goes to the address that was checked, resolved again each time: a second answer cannot lead elsewhere', async () => {
    const { url, seen } = await httpUpstream((_request, response) => {
      response.setHeader('connection', 'close').end('ok')
    })
    const port = new URL(url).port
    const responses = [['127.0.0.1'], ['169.254.169.254']]
    const egress = egressFor({ resolve: () => Promise.resolve(responses.shift() ?? []) })
    const upstream = upstreamAt(`http://rebind.example:${port}`)
    expect(await text(await call(upstream, { egress }))).toBe('ok')
    expect(seen[0]!.headers['host']).toBe(`rebind.example:${port}`)
    await settle()
    expect(await failure(call(upstream, { egress }))).toMatchObject({ code: 'upstream_address_refused' })
    expect(seen).toHaveLength(1)
  })

  it('is kept for the next call of the same version, and not across versions', async () => {
    const ports = new Set<number>()
    const { url } = await httpUpstream((request, response) => {
      ports.add(request.socket.remotePort!)
      response.end('ok')
    })
    const egress = egressFor()
    for (const version of [1, 1, 1, 2]) {
      expect(await text(await call(upstreamAt(url, { version }), { egress }))).toBe('ok')
      await settle()
    }
    expect(ports.size).toBe(2)
  })

  it('that is not accepted within connect_timeout fails, and one that comes later is thrown away', async () => {
    const { url } = await httpUpstream((_request, response) => {
      response.end('ok')
    })
    const clock = new FakeClock()
    let connectLate: () => Promise<boolean> = () => Promise.resolve(false)
    let begun: () => void = () => undefined
    const connecting = new Promise<void>((resolve) => {
      begun = resolve
    })
    const egress = egressFor({
      clock,
      connector: () => (_options, callback) => {
        connectLate = () =>
          new Promise((resolve) => {
            const socket = tcpConnect(Number(new URL(url).port), '127.0.0.1', () => {
              callback(null, socket)
              resolve(socket.destroyed)
            })
          })
        begun()
      },
    })
    const failed = failure(call(upstreamAt(url, { connect_timeout: 5 }), { egress, clock }))
    await connecting
    await clock.advance(5000)
    expect(await failed).toMatchObject({ code: 'upstream_timeout' })
    expect(await connectLate()).toBe(true)
  })

  describe('ignores the environment', () => {
    afterEach(() => {
      vi.unstubAllEnvs()
    })

    it('and takes no proxy', async () => {
      for (const name of ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'])
        vi.stubEnv(name, 'http://127.0.0.1:1')
      const { url } = await httpUpstream((_request, response) => {
        response.end('direct')
      })
      expect(await text(await call(upstreamAt(url)))).toBe('direct')
    })
  })
})

describe('TLS', () => {
  const good = throwAwayCertificate('api.example')
  const other = throwAwayCertificate('other.example')
  const connect = async (identity: typeof good, ca?: string) => {
    const port = await tlsUpstream(identity)
    const egress = egressFor({ resolve: () => Promise.resolve(['127.0.0.1']), ...(ca === undefined ? {} : { ca }) })
    return call(upstreamAt(`https://api.example:${String(port)}`), { egress })
  }
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it('asks for the upstream by name and takes a certificate that is trusted and names it', async () => {
    expect(await text(await connect(good, good.certificate))).toBe('api.example')
  })

  it.each([
    ['an unknown certificate', good, undefined],
    ['a certificate signed by somebody else', good, other.certificate],
    ['a trusted certificate of another name', other, other.certificate],
  ])('refuses %s, whatever the environment says', async (_name, identity, ca) => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    const error = await failure(connect(identity, ca))
    expect(error).toMatchObject({ code: 'upstream_unreachable', message: expect.stringContaining('TLS') as string })
  })

  it('is not done without', async () => {
    const { url } = await httpUpstream((_request, response) => {
      response.end('plain')
    })
    expect(await failure(call(upstreamAt(url.replace('http:', 'https:'))))).toMatchObject({
      code: 'upstream_unreachable',
    })
  })
})
