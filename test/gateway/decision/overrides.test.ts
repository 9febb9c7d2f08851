import fc from 'fast-check'
import { expect, it } from 'vitest'
import { mayOverride, refuseBodyOverride, refuseOverrides } from '../../../src/gateway/decision/overrides.ts'

const form = 'application/x-www-form-urlencoded'
const multipart = 'multipart/form-data; boundary=x'
const part = (name: string) => `--x\r\nContent-Disposition: form-data; name=${name}\r\n\r\nDELETE\r\n--x--\r\n`
const json = 'application/json'
const check = (type: string, body: string | Buffer) => refuseBodyOverride(type, Buffer.from(body))

it.each([
  [form, '_method=DELETE'],
  [form, 'a=1&%5Fmethod=DELETE'],
  [form, 'a=1;_METHOD=DELETE'],
  [form, '.method=DELETE&b=%'],
  [form, 'a=1&_HttpMethod=DELETE'],
  [form, '$httpMethod=DELETE'],
  [multipart, part('"_method"')],
  [multipart, part('_method')],
])('deny: a form of %s with %j', async (type, body) => {
  await expect(check(type, body)).rejects.toThrow('form field _method')
  expect(mayOverride(type)).toBe(true)
})

it.each<[string, string, string | Buffer]>([
  ['a JSON object', json, '{"amount": 1, "_method": "DELETE"}'],
  ['other letters', json, '{"_METHOD":"DELETE"}'],
  ['an escape in the name', json, '{"\\u005fmeth\\u006fd":"DELETE"}'],
  ['full-width letters', json, '{"\uff3fmethod":"DELETE"}'],
  ['a structure', json, '{"_method[]":"DELETE"}'],
  ['a byte order mark', json, '\ufeff{"_method":"DELETE"}'],
  ['the name Salesforce reads', json, '{"_HttpMethod":"DELETE"}'],
  ['text/json', 'text/json; charset=utf-8', '{"_method":"DELETE"}'],
  ['a +json type', 'application/vnd.api+json', '{"_method":"DELETE"}'],
  ['behind a member of 100 kB', json, `{"a":"${'x'.repeat(100_000)}","_method":"DELETE"}`],
  ['a second text', json, '{"a":1}{"_method":"DELETE"}'],
  ['UTF-16', 'application/json; charset=utf-16', Buffer.from('{"_method":"DELETE"}', 'utf16le')],
  ['a comment, which JSON has not', json, '{/* */"_method":"DELETE"}'],
  ['a name without quotes, across two reads', json, `{a:"${'x'.repeat(32_760)}",_method:"DELETE"}`],
])('deny: %s that names a method', async (_what, type, body) => {
  await expect(check(type, body)).rejects.toThrow('body field _method')
  expect(mayOverride(type)).toBe(true)
})

it.each<[string, string]>([
  [form, 'payment_method=card&method=x'],
  [form, 'note=_method'],
  [multipart, part('"payment_method"')],
  [json, '{"payment_method":"card","method":"x"}'],
  [json, '{"note":"_method","list":["_method"]}'],
  [json, '{"template":{"_method":"DELETE"}}'],
  [json, '["_method"]'],
  [json, ''],
  [json, '{"index":{}}\n{"payment_method":"card"}\n'],
])('allow: %s with %j', async (type, body) => {
  await expect(check(type, body)).resolves.toBeUndefined()
})

it.each(['text/plain', 'application/octet-stream', undefined])('no server reads parameters from %s', (type) => {
  expect(mayOverride(type)).toBe(false)
})

it('deny: a query that names a method for servers that part pairs at ;', () => {
  const query = [['x', '1;_method=DELETE']] as const
  expect(() => {
    refuseOverrides({ headers: [], query })
  }).toThrow('query parameter _method')
})

it('a body is refused whatever its name is spelled like, where the plain bytes around it are any', async () => {
  const spellings = ['_', '.', '[', '\uff3f', '\\u005f', '\\u005F']
  const letter = (text: string) =>
    fc.constantFrom(
      text,
      text.toUpperCase(),
      `\\u00${text.charCodeAt(0).toString(16)}`,
      String.fromCodePoint(text.charCodeAt(0) + 0xfee0),
    )
  const name = fc.tuple(fc.constantFrom(...spellings), ...[...'method'].map(letter)).map((letters) => letters.join(''))
  const filler = fc.string({ maxLength: 40 }).map((text) => JSON.stringify(text))
  await fc.assert(
    fc.asyncProperty(name, filler, filler, async (spelled, before, after) => {
      const body = `{"a":${before},"${spelled}":"DELETE","b":${after}}`
      await expect(check(json, body)).rejects.toThrow('body field _method')
      await expect(check(json, `{"a":${before},"b":${after}}`)).resolves.toBeUndefined()
    }),
    { numRuns: 300 },
  )
})

it.each([
  ['application/x-www-form-urlencoded', '&a'],
  [multipart, ' name=a'],
])('deny: more fields than anybody looks through, of %s', async (type, field) => {
  const body = Buffer.from(field.repeat(10_001) + '%41')
  await expect(refuseBodyOverride(type, body)).rejects.toMatchObject({ kind: 'too_large' })
})
