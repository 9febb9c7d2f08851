import { describe, expect, it } from 'vitest'
import { durationSeconds, durationText } from '../../src/framework/duration.ts'
import { convertField } from '../../src/framework/field.ts'
import type { FieldType } from '../../src/framework/field.ts'

const convert = (type: FieldType, value: unknown) => convertField({ type, description: '', example: '' }, value)

describe('a field takes what the command line, forms and JSON send', () => {
  it.each<[FieldType, unknown, unknown]>([
    ['string', 7, '7'],
    ['string', true, 'true'],
    ['string', '', ''],
    ['int', '42', 42],
    ['int', -3, -3],
    ['bool', 'true', true],
    ['bool', '1', true],
    ['bool', 'F', false],
    ['bool', '', false],
    ['bool', 1, true],
    ['duration', '15m', 900],
    ['duration', '900', 900],
    ['duration', 900, 900],
    ['duration', '1h30m', 5400],
    ['duration', '1d', 86400],
    ['duration', '1.5h', 5400],
    ['list', 'a, b,,c', ['a', 'b', 'c']],
    ['list', '["a","b,c"]', ['a', 'b,c']],
    ['list', '[9007199254740993]', ['9007199254740993']],
    ['list', ['a', 1], ['a', '1']],
    ['list', '', []],
    ['object', '{"a":1}', { a: 1 }],
    ['object', 'k=v=w', { k: 'v=w' }],
    ['object', ['a=1', 'b=2'], { a: '1', b: '2' }],
    ['objects', 'GET /a,GET /b', ['GET /a', 'GET /b']],
    ['objects', '[{"path":"/a"}]', [{ path: '/a' }]],
    ['objects', { path: '/a' }, [{ path: '/a' }]],
  ])('%s %j', (type, value, expected) => {
    expect(convert(type, value)).toEqual(expected)
  })
})

it('a text that may be a list is kept as one text with commas', () => {
  const joined = { type: 'string', description: '', example: '', joined: true } as const
  expect(convertField(joined, ['bearer', 'query:key'])).toBe('bearer,query:key')
  expect(convertField(joined, 'bearer,query:key')).toBe('bearer,query:key')
  expect(() => convertField(joined, [{}])).toThrow('has an item at [0] that is not a string')
})

describe('a field refuses', () => {
  it.each<[FieldType, unknown, string]>([
    ['string', {}, 'must be a string'],
    ['string', [], 'must be a string'],
    ['int', '1.5', 'must be a whole number'],
    ['int', 1.5, 'must be a whole number'],
    ['int', '9007199254740993', 'must be a whole number'],
    ['int', '', 'must be a whole number'],
    ['int', true, 'must be a whole number'],
    ['bool', 'yes', 'must be true or false'],
    ['bool', 2, 'must be true or false'],
    ['bool', null, 'must be true or false'],
    ['duration', '15 minutes', 'must be a duration'],
    ['duration', 'm', 'must be a duration'],
    ['duration', -1, 'must not be negative'],
    ['duration', Infinity, 'must be a duration'],
    ['duration', {}, 'must be a duration'],
    ['list', {}, 'must be a list of strings'],
    ['list', [{}], 'has an item at [0] that is not a string'],
    ['list', '[1,', 'does not parse as JSON'],
    ['list', '[1e400]', 'holds a number that cannot be kept as it is (1e400)'],
    ['object', '{"a":0.1234567890123456789}', 'holds a number that cannot be kept as it is (0.1234567890123456789)'],
    ['object', 'novalue', 'key=value'],
    ['object', 5, 'must be an object'],
    ['object', '{', 'does not parse as JSON'],
    ['objects', 5, 'must be a list'],
  ])('%s %j', (type, value, sentence) => {
    expect(() => convert(type, value)).toThrow(sentence)
  })

  it.each<[string, FieldType, (items: number) => unknown]>([
    ['a list', 'list', (items) => new Array(items).fill('a')],
    ['a list in one text', 'list', (items) => 'a,'.repeat(items)],
    ['a list of objects', 'objects', (items) => new Array(items).fill({})],
  ])('%s of more than a thousand items', (_case, type, value) => {
    expect(convert(type, value(1_000))).toHaveLength(1_000)
    expect(() => convert(type, value(1_001))).toThrow('must have at most 1000 items')
  })

  it('a value outside the allowed ones', () => {
    expect(() => convertField({ type: 'string', description: '', example: 'a', allowed: ['a', 'b'] }, 'c')).toThrow(
      'must be one of a, b',
    )
  })
})

describe('durations', () => {
  it.each([
    [0, '0s'],
    [45, '45s'],
    [900, '15m'],
    [5400, '1h30m'],
    [3661, '1h1m1s'],
    [2_764_800, '768h'],
  ])('%i reads %s', (seconds, text) => {
    expect(durationText(seconds)).toBe(text)
    expect(durationSeconds(text)).toBe(seconds)
  })

  it('do not take forever on hostile text', () => {
    expect(durationSeconds(`${'1'.repeat(50_000)}x`)).toBeUndefined()
  })
})
