/**
 * JSON whose whole numbers keep all their digits, as Vault keeps them (Go's json.Number): those a double does not hold exactly are
 * bigints here. Everything else is as JSON.parse and JSON.stringify have it.
 */
import { randomBytes } from 'node:crypto'
import { isKeptNumber, isWholeNumber } from './json-number.ts'

/** Whole numbers from 2^53 on have 16 digits or more. */
const manyDigits = /\d{16}/
const begin = /["\-\d]/g
const numeral = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y
/** Strings that begin so stand for bigints. Random, so that no text can hold it by intent. */
const mark = (): string => `${randomBytes(12).toString('base64url')}:`

/** 9007199254740993, but not 100000000000000000000, which a double holds and writes so. */
function isUnsafe(text: string): boolean {
  const value = Number(text)
  return !Number.isSafeInteger(value) && String(value) !== text && isWholeNumber(text)
}

/** Throws `SyntaxError` for what is not JSON. */
export function parseJsonExactly(text: string): unknown {
  const value: unknown = JSON.parse(text)
  if (!manyDigits.test(text)) return value
  const marker = mark()
  const marked = markNumbers(text, marker)
  if (marked === text) return value
  return JSON.parse(marked, (_name, member: unknown) =>
    typeof member === 'string' && member.startsWith(marker) ? BigInt(member.slice(marker.length)) : member,
  )
}

/** Puts whole numbers that are not safe in quotes, behind the marker. `text` is known to be JSON. */
function markNumbers(text: string, marker: string): string {
  const pieces: string[] = []
  let copied = 0
  for (const { digits, at } of numeralsOf(text)) {
    if (!isUnsafe(digits)) continue
    pieces.push(text.slice(copied, at), `"${marker}${digits}"`)
    copied = at + digits.length
  }
  return pieces.length === 0 ? text : pieces.join('') + text.slice(copied)
}

/** The first number of a JSON text that would not come back as it is, for example 1e400. */
export function lostNumber(text: string): string | undefined {
  for (const { digits } of numeralsOf(text)) if (!isKeptNumber(digits)) return digits
  return undefined
}

function* numeralsOf(text: string): Generator<{ readonly digits: string; readonly at: number }> {
  for (let at = 0; ;) {
    begin.lastIndex = at
    const found = begin.exec(text)
    if (!found) return
    if (found[0] === '"') {
      at = endOfString(text, found.index)
      continue
    }
    numeral.lastIndex = found.index
    const digits = numeral.exec(text)?.[0] ?? found[0]
    yield { digits, at: found.index }
    at = found.index + digits.length
  }
}

function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); ; at = text.indexOf('"', at + 1)) {
    let escapes = 0
    while (text[at - 1 - escapes] === '\\') escapes++
    if (escapes % 2 === 0) return at + 1
  }
}

/** `indent` as JSON.stringify has it. Throws `TypeError` for a circle. */
export function stringifyJsonExactly(value: unknown, indent?: number): string {
  try {
    return JSON.stringify(value, undefined, indent)
  } catch (thrown) {
    // That it holds a bigint, or a circle, on which what follows throws again.
    if (!(thrown instanceof TypeError)) throw thrown
  }
  const marker = mark()
  const unquoted = (_name: string, member: unknown): unknown =>
    typeof member === 'bigint' ? `${marker}${member.toString()}` : member
  return JSON.stringify(value, unquoted, indent).replaceAll(new RegExp(`"${marker}(-?\\d+)"`, 'g'), '$1')
}
