import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { ScopeError } from './error.ts'

/**
 * Phantom tokens: `<prefix>_<label>_<43 base62: 32 bytes><6 base62: CRC-32 of all before it>`. The checksum keeps noise away from
 * storage and lets secret scanners tell a token from chance; it is not security. The last 4 of the 32 bytes are a keyed check over
 * prefix, label and the 28 random ones, so that who holds the mount's check key tells made-up tokens without looking them up. It is
 * a filter: a token rests on its 224 random bits, anyone who knows the key. Only digests are stored.
 */

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** 62^43 > 2^256 and 62^6 > 2^32. */
const secretLength = 43
const checksumLength = 6
const shape = /^([a-z0-9]{1,16})_([a-z0-9]{1,16})_[0-9A-Za-z]{43}([0-9A-Za-z]{6})$/

const RANDOM_BYTES = 28
const CHECK_BYTES = 4
const SECRET_BYTES = RANDOM_BYTES + CHECK_BYTES

/**
 * A new token. `random` must come from a cryptographic source; `prefix` and `label` are 1 to 16 of `[a-z0-9]`. Without
 * `checkKey` all 32 bytes are random, as in tokens that nobody checks.
 */
export function mintToken({
  prefix,
  label,
  random,
  checkKey,
}: {
  prefix: string
  label: string
  random: (bytes: number) => Uint8Array
  checkKey?: Uint8Array | undefined
}): string {
  const wanted = checkKey === undefined ? SECRET_BYTES : RANDOM_BYTES
  const drawn = random(wanted)
  if (drawn.length !== wanted)
    throw new ScopeError(`a token needs ${wanted} random bytes, the source gave ${drawn.length}.`)
  const bytes =
    checkKey === undefined ? drawn : Buffer.concat([drawn, keyedCheck(`${prefix}_${label}_`, drawn, checkKey)])
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
  if (checksum(text.slice(0, -checksumLength)) !== given) return undefined
  // The alphabet is in the order of its character codes, so texts of one length compare as the numbers they stand for.
  return text.slice(-(secretLength + checksumLength), -checksumLength) <= largestSecret ? { prefix, label } : undefined
}

/** From the label on. What stands before it may run into the prefix: `AIzasvt_prod_…`. */
const withoutPrefix = /_[a-z0-9]{1,16}_[0-9A-Za-z]{49}/g
const LONGEST_PREFIX = 16

/** The first token in a text, whatever stands around it: clients that check the format of keys need something there. */
export function embeddedToken(text: string): string | undefined {
  for (const { 0: found, index } of text.matchAll(withoutPrefix)) {
    for (let start = index - 1; start >= 0 && start >= index - LONGEST_PREFIX; start--) {
      const candidate = text.slice(start, index) + found
      if (tokenShape(candidate)) return candidate
    }
  }
  return undefined
}

/** As bytes, or made ready by `createSecretKey`, which pays where it is used often. */
type CheckKey = Uint8Array | KeyObject

/**
 * Whether a token (one that has a shape) may have been minted under one of these keys. False = certainly not; true says no more than
 * that a look-up is worth it.
 */
export function passesKeyedCheck(token: string, checkKeys: readonly CheckKey[]): boolean {
  const secretAt = token.length - secretLength - checksumLength
  const secret = bytesOf(token.slice(secretAt, secretAt + secretLength))
  const given = secret.subarray(RANDOM_BYTES)
  const isOurs = (key: CheckKey) =>
    timingSafeEqual(keyedCheck(token.slice(0, secretAt), secret.subarray(0, RANDOM_BYTES), key), given)
  return checkKeys.some(isOurs)
}

/** HMAC-SHA-256 over the ASCII `<prefix>_<label>_` and the random bytes, cut to its first 4 bytes. */
const keyedCheck = (start: string, random: Uint8Array, key: CheckKey): Buffer =>
  createHmac('sha256', key).update(start, 'ascii').update(random).digest().subarray(0, CHECK_BYTES)

/** Hex SHA-256: what is stored and looked up instead of the token. */
export function tokenDigest(token: string): string {
  return hash('sha256', token, 'hex')
}

/** In plain numbers, not by `base62`: this runs for every request, on whatever an unauthenticated caller sends. */
function checksum(body: string): string {
  let digits = ''
  for (let rest = crc32(body); digits.length < checksumLength; rest = Math.floor(rest / 62))
    digits = (alphabet[rest % 62] ?? '') + digits
  return digits
}

/** 62^8 < 2^53: so many digits are added up in plain numbers, which is far cheaper than one by one. */
const DIGITS_OF_A_NUMBER = 8

/** The 32 bytes behind 43 digits that stand for less than 2^256. */
function bytesOf(digits: string): Buffer {
  let value = 0n
  for (let at = 0; at < digits.length; at += DIGITS_OF_A_NUMBER) {
    let part = 0
    const end = Math.min(at + DIGITS_OF_A_NUMBER, digits.length)
    for (let digit = at; digit < end; digit++) part = part * 62 + alphabet.indexOf(digits.charAt(digit))
    value = value * 62n ** BigInt(end - at) + BigInt(part)
  }
  return Buffer.from(value.toString(16).padStart(2 * SECRET_BYTES, '0'), 'hex')
}

function base62(value: bigint, length: number): string {
  let digits = ''
  for (let rest = value; digits.length < length; rest /= 62n) digits = (alphabet[Number(rest % 62n)] ?? '') + digits
  return digits
}

/** 2^256 - 1: 43 digits could stand for a little more, which no mint ever draws. */
const largestSecret = base62(2n ** 256n - 1n, secretLength)
