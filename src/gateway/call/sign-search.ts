import { SIGN_LENGTH, type Signs } from './signs.ts'
import * as wasm from './wasm.ts'
import type { Code } from './wasm.ts'

/** As many bytes as are searched at once, and bytes read beyond them. */
export const LARGEST_PIECE = 1 << 14
const BEYOND = 64

/** Where things lie in the memory of the program. */
const NIBBLES = 0
const BYTES = 256
const PIECE = 2048
const FOUND = PIECE + LARGEST_PIECE + BEYOND
const PAGES = Math.ceil((FOUND + 4 * LARGEST_PIECE) / 65_536)

interface Program {
  readonly memory: Uint8Array
  readonly run: (from: number, to: number) => number
}

/** The parameters, then numbers, then vectors. */
const AT = 0
const END = 1
const COUNT = 2
const BITS = 3
const PLACE = 4
const TABLES = 5
const LOW = 10
const HIGH = 11
const FIRST = 12
const SECOND = 13
const FIRST_BEFORE = 14
const SECOND_BEFORE = 15
const MATCHING = 16
const FIFTEEN = 17
const MATCHING_BEHIND = 18

const { get, set, i32 } = wasm

const fifteen: Code = get(FIFTEEN)
const lowHalves: Code = [fifteen, wasm.andVector, set(LOW)]
const highHalves: Code = [i32(4), wasm.shiftRight16, fifteen, wasm.andVector, set(HIGH)]
const loadHalves = (offset: number): Code => [
  [get(AT), wasm.load16x8(PIECE + offset), set(LOW)],
  [get(LOW), highHalves, get(LOW), lowHalves],
]

/** The groups of signs that the bytes of halves `LOW` and `HIGH` may belong to, by tables that are at hand. */
const groupsBy = (lowTable: number, highTable: number): Code => [
  [get(TABLES + lowTable), get(LOW), wasm.pick],
  [get(TABLES + highTable), get(HIGH), wasm.pick],
  wasm.andVector,
]

/**
 * Sixteen bytes: into `MATCHING`, for each, the groups that it and the two before it may be of. Of the third byte the lower half is
 * enough here.
 */
const matchThree = (offset: number): Code => [
  loadHalves(offset),
  [groupsBy(0, 1), set(FIRST), groupsBy(2, 3), set(SECOND)],
  [get(TABLES + 4), get(LOW), wasm.pick],
  [get(FIRST_BEFORE), get(FIRST), wasm.slide(14), wasm.andVector],
  [get(SECOND_BEFORE), get(SECOND), wasm.slide(15), wasm.andVector],
  [get(FIRST), set(FIRST_BEFORE), get(SECOND), set(SECOND_BEFORE)],
]

const tableOf = (place: number, half: number): Code => [i32(NIBBLES), wasm.load16x8(32 * place + 16 * half)]

/** And the bytes behind, where there is anything left. */
const matchOthers: Code = [2, 3, 4, 5].map((place) => [
  loadHalves(place - 2),
  [tableOf(place, 0), get(LOW), wasm.pick, get(MATCHING), wasm.andVector],
  [tableOf(place, 1), get(HIGH), wasm.pick, wasm.andVector, set(MATCHING)],
])

const groupsOfByte = (place: number): Code => [[get(PLACE), wasm.load8(PIECE + place)], wasm.load8(BYTES + 256 * place)]

/** Notes the places of `BITS` where a sign stands, without a branch. */
const lookUpBits: Code = wasm.loop(
  [get(AT), get(BITS), wasm.trailingZeros, wasm.add, i32(2), wasm.sub, set(PLACE)],
  [get(COUNT), i32(2), wasm.shiftLeft, get(PLACE), wasm.store32(FOUND)],
  groupsOfByte(0),
  [1, 2, 3, 4, 5].map((place) => [groupsOfByte(place), wasm.and]),
  [i32(0), wasm.isNot, get(COUNT), wasm.add, set(COUNT)],
  [get(BITS), i32(1), wasm.sub, get(BITS), wasm.and, set(BITS)],
  [get(BITS), wasm.branchIf(0)],
)

/** Where any of sixteen bytes match so far, looks further. */
const matchSixteen: Code = wasm.block(
  [get(MATCHING), wasm.isAnyBit, wasm.isZero, wasm.branchIf(0)],
  matchOthers,
  [get(MATCHING), wasm.isAnyBit, wasm.isZero, wasm.branchIf(0)],
  [get(MATCHING), i32(0), wasm.splat8, wasm.isEqual8, wasm.bitmask8, i32(0xffff), wasm.xor, set(BITS)],
  lookUpBits,
)
const goOn = (bytes: number): Code => [get(AT), i32(bytes), wasm.add, set(AT)]

const body: Code = [
  [i32(15), wasm.splat8, set(FIFTEEN)],
  [0, 1, 2, 3, 4].map((table) => [i32(NIBBLES), wasm.load16x8(16 * table), set(TABLES + table)]),
  wasm.loop(
    [matchThree(0), set(MATCHING), matchThree(16), set(MATCHING_BEHIND)],
    wasm.block(
      [get(MATCHING), get(MATCHING_BEHIND), wasm.orVector, wasm.isAnyBit, wasm.isZero, wasm.branchIf(0)],
      [matchSixteen, goOn(16), get(MATCHING_BEHIND), set(MATCHING), matchSixteen, goOn(-16)],
    ),
    goOn(32),
    [get(AT), get(END), wasm.isLess, wasm.branchIf(0)],
  ),
  get(COUNT),
]

declare const WebAssembly:
  | {
      Module: new (bytes: Uint8Array) => object
      Instance: new (module: object) => {
        exports: { memory: { buffer: ArrayBuffer }; run: Program['run'] }
      }
    }
  | undefined

/** Undefined where the engine may not compile (`--jitless`), has no vectors, or no memory for it. */
function instantiate(): Program | undefined {
  try {
    const program = wasm.moduleOf({ numbers: 3, vectors: 14, pages: PAGES, body })
    const { memory, run } = new WebAssembly!.Instance(new WebAssembly!.Module(program)).exports
    return { memory: new Uint8Array(memory.buffer), run }
  } catch {
    return undefined
  }
}

const program = instantiate()
let loaded: Signs | undefined

/** What was found last: offsets within the piece. One for all searches, none of which waits. */
export const found: Int32Array = program
  ? new Int32Array(program.memory.buffer, FOUND, LARGEST_PIECE)
  : new Int32Array(LARGEST_PIECE)

/**
 * Notes in `found` where signs stand in `bytes` between `from` and `to`, counted from `from`, and returns how many they are. At most
 * `LARGEST_PIECE` bytes at once; a sign that begins less than `SIGN_LENGTH` bytes before `to` may be left out or made up.
 */
export function findSigns(signs: Signs, bytes: Uint8Array, from: number, to: number): number {
  return program === undefined || to - from < 16
    ? findOneByOne(signs, bytes, from, to)
    : findWithVectors(program, signs, bytes, from, to)
}

function findWithVectors({ memory, run }: Program, signs: Signs, bytes: Uint8Array, from: number, to: number): number {
  if (loaded !== signs) {
    memory.set(signs.nibbles, NIBBLES)
    memory.set(signs.bytes, BYTES)
    loaded = signs
  }
  memory.set(bytes.subarray(from, to), PIECE)
  return run(0, to - from)
}

/** The same without vectors. */
export function findOneByOne(signs: Signs, bytes: Uint8Array, from: number, to: number): number {
  let count = 0
  for (let at = from; at <= to - SIGN_LENGTH; at++) {
    if (signs.bytes[bytes[at]!]! === 0) continue
    let groups = 0xff
    for (let place = 0; place < SIGN_LENGTH; place++) groups &= signs.bytes[256 * place + bytes[at + place]!]!
    found[count] = at - from
    if (groups !== 0) count++
  }
  return count
}
