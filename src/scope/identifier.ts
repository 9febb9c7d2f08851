import { ScopeError } from './error.ts'

/**
 * ULIDs (https://github.com/ulid/spec): 48 bits of Unix milliseconds and 80 bits in Crockford's base 32. A session's 80
 * bits are the first ones of its first token's digest, so a token leads to its session without an index.
 */

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const digestPattern = /^[0-9a-f]{64}$/

/** The identifier of the session whose first token has this digest (hex SHA-256): `sess_` + ULID. */
export function sessionIdOf(digestHex: string, unixMs: number): string {
  return `sess_${base32(time(unixMs), 10)}${sessionKeyOfDigest(digestHex)}`
}

/** A session's storage key: the 16 random characters of its ULID; `undefined` when the text is not a session identifier. */
export function sessionKeyOf(sessionId: string): string | undefined {
  return /^sess_[0-7][0-9A-HJKMNP-TV-Z]{9}([0-9A-HJKMNP-TV-Z]{16})$/.exec(sessionId)?.[1]
}

/** The storage key of the session whose first token has this digest (hex SHA-256). */
export function sessionKeyOfDigest(digestHex: string): string {
  if (!digestPattern.test(digestHex))
    throw new ScopeError('a token digest is 64 lower-case hexadecimal digits (SHA-256).')
  return base32(BigInt(`0x${digestHex.slice(0, 20)}`), 16)
}

/** A new token's name in logs: `tok_` + ULID. `random(10)` must come from a cryptographic source. */
export function newTokenId(random: (bytes: number) => Uint8Array, unixMs: number): string {
  const bytes = random(10)
  if (bytes.length !== 10)
    throw new ScopeError(`a token identifier needs 10 random bytes, the source gave ${bytes.length}.`)
  return `tok_${base32(time(unixMs), 10)}${base32(BigInt(`0x${Buffer.from(bytes).toString('hex')}`), 16)}`
}

function time(unixMs: number): bigint {
  if (!Number.isInteger(unixMs) || unixMs < 0 || unixMs >= 2 ** 48)
    throw new ScopeError('an identifier needs a time in whole Unix milliseconds.')
  return BigInt(unixMs)
}

function base32(value: bigint, length: number): string {
  let digits = ''
  for (let rest = value; digits.length < length; rest >>= 5n) digits = (alphabet[Number(rest & 31n)] ?? '') + digits
  return digits
}
