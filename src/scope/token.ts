import { hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { ScopeError } from './error.ts'

/**
 * Phantom tokens: `<prefix>_<label>_<43 base62: 256 random bits><6 base62: CRC-32 of all before it>`. The checksum keeps
 * noise away from storage and lets secret scanners tell a token from chance; it is no security. Only digests are stored.
 */

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** 62^43 > 2^256 and 62^6 > 2^32. */
const secretLength = 43
const checksumLength = 6
const shape = /^([a-z0-9]{1,16})_([a-z0-9]{1,16})_[0-9A-Za-z]{43}([0-9A-Za-z]{6})$/

/** A new token. `random(32)` must come from a cryptographic source; `prefix` and `label` are 1 to 16 of `[a-z0-9]`. */
export function mintToken({
  prefix,
  label,
  random,
}: {
  prefix: string
  label: string
  random: (bytes: number) => Uint8Array
}): string {
  const bytes = random(32)
  if (bytes.length !== 32) throw new ScopeError(`a token needs 32 random bytes, the source gave ${bytes.length}.`)
  const body = `${prefix}_${label}_${base62(BigInt(`0x${Buffer.from(bytes).toString('hex')}`), secretLength)}`
  const token = body + checksum(body)
  if (!shape.test(token))
    throw new ScopeError(
      'a token prefix and label are 1 to 16 lower-case letters or digits each, for example svt and prod.',
    )
  return token
}

/** The readable parts of something shaped like a token with a right checksum; says nothing about its validity. */
export function tokenShape(text: string): { prefix: string; label: string } | undefined {
  if (text.length > 100) return undefined
  const [, prefix, label, given] = shape.exec(text) ?? []
  if (prefix === undefined || label === undefined) return undefined
  return checksum(text.slice(0, -checksumLength)) === given ? { prefix, label } : undefined
}

/** Hex SHA-256: what is stored and looked up instead of the token. */
export function tokenDigest(token: string): string {
  return hash('sha256', token, 'hex')
}

/** In plain numbers, not by `base62`: this runs for every request, on whatever a stranger sends. */
function checksum(body: string): string {
  let digits = ''
  for (let rest = crc32(body); digits.length < checksumLength; rest = Math.floor(rest / 62))
    digits = (alphabet[rest % 62] ?? '') + digits
  return digits
}

function base62(value: bigint, length: number): string {
  let digits = ''
  for (let rest = value; digits.length < length; rest /= 62n) digits = (alphabet[Number(rest % 62n)] ?? '') + digits
  return digits
}
