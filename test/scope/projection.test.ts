import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileProjection, ScopeError } from '../../src/scope/index.ts'

const project = (fields: string[], json: unknown) => JSON.stringify(compileProjection(fields)(json))

describe('projection', () => {
  it.each([
    ['what is not listed', ['id'], { id: 1, secret: 2 }, '{"id":1}'],
    ['what is not listed, deeper', ['a.b'], { a: { b: 1, c: 2 }, d: 3 }, '{"a":{"b":1}}'],
    [
      'what is not listed in elements',
      ['data[].id', 'has_more'],
      { data: [{ id: 1, email: 'x' }, { id: 2 }], has_more: false, url: '/' },
      '{"data":[{"id":1},{"id":2}],"has_more":false}',
    ],
    ['a list where an object was said', ['a.b'], { a: [{ b: 1 }] }, '{}'],
    ['an object where a list was said', ['data[].id'], { data: { id: 1 } }, '{}'],
    ['a text where a list was said', ['data[]'], { data: 'secret' }, '{}'],
    ['a text where an object was said', ['a.length'], { a: 'secret' }, '{}'],
    ['null where an object was said', ['a.b'], { a: null }, '{}'],
    [
      'elements of another type',
      ['data[].id'],
      { data: [{ id: 1 }, 'secret', null, 7, [{ id: 2 }]] },
      '{"data":[{"id":1}]}',
    ],
    [
      'lists of lists where lists were said',
      ['rows[][].id'],
      { rows: [[{ id: 1, x: 2 }], { id: 3 }] },
      '{"rows":[[{"id":1}]]}',
    ],
    ['a list at the top where an object was said', ['id'], [{ id: 1 }], 'null'],
    ['an object at the top where a list was said', ['[].id'], { id: 1 }, 'null'],
    ['a text at the top', ['id'], 'secret', 'null'],
    ['nothing at the top', ['id'], undefined, 'null'],
    ['everything, when no field is listed', [], { id: 1 }, 'null'],
    ['inherited members', ['constructor', 'toString', 'a.hasOwnProperty'], { a: {} }, '{"a":{}}'],
    [
      'an object or a list where a scalar was said',
      ['a[scalar]', 'b[scalar]', 'c[][scalar]'],
      { a: { token: 1 }, b: [1], c: [{ d: 1 }, [2]] },
      '{"c":[]}',
    ],
    ['a length of a list', ['data.length', 'data.0'], { data: [1, 2] }, '{}'],
  ])('deny: %s vanishes', (_name, fields, json, expected) => {
    expect(project(fields, json)).toBe(expected)
  })

  it.each([
    [
      'a field that ends at an object passes it whole',
      ['a'],
      { a: { b: [1, { c: 2 }] }, d: 1 },
      '{"a":{"b":[1,{"c":2}]}}',
    ],
    ['a field that ends at elements passes them whole', ['data[]'], { data: [1, { a: 1 }] }, '{"data":[1,{"a":1}]}'],
    [
      'falsy values pass',
      ['a', 'b', 'c', 'd'],
      { a: false, b: 0, c: '', d: null },
      '{"a":false,"b":0,"c":"","d":null}',
    ],
    ['a wider field swallows a narrower one', ['a.b', 'a'], { a: { b: 1, c: 2 } }, '{"a":{"b":1,"c":2}}'],
    [
      'elements without any listed member stay in place',
      ['data[].id'],
      { data: [{ x: 1 }, { id: 2 }] },
      '{"data":[{},{"id":2}]}',
    ],
    [
      'a scalar where one was said',
      ['a[scalar]', 'b[][scalar]', 'c[scalar]', 'd[scalar]', 'd.e'],
      { a: '1', b: [1, true], c: null, d: { e: 1, f: 2 } },
      '{"a":"1","b":[1,true],"c":null,"d":{"e":1}}',
    ],
    ['a wider field swallows a scalar', ['a', 'a[scalar]'], { a: [1] }, '{"a":[1]}'],
    ['a list at the top', ['[].id'], [{ id: 1, x: 2 }], '[{"id":1}]'],
    [
      'a nested list',
      ['a.b[].c', 'a.b[].d[].e'],
      { a: { b: [{ c: 1, d: [{ e: 2, f: 3 }], g: 4 }] } },
      '{"a":{"b":[{"c":1,"d":[{"e":2}]}]}}',
    ],
    [
      'names with dashes, blanks and signs',
      ['x-id', '$ref', 'a b'],
      { 'x-id': 1, $ref: 2, 'a b': 3 },
      '{"x-id":1,"$ref":2,"a b":3}',
    ],
  ])('%s', (_name, fields, json, expected) => {
    expect(project(fields, json)).toBe(expected)
  })

  it('a member called __proto__ is an ordinary member', () => {
    const json: unknown = JSON.parse('{"__proto__": {"a": 1, "b": 2}, "c": 3}')
    expect(project(['c'], json)).toBe('{"c":3}')
    expect(project(['__proto__.a'], json)).toBe('{"__proto__":{"a":1}}')
    expect(({} as Record<string, unknown>).a).toBeUndefined()
  })

  it.each([
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'a[',
    'a]',
    'a[0]',
    'a[]b',
    '[]a',
    'a.[]',
    'x'.repeat(513),
    Array(40).fill('a').join('.'),
  ])('deny: the field %j', (field) => {
    expect(() => compileProjection(['ok', field])).toThrow(ScopeError)
  })

  it('does not change its input', () => {
    const json = { data: [{ id: 1, x: 2 }], y: 3 }
    const before = JSON.stringify(json)
    project(['data[].id'], json)
    expect(JSON.stringify(json)).toBe(before)
  })

  const name = fc.constantFrom('a', 'b', 'c', '__proto__')
  const field = fc
    .array(fc.tuple(name, fc.constantFrom('', '', '[]')), { minLength: 1, maxLength: 3 })
    .map((steps) => steps.map((step) => step.join('')).join('.'))
  const document = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      fc.integer(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(name, tie('value'), { noNullPrototype: false, maxKeys: 3 }),
    ),
  })).value
  /** Every leaf's place, list positions as `[]`: `a[].b`. */
  const places = (value: unknown, at: string): string[] => {
    if (Array.isArray(value)) return value.flatMap((one) => places(one, `${at}[]`))
    if (typeof value !== 'object' || value === null) return [at]
    return Object.entries(value).flatMap(([key, one]) => places(one, at === '' ? key : `${at}.${key}`))
  }
  it('only ever contains listed fields, and all leaves that are there and listed', () => {
    fc.assert(
      fc.property(fc.array(field, { maxLength: 4 }), document, (fields, json) => {
        const isListed = (place: string) =>
          fields.some((one) => place === one || place.startsWith(`${one}.`) || place.startsWith(`${one}[`))
        const kept = compileProjection(fields)(json)
        const keptPlaces = kept === null ? [] : places(kept, '')
        expect(keptPlaces).toEqual(keptPlaces.filter(isListed))
        expect([...keptPlaces].sort()).toEqual(places(json, '').filter(isListed).sort())
      }),
      { numRuns: 800 },
    )
  })

  it('never throws, whatever the response is', () => {
    fc.assert(
      fc.property(fc.array(field), fc.anything(), (fields, json) => {
        compileProjection(fields)(json)
      }),
    )
  })
})
