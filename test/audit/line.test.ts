import { createHash, createSecretKey } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { auditLine } from '../../src/audit/line.ts'

const time = '2026-03-15T16:00:00.000Z'
const written = (record: object): Record<string, unknown> =>
  JSON.parse(auditLine(record, time)) as Record<string, unknown>
const digest = (...cuts: unknown[]): object => {
  const text = cuts.map((cut) => `${JSON.stringify(cut)}\n`).join('')
  return { bytes: Buffer.byteLength(text), sha256: createHash('sha256').update(text).digest('hex') }
}

describe('an audit line', () => {
  it('has its keys in one order, whatever order they were set in', () => {
    const one = auditLine(
      {
        decision: 'deny',
        zebra: 1,
        type: 'decision',
        agent_id: 'a',
        apple: { y: 1, x: 2 },
        caller_request_id: 'c',
        request_id: 'r',
      },
      time,
    )
    const other = auditLine(
      {
        apple: { x: 2, y: 1 },
        request_id: 'r',
        caller_request_id: 'c',
        agent_id: 'a',
        type: 'decision',
        zebra: 1,
        decision: 'deny',
      },
      time,
    )
    expect(one).toBe(
      `{"time":"${time}","type":"decision","request_id":"r","caller_request_id":"c","decision":"deny","agent_id":"a","apple":{"x":2,"y":1},"zebra":1}`,
    )
    expect(other).toBe(one)
  })

  it('keeps the time of the record and adds one where there is none', () => {
    expect(auditLine({ type: 'outcome', time: '2020-01-01T00:00:00Z' }, time)).toBe(
      '{"time":"2020-01-01T00:00:00Z","type":"outcome"}',
    )
    expect(auditLine({}, time)).toBe(`{"time":"${time}"}`)
  })

  it('is one line of JSON for anything at all', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string({ unit: 'binary' }),
          fc.anything({
            withBigInt: true,
            withDate: true,
            withTypedArray: true,
            withMap: true,
            withNullPrototype: true,
            withSparseArray: true,
          }),
          { maxKeys: 8 },
        ),
        (record) => {
          const line = auditLine(record, time)
          expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/)
          expect(JSON.parse(line)).toBeTypeOf('object')
        },
      ),
      { numRuns: 500 },
    )
  })

  it('escapes what ends lines, steers terminals or turns text around', () => {
    const text = 'a\nb\r\u0000\u001b[31m\u009b31m\u2028\u202e\u2066z'
    const line = auditLine({ purpose: text }, time)
    expect(line).toContain('a\\nb\\r\\u0000\\u001b[31m\\u009b31m\\u2028\\u202e\\u2066z')
    expect(JSON.parse(line)).toMatchObject({ purpose: text })
  })

  it('is bounded for endless strings, lists, depths and circles', () => {
    const circle: Record<string, unknown> = {}
    circle.circle = circle
    const wide = (depth: number): unknown => (depth === 0 ? 1 : Array.from({ length: 200 }, () => wide(depth - 1)))
    const line = auditLine(
      {
        purpose: 'x'.repeat(10_000_000),
        reason: 'y '.repeat(5_000_000),
        tools: Array.from({ length: 1000 }, () => 'z'.repeat(5000)),
        circle,
        wide: wide(3),
        bytes: Infinity,
        status: NaN,
      },
      time,
    )
    expect(line.length).toBeLessThan(256 * 1024)
    expect(JSON.parse(line)).toMatchObject({ bytes: null, status: null })
  })

  it('cuts a long string to 4096 characters, never through one', () => {
    expect(written({ request_id: 'a'.repeat(5000) }).request_id).toBe(`${'a'.repeat(4096)}…`)
    expect(written({ request_id: `${'a'.repeat(4095)}😀b` }).request_id).toBe(`${'a'.repeat(4095)}…`)
  })

  it('leaves no half of a token where it cuts', () => {
    const token = `acme_prod_${'7f3k9m2pQx'.repeat(4)}abcd3C6zZ`
    for (const length of [4090, 4096, 16_360, 16_380]) {
      const line = auditLine({ purpose: `${'a '.repeat(length / 2)}${token} end` }, time)
      expect(line).not.toContain('7f3k9m2p')
    }
    expect(auditLine({ purpose: `Bearer ${'A1'.repeat(8100)} ${'b '.repeat(80)}${token}` }, time)).not.toContain(
      '7f3k9m2p',
    )
  })

  it('takes credentials out everywhere, personal data out of free text only', () => {
    const record = {
      owner: 'alice@example.com',
      agent_id: '415-555-2671',
      request_id: 'hvs.CAESIJ5vT0kenOf0001',
      purpose: 'for bob@example.com',
      reason: 'Bearer s3cr3tvalue',
      tools: ['stripe/invoices', 'sk_live_51TheRealKey'],
      headers: { 'x-api-key': 'abc', accept: '*/*' },
      note: { deep: ['call 415-555-2671'] },
      token: 'abc',
      token_id: 'tok_01JNKQ8X4F2MVBP7RD3WCZH9GT',
    }
    expect(written(record)).toEqual({
      time,
      owner: 'alice@example.com',
      agent_id: '415-555-2671',
      request_id: '[redacted:token]',
      purpose: 'for [redacted:email]',
      reason: 'Bearer [redacted:authorization]',
      tools: ['stripe/invoices', '[redacted:key]'],
      headers: { 'x-api-key': '[redacted:credential]', accept: '*/*' },
      note: { deep: ['call [redacted:phone]'] },
      token: '[redacted:credential]',
      token_id: 'tok_01JNKQ8X4F2MVBP7RD3WCZH9GT',
    })
  })

  it('takes a credential out of a member name too', () => {
    expect(auditLine({ query: { 'hvs.CAESIJ5vT0kenOf0001': 1 } }, time)).not.toContain('CAESIJ5v')
  })

  it('leaves all of it to the redaction that was handed in', () => {
    expect(auditLine({ client_token: 'hmac-sha256:00', purpose: 'a@b.example' }, time, (text) => text)).toContain(
      '"client_token":"hmac-sha256:00","purpose"'.split(',')[0],
    )
    expect(auditLine({ purpose: 'a' }, time, () => 'gone')).toBe(`{"time":"${time}","purpose":"gone"}`)
  })

  it('writes no objects that are more than their members, and members called __proto__ like any other', () => {
    const record = {
      a: Buffer.from('key'),
      b: createSecretKey(Buffer.from('key')),
      c: new Map([['k', 'v']]),
      d: () => 1,
      e: Symbol('s'),
      f: undefined,
      g: new Date(0),
      h: new Date(NaN),
      i: 12n,
      j: true,
      k: null,
    }
    expect(written(record)).toEqual({ time, g: '1970-01-01T00:00:00.000Z', h: null, i: '12', j: true, k: null })
    expect(auditLine(JSON.parse('{"__proto__":{"polluted":1},"x":{"__proto__":2}}') as object, time)).toContain(
      '"__proto__":{"polluted":1},"x":{"__proto__":2}',
    )
  })
})

describe('what an audit line leaves out', () => {
  it('of a list, is counted and digested', () => {
    const scopes = [...Array.from({ length: 128 }, (_, index) => `read:a:r${String(index)}`), 'create:stripe:refunds']
    expect(written({ scopes })).toEqual({
      time,
      scopes: scopes.slice(0, 128),
      left_out: { items: 1, ...digest(['create:stripe:refunds']) },
    })
    expect(written({ scopes: scopes.slice(0, 128) })).not.toHaveProperty('left_out')
  })

  it('of an object, a text or a depth, too', () => {
    const wide = Object.fromEntries(Array.from({ length: 130 }, (_, index) => [`k${String(1000 + index)}`, index]))
    expect(written({ wide }).left_out).toEqual({ items: 2, ...digest({ k1128: 128, k1129: 129 }) })
    expect(written({ reason: `${'a '.repeat(2048)}and the end` }).left_out).toEqual({
      items: 1,
      ...digest('and the end'),
    })
    const deep = Array.from({ length: 20 }).reduce<unknown>((inner) => ({ inner }), 'x')
    expect(written({ deep }).left_out).toEqual({
      items: 1,
      ...digest({ inner: { inner: { inner: { inner: 'x' } } } }),
    })
  })

  it('changes the digest with any change', () => {
    const line = (last: string): unknown =>
      written({ tools: [...Array.from({ length: 128 }, () => 'x'), last] }).left_out
    expect(line('a')).not.toEqual(line('b'))
    expect(line('a')).toEqual(line('a'))
  })

  it('is digested as redacted, so that nobody can try secrets on the digest', () => {
    const line = (secret: string): unknown => {
      const decoys = Array.from({ length: 128 }, () => 'x')
      return written({ note: [...decoys, { password: secret }, `token=${secret}`] }).left_out
    }
    expect(line('1234')).toEqual(line('9876'))
    expect(line('1234')).toMatchObject({
      items: 2,
      ...digest([{ password: '[redacted:credential]' }, 'token=[redacted:credential]']),
    })
  })

  it('is never what says what was done, however much stands beside it', () => {
    const decoys = Object.fromEntries(
      Array.from({ length: 200 }, (_, index) => [`!${String(index)}`, 'x y '.repeat(1000)]),
    )
    const line = written({
      request: {
        data: { ...decoys, policy: 'P', policies: ['Q'] },
        auth: 1,
        operation: 'update',
        path: 'sys/policies/acl/a',
      },
      response: { data: decoys, auth: { accessor: 'R' } },
    })
    expect(line).toMatchObject({
      request: { operation: 'update', path: 'sys/policies/acl/a', data: { policy: 'P', policies: ['Q'] } },
      response: { auth: { accessor: 'R' } },
    })
  })

  it('cannot be set by a field of the record', () => {
    const fake = { items: 0, bytes: 0, sha256: '' }
    expect(written({ left_out: fake, _left_out: 1 })).toEqual({ time, _left_out: fake, __left_out: 1 })
    expect(written({ left_out: fake, tools: Array.from({ length: 129 }, () => 'x') })).toMatchObject({
      _left_out: fake,
      left_out: { items: 1, ...digest(['x']) },
    })
  })

  it('includes a member whose name looks like another once it is cut', () => {
    const name = 'n'.repeat(4096)
    expect(written({ data: { [`${name}1`]: 'a', [`${name}2`]: 'b' } })).toMatchObject({
      data: { [`${name}…`]: 'a' },
      left_out: { items: 3, ...digest('1', '2', { [`${name}2`]: 'b' }) },
    })
  })

  it('is counted as undigested where that would be endless', () => {
    const circle: Record<string, unknown> = {}
    circle.circle = circle
    expect(written({ circle }).left_out).toMatchObject({ items: 1, undigested: 1 })
    expect(written({ reason: 'x'.repeat(10_000_000) })).toMatchObject({
      reason: '…',
      left_out: { items: 1, undigested: 1 },
    })
  })
})
