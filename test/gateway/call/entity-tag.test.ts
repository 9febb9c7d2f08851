import { describe, expect, it } from 'vitest'
import { originalTags, tagOfChanged } from '../../../src/gateway/call/entity-tag.ts'

describe('the tag of a changed body', () => {
  it.each([
    ['"a"', 'W/"a~mcp"'],
    ['""', 'W/"~mcp"'],
    ['W/"a"', 'W/"a"'],
    ['a', 'a'],
  ])('%s becomes %s', (tag, expected) => {
    expect(tagOfChanged(tag)).toBe(expected)
  })

  it.each([
    ['W/"a~mcp"', '"a"'],
    ['W/"a~mcp", W/"b", "c", W/"d~mcp"', '"a", W/"b", "c", "d"'],
    ['W/"~mcp"', '""'],
    ['"a"', '"a"'],
    ['*', '*'],
    ['"a~mcp"', '"a~mcp"'],
  ])('comes back in a condition as the upstream wrote it: %s', (value, expected) => {
    expect(originalTags(value)).toBe(expected)
  })

  it.each(['"a"', '"a~mcp"', 'W/"a"', '"~"', '""'])('and its way back lose nothing: %s', (tag) => {
    expect(originalTags(tagOfChanged(tag))).toBe(tag)
  })
})
