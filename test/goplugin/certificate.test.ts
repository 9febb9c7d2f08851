import { createPublicKey, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { expect, test } from 'vitest'
import { createCertificate } from '../../src/goplugin/certificate.ts'
import { handshakeLine, readLaunch } from '../../src/goplugin/handshake.ts'
import { readHandshake } from '../fakes/go-plugin-host.ts'

const HOUR_MS = 3_600_000
const now = Date.parse('2026-11-21T12:00:00Z')

/** The times a certificate is valid between, Unix milliseconds. */
const validity = ({ validFrom, validTo }: X509Certificate) => [Date.parse(validFrom), Date.parse(validTo)]

test('says what hosts look for: the name, both usages, an authority, and an own key on P-256', () => {
  const { der, certificatePem, keyPem } = createCertificate(now)
  const parsed = new X509Certificate(der)
  expect(parsed.subject).toBe('CN=localhost')
  expect(parsed.issuer).toBe('CN=localhost')
  expect(parsed.subjectAltName).toBe('DNS:localhost')
  expect(parsed.ca).toBe(true)
  // clientAuth and serverAuth.
  expect([...parsed.keyUsage].sort()).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
  expect(parsed.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' })
  expect(parsed.verify(parsed.publicKey)).toBe(true)
  expect(parsed.checkIssued(parsed)).toBe(true)
  expect(new X509Certificate(certificatePem).raw.equals(der)).toBe(true)
  expect(createPublicKey(keyPem).equals(parsed.publicKey)).toBe(true)
  expect(() => createSecureContext({ key: keyPem, cert: certificatePem, ca: certificatePem })).not.toThrow()
})

test('is valid from an hour ago, for a clock that lags, for thirty years', () => {
  expect(validity(new X509Certificate(createCertificate(now).der))).toEqual([
    now - HOUR_MS,
    now + 30 * 365 * 24 * HOUR_MS,
  ])
})

test.each([
  '2019-12-31T23:30:00Z',
  '2026-01-01T00:00:00.999Z',
  '2049-12-31T23:59:59Z',
  '2050-01-01T00:59:59Z',
  '2050-01-01T01:00:00Z',
  '2099-06-30T00:00:00Z',
])('times are written as they have to be, made at %s', (at) => {
  const made = Date.parse(at)
  expect(validity(new X509Certificate(createCertificate(made).der))).toEqual(
    [made - HOUR_MS, made + 30 * 365 * 24 * HOUR_MS].map((ms) => Math.floor(ms / 1000) * 1000),
  )
})

test.each([[0x00], [0x7f], [0x80], [0xff]])(
  'the serial is positive and in its shortest form where randomness gives only %i',
  (byte) => {
    const { der } = createCertificate(now, (bytes) => new Uint8Array(bytes).fill(byte))
    const { serialNumber } = new X509Certificate(der)
    expect(serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/)
  },
)

test('thirty in a row parse, and as handshake lines too, whatever their length leaves of base64 padding', () => {
  const launch = readLaunch({ PLUGIN_PROTOCOL_VERSIONS: '5' }, [5])
  const rests = new Set<number>()
  for (let made = 0; made < 30 || rests.size < 3; made++) {
    // ECDSA signatures differ in length, and that is all that differs.
    const { der } = createCertificate(now)
    rests.add(der.length % 3)
    expect(new X509Certificate(der).verify(new X509Certificate(der).publicKey)).toBe(true)
    const line = handshakeLine(launch, { network: 'unix', address: '/tmp/plugin1' }, der)
    expect(line).toMatch(/^1\|5\|unix\|\/tmp\/plugin1\|grpc\|[A-Za-z0-9+/]+\n$/)
    expect(new X509Certificate(readHandshake(line, {}).certificate!).raw.equals(der)).toBe(true)
  }
  expect([...rests].sort()).toEqual([0, 1, 2])
})
