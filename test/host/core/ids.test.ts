import { describe, expect, it } from 'vitest'
import { base62, uuid } from '../../../src/host/base/ids.ts'

/** Every byte value in turn. */
function counting(): (bytes: number) => Uint8Array {
  let next = 0
  return (bytes) => Uint8Array.from({ length: bytes }, () => next++ % 256)
}

describe('random ids', () => {
  it('hold each of 62 characters equally often', () => {
    const text = base62(counting(), 62 * 40)
    const counts = new Map<string, number>()
    for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
    expect(counts.size).toBe(62)
    expect(new Set(counts.values())).toEqual(new Set([40]))
  })

  it('have the length asked for, whatever the random source throws away', () => {
    let requested = 0
    expect(base62((bytes) => new Uint8Array(bytes).fill(requested++ < 3 ? 255 : 1), 24)).toBe('1'.repeat(24))
  })

  it('as UUIDs are version 4', () => {
    expect(uuid((bytes) => new Uint8Array(bytes).fill(0xff))).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff')
    expect(uuid((bytes) => new Uint8Array(bytes))).toBe('00000000-0000-4000-8000-000000000000')
  })
})
