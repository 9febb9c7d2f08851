import { entities } from '../../../src/gateway/call/entities.ts'
import { folded } from '../../../src/gateway/call/folding.ts'
import type { KeyPattern } from '../../../src/gateway/call/matcher.ts'

/** One way to read the bytes at a place: so many of them are this character, in UTF-8, or nothing at all. */
interface Unit {
  readonly length: number
  readonly bytes: Buffer
}

const forms: readonly (readonly [form: RegExp, read: (digits: string) => Buffer[]])[] = [
  [/^\\{1,2}u([0-9a-f]{4})/i, (hex) => character(parseInt(hex, 16))],
  [/^%u([0-9a-f]{4})/, (hex) => character(parseInt(hex, 16))],
  [/^\\{1,2}[ux]\{([0-9a-f]{1,8})\}/i, (hex) => character(parseInt(hex, 16))],
  [/^\\{1,2}x([0-9a-f]{2})/i, (hex) => either(parseInt(hex, 16))],
  ...['', '25', '2525'].map(
    (nested) => [new RegExp(`^%${nested}([0-9a-f]{2})`, 'i'), (hex: string) => either(parseInt(hex, 16))] as const,
  ),
  [/^=([0-9a-f]{2})/i, (hex) => either(parseInt(hex, 16))],
  [/^\\([!-/:-@[-`{-~])/, (punctuation) => [Buffer.from(punctuation)]],
  [/^&(\w+);/, (name) => (entities.has(name) ? character(entities.get(name)!) : [])],
  [/^&(amp|lt|gt|quot)/i, (name) => (entities.has(name) ? character(entities.get(name)!) : [])],
  ...Array.from(
    { length: 8 },
    (_, length) =>
      [
        new RegExp(`^&([A-Za-z]\\w{${String(length)}})`),
        (name: string) =>
          entities.get(name)! >= 0xa0 && entities.get(name)! <= 0xff ? character(entities.get(name)!) : [],
      ] as const,
  ),
  ...Array.from(
    { length: 8 },
    (_, digits) =>
      [
        [new RegExp(`^&#(\\d{${String(digits + 1)}})`), (number: string) => character(parseInt(number, 10))],
        [new RegExp(`^&#(\\d{${String(digits + 1)}});`), (number: string) => character(parseInt(number, 10))],
        [new RegExp(`^&#x([0-9a-f]{${String(digits + 1)}})`, 'i'), (hex: string) => character(parseInt(hex, 16))],
        [new RegExp(`^&#x([0-9a-f]{${String(digits + 1)}});`, 'i'), (hex: string) => character(parseInt(hex, 16))],
      ] as const,
  ).flat(),
  [/^(\\{1,2}[nr]|=\r?\n)/, () => [Buffer.from('\n')]],
]

const character = (codePoint: number): Buffer[] =>
  codePoint <= 0x10ffff && !(codePoint >= 0xd800 && codePoint <= 0xdfff)
    ? [Buffer.from(String.fromCodePoint(codePoint))]
    : []
const either = (value: number): Buffer[] =>
  value < 0x80 ? [Buffer.of(value)] : [Buffer.of(value), ...character(value)]

function unitsAt(text: string, at: number): Unit[] {
  const rest = text.slice(at, at + 32)
  const escapes = (/^[\\%&=]/.test(rest) ? forms : []).flatMap(([form, read]) => {
    const found = form.exec(rest)
    return found ? read(found[1]!).map((bytes) => ({ length: found[0].length, bytes })) : []
  })
  return [{ length: 1, bytes: Buffer.from(text[at]!, 'latin1') }, ...escapes]
}

const isBreak = (byte: number): boolean => byte === 10 || byte === 13

/**
 * Which bytes of a text belong to a pattern, by trying every reading from every place: slow, and written by the rules alone,
 * so that it knows nothing of automata, runs of pairs and chunks.
 */
export function coveredBy(patterns: readonly KeyPattern[], bytes: Buffer): boolean[] {
  const text = bytes.toString('latin1')
  const units = Array.from(text, (_, at) => unitsAt(text, at))
  const covered = new Array<boolean>(bytes.length).fill(false)
  for (const pattern of patterns)
    for (let start = 0; start < bytes.length; start++)
      if (units[start]!.some(({ bytes: [first] }) => folded[first!] === folded[pattern.bytes[0]!]))
        follow(pattern, units, start, covered)
  return covered
}

function follow(
  { bytes, enough, exact }: KeyPattern,
  units: readonly Unit[][],
  from: number,
  covered: boolean[],
): void {
  // By place: the readings that have come so far, as (characters, skipped, start).
  const seen = new Set<string>()
  const open: [at: number, count: number, skipped: number, start: number][] = [[from, 0, 0, from]]
  const matches = (byte: number, wanted: number): boolean =>
    exact ? byte === wanted || (wanted === 0x20 && byte === 0x2b) : folded[byte] === folded[wanted]
  for (let state = open.pop(); state; state = open.pop()) {
    const [at, count, skipped, start] = state
    for (const { length, bytes: read } of units[at] ?? []) {
      const end = at + length
      const go = (next: [number, number, number, number]) => {
        if (seen.has(next.join())) return
        seen.add(next.join())
        open.push(next)
      }
      if ([...read].every((byte, i) => count + i < bytes.length && matches(byte, bytes[count + i]!))) {
        const counted = count + read.length
        if (counted >= enough) covered.fill(true, start, end)
        go([end, counted, 0, start])
      }
      const byte = read[0]!
      if (byte === 0 && length > 1) continue
      const isDoubled = (byte === 0x22 || byte === 0x27) && count > 1 && bytes[count - 1] === byte
      if (count > 0 && skipped < 8 && read.length === 1 && (byte === 0 || byte === 0x5c || isBreak(byte) || isDoubled))
        go([end, count, skipped + 1, isBreak(byte) && count < 4 ? end : start])
    }
  }
}
