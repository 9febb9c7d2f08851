/** DER (ITU-T X.690), as much of it as a certificate takes. */

export function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  return Buffer.concat([Buffer.from([tag]), length(content.length), content])
}

/** Definite form, in as few bytes as possible (X.690 section 10.1). */
function length(bytes: number): Buffer {
  if (bytes < 0x80) return Buffer.from([bytes])
  const digits = bytes < 0x100 ? [bytes] : [bytes >> 8, bytes & 0xff]
  return Buffer.from([0x80 | digits.length, ...digits])
}

export const sequence = (...contents: readonly Uint8Array[]): Buffer => element(0x30, ...contents)
export const set = (...contents: readonly Uint8Array[]): Buffer => element(0x31, ...contents)
/** Big-endian two's complement; the caller sees to it that there are no needless leading bytes. */
export const integer = (bytes: Uint8Array): Buffer => element(0x02, bytes)
export const boolean = (value: boolean): Buffer => element(0x01, Buffer.from([value ? 0xff : 0]))
export const utf8 = (text: string): Buffer => element(0x0c, Buffer.from(text))
export const octets = (...contents: readonly Uint8Array[]): Buffer => element(0x04, ...contents)
export const bits = (unused: number, ...contents: readonly Uint8Array[]): Buffer =>
  element(0x03, Buffer.from([unused]), ...contents)
/** `[number]`, constructed, around a whole element. */
export const explicit = (number: number, content: Uint8Array): Buffer => element(0xa0 | number, content)

/** `1.2.840.10045.4.3.2` */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return element(0x06, Buffer.from([40 * first + second, ...rest.flatMap(base128)]))
}

function base128(arc: number): number[] {
  const digits = [arc & 0x7f]
  for (let left = arc >> 7; left > 0; left >>= 7) digits.unshift(0x80 | (left & 0x7f))
  return digits
}

/** UTCTime up to 2049, GeneralizedTime from then on, as RFC 5280 section 4.1.2.5 demands. Unix milliseconds. */
export function time(unixMs: number): Buffer {
  const date = new Date(unixMs)
  const text = date.toISOString().replace(/\.\d+/, '').replaceAll(/[-:T]/g, '')
  return date.getUTCFullYear() < 2050 ? element(0x17, Buffer.from(text.slice(2))) : element(0x18, Buffer.from(text))
}
