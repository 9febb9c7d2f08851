import { generateKeyPairSync, sign } from 'node:crypto'

/** One DER element: tag, length, content (X.690). */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const size =
    content.length < 128
      ? [content.length]
      : content.length < 256
        ? [0x81, content.length]
        : [0x82, content.length >> 8, content.length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const hex = (text: string): Buffer => Buffer.from(text, 'hex')
const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts)
const oid = (encoded: string): Buffer => der(0x06, hex(encoded))
const time = (text: string): Buffer => der(0x17, Buffer.from(text))

const LOOPBACK = der(0x87, Buffer.from([127, 0, 0, 1]))
const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'))

/**
 * A self-signed certificate for a DNS name, or for 127.0.0.1, valid from 2020 to 2049, and its key, as PEM (RFC 5280, 4.1): what a
 * test's TLS server shows and its client trusts.
 */
export function throwAwayCertificate(dnsName?: string): { certificate: string; key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(dnsName ?? 'test vault')))))
  const host = dnsName === undefined ? LOOPBACK : der(0x82, Buffer.from(dnsName))
  const basicConstraints = sequence(oid('551d13'), der(0x04, sequence(der(0x01, hex('ff')))))
  const subjectAltName = sequence(oid('551d11'), der(0x04, sequence(host)))
  const body = sequence(
    der(0xa0, der(0x02, hex('02'))),
    der(0x02, hex('01')),
    ecdsaWithSha256,
    name,
    sequence(time('200101000000Z'), time('490101000000Z')),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(basicConstraints, subjectAltName)),
  )
  const signature = der(0x03, hex('00'), sign('sha256', body, privateKey))
  const base64 = sequence(body, ecdsaWithSha256, signature).toString('base64').replace(/.{64}/g, '$&\n')
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  }
}
