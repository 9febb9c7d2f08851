/**
 * As much of WebAssembly (W3C Core Specification 2.0: 5.4 "Instructions", 5.5 "Modules") as it takes to write a small function for
 * vectors of 16 bytes, instruction by instruction, so that what runs is what can be read.
 */
export type Code = readonly (number | Code)[]

const I32 = 0x7f
const V128 = 0x7b
const FUNCTION = 0x60
const NO_RESULT = 0x40

const flat = (code: Code): number[] => code.flat(Infinity as 1) as number[]

/** LEB128. */
function unsigned(value: number): number[] {
  const low = value & 0x7f
  const rest = value >>> 7
  return rest === 0 ? [low] : [low | 0x80, ...unsigned(rest)]
}

function signed(value: number): number[] {
  const low = value & 0x7f
  const rest = value >> 7
  const isLast = rest === (low & 0x40 ? -1 : 0)
  return isLast ? [low] : [low | 0x80, ...signed(rest)]
}

const vector = (code: number): number[] => [0xfd, ...unsigned(code)]

export const get = (local: number): Code => [0x20, local]
export const set = (local: number): Code => [0x21, local]
export const i32 = (value: number): Code => [0x41, ...signed(value)]
export const loop = (...body: Code): Code => [0x03, NO_RESULT, body, 0x0b]
export const block = (...body: Code): Code => [0x02, NO_RESULT, body, 0x0b]
/** To the `depth`th block around, or to the beginning of the loop that it is. */
export const branchIf = (depth: number): Code => [0x0d, depth]
export const load8 = (offset: number): Code => [0x2d, 0, ...unsigned(offset)]
export const store32 = (offset: number): Code => [0x36, 2, ...unsigned(offset)]
export const isZero: Code = [0x45]
export const isNot: Code = [0x47]
export const isLess: Code = [0x49]
export const trailingZeros: Code = [0x68]
export const add: Code = [0x6a]
export const sub: Code = [0x6b]
export const and: Code = [0x71]
export const xor: Code = [0x73]
export const shiftLeft: Code = [0x74]

export const load16x8 = (offset: number): Code => [vector(0), 0, ...unsigned(offset)]
/** The last `16 - count` bytes of the first operand and the first `count` of the second. */
export const slide = (count: number): Code => [vector(13), Array.from({ length: 16 }, (_, at) => count + at)]
/** Of the first operand the bytes that the second numbers. */
export const pick: Code = vector(14)
export const splat8: Code = vector(15)
export const isEqual8: Code = vector(35)
export const andVector: Code = vector(78)
export const orVector: Code = vector(80)
export const isAnyBit: Code = vector(83)
/** One bit for each byte, its highest. */
export const bitmask8: Code = vector(100)
export const shiftRight16: Code = vector(141)

const list = (items: Code): Code => [...unsigned(items.length), ...items]
const text = (value: string): Code => list([...Buffer.from(value, 'latin1')])
const section = (id: number, content: Code): Code => {
  const bytes = flat(content)
  return [id, ...unsigned(bytes.length), bytes]
}

/** A module of one function of two numbers that returns a number (`run`), and of its memory, in pages of 64 KB (`memory`). */
export function moduleOf(program: { numbers: number; vectors: number; pages: number; body: Code }): Uint8Array {
  const { numbers, vectors, pages, body } = program
  const locals = list([
    [...unsigned(numbers), I32],
    [...unsigned(vectors), V128],
  ])
  const code = flat([locals, body, 0x0b])
  const content = [
    section(1, list([[FUNCTION, list([I32, I32]), list([I32])]])),
    section(3, list([0])),
    section(5, list([[0, ...unsigned(pages)]])),
    section(
      7,
      list([
        [text('run'), 0, 0],
        [text('memory'), 2, 0],
      ]),
    ),
    section(10, list([[...unsigned(code.length), code]])),
  ]
  return Uint8Array.from(flat([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, content]))
}
