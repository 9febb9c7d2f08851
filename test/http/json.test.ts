import { createHook } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import { defaultJsonLimits, parseJson } from '../../src/http/index.ts'
import type { JsonLimits } from '../../src/http/index.ts'

const parse = (text: string, limits: Partial<JsonLimits> = {}): Promise<unknown> =>
  parseJson(Buffer.from(text), { ...defaultJsonLimits, ...limits })
/** The setting that refused, or the value. */
const outcome = (text: string, limits: Partial<JsonLimits>): Promise<unknown> =>
  parse(text, limits).then(
    () => 'read',
    (error: unknown) => /\((\w+)\)/.exec((error as Error).message)?.[1] ?? (error as Error).message,
  )

describe('a JSON body', () => {
  it.each([
    ['an object', '{"a":[1,"b",null,true,{"c":-0.5e3}],"":{}}'],
    ['a key twice: the last counts', '{"a":1,"a":2}'],
    ['__proto__ as a member like any other', '{"__proto__":{"a":1}}'],
    ['escapes', String.raw`{"\u0061\"":"\ud83d\ude00\\","b":"\\\""}`],
    ['white space', ' \n\t{ "a" : [ 1 , 2 ] }\r\n'],
    [
      'numbers as double keeps them',
      '[0.1,1e21,1E-7,9007199254740991,0.30000000000000004,1.10,-0,100000000000000000000]',
    ],
    ['a text', '"a"'],
    ['null', 'null'],
  ])('is read as JSON.parse reads it: %s', async (_what, text) => {
    expect(await parse(text)).toEqual(JSON.parse(text))
    // The same inside a body so long that it is built in slices.
    const long = `{"pad":"${'x'.repeat(200_000)}","more":[${text},${text}],"last":${text}}`
    expect(await parse(long)).toEqual(JSON.parse(long))
  })

  it('keeps __proto__ from being a prototype, in slices too', async () => {
    const long = (await parse(`{"__proto__":{"admin":true},"pad":"${'x'.repeat(200_000)}"}`)) as object
    expect([Object.getPrototypeOf(long) === Object.prototype, Object.keys(long)]).toEqual([true, ['__proto__', 'pad']])
  })

  it.each(['', '   ', '\n'])('is undefined when it is blank (%j)', async (text) => {
    expect(await parse(text)).toBeUndefined()
  })

  it.each([
    '{',
    '[1,]',
    '[1 2]',
    '{"a"}',
    '{"a":1,}',
    '{a:1}',
    '"open',
    '"\u0001"',
    'nul',
    '01',
    '+1',
    '1.',
    '{}{}',
    '[1]]',
    '}',
    '[}',
    ',',
    'NaN',
    "{'a':1}",
  ])('is refused when it is not JSON, whole and in slices: %j', async (text) => {
    await expect(parse(text)).rejects.toThrow('the body is not valid JSON')
    const pad = `"${'x'.repeat(200_000)}"`
    await expect(parse(`[${pad},${text},`)).rejects.toThrow('the body is not valid JSON')
    await expect(parse(`{"a":${pad},"b":${text}}`)).rejects.toThrow('the body is not valid JSON')
  })

  const items = Array.from({ length: 9000 }, (_, index) => String(index + 10_000_000)).join(',')
  it.each([
    ['[LIST, [LIST], {"a":[LIST],"b":[]}, 1]', true],
    ['[[LIST],[LIST],"]",[],[LIST]]', true],
    ['{"a":[LIST],"a":{"b":[LIST]}}', true],
    ['[LIST,]', false],
    ['[LIST,,1]', false],
    ['[,LIST]', false],
    ['[LIST}', false],
    ['[LIST],[LIST]', false],
    ['[LIST][LIST]', false],
    ['[1],[2,[LIST]]', false],
    ['[LIST 1]', false],
    ['[[LIST][LIST]]', false],
    ['[LIST,[1,2},{"a":3]]', false],
    ['[LIST', false],
    ['[LIST,', false],
    ['{"a":[LIST]', false],
    ['{"a":[LIST],}', false],
    ['{"a" [LIST]}', false],
    ['{[LIST]}', false],
  ])('with long lists is read or refused as by JSON.parse: %s', async (shape, valid) => {
    const text = shape.replaceAll('LIST', items)
    const read = parse(text)
    await (valid ? expect(read).resolves.toEqual(JSON.parse(text)) : expect(read).rejects.toThrow('not valid JSON'))
  })

  it('costs a promise for each turn, not for each value', async () => {
    let promises = 0
    const hook = createHook({
      init: (_id, type) => {
        promises += type === 'PROMISE' ? 1 : 0
      },
    })
    const text = `[${Array.from({ length: 20 }, () => `[${items}]`).join(',')}]`
    hook.enable()
    await parse(text)
    hook.disable()
    // 180,000 values in 1.6 MB: at most a turn for each 16 KiB, each way.
    expect(promises).toBeLessThan(2000)
  })

  it('is refused when it is not UTF-8', async () => {
    await expect(parseJson(Buffer.from([0x22, 0xff, 0x22]), defaultJsonLimits)).rejects.toThrow('not valid UTF-8')
  })

  it.each([
    '9007199254740993.5',
    `1${'0'.repeat(99)}1`,
    '1e400',
    '-1e400',
    '1e-400',
    '0.12345678901234567891',
    `1${'0'.repeat(2000)}`,
  ])('is refused when a number would come back as another: %s', async (number) => {
    await expect(parse(`{"n":${number}}`)).rejects.toThrow('send it as a text')
  })
})

it.each(['9007199254740993', '-438544484291054295', `1${'0'.repeat(98)}1`])(
  'a whole number keeps all its digits, in short bodies and long ones: %s',
  async (number) => {
    const value = { n: BigInt(number), nested: [{ n: BigInt(number) }], text: `"${number}` }
    const body = `{"n":${number},"nested":[{"n": ${number} }],"text":"\\"${number}"}`
    expect(await parse(body)).toEqual(value)
    const filler = `"${'x'.repeat(200_000)}"`
    expect(await parse(`[${filler},${body},${number},${filler}]`)).toMatchObject({ 1: value, 2: BigInt(number) })
  },
)

it.each(['{9007199254740993:1}', '[09007199254740993]', '[9007199254740993a]', '[9007199254740993"a"]'])(
  'a number of many digits makes no valid JSON of an invalid text: %s',
  async (text) => {
    await expect(parse(text)).rejects.toThrow('not valid JSON')
  },
)

describe('limits of a JSON body', () => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  const list = (items: number): string => `[${Array.from({ length: items }, () => '1').join(',')}]`
  const object = (members: number): string =>
    `{${Array.from({ length: members }, (_, index) => `"${String(index)}":1`).join(',')}}`

  it.each<[keyof JsonLimits, number, string, string]>([
    ['max_json_depth', 300, nested(300), nested(301)],
    ['max_json_depth', 2, '{"a":{}}', '{"a":{"b":[]}}'],
    ['max_json_array_element_count', 10_000, list(10_000), list(10_001)],
    ['max_json_object_entry_count', 10_000, object(10_000), object(10_001)],
    ['max_json_object_entry_count', 2, '[1,2,3,{"a":1,"b":2}]', '[{"a":1,"b":2,"b":3}]'],
    ['max_json_string_value_length', 1_048_576, `"${'x'.repeat(1_048_576)}"`, `"${'x'.repeat(1_048_577)}"`],
    ['max_json_string_value_length', 4, String.raw`["\u0061\"\\b","\ud83d\ude00","é"]`, String.raw`["\u0061\"\\bc"]`],
    ['max_json_string_value_length', 4, '{"abcd":1}', '{"abcde":1}'],
    ['max_json_token', 6, '{"a":[1]}', '{"a":[1,2]}'],
    ['max_request_json_strings', 2, '{"a":"b"}', '{"a":"b","c":1}'],
    ['max_request_json_memory', 200, '["a","b"]', '["a","b",{"c":{}}]'],
  ])('%s = %i lets one through and refuses the next', async (setting, value, fits, exceeds) => {
    expect(await outcome(fits, { [setting]: value })).toBe('read')
    expect(await outcome(exceeds, { [setting]: value })).toBe(setting)
  })

  it('hold before anything is built: of a million texts nothing is kept', async () => {
    const body = `[${Array.from({ length: 200 }, () => `[${Array.from({ length: 5000 }, () => '"a"').join(',')}]`).join(',')}]`
    expect(await outcome(body, {})).toBe('max_json_token')
  })

  it('name the setting and who can raise it', async () => {
    await expect(parse(nested(301))).rejects.toThrow(
      'objects and lists are nested more than 300 deep (max_json_depth); send less, or have the operator raise the setting of the listener',
    )
  })
})

/** A small generator with a seed, so that a failure can be run again. */
function generator(seed: number) {
  let state = seed
  const below = (limit: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * limit)
  }
  const value = (depth: number): unknown => {
    const kind = below(depth > 4 ? 4 : 6)
    if (kind === 0) return below(100_000) / 8
    if (kind === 1) return ['', 'é"\\\n', '😀', 'plain'][below(4)]
    if (kind === 2) return below(2) === 0
    if (kind === 3) return 'x'.repeat(below(40_000))
    const size = below(12)
    if (kind === 4) return Array.from({ length: size }, () => value(depth + 1))
    return Object.fromEntries(Array.from({ length: size }, () => [`k${String(below(20))}`, value(depth + 1)]))
  }
  return { below, value }
}

it.each(Array.from({ length: 30 }, (_, index) => index + 1))(
  'generated documents, whole or with a byte changed, are read exactly as JSON.parse reads them (seed %i)',
  async (seed) => {
    const { below, value } = generator(seed)
    const text = JSON.stringify([value(0), value(0), value(0), 'x'.repeat(130_000)], null, below(2))
    expect(await parse(text)).toEqual(JSON.parse(text))
    for (let round = 0; round < 20; round++) {
      const at = below(text.length)
      const changed = text.slice(0, at) + '[]{}",:1 e'[below(10)]! + text.slice(at + 1)
      const expected = attempt(() => JSON.parse(changed) as unknown)
      const got = await parse(changed).catch(() => 'refused')
      expect(got).toEqual(expected)
    }
  },
)

function attempt(act: () => unknown): unknown {
  try {
    return act()
  } catch {
    return 'refused'
  }
}
