/** Projection of a stream: what passes, what it costs, and that it is the projection of `src/scope` however the bytes are cut. */
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { projectBody } from '../../../src/gateway/call/project.ts'
import { compileProjection } from '../../../src/scope/index.ts'

type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>

async function* streamOf(chunks: Chunks): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield chunk
}

/** The projected text; `refused <code>` where the body is not handed on. */
async function projected(chunks: Chunks, fields: string[], reserve?: (bytes: number) => void): Promise<string> {
  try {
    const body = await projectBody({
      upstreamName: 'stripe',
      status: 200,
      contentType: 'application/json',
      body: streamOf(chunks),
      maxBytes: 16 * 1024 * 1024,
      projection: compileProjection(fields),
      reserve,
    })
    return body === undefined ? 'no body' : Buffer.from(body).toString()
  } catch (error) {
    return `refused ${(error as { code: string }).code}`
  }
}

const whole = (text: string): Uint8Array[] => [Buffer.from(text)]
const bytewise = (text: string | Uint8Array): Uint8Array[] => [...Buffer.from(text)].map((byte) => Uint8Array.of(byte))
const refused = 'refused upstream_invalid_response'

describe('what passes', () => {
  it.each([
    ['numbers as they were written', '{"a":1.10,"b":12345678901234567890,"c":-0,"d":1e400}', ['a', 'b', 'c', 'd']],
    ['names that are special elsewhere', '{"__proto__":{"a":1},"constructor":2}', ['__proto__', 'constructor']],
    ['an empty name', '{"":1}', ['a']],
    ['nesting up to the limit', `{"a":${'['.repeat(9_999)}${']'.repeat(9_999)}}`, ['a']],
  ])('%s', async (name, text, fields) => {
    expect(await projected(bytewise(text), fields)).toBe(name === 'an empty name' ? '{}' : text)
  })
  it.each<[string, string, string[], string]>([
    ['the last of a name given twice', '{"a":1,"a":2}', ['a'], '{"a":2}'],
    ['that one only, when it may not pass', '{"a":[1],"a":5,"b":1}', ['a[]', 'b'], '{"b":1}'],
    [
      'the last of each, inside what passes whole',
      '{"a":{"x":1,"y":{"z":1,"z":2},"x":3}}',
      ['a'],
      '{"a":{"y":{"z":2},"x":3}}',
    ],
    ['a name spelled with escapes', '{"\\u0069d":1,"\\u0069\\u0064":2}', ['id'], '{"id":2}'],
    [
      'strings written anew',
      '{"a":"\\u0041\\/\\u001f\\u000a\\ud83d\\ude00\\ud83d\\ud83dx"}',
      ['a'],
      '{"a":"A/\\u001f\\n😀\\ud83d\\ud83dx"}',
    ],
    ['what follows a byte order mark', '\ufeff{"a":1}', ['a'], '{"a":1}'],
    [
      'a scalar where no more may, and not the token that somebody asked for under its name',
      '{"id":{"token":"t"},"n":1,"l":["a",{"b":1},["c"]],"s":"x","m":{"p":1,"q":2}}',
      ['id[scalar]', 'n[scalar]', 'l[][scalar]', 's[scalar]', 'm[scalar]', 'm.p'],
      '{"n":1,"l":["a"],"s":"x","m":{"p":1}}',
    ],
    ['null where nothing may', '[1]', ['a'], 'null'],
  ])('%s', async (_name, text, fields, expected) => {
    expect([await projected(whole(text), fields), await projected(bytewise(text), fields)]).toEqual([
      expected,
      expected,
    ])
  })

  it.each([
    '', // distinguished below: no body at all
    '{"id":1}{"id":2}',
    '{"id":1}x',
    '{"id":1,}',
    '{"id":1',
    '{"id"}',
    '{id:1}',
    "{'id':1}",
    '{"id":01}',
    '{"id":1.}',
    '{"id":.5}',
    '{"id":-}',
    '{"id":1e}',
    '{"id":+1}',
    '{"id":tru}',
    '{"id":trueX}',
    '{"id":nul',
    '{"id":"\n"}',
    '{"id":"\\x"}',
    '{"id":"\\u12g4"}',
    '{"id":"\\u:234"}',
    '{"id":[1 2]}',
    '{"id":[1,]}',
    '{"id":1]',
    '[1}',
    ' ',
    '{"id":NaN}',
    '{"id":1}\0',
  ])('deny: nothing of %j', async (text) => {
    const expected = text === '' ? 'no body' : refused
    expect([await projected(whole(text), ['id']), await projected(bytewise(text), ['id'])]).toEqual([
      expected,
      expected,
    ])
  })
  it('deny: nothing of what is nested deeper than the limit, passing or not', async () => {
    const deep = `{"x":${'['.repeat(10_000)}${']'.repeat(10_000)}}`
    expect([await projected(whole(deep), ['id']), await projected(whole(deep), ['x'])]).toEqual([refused, refused])
  })
  it.each([
    ['a byte that begins nothing', [0xff]],
    ['a character cut short', [0xe2, 0x82]],
    ['half a surrogate pair', [0xed, 0xa0, 0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
  ])('deny: %s, in a field that would not pass', async (_name, bytes) => {
    const body = Buffer.concat([Buffer.from('{"x":"'), Buffer.from(bytes), Buffer.from('","id":1}')])
    expect([await projected([body], ['id']), await projected(bytewise(body), ['id'])]).toEqual([refused, refused])
  })
})

/**
 * The reference: a parser of a few lines that builds everything, then `compileProjection`, then text. Names and texts stand as
 * `:text`, numbers and literals as they were written.
 */
function reference(text: string, fields: string[]): string {
  let at = 0
  const token = (pattern: RegExp): string => {
    pattern.lastIndex = at
    const found = pattern.exec(text)![0]
    at += found.length
    return found
  }
  const space = () => token(/\s*/y)
  const list = (close: string, item: () => void): void => {
    at++
    for (space(); text[at] !== close; token(/\s*,?\s*/y)) item()
    at++
  }
  const string = () => `:${JSON.parse(token(/"(?:[^"\\]|\\.)*"/y)) as string}`
  const value = (): unknown => {
    space()
    if (text[at] === '"') return string()
    if (text[at] === '[') {
      const items: unknown[] = []
      list(']', () => items.push(value()))
      return items
    }
    if (text[at] !== '{') return token(/[^\s,\]}]+/y)
    const members = new Map<string, unknown>()
    list('}', () => {
      const name = string()
      token(/\s*:/y)
      const inner = value()
      members.delete(name)
      members.set(name, inner)
    })
    return Object.fromEntries(members)
  }
  const document = value()
  const prefixed = fields.map((field) => field.replace(/(^|\.)(?=[^[.])/g, '$1:'))
  return written(inOrderOf(compileProjection(prefixed)(document), document))
}

function written(part: unknown): string {
  if (Array.isArray(part)) return `[${part.map(written).join(',')}]`
  if (typeof part === 'string') return part.startsWith(':') ? JSON.stringify(part.slice(1)) : part
  if (part === null) return 'null'
  const members = Object.entries(part as object)
  return `{${members.map(([name, inner]) => `${JSON.stringify(name.slice(1))}:${written(inner)}`).join(',')}}`
}

const kindOf = (part: unknown): string => (Array.isArray(part) ? 'list' : typeof part === 'string' ? part : typeof part)

/** The projection builds its members in the order of the fields; the stream keeps the document's. */
function inOrderOf(kept: unknown, source: unknown): unknown {
  if (typeof kept !== 'object' || kept === null) return kept
  if (!Array.isArray(kept)) {
    const entries = Object.entries(source as object).filter(([name]) => Object.hasOwn(kept, name))
    return Object.fromEntries(
      entries.map(([name, inner]) => [name, inOrderOf((kept as Record<string, unknown>)[name], inner)]),
    )
  }
  // Elements vanish where they have another type than the field says: the others are met in their order.
  const sources = (source as unknown[]).values()
  return kept.map((element) => {
    let met: unknown
    do met = sources.next().value
    while (kindOf(met) !== kindOf(element))
    return inOrderOf(element, met)
  })
}

const name = fc.constantFrom('a', 'b', 'c', 'd', '__proto__', 'é', '😀')
const spelled = (text: string): fc.Arbitrary<string> =>
  fc.constantFrom(
    JSON.stringify(text),
    `"${Array.from({ length: text.length }, (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`,
  )
const blank = fc.constantFrom('', '', ' ', '\n\t')
const joined = (items: string[], open: string, close: string, pad: string): string =>
  `${open}${pad}${items.join(`${pad},${pad}`)}${pad}${close}`
const text = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom('1', '-0', '1.50', '1e5', '12345678901234567890', 'true', 'false', 'null'),
    fc.string().chain(spelled),
    fc.tuple(fc.array(tie('value'), { maxLength: 4 }), blank).map(([items, pad]) => joined(items, '[', ']', pad)),
    fc
      .tuple(fc.array(fc.tuple(name.chain(spelled), blank, tie('value')), { maxLength: 24 }), blank)
      .map(([members, pad]) =>
        joined(
          members.map(([key, gap, inner]) => `${key}${gap}:${gap}${inner}`),
          '{',
          '}',
          pad,
        ),
      ),
  ),
})).value
const field = fc
  .array(fc.tuple(name, fc.constantFrom('', '', '[]')), { minLength: 1, maxLength: 3 })
  .map((steps) => steps.map((step) => step.join('')).join('.'))
  .chain((path) => fc.constantFrom(path, path, `${path}[scalar]`))

describe('the stream', () => {
  it('is the projection of the whole document, cut at every boundary', async () => {
    await fc.assert(
      fc.asyncProperty(text, fc.array(field, { maxLength: 4 }), async (document, fields) => {
        const expected = reference(document, fields)
        const bytes = Buffer.from(document)
        expect(await projected(bytewise(document), fields)).toBe(expected)
        for (let cut = 0; cut <= Math.min(bytes.length, 60); cut++)
          expect(await projected([bytes.subarray(0, cut), bytes.subarray(cut)], fields)).toBe(expected)
      }),
      { numRuns: 300 },
    )
  })
  it('refuses what JSON.parse refuses, and nothing else', async () => {
    const damaged = fc
      .tuple(
        text,
        fc.nat(),
        fc.constantFrom('', '{', '}', '[', ']', ',', ':', '"', '\\', '0', '-', '.', 'e', 't', '\n', '\u0001'),
        fc.nat(1),
      )
      .map(([document, at, insert, drop]) => {
        const place = at % (document.length + 1)
        return document.slice(0, place) + insert + document.slice(place + drop)
      })
    await fc.assert(
      fc.asyncProperty(damaged, async (document) => {
        let readable = true
        try {
          JSON.parse(document)
        } catch {
          readable = false
        }
        const kept = await projected(whole(document), ['a', '[]', 'b[].c'])
        expect(kept !== refused).toBe(readable || document === '')
        if (kept !== 'no body' && kept !== refused) JSON.parse(kept)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('what it costs', () => {
  /** Ten MiB each: the shapes that cost a tree of objects the most. */
  const size = 10 * 1024 * 1024
  const shapes: Record<string, string> = {
    numbers: `[${'1.0,'.repeat(size / 4 - 2)}1]`,
    'one name again and again': `{"data":{${'"a":1,'.repeat(size / 6 - 4)}"a":2}}`,
    names: `{"data":{${Array.from({ length: 600_000 }, (_, i) => `"k${String(i)}":1`).join(',')}}}`,
    depth: `{"data":${'['.repeat(size / 2)}`,
  }
  it.each(Object.entries(shapes))('%s: others get their turn all the while', async (_name, document) => {
    const body = Buffer.from(document)
    const chunks = Array.from({ length: Math.ceil(size / 65536) }, (_, i) => body.subarray(i * 65536, (i + 1) * 65536))
    let turns = 0
    let over = false
    const others = (async () => {
      while (!over) {
        await turnOfTheLoop()
        turns++
      }
    })()
    let held = 0
    await projected(chunks, ['[]', 'data'], (bytes) => (held += bytes))
    over = true
    await others
    // A step is 32 KiB: what is read to its end took some three hundred of them.
    expect({ turns: turns > (document.startsWith('{"data":[') ? 0 : 75), heldAtMostSix: held <= 6 * size }).toEqual({
      turns: true,
      heldAtMostSix: true,
    })
  })
  it('a document of which little passes is not held', async () => {
    let held = 0
    const row = Buffer.from(`${JSON.stringify({ id: 1, text: 'x'.repeat(1000) })},`)
    const chunks = [Buffer.from('{"data":['), ...Array.from({ length: 9000 }, () => row), Buffer.from('{"id":2}]}')]
    const kept = await projected(chunks, ['data[].id'], (bytes) => (held += bytes))
    expect([kept.length, held < 400_000]).toEqual([9001 * 9 + 10, true])
  })

  describe('is reported to the budget', () => {
    /** Most bytes held at a time, and how many are held in the end. */
    async function heldFor(text: string, fields: string[]): Promise<{ most: number; left: number }> {
      let [now, most] = [0, 0]
      const outcome = await projected(whole(text), fields, (bytes) => {
        now += bytes
        most = Math.max(most, now)
      })
      expect(outcome).not.toContain('refused')
      return { most, left: now }
    }
    const members = (count: number) => Array.from({ length: count }, (_, index) => `"m${String(index)}":1`).join(',')

    it('with the copy that is made while a buffer grows', async () => {
      const bytes = 300_000
      const { most, left } = await heldFor(`{"a":"${'x'.repeat(bytes)}"}`, ['a'])
      // Grown by doubling: the last step holds a buffer and one twice as long.
      expect(most).toBeGreaterThan(left * 1.3)
      expect(left).toBeGreaterThan(bytes)
      expect(left).toBeLessThan(2.1 * bytes)
    })
    it('and given back: where names lie once the document is whole', async () => {
      const text = `{"a":{${members(20_000)}}}`
      const { most, left } = await heldFor(text, ['a'])
      expect(most).toBeGreaterThan(left + 20_000 * 16)
      expect(left).toBeLessThan(2.1 * text.length)
    })
    it('and given back: the index of an object that is closed, so that a thousand cost no more than one', async () => {
      const one = `{${members(40)}}`
      const many = await heldFor(`{"a":[${Array(1000).fill(one).join(',')}]}`, ['a'])
      const flat = await heldFor(`{"a":"${'x'.repeat(1000 * (one.length + 1))}"}`, ['a'])
      expect(many.most - flat.most).toBeLessThan(10_000)
    })
  })
})
