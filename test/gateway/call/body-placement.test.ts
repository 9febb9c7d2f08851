import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { spliceIntoBody, takeFromBody } from '../../../src/gateway/call/body-placement.ts'
import { placementsOf } from '../../../src/gateway/call/placements.ts'
import { mintToken } from '../../../src/scope/index.ts'

const minted = (fill: number) =>
  mintToken({ prefix: 'svt', label: 'prod', random: (bytes) => new Uint8Array(bytes).fill(fill) })
const T = minted(1)
const OTHER = minted(2)
const JSON_TYPE = 'application/json; charset=utf-8'
const FORM = 'application/x-www-form-urlencoded'

const take = (
  type: string | undefined,
  body: string | Uint8Array,
  auth = 'body:token',
  headers: readonly [string, string][] = [],
) => takeFromBody(placementsOf({ name: 'slack', auth }), { headers, token: T }, type, Buffer.from(body))
const both = (type: string, body: string, auth?: string) => {
  const taken = take(type, body, auth)
  return [taken.rest.toString(), spliceIntoBody(taken, [['token', 'k"e&y']]).toString()]
}

describe('the field that the key goes in is taken out, and the key put in', () => {
  it.each<[string, string, string, string, string]>([
    [
      'a form',
      FORM,
      `channel=C1&token=${T}&text=a+b%20c`,
      'channel=C1&text=a+b%20c',
      'token=k%22e%26y&channel=C1&text=a+b%20c',
    ],
    ['a form of it alone', FORM, `token=${T}`, '', 'token=k%22e%26y'],
    ['a form without it', FORM, 'a=1&&b', 'a=1&&b', 'token=k%22e%26y&a=1&&b'],
    ['a form with an encoded name', FORM, `%74oken=${T}&a=1`, 'a=1', 'token=k%22e%26y&a=1'],
    ['an empty form', FORM, '', '', 'token=k%22e%26y'],
    ['a form where it is empty', FORM, 'token=&a=1', 'a=1', 'token=k%22e%26y&a=1'],
    [
      'an object',
      JSON_TYPE,
      `{"a" : 1.50, "token":"${T}" , "b":{"token":2}}`,
      '{"a" : 1.50, "b":{"token":2}}',
      '{"token":"k\\"e&y","a" : 1.50, "b":{"token":2}}',
    ],
    [
      'an object with it at the end',
      JSON_TYPE,
      `{"a":[1,{"x":"}"}],"token":"${T}"}`,
      '{"a":[1,{"x":"}"}]}',
      '{"token":"k\\"e&y","a":[1,{"x":"}"}]}',
    ],
    ['an object of it alone', JSON_TYPE, `{ "token":"${T}" }`, '{  }', '{"token":"k\\"e&y"  }'],
    [
      'an object without it',
      JSON_TYPE,
      '{"a":"\\"token\\":"}',
      '{"a":"\\"token\\":"}',
      '{"token":"k\\"e&y","a":"\\"token\\":"}',
    ],
    ['an object with an escaped name', JSON_TYPE, `{"\\u0074oken":"${T}"}`, '{}', '{"token":"k\\"e&y"}'],
    ['an object where it is null', 'application/vnd.api+json', '{"token":null}', '{}', '{"token":"k\\"e&y"}'],
  ])('of %s', (_what, type, body, rest, sent) => {
    expect(both(type, body)).toEqual([rest, sent])
  })

  it('from several fields at once', () => {
    const auth = 'body:client_id={id},body:secret'
    expect(both(JSON_TYPE, `{"client_id":"${T}","x":1,"secret":"${T}"}`, auth)[0]).toBe('{"x":1}')
    expect(both(FORM, `secret=${T}&x=1&client_id=${T}`, auth)[0]).toBe('x=1')
  })

  it('and a text in a template is read around the token', () => {
    expect(take(FORM, `token=key-${T}`, 'body:token=key-{api_key}').rest.length).toBe(0)
  })

  it('of any object, so that the rest is as it was and the key is there once', () => {
    const name = fc.oneof(fc.constantFrom('a', 'tok', 'tokens', '', '"', '\\'), fc.string()).filter(
      (text) =>
        text
          .normalize('NFKC')
          .replace(/[[\0].*$/s, '')
          .trim()
          .toLowerCase() !== 'token',
    )
    fc.assert(
      fc.property(
        fc.dictionary(name, fc.jsonValue()),
        fc.nat(),
        fc.constantFrom('', ' ', '\n\t'),
        (object, at, gap) => {
          const entries = Object.entries(object)
          const place = at % (entries.length + 1)
          const given = Object.fromEntries([...entries.slice(0, place), ['token', T], ...entries.slice(place)])
          const taken = take(JSON_TYPE, JSON.stringify(given, null, gap))
          expect(JSON.parse(taken.rest.toString())).toEqual(JSON.parse(JSON.stringify(object)))
          const sent = spliceIntoBody(taken, [['token', 'KEY']]).toString()
          expect(JSON.parse(sent)).toEqual({ ...(JSON.parse(JSON.stringify(object)) as object), token: 'KEY' })
        },
      ),
    )
  })
})

describe('a body is refused', () => {
  it.each<[string, string | undefined, string | Uint8Array, string]>([
    ['with the field twice in a form', FORM, `token=${T}&token=${T}`, 'twice or in another spelling'],
    ['with it as an array', FORM, `token[]=${T}`, 'twice or in another spelling'],
    ['with it in brackets beside it', FORM, `token=${T}&token%5Ba%5D=x`, 'twice or in another spelling'],
    ['with white space around it', FORM, `+token=${T}`, 'twice or in another spelling'],
    ['with it in another case', FORM, `Token=${T}`, 'twice or in another spelling'],
    ['with it full-width', FORM, `%EF%BD%94oken=${T}`, 'twice or in another spelling'],
    ['with it before a NUL', FORM, `token%00x=${T}`, 'twice or in another spelling'],
    ['with it behind a semicolon', FORM, `a=1;token=${T}`, 'twice or in another spelling'],
    ['with it behind an encoded semicolon', FORM, `a=1%3Btoken%3D${T}`, 'twice or in another spelling'],
    ['with it twice in an object', JSON_TYPE, `{"token":"${T}","\\u0074oken":"x"}`, 'twice or in another spelling'],
    ['with it in another case in an object', JSON_TYPE, `{"TOKEN":"${T}"}`, 'twice or in another spelling'],
    ['with an object in its place', JSON_TYPE, '{"token":{}}', "the body's token must be the token"],
    ['that is an array', JSON_TYPE, `[{"token":"${T}"}]`, 'send an uncompressed JSON object or form'],
    ['that is no JSON', JSON_TYPE, `{"token":"${T}"`, 'send an uncompressed JSON object or form'],
    ['with a byte order mark', JSON_TYPE, `\ufeff{"token":"${T}"}`, 'send an uncompressed JSON object or form'],
    ['that is not UTF-8', FORM, new Uint8Array([0x61, 0x3d, 0xff]), 'send an uncompressed JSON object or form'],
    ['of another charset', 'application/json; charset=utf-16', '{}', 'send an uncompressed JSON object or form'],
    ['of another type', 'multipart/form-data; boundary=a', '--a--', 'send an uncompressed JSON object or form'],
    ['without a type', undefined, `token=${T}`, 'send an uncompressed JSON object or form'],
    ['that is too long to be taken apart', FORM, 'a'.repeat(1_048_577), 'at most 1048576 bytes'],
  ])('%s', (_what, type, body, sentence) => {
    expect(() => take(type, body)).toThrow(sentence)
  })

  it.each(['Digest', 'Content-MD5', 'Content-Digest', 'Repr-Digest'])(
    'with %s, which would no longer be true',
    (name) => {
      expect(() => take(FORM, `token=${T}`, 'body:token', [[name, 'x']])).toThrow(`header ${name.toLowerCase()}:`)
    },
  )

  it('compressed', () => {
    expect(() => take(FORM, 'x', 'body:token', [['Content-Encoding', 'gzip']])).toThrow('uncompressed')
    expect(take(FORM, `token=${T}`, 'body:token', [['Content-Encoding', 'identity']]).rest.length).toBe(0)
  })

  it('with something other than the token', () => {
    expect(() => take(FORM, `a=${T}&b=${OTHER}`, 'body:a,body:b')).toThrow("the body's b holds something other")
    expect(() => take(JSON_TYPE, '{"token":"xoxb-placeholder"}')).toThrow("the body's token holds something other")
  })

  it('in one spelling where PHP reads another name as the same', () => {
    expect(() => take(FORM, `access.token=${T}`, 'body:access_token')).toThrow('twice or in another spelling')
  })
})
