/**
 * Terraform's values (cty) as they travel in MessagePack. Null is null; numbers are numbers, whole ones beyond 2^53 bigints, and
 * what fits neither is the decimal text Terraform sent; an unknown value is the extension it came as, so that what Terraform knows of
 * it (code 12: a prefix, bounds, not null) goes back unchanged.
 */
import { ExtData, ExtensionCodec, decode, encode } from '@msgpack/msgpack'

export type Value = null | boolean | number | bigint | string | Uint8Array | Unknown | readonly Value[] | ValueObject
export interface ValueObject {
  readonly [name: string]: Value
}
export type Unknown = ExtData

/** An unknown value of which nothing else is known. */
export const unknown: Unknown = new ExtData(0, new Uint8Array(1))

const options = { extensionCodec: new ExtensionCodec(), useBigInt64: true } as const

export const isUnknown = (value: Value | undefined): value is Unknown => value instanceof ExtData

export const isList = (value: Value | undefined): value is readonly Value[] => Array.isArray(value)

export function isObject(value: Value | undefined): value is ValueObject {
  return (
    typeof value === 'object' && value !== null && !isList(value) && !isUnknown(value) && !(value instanceof Uint8Array)
  )
}

/** Whether nothing in it is unknown, at any depth. */
export function isWhollyKnown(value: Value): boolean {
  if (isUnknown(value)) return false
  if (isList(value)) return value.every(isWhollyKnown)
  return !isObject(value) || Object.values(value).every(isWhollyKnown)
}

/** Equal and known: two unknown values may turn out to be anything. */
export function isEqual(a: Value | undefined, b: Value | undefined): boolean {
  if (isUnknown(a) || isUnknown(b)) return false
  if (isList(a) && isList(b)) return a.length === b.length && a.every((item, index) => isEqual(item, b[index]))
  if (isObject(a) && isObject(b)) {
    const names = Object.keys(a)
    return (
      names.length === Object.keys(b).length &&
      names.every((name) => Object.hasOwn(b, name) && isEqual(a[name], b[name]))
    )
  }
  if (isNumeric(a) && isNumeric(b)) return Number(a) === Number(b)
  return a === b
}

const isNumeric = (value: Value | undefined): value is number | bigint =>
  typeof value === 'number' || typeof value === 'bigint'

/** Throws what MessagePack makes of bytes that are none; an absent value is null. */
export function decodeValue(bytes: Uint8Array | undefined): Value {
  // Copied: what is unknown stays a view into the bytes it came in.
  return bytes === undefined || bytes.length === 0 ? null : narrow(decode(new Uint8Array(bytes), options) as Value)
}

export function encodeValue(value: Value): Buffer {
  return Buffer.from(encode(widen(value), options))
}

/** 64-bit integers arrive as bigints; those a number holds exactly become one. */
function narrow(value: Value): Value {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value
  return mapChildren(value, narrow)
}

/** The other way round: the codec would write a number of more than 32 bits as a float. */
function widen(value: Value): Value {
  if (typeof value === 'number' && Number.isSafeInteger(value) && Math.abs(value) >= 2 ** 31) return BigInt(value)
  return mapChildren(value, widen)
}

function mapChildren(value: Value, change: (child: Value) => Value): Value {
  if (isList(value)) return value.map(change)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, change(child)]))
}
