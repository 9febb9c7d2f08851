import { describe, expect, it } from 'vitest'
import { Backoff, jitterOf, pauseMs } from '../../src/logical/backoff.ts'

const pauses = (backoff: Backoff, count: number): number[] => Array.from({ length: count }, () => backoff.next())

describe('back-off', () => {
  it('doubles each pause up to the longest', () => {
    expect(pauses(new Backoff({ firstMs: 100, longestMs: 1_000 }), 6)).toEqual([100, 200, 400, 800, 1_000, 1_000])
  })

  it('starts again after a success', () => {
    const backoff = new Backoff({ firstMs: 100, longestMs: 1_000 })
    pauses(backoff, 3)
    backoff.reset()
    expect(backoff.failures).toBe(0)
    expect(backoff.next()).toBe(100)
  })

  it('grows by the factor given', () => {
    expect([1, 2, 3].map((failures) => pauseMs({ firstMs: 1_000, longestMs: 60_000, factor: 1.5 }, failures))).toEqual([
      1_000, 1_500, 2_250,
    ])
  })

  it('never exceeds the longest pause after any number of failures', () => {
    expect(pauseMs({ firstMs: 100, longestMs: 1_000 }, 5_000)).toBe(1_000)
  })

  it('spreads waiters between the two multipliers', () => {
    const at = (byte: number) => jitterOf((bytes) => new Uint8Array(bytes).fill(byte), 0.5, 1.5)
    expect(pauseMs({ firstMs: 1_000, longestMs: 5_000, jitter: at(0) }, 1)).toBe(500)
    expect(pauseMs({ firstMs: 1_000, longestMs: 5_000, jitter: at(128) }, 1)).toBeCloseTo(1_002, 0)
    expect(pauseMs({ firstMs: 1_000, longestMs: 5_000, jitter: at(255) }, 1)).toBe(1_500)
  })
})
