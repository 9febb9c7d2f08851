import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_LINE_BYTES, logLine } from '../../src/goplugin/log-line.ts'
import { readLogLine } from '../fakes/go-plugin-host.ts'
import { hostileFields } from './hostile-fields.ts'

const now = Date.parse('2026-01-31T10:20:30.120Z')
const entry = (fields: object, message: unknown = 'm') =>
  JSON.parse(logLine('info', now, fields, message)) as Record<string, unknown>

test('is what hosts read: level, message and a time with six digits of fraction', () => {
  expect(logLine('warn', now, { agent: 'a', count: 2 }, 'slow')).toBe(
    '{"@level":"warn","@message":"slow","@timestamp":"2026-01-31T10:20:30.120000Z","agent":"a","count":2}\n',
  )
})

test('the keys of the host cannot be had', () => {
  expect(entry({ '@level': 30, '@message': null, '@timestamp': {}, '@module': 'x', '@@message': 'y', '@': 1 })).toEqual(
    {
      '@level': 'info',
      '@message': 'm',
      '@timestamp': '2026-01-31T10:20:30.120000Z',
      level: 30,
      message: 'y',
      timestamp: {},
      module: 'x',
    },
  )
})

test.each([
  undefined,
  null,
  5,
  {
    toString() {
      throw new Error('no')
    },
  },
  Symbol('s'),
  Object.create(null),
])('a message that is not a text is made one', (message) => {
  expect(entry({}, message)['@message']).toBeTypeOf('string')
})

test('what JSON has no words for is said in a sentence or left out, and the rest is there', () => {
  const circular: Record<string, unknown> = {}
  circular.self = circular
  const { error, ...rest } = entry({
    circular,
    bad: {
      toJSON() {
        throw new Error('no')
      },
    },
    big: 5n,
    none: undefined,
    inner: { big: [6n] },
    error: new TypeError('wrong'),
    last: true,
  })
  expect(rest).toMatchObject({
    circular: '(cannot be logged)',
    bad: '(cannot be logged)',
    big: '5',
    inner: { big: ['6'] },
    last: true,
  })
  expect(rest).not.toHaveProperty('none')
  expect(error).toMatch(/^TypeError: wrong\n/)
})

test('keys out of prototypes are keys like any other', () => {
  const raw = logLine(
    'info',
    now,
    JSON.parse('{"__proto__":{"polluted":1},"constructor":2,"toString":3}') as object,
    'm',
  )
  expect(raw).toContain('"__proto__":{"polluted":1},"constructor":2,"toString":3')
  expect(Object.prototype).not.toHaveProperty('polluted')
})

test('inherited fields are not logged', () => {
  expect(entry(Object.create({ inherited: 1 }) as object)).not.toHaveProperty('inherited')
})

test('long messages and values are cut, and fields beyond the line are counted out', () => {
  const long = entry({ value: 'v'.repeat(1 << 20) }, 'm'.repeat(1 << 20))
  expect(long['@message']).toMatch(/^m+…\(cut\)$/)
  expect(long.value).toMatch(/^"v+…\(cut\)$/)
  const many = entry(
    Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`k${String(index)}`, 'v'.repeat(50)])),
  )
  expect(many).toMatchObject({ k0: 'v'.repeat(50), log_fields_cut: true })
  expect(many).not.toHaveProperty('k9999')
})

test('a cut never makes a line longer than hosts read, whatever a character takes', () => {
  for (const character of ['x', 'ä', '\0', '"', '🦊', '\ud800', '\u2028']) {
    const text = character.repeat(100_000)
    for (const line of [logLine('info', now, {}, text), logLine('info', now, { text, [text]: text }, text)]) {
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(MAX_LINE_BYTES)
      expect(readLogLine(line.trimEnd()).structured).toBe(true)
    }
  }
})

test('hostile fields make one structured line each', () => {
  for (const fields of hostileFields()) {
    const line = logLine('error', now, fields, 'm')
    expect(line.indexOf('\n')).toBe(line.length - 1)
    expect(readLogLine(line.trimEnd())).toMatchObject({ structured: true, level: 'error', message: 'm' })
  }
})

test('nothing at all breaks the line', () => {
  const key = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('@level', '@message', '@timestamp', '__proto__', '@@@'),
  )
  const value = fc.anything({
    withBigInt: true,
    withDate: true,
    withNullPrototype: true,
    withObjectString: true,
    withSparseArray: true,
    withTypedArray: true,
    withMap: true,
    withSet: true,
  })
  fc.assert(
    fc.property(fc.dictionary(key, value), fc.oneof(fc.string({ unit: 'binary' }), value), (fields, message) => {
      const line = logLine('debug', now, fields, message)
      const read = JSON.parse(line) as Record<string, unknown>
      return (
        line.indexOf('\n') === line.length - 1 &&
        Buffer.byteLength(line) <= MAX_LINE_BYTES &&
        read['@level'] === 'debug' &&
        typeof read['@message'] === 'string' &&
        read['@timestamp'] === '2026-01-31T10:20:30.120000Z' &&
        Object.keys(read).filter((name) => name.startsWith('@')).length === 3
      )
    }),
  )
})
