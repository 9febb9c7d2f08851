import { createHmac } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** Cryptographic randomness, as configuration hands it in. */
export type Random = (bytes: number) => Uint8Array

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const unbiased = 256 - (256 % alphabet.length)

/** `length` characters of [0-9A-Za-z], each equally likely: bytes past the last whole multiple of 62 are thrown away. */
export function base62(random: Random, length: number): string {
  let text = ''
  while (text.length < length) {
    for (const byte of random(length - text.length + 8)) {
      if (byte < unbiased && text.length < length) text += alphabet[byte % alphabet.length]!
    }
  }
  return text
}

/** A random UUID (RFC 9562, version 4). */
export function uuid(random: Random): string {
  const bytes = Uint8Array.from(random(16))
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = Buffer.from(bytes).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** A `KeyObject`, because HMAC with a raw key is many times slower on Node 24. */
export function hmacHex(key: KeyObject, text: string): string {
  return createHmac('sha256', key).update(text).digest('hex')
}
