/** The one-time certificate of a plugin process: self-signed, made at start, never stored. Its host trusts exactly it and nothing else. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import {
  bits,
  boolean,
  element,
  explicit,
  integer,
  objectIdentifier,
  octets,
  sequence,
  set,
  time,
  utf8,
} from './der.ts'

export interface Certificate {
  readonly der: Buffer
  /** PEM of the certificate and of its private key (PKCS #8). */
  readonly certificatePem: Buffer
  readonly keyPem: Buffer
}

const HOUR_MS = 3_600_000
/** As long as hosts make theirs: it has to outlive the process, which may run as long as its host. */
const LIFETIME_MS = 30 * 365 * 24 * HOUR_MS
/** Host and plugin may read different clocks, in a container for one. */
const SKEW_MS = HOUR_MS
const SERIAL_BYTES = 16

const name = sequence(set(sequence(objectIdentifier('2.5.4.3'), utf8('localhost'))))
const ecdsaWithSha256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'))

function extension(oid: string, critical: boolean, value: Uint8Array): Buffer {
  return sequence(objectIdentifier(oid), ...(critical ? [boolean(true)] : []), octets(value))
}

const extensions = sequence(
  // digitalSignature, keyEncipherment, keyAgreement, keyCertSign, as hosts set in theirs. Bits 0, 2, 4 and 5.
  extension('2.5.29.15', true, bits(2, Buffer.from([0b10101100]))),
  // Server on the control connection, client on those the host brokers: hosts refuse the latter without clientAuth.
  extension('2.5.29.37', false, sequence(objectIdentifier('1.3.6.1.5.5.7.3.2'), objectIdentifier('1.3.6.1.5.5.7.3.1'))),
  extension('2.5.29.19', true, sequence(boolean(true))),
  // dNSName. Hosts verify this name, and no longer look at the common name.
  extension('2.5.29.17', false, sequence(element(0x82, Buffer.from('localhost')))),
)

/** Positive, never zero and without needless leading bytes, whatever the random bytes. */
function serial(random: (bytes: number) => Uint8Array): Buffer {
  const bytes = Buffer.from(random(SERIAL_BYTES))
  bytes[0] = (bytes[0]! & 0x7f) | 0x40
  return bytes
}

/** ECDSA on P-256, valid from an hour before `nowMs` for thirty years. */
export function createCertificate(nowMs: number, random: (bytes: number) => Uint8Array = randomBytes): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(serial(random)),
    ecdsaWithSha256,
    name,
    sequence(time(nowMs - SKEW_MS), time(nowMs + LIFETIME_MS)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, extensions),
  )
  const der = sequence(body, ecdsaWithSha256, bits(0, sign('sha256', body, privateKey)))
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return {
    der,
    certificatePem: Buffer.from(['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')),
    keyPem: Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  }
}
