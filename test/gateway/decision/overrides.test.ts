import { expect, it } from 'vitest'
import { isForm, refuseFormOverride } from '../../../src/gateway/decision/overrides.ts'

const form = 'application/x-www-form-urlencoded'
const multipart = 'multipart/form-data; boundary=x'
const part = (name: string) => `--x\r\nContent-Disposition: form-data; name=${name}\r\n\r\nDELETE\r\n--x--\r\n`
const check = (type: string, body: string) => () => {
  refuseFormOverride(type, Buffer.from(body))
}

it.each([
  [form, '_method=DELETE'],
  [form, 'a=1&%5Fmethod=DELETE'],
  [form, 'a=1;_METHOD=DELETE'],
  [form, '.method=DELETE&b=%'],
  [multipart, part('"_method"')],
  [multipart, part('_method')],
])('deny: a form of %s with %j', (type, body) => {
  expect(check(type, body)).toThrow('form field _method')
  expect(isForm(type)).toBe(true)
})

it.each([
  [form, 'payment_method=card&method=x'],
  [form, 'note=_method'],
  [multipart, part('"payment_method"')],
])('allow: a form of %s with %j', (type, body) => {
  expect(check(type, body)).not.toThrow()
})
